"""The nouns of the project: what flows from a manifest to a shard. Frozen, ids derived, times in ms.

    Clip ─fetch→ Media ─verify→ Judgment → Verdict → Example ─featurize→ ShardInfo

A *clip* is what AudioSet lists, a *window* 2 seconds of it, an *example* a run of adjacent accepted
windows: what is stored and trained on (``docs/concepts.md`` has the table of terms). All spans are
given in the time of the source video, so that two clips of one video never collide.

A ``video_id`` is bare for YouTube (11 characters); elsewhere it is ``{source}-{escaped id}``, which
therefore must not be 11 characters long. No id ever contains a dot: WebDataset splits keys there.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from vegas_data.errors import ManifestError

Side = Literal["heard", "seen", "pair"]
Answer = Literal["yes", "sort_of", "no", "unsure"]
Decision = Literal["accepted", "rejected", "undecided"]
Split = Literal["train", "val", "test"]

YOUTUBE_ID_LENGTH: Final = 11
MAX_CLIP_MS: Final = 10_000
MAX_TIME_MS: Final = 999_999_999
MAX_STREAMS: Final = 32
"""Of features, in a recipe and in a shard."""
RANDOM_WEIGHTS: Final = "random-"
"""What the weights of an encoder are called, before the seed, that were drawn at random."""
_VIDEO_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_SOURCE: Final = re.compile(r"[a-z][a-z0-9]*", re.ASCII)
_CATEGORY: Final = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)


def check_video_id(video_id: str) -> str:
    """Return ``video_id`` if it is safe as a key, a file name and an argument.

    Raises:
        ManifestError: it is not (path separators, dots, control characters, over-long, no source).
    """
    if not _VIDEO_ID.fullmatch(video_id):
        raise ManifestError(
            f"invalid video id {video_id!r}: only A-Z a-z 0-9 _ and - may stand in an id (at most 64)",
            remedy="correct or delete the row; ids of other sources are escaped as {source}-{id}",
        )
    source, _, local_id = video_id.partition("-")
    if len(video_id) != YOUTUBE_ID_LENGTH and not (local_id and _SOURCE.fullmatch(source)):
        raise ManifestError(
            f"invalid video id {video_id!r}: neither 11 characters (YouTube) nor {{source}}-{{id}}",
            remedy="prefix the id with its source, for instance local-holiday2019",
        )
    return video_id


def source_of(video_id: str) -> str:
    """The source a video id belongs to: ``youtube`` for 11 characters, else what stands before ``-``."""
    return "youtube" if len(video_id) == YOUTUBE_ID_LENGTH else video_id.partition("-")[0]


def span_id(video_id: str, start_ms: int, end_ms: int) -> str:
    """Key of a span of a video: ``{video_id}_{start_ms:09d}_{end_ms:09d}``."""
    return f"{video_id}_{start_ms:09d}_{end_ms:09d}"


def _check_span(what: str, start_ms: int, end_ms: int) -> None:
    if not 0 <= start_ms < end_ms <= MAX_TIME_MS:
        raise ManifestError(
            f"{what}: the span {start_ms}–{end_ms} ms is empty, reversed or beyond {MAX_TIME_MS} ms",
            remedy="start and end are integer milliseconds with 0 <= start < end",
        )


def check_category(name: str) -> str:
    """Return ``name`` if it is a valid category name: lower-case letters, digits and ``_``."""
    if not _CATEGORY.fullmatch(name):
        raise ManifestError(
            f"invalid category name {name!r}", remedy="use lower-case letters, digits and _, as in water_flowing"
        )
    return name


@dataclass(frozen=True, kw_only=True, slots=True)
class Category:
    """One target of the data set, as ``manifests/categories.toml`` defines it.

    Args:
        include: AudioSet ids whose clips are candidates. exclude: ids that do not select (no veto).
        heard_classes: AudioSet display names that a sound scorer counts as this target.
        seen_classes: ImageNet class indices that a picture scorer counts as this target.
        vggsound_classes: labels of VGGSound whose clips are candidates when that list is imported.
        prompts: English phrases for zero-shot scorers.
        definition: what an annotator is told.
    """

    name: str
    title: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    heard_classes: tuple[str, ...] = ()
    seen_classes: tuple[int, ...] = ()
    vggsound_classes: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    definition: str = ""

    def __post_init__(self) -> None:
        check_category(self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """An excerpt of at most 10 s of a video, and the categories it is a candidate for."""

    video_id: str
    start_ms: int
    end_ms: int
    categories: tuple[str, ...]
    origin: str = ""

    def __post_init__(self) -> None:
        check_video_id(self.video_id)
        _check_span(self.video_id, self.start_ms, self.end_ms)
        if self.end_ms - self.start_ms > MAX_CLIP_MS:
            raise ManifestError(
                f"{self.video_id}: a clip of {self.end_ms - self.start_ms} ms is longer than {MAX_CLIP_MS} ms",
                remedy="AudioSet's clips are 10 s at most: split the row",
            )
        for name in self.categories:
            check_category(name)

    @property
    def id(self) -> str:
        """``{video_id}_{start_ms:09d}``."""
        return f"{self.video_id}_{self.start_ms:09d}"

    @property
    def source(self) -> str:
        """Where the video comes from: ``youtube``, ``demo``, …"""
        return source_of(self.video_id)

    @property
    def source_local_id(self) -> str:
        """The id within its source: the bare id for YouTube, else what stands after ``{source}-``."""
        return self.video_id if self.source == "youtube" else self.video_id.partition("-")[2]

    @property
    def duration_ms(self) -> int:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, kw_only=True, slots=True)
class Media:
    """A fetched clip: an mp4 of exactly ``num_frames`` pictures and ``num_samples`` audio samples.

    Args:
        end_ms: end of the clip's span as listed.
        sha256: of the mp4. fps: source frame rate as ``num/den``, kept.
        duration_ms: how long the file is: less than the span where the source ended early.
        padding_ms: how much of that, at its end, is no more than the last picture held and silence.
        origin: kind of source and formats it was cut from, such as ``youtube 136+140``.
        settings: digest of the cut's settings; cut: those settings; tools: versions of what made it.
        sound_fingerprint, picture_hashes: of what can be heard and seen, as text (docs/decisions/0013).
    """

    clip_id: str
    video_id: str
    start_ms: int
    end_ms: int
    duration_ms: int
    sha256: str
    num_bytes: int
    width: int
    height: int
    fps: str
    num_frames: int
    sample_rate_hz: int
    num_samples: int
    settings: str
    padding_ms: int = 0
    origin: str = ""
    cut: tuple[tuple[str, str], ...] = ()
    tools: tuple[tuple[str, str], ...] = ()
    sound_fingerprint: str = ""
    picture_hashes: str = ""

    @property
    def id(self) -> str:
        return self.clip_id


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Two seconds of a clip, the unit of verification; times in the source video."""

    clip_id: str
    video_id: str
    start_ms: int
    end_ms: int

    @property
    def id(self) -> str:
        return span_id(self.video_id, self.start_ms, self.end_ms)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgment:
    """One judge's answer about one side of one window for one category.

    Args:
        judge: ``model:<name>@<digest>`` or ``human:<pseudonym>``. score: in [0, 1], NaN for a human.
    """

    category: str
    clip_id: str
    video_id: str
    start_ms: int
    end_ms: int
    side: Side
    judge: str
    answer: Answer
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Judgments of one window for one category, aggregated by a named rule.

    Args:
        reason: ``ok``, or what decided: ``silent`` or another flaw (``verify.flaws``), ``not_heard``, ``not_seen``, ….
    """

    category: str
    clip_id: str
    video_id: str
    start_ms: int
    end_ms: int
    decision: Decision
    reason: str
    rule: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A maximal run of adjacent accepted windows of one clip for one category."""

    category: str
    clip_id: str
    video_id: str
    start_ms: int
    end_ms: int

    @property
    def id(self) -> str:
        """``{video_id}_{start_ms:09d}_{end_ms:09d}``: unique inside a shard (one category each)."""
        return span_id(self.video_id, self.start_ms, self.end_ms)

    @property
    def duration_ms(self) -> int:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, kw_only=True, slots=True)
class Extent:
    """Where the members of one example lie in a shard (headers and padding included), and their sha256."""

    offset: int
    num_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardInfo:
    """What a shard's side-car says of it; a shard exists if and only if its side-car does.

    Args:
        sha256, num_bytes: of the tar. keys: of the examples, in order; extents: one for each key.
        inputs: digest of everything that decided the bytes; recipe: digest of the recipe they were made with.
        streams: name and digest of each, in the order of the members; weights: their encoders' weights, a sha256 or
            ``random-<seed>``.
        tools: versions of what made the bytes.
    """

    schema: int = 1
    name: str
    category: str
    split: Split
    profile: str
    sha256: str
    num_bytes: int
    keys: tuple[str, ...]
    extents: tuple[Extent, ...] = ()
    inputs: str
    recipe: str
    streams: tuple[tuple[str, str], ...]
    weights: tuple[tuple[str, str], ...] = ()
    tools: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        return self.name

    @property
    def num_examples(self) -> int:
        return len(self.keys)

    @property
    def random_streams(self) -> tuple[str, ...]:
        """Streams whose encoder's weights were drawn at random: their numbers mean nothing."""
        return tuple(name for name, weights in self.weights if weights.startswith(RANDOM_WEIGHTS))
