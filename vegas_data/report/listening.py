"""What the models make of the same silent pictures, as Fig. 3 of the paper shows it, and to be heard.

In: an example's clip and the sounds that were generated for it. Out: key frames and one waveform per sound on one time
axis, and for each sound a film. Which examples: those that most models made a sound for, of those the ones with the
most known onsets; among equals the sha256 of the id draws. Of several draws the first. Nobody picks what sounds well.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from vegas_data.errors import VegasError, WorkspaceError
from vegas_data.media.decode import read_audio
from vegas_data.records import MAX_CLIP_MS, Media
from vegas_data.report.data import ReportData, Truth
from vegas_data.report.figures import waveform
from vegas_data.report.films import film, film_pictures, film_rate, read_wav, to_full_scale
from vegas_data.report.numerals import plural
from vegas_data.report.pictures import key_frames, outline
from vegas_data.report.timeline import picture_times
from vegas_data.report.training import Todo, todos
from vegas_data.trained import Sound, SoundSet

if TYPE_CHECKING:
    from vegas_data.report.pictures import Wave

MAX_EXAMPLES: Final = 6
ORIGINAL: Final = "original"
_PER_CATEGORY: Final = {1: 3, 2: 2}  # by the number of categories that have sounds; beyond, one each
_RATES_HZ: Final = range(4_000, 48_001)


@dataclass(frozen=True, kw_only=True, slots=True)
class Take:
    """One model's sound for an example, the set it belongs to, and where its files lie."""

    model: str
    made: SoundSet
    sound: Sound
    folder: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """An example that models made sounds for: one take of each, all of the same span of the same clip."""

    category: str
    takes: tuple[Take, ...]

    @property
    def sound(self) -> Sound:
        """One that says which example it is."""
        return self.takes[0].sound

    @property
    def duration_ms(self) -> int:
        return self.sound.end_ms - self.sound.start_ms


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One sound: its waveform, and the pictures with it as a data URI; ``trouble`` says why there is neither."""

    name: str
    drawing: Markup | None = None
    film: str = ""
    trouble: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """What can be seen and heard of an example; pictures stand ``step_ms`` apart from 0 on."""

    width: int
    height: int
    step_ms: float
    pictures: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Listening:
    """One example, ready to be laid out; ``trouble`` says why there is no ``scene``."""

    candidate: Candidate
    onsets_ms: tuple[int, ...]
    truth: Truth | None = None
    scene: Scene | None = None
    trouble: str = ""

    @property
    def duration_ms(self) -> int:
        return self.candidate.duration_ms

    @property
    def split(self) -> str:
        """Where the example comes from."""
        return self.candidate.takes[0].made.split

    @property
    def ticks_s(self) -> tuple[int, ...]:
        """Whole seconds to write under the axis."""
        return tuple(range(self.duration_ms // 1000 + 1))

    @property
    def rest_ms(self) -> float:
        """What follows the last picture's share of the axis."""
        return max(0.0, self.duration_ms - self.scene.step_ms * len(self.scene.pictures)) if self.scene else 0.0


def choose(data: ReportData) -> tuple[Candidate, ...]:
    """The examples to hear, at most six."""
    by_category = {name: found for name in data.category_names if (found := _candidates(data, name))}
    number = _PER_CATEGORY.get(len(by_category), 1)
    return tuple(candidate for found in by_category.values() for candidate in found[:number])[:MAX_EXAMPLES]


def _candidates(data: ReportData, category: str) -> list[Candidate]:
    """A category's examples that have a clip and a sound, in the order in which they are worth a place."""
    by_span: dict[tuple[str, str, int, int], dict[str, Take]] = {}
    for model in data.models_of(category):
        if model.sounds is None or model.sounds_folder is None:
            continue
        for sound in sorted(model.sounds.sounds, key=lambda sound: sound.draw):
            if sound.clip_id in data.media and 0 < sound.end_ms - sound.start_ms <= MAX_CLIP_MS:
                span = (sound.example_id, sound.clip_id, sound.start_ms, sound.end_ms)
                take = Take(model=model.model, made=model.sounds, sound=sound, folder=model.sounds_folder)
                by_span.setdefault(span, {}).setdefault(model.model, take)
    found = [Candidate(category=category, takes=tuple(takes.values())) for takes in by_span.values()]

    def rank(candidate: Candidate) -> tuple[int, int, str]:
        drawn = hashlib.sha256(candidate.sound.example_id.encode("utf-8", "replace")).hexdigest()
        return -len(candidate.takes), -len(onsets_of(data, candidate.sound)), drawn

    return sorted(found, key=rank)


