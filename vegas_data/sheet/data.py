"""What a sheet needs to know of a clip, as plain frozen records: the one thing that ``showing`` fills in."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from vegas_data.features import FlowOptions
from vegas_data.records import Answer, Clip, Example, Media, ShardInfo, Side, Split, Verdict
from vegas_data.report import ReportData, Truth

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RANDOM: Final = "random-"
"""What the digest of weights begins with where nobody trained them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What one person said about one side of one window; ``start_ms`` is in the source video, as in ``Verdict``."""

    category: str
    start_ms: int
    side: Side
    who: str
    answer: Answer
    purpose: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Motion:
    """How the recipe computes flow, and at which scale.

    Args:
        rate_hz: pictures per second that flow is computed between. short_px: short side of the whole picture, such
            that the part which features look at has the recipe's size.
        stream: the stream of the recipe that it is computed for; empty where the recipe has none.
    """

    options: FlowOptions
    rate_hz: Fraction
    short_px: int
    stream: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamRows:
    """One stream of one example, as far as it is there.

    Args:
        start_ms: of the example in the time of the clip. rate_hz: rows per second.
        weights: digest of the encoder's, or ``random-…``. where: the file the rows were read from.
        rows: None where they could not be read; then ``trouble`` says why.

    Shape:
        rows: float16 [T, …].
    """

    name: str
    encoder: str
    start_ms: int
    end_ms: int
    digest: str
    weights: str
    rate_hz: Fraction
    window: int = 1
    stride: int = 1
    where: str = ""
    rows: "npt.NDArray[np.float16] | None" = None
    trouble: str = ""
    tools: tuple[tuple[str, str], ...] = ()

    @property
    def is_random(self) -> bool:
        """Whether nobody trained the encoder."""
        return self.weights.startswith(RANDOM)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where an example lies: its shard, and the names of its members there."""

    example: Example
    shard: ShardInfo
    members: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SheetData:
    """A clip, and the example that was asked for, if it was one.

    Args:
        report: what the workspace knows of this clip alone: verdicts, scores, limits, planted truth.
        categories: those that the sheet is about. examples: of the clip in these categories, in order of time.
        onsets_ms: when the target sounds, from the clip's start; empty: none, or nobody knows.
        onsets_are: ``planted`` or ``known``; empty where nobody knows.
        sample_rate_hz: at which features and models hear the clip.
        split: of the source video. notes: what a reader must know before the rest.
        digests: (name, digest) of the recipe and of whatever names folders.
    """

    report: ReportData
    clip: Clip
    media: Media
    categories: tuple[str, ...]
    example: Example | None = None
    examples: tuple[Example, ...] = ()
    people: tuple[Said, ...] = ()
    onsets_ms: tuple[int, ...] = ()
    onsets_are: str = ""
    motion: Motion
    streams: tuple[StreamRows, ...] = ()
    sample_rate_hz: Fraction = Fraction(16_000)
    licence: str = ""
    credit: str = ""
    split: Split | None = None
    places: tuple[Place, ...] = ()
    notes: tuple[str, ...] = ()
    digests: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """The example's, or the clip's."""
        return self.example.id if self.example else self.clip.id

    @property
    def shown(self) -> tuple[Example, ...]:
        """The examples that the sheet is about: those of the id in every category that has it, or all of the clip."""
        return tuple(one for one in self.examples if self.example is None or one.id == self.example.id)

    @property
    def duration_ms(self) -> int:
        """Length of the time axis."""
        return self.media.duration_ms

    @property
    def titles(self) -> str:
        """The categories as people write them."""
        return " and ".join(self.report.title(name) for name in self.categories)

    @property
    def random_streams(self) -> dict[str, str]:
        """Streams whose encoder nobody trained, with what stands for its weights."""
        return {stream.name: stream.weights for stream in self.streams if stream.is_random}

    @property
    def examples_by_category(self) -> dict[str, tuple[Example, ...]]:
        """The examples of each category that has some; those of two categories can overlap."""
        found = {name: tuple(e for e in self.examples if e.category == name) for name in self.categories}
        return {name: own for name, own in found.items() if own}

    def in_clip(self, source_ms: int) -> int:
        """A time of the source video in the time of the clip."""
        return source_ms - self.clip.start_ms

    def truth(self, category: str) -> Truth | None:
        """What was planted for a category."""
        return next((t for t in self.report.truth if (t.clip_id, t.category) == (self.clip.id, category)), None)

    def verdicts(self, category: str) -> tuple[Verdict, ...]:
        """The verdicts of a category, in order of time."""
        own = (v for v in self.report.verdicts if (v.clip_id, v.category) == (self.clip.id, category))
        return tuple(sorted(own, key=lambda verdict: verdict.start_ms))
