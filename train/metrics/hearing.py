"""Generated sounds and the shards they were made for in, what is to be heard in each and when it should be out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from train.data import Examples
from train.metrics.onset_score import HeardExample
from train.metrics.onsets import detect_onsets, field_ms
from train.quantize import dequantize
from train.sounds import read_wav
from vegas_data.shards.schema import ExampleMeta
from vegas_data.store import Store
from vegas_data.trained import Reference, Sound, SoundSet


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a score is made of; ``num_unknown`` examples were left out, for the table of onsets lacks their videos."""

    examples: tuple[HeardExample, ...]
    reference: Reference
    num_unknown: int


def hear(store: Store, sounds: SoundSet, examples: Examples, onsets: Mapping[str, Sequence[int]] | None) -> Heard:
    """Detect the onsets of generated and true sounds, and bring those of a table into each example's own time.

    Args:
        onsets: of each source video, in its time; None, or of none of these videos: nobody knows, and the reference
            is what the detector finds in the true sounds.

    Raises:
        TrainError: a sound is missing. ChecksumMismatch: it is not the one that was made.
        ShardError: a shard changed since it was proven.
    """
    draws: dict[str, list[Sound]] = {}
    for sound in sorted(sounds.sounds, key=lambda sound: sound.draw):
        draws.setdefault(sound.example_id, []).append(sound)
    metas = [examples.meta(index) for index in range(len(examples))]
    known = onsets if onsets and any(meta.video_id in onsets for meta in metas) else None
    heard, num_unknown = [], 0
    for index, meta in enumerate(metas):
        if known is not None and meta.video_id not in known:
            num_unknown += 1
            continue
        example = examples[index]
        duration_ms = 1000 * example.num_samples / meta.sample_rate_hz
        wave = dequantize(example.levels[: example.num_samples], examples.config.spacing)
        true = _detect(wave, meta)
        waves = [read_wav(store, f"{sounds.folder}/{sound.wav}", sha256=sound.sha256) for sound in draws[meta.key]]
        heard.append(
            HeardExample(
                video_id=meta.video_id,
                duration_ms=duration_ms,
                reference=true if known is None else _within(known[meta.video_id], meta.start_ms, duration_ms),
                true=true,
                draws=tuple(_detect(wave, meta) for wave in waves),
            )
        )
    return Heard(examples=tuple(heard), reference="detected" if known is None else "planted", num_unknown=num_unknown)


def _detect(wave: np.ndarray[tuple[int, ...], np.dtype[np.float32]], meta: ExampleMeta) -> list[int]:
    return [int(onset) for onset in detect_onsets(wave, sample_rate_hz=meta.sample_rate_hz)]


def _within(onsets_ms: Sequence[int], start_ms: int, duration_ms: float) -> list[int]:
    """The onsets of an example, from its beginning, but for those at its very ends, which no detector can find."""
    first, last = field_ms(duration_ms)
    return [onset - start_ms for onset in onsets_ms if first <= onset - start_ms <= last]
