"""What the embedded corpus holds: every clip with its timeline, its fault and its truth, before a pixel is drawn.

Enters: ``CorpusOptions``. Leaves: ``PlannedClip`` records, the score that ``compose`` plays. A plan is pure and
depends on nothing but its options and the asset table: each video draws from a stream of random numbers of its
own, seeded by sha256(seed, video id), so that more clips of one kind change no other clip.

    source video   |·····lead-in·····|──────── the clip, in 2-second windows ────────|··tail··|
    pictures       shots, one after another; a jolt begins 80 to 120 ms *before* the hit it belongs to
    sounds         a bed (water only) and hits at random times

Of the faults in ``FAULTS`` the first eight lie in the file, the rest in the server's answer (``server``).
"""

import hashlib
import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Final

from vegas_data.config import digest
from vegas_data.demo.assets import assets_digest
from vegas_data.demo.licences import spdx_expression
from vegas_data.demo.timeline import Segment, Shot, Sound, between, compose_timeline, credit_line, spdx_ids
from vegas_data.records import MAX_CLIP_MS, YOUTUBE_ID_LENGTH, Clip

SOURCE: Final = "demo"
PLAN_VERSION: Final = 2  # raise when the same options lead to other videos
WINDOW_MS: Final = 2_000
STARTS_MS: Final = (0, 400, 1_000)
TAIL_MS: Final = 300
SHORT_MS: Final = (1_200, 1_700)
ROOM_TONE_DBFS: Final = -66.0
SILENCE_DBFS: Final = (None, -70.0)  # silence has to be measured, not merely recognised

# Fault → how its clip must end: a verdict with its reason, or a failure with its class.
FAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "wrong_sound": "rejected:not_heard",
        "wrong_picture": "rejected:not_seen",
        "middle_only": "accepted",
        "silent": "rejected:silent",
        "still": "rejected:still",
        "no_audio": "failed:no_audio",
        "too_short": "failed:no_such_time",
        "truncated": "failed:decode_failed",
        "gone_404": "failed:removed",
        "gone_410": "failed:removed",
        "private": "failed:private",
        "server_error": "failed:transfer_failed",
        "rate_limited": "accepted",
    }
)
# What still holds on one side of a clip in which no window has the target seen and heard.
_HEARD_ALL_THE_SAME: Final = frozenset({"wrong_picture", "still"})
_SEEN_ALL_THE_SAME: Final = frozenset({"wrong_sound", "silent", "still"})
UNREACHABLE: Final = frozenset({"gone_404", "gone_410", "private", "server_error"})


@dataclass(frozen=True, kw_only=True)
class CleanCounts:
    """How many clips of each category are without fault."""

    drum: int = 32
    dog: int = 9
    water_flowing: int = 7


@dataclass(frozen=True, kw_only=True)
class FaultCounts:
    """How many clips have each fault; their categories take turns.

    Args:
        wrong_sound: the picture is right. wrong_picture: the sound is right.
        middle_only: the target is there in the middle window only.
        silent: digital silence or hiss at −70 dBFS, in turn. still: one picture all the time.
        no_audio: no sound track. too_short: shorter than a window. truncated: the file ends at 60 % of its bytes.
        gone_404, gone_410, private, server_error: the server answers 404, 410, 403, 500 whatever one does.
        rate_limited: it answers 429 once, then the video.
    """

    wrong_sound: int = 4
    wrong_picture: int = 4
    middle_only: int = 3
    silent: int = 3
    still: int = 3
    no_audio: int = 2
    too_short: int = 2
    truncated: int = 2
    gone_404: int = 1
    gone_410: int = 1
    private: int = 1
    server_error: int = 1
    rate_limited: int = 1


@dataclass(frozen=True, kw_only=True)
class CorpusOptions:
    """What to render.

    Args:
        seed: another seed, other videos. width, height: of the pictures, even. fps: pictures per second.
        clip_ms: length of a clip. clips: clean ones. faults: planted ones.
    """

    seed: int = 0
    width: int = 320
    height: int = 240
    fps: int = 25
    clip_ms: int = 6_000
    clips: CleanCounts = field(default_factory=CleanCounts)
    faults: FaultCounts = field(default_factory=FaultCounts)

    def __post_init__(self) -> None:
        if self.width % 2 or self.height % 2 or min(self.width, self.height) < 32:
            raise ValueError(f"width and height must be even and at least 32, not {self.width} × {self.height}")
        if not 8 <= self.fps <= 60:
            raise ValueError(f"fps must lie between 8 and 60, not {self.fps}")
        if not WINDOW_MS <= self.clip_ms <= MAX_CLIP_MS:
            raise ValueError(f"clip_ms must lie between {WINDOW_MS} and {MAX_CLIP_MS}, not {self.clip_ms}")
        for counts in (self.clips, self.faults):
            for name, count in _counts(counts):
                if count < 0:
                    raise ValueError(f"the number of {name} must not be negative: {count}")
        if self.faults.middle_only and self.clip_ms < 3 * WINDOW_MS:
            raise ValueError(f"middle_only needs three windows, {3 * WINDOW_MS} ms; clip_ms is {self.clip_ms}")


