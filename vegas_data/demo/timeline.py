"""What is shown and heard when, in one source video of the corpus.

Enters: segments of a video, each saying whether the target is to be seen and heard in it. Leaves: shots, sounds and
jolts in source time. The picture *moves before it sounds*, as a stick does: a jolt leads its hit by 80 to 120 ms,
because frame features that are read 0 to 64 ms before a hit must be able to tell that it comes.

Only ``Random.random`` is drawn from: it alone is promised to stay the same in every Python.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from vegas_data.demo.assets import WRONG, Asset, load_assets, select_assets
from vegas_data.demo.licences import are_compatible

LEAD_MS: Final = (80, 120)
LAST_HIT_BEFORE_END_MS: Final = 200
BED_GAIN_DB: Final = -5.0


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """How a category's hits follow one another.

    Args:
        first_ms: range of the first hit after the start of a segment; more than the largest lead.
        gap_ms: range between hits. length_ms: range of a hit cut from a texture. palette: recordings that take turns.
        gain_db: range of a hit's level.
    """

    first_ms: tuple[int, int]
    gap_ms: tuple[int, int]
    palette: int
    length_ms: tuple[int, int] = (350, 700)
    gain_db: tuple[float, float] = (-6.0, 0.0)


# A gap of 560 ms at most puts three hits into any 2 seconds, one of 1,300 ms puts one: a sparse snare is not
# recognised as a drum, a single bark is as a dog.
RHYTHMS: Final[Mapping[str, Rhythm]] = MappingProxyType(
    {
        "drum": Rhythm(first_ms=(130, 350), gap_ms=(300, 560), palette=3),
        "dog": Rhythm(first_ms=(130, 600), gap_ms=(650, 1_300), palette=2, gain_db=(-4.0, 0.0)),
        "water_flowing": Rhythm(first_ms=(130, 700), gap_ms=(800, 1_500), palette=1, gain_db=(-2.0, 0.0)),
        WRONG: Rhythm(first_ms=(130, 500), gap_ms=(900, 1_500), palette=2),
    }
)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A stretch of a source video in which the target is, or is not, seen and heard."""

    start_ms: int
    end_ms: int
    seen: bool
    heard: bool


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A picture asset on the screen during [start_ms, end_ms)."""

    picture: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A sound asset from ``start_ms`` until it has rung out, at the latest until ``end_ms``.

    Args:
        gain_db: level. bed: runs under everything else and is no hit.
    """

    sound: str
    start_ms: int
    end_ms: int
    gain_db: float
    bed: bool = False


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """Everything that happens in a source video, ascending in time."""

    shots: tuple[Shot, ...]
    sounds: tuple[Sound, ...]
    jolts_ms: tuple[int, ...]


def compose_timeline(rng: random.Random, category: str, segments: Sequence[Segment], *, turn: int) -> Timeline:
    """Cast pictures and recordings whose licences fit together, and place hits and jolts at random.

    Args:
        turn: rotates through the pictures, so that neighbouring clips differ.
    """
    cast = _Cast(rng, category, segments, turn)
    shots, sounds, jolts_ms = [], [], []
    for segment in segments:
        shots.append(Shot(picture=cast.picture(segment), start_ms=segment.start_ms, end_ms=segment.end_ms))
        palette = cast.sounds(segment)
        rhythm = RHYTHMS[category if segment.heard else WRONG]
        if palette[0].texture:
            sounds.append(_bed(palette[0], segment))
        for start_ms in _hit_times(rng, rhythm, segment):
            sounds.append(_hit(rng, rhythm, palette, start_ms, segment))
            jolts_ms.append(start_ms - between(rng, *LEAD_MS))
    return Timeline(shots=tuple(shots), sounds=tuple(sounds), jolts_ms=tuple(jolts_ms))


def between(rng: random.Random, low: int, high: int) -> int:
    """A random integer from ``low`` to ``high``, both included."""
    return low + int(rng.random() * (high - low + 1))


class _Cast:
    """The pictures and recordings of one video, all of licences that may meet in it."""

    def __init__(self, rng: random.Random, category: str, segments: Sequence[Segment], turn: int) -> None:
        self._rng = rng
        self._chosen: list[Asset] = []
        seen, heard = {segment.seen for segment in segments}, {segment.heard for segment in segments}
        self._pictures = {right: self._picture(category if right else WRONG, turn) for right in sorted(seen)}
        self._sounds = {right: self._palette(category if right else WRONG) for right in sorted(heard)}

    def picture(self, segment: Segment) -> str:
        return self._pictures[segment.seen].name

    def sounds(self, segment: Segment) -> tuple[Asset, ...]:
        return self._sounds[segment.heard]

    def _picture(self, role: str, turn: int) -> Asset:
        fitting = self._fitting(select_assets("picture", role))
        return self._take(fitting[turn % len(fitting)])

    def _palette(self, role: str) -> tuple[Asset, ...]:
        palette: list[Asset] = []
        while len(palette) < RHYTHMS[role].palette:
            fitting = [asset for asset in self._fitting(select_assets("sound", role)) if asset not in palette]
            if not fitting:
                break
            palette.append(self._take(fitting[int(self._rng.random() * len(fitting))]))
        assert palette, f"no recording of {role} may be joined with {[asset.name for asset in self._chosen]}"
        return tuple(palette)

    def _fitting(self, candidates: Iterable[Asset]) -> list[Asset]:
        taken = {asset.spdx for asset in self._chosen}
        return [asset for asset in candidates if are_compatible(taken | {asset.spdx})]

    def _take(self, asset: Asset) -> Asset:
        self._chosen.append(asset)
        return asset


def _hit_times(rng: random.Random, rhythm: Rhythm, segment: Segment) -> list[int]:
    times = []
    time_ms = segment.start_ms + between(rng, *rhythm.first_ms)
    while time_ms <= segment.end_ms - LAST_HIT_BEFORE_END_MS:
        times.append(time_ms)
        time_ms += between(rng, *rhythm.gap_ms)
    return times


def _hit(rng: random.Random, rhythm: Rhythm, palette: Sequence[Asset], start_ms: int, segment: Segment) -> Sound:
    asset = palette[int(rng.random() * len(palette))]
    end_ms = start_ms + between(rng, *rhythm.length_ms) if asset.texture else segment.end_ms
    low, high = rhythm.gain_db
    return Sound(
        sound=asset.name,
        start_ms=start_ms,
        end_ms=min(end_ms, segment.end_ms),
        gain_db=round(low + rng.random() * (high - low), 1),
    )


def _bed(asset: Asset, segment: Segment) -> Sound:
    return Sound(sound=asset.name, start_ms=segment.start_ms, end_ms=segment.end_ms, gain_db=BED_GAIN_DB, bed=True)


def credit_line(shots: Iterable[Shot], sounds: Iterable[Sound]) -> str:
    """Who made everything that is shown and heard, under which licence, where it was found and what was changed."""
    names = sorted({shot.picture for shot in shots} | {sound.sound for sound in sounds})
    works = (load_assets()[name] for name in names)
    told = (f"{work.title!r} by {work.author} ({work.spdx}; {work.origin}; {work.changes})" for work in works)
    return f"Rendered by vegas-data from {' · '.join(told)}"


def spdx_ids(shots: Iterable[Shot], sounds: Iterable[Sound]) -> set[str]:
    """Licences of everything that is shown and heard."""
    assets = load_assets()
    return {assets[shot.picture].spdx for shot in shots} | {assets[sound.sound].spdx for sound in sounds}