def onsets_of(data: ReportData, sound: Sound) -> tuple[int, ...]:
    """Known onsets of an example, in ms from its start."""
    known = data.onsets.get(data.media[sound.clip_id].video_id, ())
    return tuple(ms - sound.start_ms for ms in known if sound.start_ms <= ms < sound.end_ms)


def build(data: ReportData, candidate: Candidate, media_path: Callable[[str], Path], scratch: Path) -> Listening:
    """Gather one example's pictures and sounds; media that fail leave the reason in ``trouble``.

    Args:
        scratch: an existing folder for files on their way.
    """
    clip_id = candidate.sound.clip_id
    onsets_ms = onsets_of(data, candidate.sound)
    scene, trouble = None, ""
    try:
        shares = [ms / candidate.duration_ms for ms in onsets_ms]
        scene = _scene(candidate, media_path(clip_id), data.media[clip_id], data.window_ms, shares, scratch)
    except (VegasError, OSError) as error:
        trouble = str(error)
    truth = next((t for t in data.truth if t.clip_id == clip_id), None)
    return Listening(candidate=candidate, onsets_ms=onsets_ms, truth=truth, scene=scene, trouble=trouble)


def _scene(
    candidate: Candidate, path: Path, media: Media, window_ms: int, onsets: Sequence[float], scratch: Path
) -> Scene:
    """Key frames, then a row for the original and for each model."""
    start_ms, duration_ms = candidate.sound.start_ms - media.start_ms, candidate.duration_ms
    rate_hz = candidate.takes[0].made.sample_rate_hz
    if start_ms < 0 or start_ms + duration_ms > media.duration_ms:
        raise WorkspaceError(f"{path.name}: the clip does not hold {candidate.sound.example_id}")
    if rate_hz not in _RATES_HZ:
        raise WorkspaceError(f"{candidate.sound.example_id}: sounds of {rate_hz} Hz")
    num_samples = duration_ms * rate_hz // 1000
    pictures = film_pictures(path, media, start_ms=start_ms, duration_ms=duration_ms)

    def row(name: str, read: "Callable[[], Wave]") -> Row:
        try:
            wave = read()
            shown = film(pictures, film_rate(media), wave, rate_hz, scratch)
        except (VegasError, OSError) as error:
            return Row(name=name, trouble=str(error))
        drawing = waveform(outline(wave), onsets=onsets, title=_describe(name, len(onsets)), peak=1.0)
        return Row(name=name, drawing=drawing, film=shown)

    def original() -> "Wave":
        rate = Fraction(rate_hz)
        return to_full_scale(read_audio(path, sample_rate_hz=rate, start_ms=start_ms, num_samples=num_samples))

    def made(take: Take) -> "Wave":
        wav = take.folder / take.sound.wav
        return read_wav(wav, sample_rate_hz=rate_hz, num_samples=num_samples, sha256=take.sound.sha256)

    times_s = picture_times(duration_ms, window_ms)
    return Scene(
        width=pictures[0].shape[1],
        height=pictures[0].shape[0],
        step_ms=float(1000 * (times_s[1] - times_s[0])),
        pictures=key_frames(path, [Fraction(start_ms, 1000) + time_s for time_s in times_s]),
        rows=(row(ORIGINAL, original), *(row(take.model, partial(made, take)) for take in candidate.takes)),
    )


def _describe(name: str, num_onsets: int) -> str:
    described = f"Waveform of the {name} sound" if name == ORIGINAL else f"Waveform of the sound that {name} made"
    return f"{described}, with {plural(num_onsets, 'known onset')} marked" if num_onsets else described


def sound_todos(data: ReportData) -> tuple[Todo, ...]:
    """What keeps the sounds from being those of the models that are there now."""
    return (
        *todos(data, "generate", "no sounds yet.", lambda model: model.sounds is None),
        *todos(
            data,
            "generate",
            "sounds made before the newest checkpoint.",
            lambda model: model.sounds and model.is_of_older_checkpoint(model.sounds),
        ),
    )
