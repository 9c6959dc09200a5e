"""Records of trained models for the tests of the report, made by hand, and the wav files that go with them."""

import hashlib
import io
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vegas_data.records import Example, ShardInfo
from vegas_data.report import TrainedModel
from vegas_data.trained import Evaluation, LogEntry, OnsetScore, RunInfo, Sound, SoundSet, SplitLoss

NEWEST = (400, "ef" * 32)
RATE_HZ = 16_000


def make_info(shard: ShardInfo, model: str = "frame") -> RunInfo:
    return RunInfo(
        name=f"{shard.category}-{model}-0123456789ab",
        category=shard.category,
        model=model,
        experiment="demo",
        seed=7,
        num_steps=400,
        num_parameters=412_672,
        stream_widths=(("lite0", 1280),),
        samples_per_frame=1024,
        shards=((shard.name, shard.sha256),),
    )


def make_log(last: int = 400) -> tuple[LogEntry, ...]:
    """A line every 100 updates, each with a loss a quarter nat lower; validation at every second."""
    return tuple(
        LogEntry(
            step=step,
            epoch=step // 8,
            nats=3.0 - step / 400,
            bits=(3.0 - step / 400) * 1.442695,
            learning_rate=0.004,
            seconds=step / 4,
            val_nats=3.1 - step / 400 if step % 200 == 0 else None,
        )
        for step in range(100, last + 1, 100)
    )


def make_score(f1: float = 0.51) -> OnsetScore:
    return OnsetScore(
        reference="planted",
        tolerance_ms=100,
        num_examples=6,
        num_draws=3,
        num_onsets=96,
        num_detected=266,
        precision=0.53,
        recall=0.49,
        f1=f1,
        f1_interval=(f1 - 0.07, f1 + 0.06),
        f1_shuffled=0.29,
        f1_ceiling=0.66,
    )


def make_evaluation(
    category: str, model: str = "frame", *, made_by: tuple[int, str] = NEWEST, onsets: OnsetScore | None = None
) -> Evaluation:
    return Evaluation(
        category=category,
        model=model,
        step=made_by[0],
        checkpoint=made_by[1],
        losses=(
            SplitLoss(split="train", num_examples=2, num_samples=100, true=1.84, repeated=1.8231),
            SplitLoss(split="test", num_examples=1, num_samples=50, true=1.97, repeated=1.9512),
        ),
        onsets=onsets,
    )


def make_sounds(examples: Sequence[Example], folder: Path, *, made_by: tuple[int, str] = NEWEST) -> SoundSet:
    """A sound set whose wav files are written: a click at every second, two draws of each example."""
    sounds = []
    for example in examples:
        for draw in (1, 0):  # not in order: whoever wants the first has to look
            name = f"{example.id}-{draw}.wav"
            content = make_wav(clicks(example.duration_ms * RATE_HZ // 1000 - 700))
            (folder / name).write_bytes(content)
            sounds.append(
                Sound(
                    example_id=example.id,
                    clip_id=example.clip_id,
                    start_ms=example.start_ms,
                    end_ms=example.end_ms,
                    draw=draw,
                    wav=name,
                    sha256=hashlib.sha256(content).hexdigest(),
                )
            )
    return SoundSet(
        folder="sounds/0123456789ab",
        step=made_by[0],
        checkpoint=made_by[1],
        split="test",
        seed=0,
        temperature=1.0,
        sample_rate_hz=RATE_HZ,
        sounds=tuple(sounds),
    )


def clicks(num_samples: int) -> np.ndarray:
    """float32 [num_samples]: 10 ms of noise-like square at every full second."""
    sound = np.zeros(num_samples, dtype=np.float32)
    for start in range(0, num_samples, RATE_HZ):
        sound[start : start + 160] = 0.8
    return sound


def make_wav(sound: np.ndarray, *, rate_hz: int = RATE_HZ, channels: int = 1) -> bytes:
    """16 bits."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.rint(sound * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def make_model(shard: ShardInfo, model: str = "frame", **parts: object) -> TrainedModel:
    """A run that is finished; ``parts`` replaces any of its parts."""
    whole = {"info": make_info(shard, model), "log": make_log(), "checkpoint": NEWEST} | parts
    return TrainedModel(category=shard.category, model=model, **whole)  # type: ignore[arg-type]
