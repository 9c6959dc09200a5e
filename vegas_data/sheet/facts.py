"""What a clip, an example, its streams and its windows are called and where they come from, as rows of words."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from vegas_data.records import Verdict
from vegas_data.report.numerals import BLANK, phrase, plural, signed, size, thousands
from vegas_data.report.timeline import Block, blocks
from vegas_data.sheet.data import Said, SheetData
from vegas_data.verify import basis_of

NOT_STATED = "not stated (NOASSERTION)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One row: ``is_code`` for what a program reads."""

    name: str
    value: str
    is_code: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One window of one category with everything that is known of it; times from the clip's start."""

    block: Block
    verdict: Verdict
    basis: str
    signals: tuple[str, ...]
    people: tuple[Said, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """The windows of one category; ``blocks`` cover the whole time axis."""

    category: str
    title: str
    blocks: tuple[Block, ...]
    judged: tuple[Judged, ...]

    @property
    def headline(self) -> str:
        """How many of them were accepted, and what that rests on."""
        if not self.judged:
            return "not verified yet"
        decisions = [one.verdict.decision for one in self.judged]
        bases = sorted({one.basis for one in self.judged})
        return f"{decisions.count('accepted')} of {plural(len(decisions), 'window')} accepted ({', '.join(bases)})"


def lanes(data: SheetData) -> tuple[Lane, ...]:
    """A lane for every category of the sheet."""
    return tuple(_lane(data, name) for name in data.categories)


def _lane(data: SheetData, category: str) -> Lane:
    verdicts = {data.in_clip(v.start_ms): v for v in data.verdicts(category)}
    found = blocks(data.report, data.clip, category, data.duration_ms, data.truth(category))
    measured = {data.in_clip(window.start_ms): window.signals for window in data.report.scores}
    judged = []
    for block in found:
        if block.decision:
            verdict = verdicts[block.start_ms]
            said = (s for s in data.people if (s.category, s.start_ms) == (category, verdict.start_ms))
            judged.append(
                Judged(
                    block=block,
                    verdict=verdict,
                    basis=basis_of(verdict),
                    signals=tuple(_signals(measured.get(block.start_ms, {}))),
                    people=tuple(sorted(said, key=lambda one: (one.side, one.who))),
                )
            )
    return Lane(category=category, title=data.report.title(category), blocks=found, judged=tuple(judged))


def _signals(measured: object) -> Iterator[str]:
    if not isinstance(measured, dict):
        return
    words = {"rms_dbfs": ("level", 1, "dBFS"), "peak_dbfs": ("peak", 1, "dBFS"), "motion": ("motion", 2, "")}
    for name, (label, digits, unit) in words.items():
        if name in measured:
            yield f"{label} {signed(measured[name], digits)}{BLANK}{unit}".rstrip()


def seconds(ms: float) -> str:
    """``400`` → ``0.4``: seconds with the digits they need."""
    return f"{ms / 1000:.3f}".rstrip("0").rstrip(".")


def span(start_ms: int, end_ms: int) -> str:
    """``0.4 – 6.4 s``."""
    return f"{seconds(start_ms)} – {seconds(end_ms)}{BLANK}s"


def clip_facts(data: SheetData) -> tuple[Fact, ...]:
    """What was fetched."""
    clip, media = data.clip, data.media
    rate = float(Fraction(media.fps))
    shown = (
        f"{media.width} × {media.height}, {thousands(media.num_frames)} pictures at {rate:.6g}{BLANK}/s ({media.fps})"
    )
    heard = f"{thousands(media.num_samples)} audio samples at {thousands(media.sample_rate_hz)}{BLANK}Hz"
    facts = [
        Fact(name="clip", value=clip.id, is_code=True),
        Fact(name="source video", value=f"{clip.source_local_id} ({clip.source})", is_code=True),
        Fact(name="span in it", value=span(clip.start_ms, clip.end_ms)),
        Fact(name="listed by", value=clip.origin),
        Fact(name="cut from", value=media.origin),
        Fact(name="licence", value=NOT_STATED if data.licence == "NOASSERTION" else data.licence),
        Fact(name="credit", value=data.credit),
        Fact(name="sha256 of the mp4", value=media.sha256, is_code=True),
        Fact(name="size", value=size(media.num_bytes)),
        Fact(name="picture", value=shown),
        Fact(name="sound", value=heard),
        Fact(name="held at the end", value=f"{seconds(media.padding_ms)}{BLANK}s" if media.padding_ms else ""),
        Fact(name="settings of the cut", value=media.settings, is_code=True),
        Fact(name="cut", value=_pairs(media.cut), is_code=True),
        Fact(name="made with", value=_pairs(media.tools), is_code=True),
    ]
    return tuple(fact for fact in facts if fact.value)


def example_facts(data: SheetData) -> tuple[tuple[str, tuple[Fact, ...]], ...]:
    """(id and category, where it lies) of every example that is shown."""
    places = {(place.example.category, place.example.id): place for place in data.places}
    found = []
    for example in data.shown:
        place = places.get((example.category, example.id))
        facts = [
            Fact(name="example", value=example.id, is_code=True),
            Fact(name="category", value=data.report.title(example.category)),
            Fact(name="span in the source video", value=span(example.start_ms, example.end_ms)),
            Fact(name="split", value=data.split or ""),
        ]
        if place is None:
            facts.append(Fact(name="shard", value="in none yet"))
        else:
            shard = place.shard
            facts += [
                Fact(name="shard", value=f"{shard.name} (profile {shard.profile})", is_code=True),
                Fact(name="sha256 of the shard", value=shard.sha256, is_code=True),
                Fact(name="members", value="\n".join(place.members), is_code=True),
                Fact(name="recipe of the shard", value=shard.recipe, is_code=True),
                Fact(name="written with", value=_pairs(shard.tools), is_code=True),
            ]
        found.append((f"{data.report.title(example.category)} {span(example.start_ms, example.end_ms)}", tuple(facts)))
    return tuple(found)


def _pairs(pairs: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs)


def headline(data: SheetData) -> str:
    """The sheet in one line."""
    if data.example is not None:
        ms = data.example.duration_ms
        return f"{data.titles}, an example of {seconds(ms)}{BLANK}s"
    return f"{data.titles or 'No category'}, a clip of {seconds(data.duration_ms)}{BLANK}s"


def reason(block: Block) -> str:
    """What a block says in words."""
    if not block.decision:
        return "no window"
    if block.decision == "undecided":
        return f"undecided: {phrase(block.reason)}"
    return "accepted" if block.decision == "accepted" else phrase(block.reason)


def describe(data: SheetData) -> dict[str, Any]:
    """What a sheet says, for programs; arrays left out."""
    return {
        "id": data.id,
        "example": data.example.id if data.example else None,
        "clip": data.clip.id,
        "categories": list(data.categories),
        "media": {"sha256": data.media.sha256, "duration_ms": data.media.duration_ms, "origin": data.media.origin},
        "licence": data.licence,
        "split": data.split,
        "verdicts": [asdict(verdict) for name in data.categories for verdict in data.verdicts(name)],
        "scores": [asdict(window) for window in data.report.scores],
        "people": [asdict(said) for said in data.people],
        "onsets_ms": list(data.onsets_ms),
        "examples": [
            {
                "id": place.example.id,
                "category": place.example.category,
                "shard": place.shard.name,
                "members": place.members,
            }
            for place in data.places
        ],
        "streams": [
            {
                "stream": stream.name,
                "digest": stream.digest,
                "weights": stream.weights,
                "shape": None if stream.rows is None else list(stream.rows.shape),
                "from": stream.where,
                "trouble": stream.trouble,
            }
            for stream in data.streams
        ],
        "notes": list(data.notes),
    }