@dataclass(frozen=True, kw_only=True)
class PlannedClip:
    """One clip of the corpus, what its source video holds, and how it must end.

    Args:
        fault: a key of ``FAULTS``, or empty. expected: ``accepted``, ``rejected:<reason>`` or ``failed:<class>``.
        window_truth: for each window whether the target is seen *and* heard; empty where nothing can be judged.
        licence: SPDX expression of the rendered video. seed: of whatever the compositor draws at random.
        duration_ms: of the source video. shots, sounds, jolts_ms: its timeline, in source time.
        room_tone_dbfs: level of the noise under everything; None is digital silence.
    """

    clip: Clip
    category: str
    fault: str
    expected: str
    window_truth: tuple[bool, ...]
    licence: str
    seed: int
    duration_ms: int
    shots: tuple[Shot, ...]
    sounds: tuple[Sound, ...]
    jolts_ms: tuple[int, ...]
    room_tone_dbfs: float | None

    @property
    def id(self) -> str:
        return self.clip.video_id

    @property
    def credit(self) -> str:
        """Who made what is shown and heard in it."""
        return credit_line(self.shots, self.sounds)

    @property
    def heard_truth(self) -> tuple[bool, ...]:
        """For each window whether the target is heard, whatever is seen."""
        return tuple(there or self.fault in _HEARD_ALL_THE_SAME for there in self.window_truth)

    @property
    def seen_truth(self) -> tuple[bool, ...]:
        """For each window whether the target is in the picture, moving or not, whatever is heard."""
        return tuple(there or self.fault in _SEEN_ALL_THE_SAME for there in self.window_truth)

    @property
    def onsets_ms(self) -> tuple[int, ...]:
        """When hits sound, in source time: right or wrong ones, but not the bed of running water."""
        return tuple(sound.start_ms for sound in self.sounds if not sound.bed)

    @property
    def is_served(self) -> bool:
        """Whether the server ever sends this video, so that it has to be rendered."""
        return self.fault not in UNREACHABLE


def plan_corpus(options: CorpusOptions) -> tuple[PlannedClip, ...]:
    """Plan all clips: the clean ones by category, then the faults; the same options give the same plan."""
    clean = _counts(options.clips)
    planned = [_plan(options, category, "", index) for category, count in clean for index in range(count)]
    categories = [category for category, count in clean if count] or [category for category, _ in clean]
    for place, (fault, count) in enumerate(_counts(options.faults)):
        turns = (categories[(place + index) % len(categories)] for index in range(count))
        planned += [_plan(options, category, fault, index) for index, category in enumerate(turns)]
    return tuple(planned)


def corpus_digest(options: CorpusOptions) -> str:
    """Digest of everything that decides the rendered videos: options, assets, version."""
    return digest("demo.corpus", PLAN_VERSION, assets_digest(), options)


def _counts(counts: CleanCounts | FaultCounts) -> list[tuple[str, int]]:
    return [(item.name, getattr(counts, item.name)) for item in fields(counts)]


def _plan(options: CorpusOptions, category: str, fault: str, index: int) -> PlannedClip:
    video_id = f"{SOURCE}-{category}_{fault}_{index:03d}" if fault else f"{SOURCE}-{category}_{index:03d}"
    assert len(video_id) != YOUTUBE_ID_LENGTH, video_id
    seed = int.from_bytes(hashlib.sha256(f"{options.seed}/{video_id}".encode()).digest()[:8], "big")
    rng = random.Random(seed)  # noqa: S311 (nothing secret is drawn)
    start_ms = 0 if fault == "too_short" else STARTS_MS[between(rng, 0, len(STARTS_MS) - 1)]
    clip = Clip(video_id=video_id, start_ms=start_ms, end_ms=start_ms + options.clip_ms, categories=(category,))
    duration_ms = between(rng, *SHORT_MS) if fault == "too_short" else clip.end_ms + TAIL_MS
    timeline = compose_timeline(rng, category, _segments(fault, clip, duration_ms), turn=index)
    sounds = () if fault in ("silent", "no_audio") else timeline.sounds
    return PlannedClip(
        clip=clip,
        category=category,
        fault=fault,
        expected=FAULTS[fault] if fault else "accepted",
        window_truth=_window_truth(fault, options.clip_ms // WINDOW_MS),
        licence=spdx_expression(spdx_ids(timeline.shots, sounds)),
        seed=seed,
        duration_ms=duration_ms,
        shots=timeline.shots,
        sounds=sounds,
        jolts_ms=() if fault == "still" else timeline.jolts_ms,
        room_tone_dbfs=SILENCE_DBFS[index % len(SILENCE_DBFS)] if fault == "silent" else ROOM_TONE_DBFS,
    )


def _segments(fault: str, clip: Clip, duration_ms: int) -> tuple[Segment, ...]:
    if fault != "middle_only":
        seen, heard = fault != "wrong_picture", fault != "wrong_sound"
        return (Segment(start_ms=0, end_ms=duration_ms, seen=seen, heard=heard),)
    start_ms = clip.start_ms + clip.duration_ms // WINDOW_MS // 2 * WINDOW_MS
    cuts = (0, start_ms, start_ms + WINDOW_MS, duration_ms)
    return tuple(
        Segment(start_ms=start, end_ms=end, seen=start == start_ms, heard=start == start_ms)
        for start, end in itertools.pairwise(cuts)
    )


def _window_truth(fault: str, num_windows: int) -> tuple[bool, ...]:
    if FAULTS.get(fault, "").startswith("failed:"):
        return ()
    if fault == "middle_only":
        return tuple(index == num_windows // 2 for index in range(num_windows))
    return (fault in ("", "rate_limited"),) * num_windows
