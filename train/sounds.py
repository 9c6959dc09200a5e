"""The files of generated sounds: which there are to be, which are there already, how they are written and read.

    sounds/{digest}/{example id}-{draw}.wav     16 bits, mono, as long as the example's true part
    sounds/{digest}/{example id}-0.mp4          the example's pictures with the first draw's sound (videos.py)
    sounds.json                                 trained.SoundSet, last

The digest is that of all that decides the sounds: the weights, the shards that say what the pictures show, the seed,
the temperature, the number of draws. Files are committed whole, a batch at a time, so that a command that was killed
goes on where it was. ``drawing.py`` makes what they hold. Importing this imports no torch.
"""

import hashlib
import io
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vegas_data.config import digest
from vegas_data.errors import TrainError
from vegas_data.records import Split
from vegas_data.shards.schema import ExampleMeta
from vegas_data.shards.sound import FULL_SCALE
from vegas_data.store import Store, sha256_of
from vegas_data.trained import SOUNDS, Sound, SoundSet

if TYPE_CHECKING:
    from train.data import Examples
    from train.models.sound import SoundModel

SOUNDING: Final = 1  # version of the code that decides the sounds: raise it with every change that leads to others
MAX_DRAWS: Final = 10_000
TEMPERATURES: Final = (0.01, 100.0)  # below, float32 logits overflow; above, it is noise
_SAMPLE_BYTES: Final = 2


@dataclass(frozen=True, kw_only=True)
class DrawOptions:
    """How sounds are drawn.

    Args:
        draws: sounds for each example. temperature: divides the logits: below 1 the likely gets likelier.
    """

    split: Split = "test"
    draws: int = 1
    seed: int = 0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        coldest, hottest = TEMPERATURES
        if not 1 <= self.draws <= MAX_DRAWS or not coldest <= self.temperature <= hottest:  # nor NaN
            raise ValueError(
                f"draws must be in 1…{MAX_DRAWS} and the temperature in {coldest}…{hottest}, "
                f"not {self.draws} and {self.temperature}"
            )


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A model with its weights; step and sha256 of their checkpoint."""

    model: "SoundModel"
    step: int
    checkpoint: str


@dataclass(frozen=True, kw_only=True)
class PlannedSound:
    """A sound that is, or is to be, in ``folder`` of a run: the draw ``draw`` of the example ``index``."""

    folder: str
    index: int
    meta: ExampleMeta
    draw: int
    num_samples: int

    @property
    def name(self) -> str:
        """Of its files, without the suffix."""
        return f"{self.meta.key}-{self.draw}"

    @property
    def wav(self) -> str:
        return f"{self.folder}/{self.name}.wav"

    @property
    def mp4(self) -> str:
        return f"{self.folder}/{self.name}.mp4"

    @property
    def sample_rate_hz(self) -> int:
        """As a wav file can say it: 15,974 for 15,974.4."""
        return round(self.meta.sample_rate_hz)

    @property
    def seconds(self) -> float:
        return self.num_samples / self.meta.sample_rate_hz


def plan_sounds(
    examples: "Examples", weights: Weights, options: DrawOptions, *, limit: int | None = None
) -> tuple[PlannedSound, ...]:
    """All draws of the first ``limit`` examples, in their order."""
    folder = f"sounds/{digest(SOUNDING, weights.checkpoint, examples.shards, options)}"
    planned = []
    for index in range(len(examples) if limit is None else min(limit, len(examples))):
        meta = examples.meta(index)
        num_samples = min(meta.num_frames, examples.config.num_frames) * meta.samples_per_frame
        planned += [
            PlannedSound(folder=folder, index=index, meta=meta, draw=draw, num_samples=num_samples)
            for draw in range(options.draws)
        ]
    return tuple(planned)


def missing_batches(store: Store, planned: Sequence[PlannedSound], *, batch_size: int) -> list[list[PlannedSound]]:
    """The batches that hold a sound which is not there yet, or is damaged.

    Raises:
        WorkspaceError: a side-car is damaged.
    """
    in_order = sorted(planned, key=lambda sound: (-sound.num_samples, sound.name))  # like lengths waste little
    batches = [in_order[first : first + batch_size] for first in range(0, len(in_order), batch_size)]
    return [batch for batch in batches if not all(is_whole(store, sound.wav) for sound in batch)]


def commit_sound(store: Store, sound: PlannedSound, pcm: npt.NDArray[np.int16]) -> None:
    """Put a sound in its place."""
    content = wav_bytes(pcm, sample_rate_hz=sound.sample_rate_hz)
    store.commit_artefact(sound.wav, content, {"sha256": hashlib.sha256(content).hexdigest()})


def commit_set(
    store: Store, weights: Weights, planned: Sequence[PlannedSound], options: DrawOptions, videos: Mapping[str, str]
) -> SoundSet:
    """Record sounds that are all there as the run's latest.

    Args:
        videos: names of mp4 files, by the names of their sounds.
    """
    sounds = [
        Sound(
            example_id=sound.meta.key,
            clip_id=sound.meta.clip_id,
            start_ms=sound.meta.start_ms,
            end_ms=sound.meta.end_ms,
            draw=sound.draw,
            wav=f"{sound.name}.wav",
            sha256=str(store.side_car(sound.wav)["sha256"]),
            mp4=videos.get(sound.name, ""),
        )
        for sound in planned
    ]
    made = SoundSet(
        folder=planned[0].folder,
        step=weights.step,
        checkpoint=weights.checkpoint,
        split=options.split,
        seed=options.seed,
        temperature=options.temperature,
        sample_rate_hz=planned[0].sample_rate_hz,
        sounds=tuple(sounds),
    )
    store.commit_json(SOUNDS, made)
    return made


def wav_bytes(pcm: npt.NDArray[np.int16], *, sample_rate_hz: int) -> bytes:
    """A mono wav file of 16 bits: the same sound, the same bytes.

    Shape:
        pcm: int16 [T].
    """
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(_SAMPLE_BYTES)
        file.setframerate(sample_rate_hz)
        file.writeframes(pcm.astype("<i2", copy=False).tobytes())
    return buffer.getvalue()


def read_wav(store: Store, key: str, *, sha256: str) -> npt.NDArray[np.float32]:
    """A generated sound as a wave in [-1, 1].

    Shape:
        returns float32 [T].

    Raises:
        TrainError: the file is not there, or no wav file. ChecksumMismatch: it is not the one that was made.
    """
    if not store.exists(key):
        raise TrainError(f"{store.path(key)}: is missing", remedy="run `python -m train.generate` again")
    store.verify_checksum(key, sha256)
    unit: npt.NDArray[np.float32] = read_pcm(store, key).astype(np.float32) / np.float32(FULL_SCALE)
    return unit


def read_pcm(store: Store, key: str) -> npt.NDArray[np.int16]:
    """The audio samples of a file that ``commit_sound`` made: int16 [T].

    Raises:
        TrainError: it is no wav file any more.
    """
    try:
        with wave.open(str(store.path(key)), "rb") as file:
            return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16, copy=False)
    except (wave.Error, EOFError) as error:
        raise TrainError(
            f"{store.path(key)}: not a wav file: {error}", remedy="delete it and run `python -m train.generate` again"
        ) from None


def is_whole(store: Store, key: str) -> bool:
    """Whether a sound or video is there with the bytes that its side-car records; raises WorkspaceError."""
    return store.has_artefact(key) and store.side_car(key).get("sha256") == sha256_of(store.path(key))
