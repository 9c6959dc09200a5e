"""A clip whose every second is known: what moves where, when it flashes, clicks and sings; and what is known of it."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np

from vegas_data.features import FlowOptions
from vegas_data.media.mux import write_mp4
from vegas_data.records import Category, Clip, Decision, Example, Media, ShardInfo, Verdict
from vegas_data.report import ReportData, Threshold, Truth, WindowScores
from vegas_data.sheet import Motion, Place, Said, SheetData, StreamRows

START_MS, DURATION_MS = 400, 6000
FPS, RATE_HZ = 25, 48_000
FLASH_MS = 3000
TONE_HZ = 1000.0
SHIFT_PX = 2
"""Of the texture from picture to picture: to the right in the first two seconds, down in the last two."""


def draw_clip(path: Path) -> Path:
    """6 s, 128 × 96: moves right for 2 s, rests, flashes and clicks at 3 s, then moves down and sings 1,000 Hz."""
    rng = np.random.default_rng(5)
    noise = rng.random((160, 160, 3))
    for axis in (0, 1):
        for _ in range(3):
            noise = (np.roll(noise, 1, axis) + 2 * noise + np.roll(noise, -1, axis)) / 4
    texture = np.rint(40 + 130 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)

    def pictures() -> "list[np.ndarray]":
        found = []
        across = down = 0
        for index in range(DURATION_MS * FPS // 1000):
            time_ms = 1000 * index // FPS
            across += SHIFT_PX * (time_ms < 2000)
            down += SHIFT_PX * (time_ms >= 4000)
            found.append(np.roll(texture, (down, across), (0, 1))[:96, :128])
            if time_ms == FLASH_MS:
                found[-1] = np.full((96, 128, 3), 255, dtype=np.uint8)
        return found

    sound = np.zeros(DURATION_MS * RATE_HZ // 1000, dtype=np.float32)
    click = FLASH_MS * RATE_HZ // 1000
    sound[click : click + 48] = 0.9
    late = np.arange(4 * RATE_HZ, sound.size)
    sound[late] = 0.25 * np.sin(2 * np.pi * TONE_HZ * late / RATE_HZ)
    write_mp4(path, pictures(), size=(128, 96), fps=Fraction(FPS), audio=sound, sample_rate_hz=RATE_HZ)
    return path


def make_sheet() -> SheetData:
    """An example of 4 s: its first window is rejected, the others are accepted."""
    clip = Clip(video_id="demo-case", start_ms=START_MS, end_ms=START_MS + DURATION_MS, categories=("drum",))
    example = Example(
        category="drum", clip_id=clip.id, video_id=clip.video_id, start_ms=START_MS + 2000, end_ms=START_MS + 6000
    )
    verdicts = tuple(make_verdict(clip, index, reason) for index, reason in enumerate(("not_heard", "ok", "ok")))
    scores = tuple(
        WindowScores(
            clip_id=clip.id,
            start_ms=verdict.start_ms,
            end_ms=verdict.end_ms,
            signals={"rms_dbfs": -20.5, "peak_dbfs": -3.0, "motion": 1.5},
            scores={"ears": {"drum": 0.01 if verdict.reason == "not_heard" else 0.625}, "eyes": {"drum": 0.9}},
        )
        for verdict in verdicts
    )
    shard = ShardInfo(
        name="drum-train-000000.tar",
        category="drum",
        split="train",
        profile="train",
        sha256="cd" * 32,
        num_bytes=1,
        keys=(example.id,),
        inputs="0123456789ab",
        recipe="0123456789ab",
        streams=(("lite0", "aaaaaaaaaaaa"),),
    )
    return SheetData(
        report=ReportData(
            recipe_name="demo",
            categories=(Category(name="drum", title="Drum"),),
            clips=(clip,),
            media={clip.id: make_media(clip)},
            verdicts=verdicts,
            scores=scores,
            thresholds=(
                Threshold(scorer="ears", side="heard", accept=0.08, reject=0.08),
                Threshold(scorer="eyes", side="seen", accept=0.3, reject=0.2),
            ),
            truth=(
                Truth(
                    clip_id=clip.id,
                    category="drum",
                    fault="",
                    expected="accepted",
                    window_truth=(False, True, True),
                    onsets_ms=(FLASH_MS,),
                ),
            ),
        ),
        clip=clip,
        media=make_media(clip),
        categories=("drum",),
        example=example,
        examples=(example,),
        people=(
            Said(
                category="drum",
                start_ms=START_MS + 2000,
                side="seen",
                who="ann",
                answer="sort_of",
                purpose="calibration",
            ),
        ),
        onsets_ms=(FLASH_MS,),
        onsets_are="planted",
        motion=Motion(
            options=FlowOptions(engine="opencv", epsilon=0.05, num_warps=2),
            rate_hz=Fraction(FPS),
            short_px=96,
            stream="flow",
        ),
        streams=(make_stream(example),),
        licence="CC0-1.0",
        credit="drawn by a test",
        split="train",
        places=(Place(example=example, shard=shard, members=(f"{example.id}.json", f"{example.id}.lite0.npy")),),
        digests=(("recipe", "0123456789ab"),),
    )


def make_verdict(clip: Clip, index: int, reason: str) -> Verdict:
    decision: Decision = "accepted" if reason == "ok" else "rejected"
    start_ms = clip.start_ms + 2000 * index
    return Verdict(
        category="drum",
        clip_id=clip.id,
        video_id=clip.video_id,
        start_ms=start_ms,
        end_ms=start_ms + 2000,
        decision=decision,
        reason=reason,
        rule="all_sides",
    )


def make_stream(example: Example) -> StreamRows:
    """62 rows of 100 dimensions at 15.625 Hz; of 4 s from 2 s on; row 16, at 3.024 s, is unlike the others."""
    rows = np.ones((62, 100), dtype=np.float16)
    rows[16, :50] = -1
    return StreamRows(
        name="lite0",
        encoder="efficientnet-lite0",
        start_ms=2000,
        end_ms=6000,
        digest="aaaaaaaaaaaa",
        weights="b" * 64,
        rate_hz=Fraction(125, 8),
        where="features/aaaaaaaaaaaa/case.npy",
        rows=rows,
    )


def make_media(clip: Clip) -> Media:
    return Media(
        clip_id=clip.id,
        video_id=clip.video_id,
        start_ms=clip.start_ms,
        end_ms=clip.end_ms,
        duration_ms=clip.duration_ms,
        sha256="ab" * 32,
        num_bytes=12_345,
        width=128,
        height=96,
        fps="25/1",
        num_frames=clip.duration_ms * FPS // 1000,
        sample_rate_hz=RATE_HZ,
        num_samples=clip.duration_ms * RATE_HZ // 1000,
        settings="0123456789ab",
    )


def attacked(data: SheetData, attack: str) -> SheetData:
    """The same with a stranger's words wherever a stranger can write."""
    media = dataclasses.replace(data.media, origin=attack, tools=((attack, attack),), cut=((attack, attack),))
    stream = dataclasses.replace(
        data.streams[0], weights=attack, digest=attack, where=attack, trouble=attack, name=attack
    )
    verdicts = tuple(dataclasses.replace(v, reason=attack, rule=attack) for v in data.report.verdicts[:1])
    return dataclasses.replace(
        data,
        report=dataclasses.replace(
            data.report,
            recipe_name=attack,
            categories=(Category(name="drum", title=f"Drum{attack}"),),
            verdicts=(*verdicts, *data.report.verdicts[1:]),
        ),
        clip=dataclasses.replace(data.clip, origin=attack),
        media=media,
        people=(dataclasses.replace(data.people[0], who=attack),),
        streams=(stream,),
        licence=attack,
        credit=attack,
        notes=(attack,),
        digests=((attack, attack),),
    )
