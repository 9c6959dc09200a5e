"""Small clips made of the embedded corpus' photographs and recordings, and two scorers that need no weights."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vegas_data.config import canonical
from vegas_data.demo.assets import SOUND_RATE_HZ, read_picture, read_sound, select_assets
from vegas_data.media.mux import write_mp4
from vegas_data.records import Category, Clip, Media, Side, Window
from vegas_data.store import sha256_of
from vegas_data.verify import ScorerEntry, ScorerOptions, VerifyJob, VerifyOptions, WindowMedia, scores_key
from vegas_data.verify.scores import ClipScores, ScorerInfo, Signals, WindowScores
from vegas_data.workspace import Workspace

FPS = 25
SIZE = (320, 240)
OPTIONS = VerifyOptions(
    scorers=(
        ScorerOptions(name="yamnet", side="heard", accept=0.08, reject=0.08),
        ScorerOptions(name="efficientnet-lite0", side="seen", accept=0.3, reject=0.3),
    )
)
FAKES = VerifyOptions(
    scorers=(
        ScorerOptions(name="loudness", side="heard", accept=0.5, reject=0.2),
        ScorerOptions(name="brightness", side="seen", accept=0.5, reject=0.2),
    )
)

Frame = NDArray[np.uint8]

FINE = Signals(
    rms_dbfs=-20.0,
    peak_dbfs=-3.0,
    motion=1.0,
    clipped_share=0.0,
    brightness=150.0,
    duplicate_share=0.0,
    offset_ms=0.0,
)
SILENT = replace(FINE, rms_dbfs=-61.0)
STILL = replace(FINE, motion=0.001)
INFO = {"loudness": ScorerInfo(side="heard", digest="1" * 12), "brightness": ScorerInfo(side="seen", digest="2" * 12)}
YES, UNSURE, NO = 0.9, 0.3, 0.1


def clip_scores(rows: list[tuple[float, float, Signals]], start_ms: int = 0, category: str = "drum") -> ClipScores:
    """A clip whose windows have these scores (heard, seen) and signals."""
    windows = tuple(
        WindowScores(
            start_ms=start_ms + 2_000 * index,
            end_ms=start_ms + 2_000 * (index + 1),
            signals=signals,
            scores={"loudness": {category: heard}, "brightness": {category: seen}},
        )
        for index, (heard, seen, signals) in enumerate(rows)
    )
    return ClipScores(
        clip_id=f"test-a_{start_ms:09d}", video_id="test-a", media_sha256="0" * 64, scorers=INFO, windows=windows
    )


def photograph(role: str, which: int = 0) -> Frame:
    """One of the corpus' photographs of a category, or of role ``wrong``, at the clips' size."""
    assets = select_assets("picture", role)
    picture = read_picture(assets[which % len(assets)].name)
    return np.asarray(cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def shifted(picture: Frame, dx: float, dy: float) -> Frame:
    """The picture moved by a fraction of a pixel or more, mirrored at its borders."""
    matrix = np.asarray([[1, 0, dx], [0, 1, dy]], dtype=np.float32)
    moved = cv2.warpAffine(picture, matrix, (picture.shape[1], picture.shape[0]), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, dtype=np.uint8)


def hits(role: str, *, seconds: float, gap_s: float) -> NDArray[np.float32]:
    """Recordings of a category, or of role ``wrong``, in turn every ``gap_s`` over ``seconds``, at the corpus' rate."""
    recordings = [read_sound(asset.name) for asset in select_assets("sound", role)[:3]]
    sound = np.zeros(round(seconds * SOUND_RATE_HZ), dtype=np.float32)
    starts = range(round(0.1 * SOUND_RATE_HZ), len(sound), round(gap_s * SOUND_RATE_HZ))
    for start, recording in zip(starts, itertools.cycle(recordings), strict=False):
        part = recording[: len(sound) - start]
        sound[start : start + len(part)] += part
    return np.clip(sound, -1.0, 1.0)


def write_clip(
    path: Path, pictures: Sequence[Frame], sounds: Sequence[NDArray[np.float32]], *, jolts: Sequence[bool] | None = None
) -> None:
    """Two seconds of each picture, one after the other, jolting down and back once a second; the sounds joined."""

    def frames() -> list[Frame]:
        shown = []
        for index, picture in enumerate(pictures):
            for frame in range(2 * FPS):
                phase = (frame % FPS) / FPS
                moves = (jolts is None or jolts[index]) and phase < 0.16
                shown.append(shifted(picture, 0, 6 * np.sin(np.pi * phase / 0.16)) if moves else picture)
        return shown

    audio = np.concatenate(sounds) if sounds else None
    write_mp4(path, frames(), size=SIZE, fps=Fraction(FPS), audio=audio, sample_rate_hz=SOUND_RATE_HZ)


def make_job(
    workspace: Workspace,
    file: Path,
    *,
    duration_ms: int,
    categories: tuple[str, ...],
    digest: str = "d",
    start_ms: int = 0,
) -> VerifyJob:
    """Commit ``file`` as the fetched clip ``test-{stem}`` and return the job that scores it."""
    video_id = f"test-{file.stem}"
    clip = Clip(video_id=video_id, start_ms=start_ms, end_ms=start_ms + duration_ms, categories=categories)
    media = Media(
        clip_id=clip.id,
        video_id=video_id,
        start_ms=start_ms,
        end_ms=clip.end_ms,
        duration_ms=duration_ms,
        sha256=sha256_of(file),
        num_bytes=file.stat().st_size,
        width=SIZE[0],
        height=SIZE[1],
        fps=f"{FPS}/1",
        num_frames=duration_ms * FPS // 1000,
        sample_rate_hz=SOUND_RATE_HZ,
        num_samples=duration_ms * SOUND_RATE_HZ // 1000,
        settings="s",
    )
    media_key = f"clips/f/{clip.id}.mp4"
    workspace.commit_artefact(media_key, file.read_bytes(), canonical(media))
    return VerifyJob(clip=clip, media=media, media_key=media_key, key=scores_key(digest, clip.id))


def still_window(frames: NDArray[np.uint8], sound: NDArray[np.float32]) -> WindowMedia:
    """A window of given pictures and sound, anywhere."""
    window = Window(clip_id="test-a_000000000", video_id="test-a", start_ms=0, end_ms=2000)
    return WindowMedia(window=window, frames=frames, sound=sound)


@dataclass(frozen=True, kw_only=True)
class FakeScorer:
    """Says of every covered category what ``measure`` says of the window."""

    name: str
    side: Side
    digest: str
    measure: Callable[[WindowMedia], float]

    def covers(self, category: Category) -> bool:
        return bool(category.prompts)

    def score(self, windows: Sequence[WindowMedia], categories: Sequence[Category]) -> NDArray[np.float32]:
        column = np.asarray([self.measure(window) for window in windows], dtype=np.float32)
        return np.repeat(column[:, None], len(categories), axis=1)


def fake_entry(name: str, side: Side, measure: Callable[[WindowMedia], float], weights: str = "w") -> ScorerEntry:
    """A registry entry for a ``FakeScorer``."""
    return ScorerEntry(
        side=side,
        build=lambda options, digest: FakeScorer(name=name, side=side, digest=digest, measure=measure),
        digest=lambda options: weights,
        reads=("prompts",),
        lacks="it has no prompts",
    )


FAKE_REGISTRY = {
    "loudness": fake_entry("loudness", "heard", lambda window: float(np.abs(window.sound).max())),
    "brightness": fake_entry("brightness", "seen", lambda window: float(window.frames.mean() / 255)),
}
THEIRS = FAKE_REGISTRY["loudness"]
