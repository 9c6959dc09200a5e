"""The stage *featurize*, as the pipeline sees it: a job, its address, its record, and the factory of workers.

Features are addressed by (media sha256, span, stream digest), never by category or by verdict: two categories that
accepted the same span share them, and a new judgment or threshold recomputes none.

    features/<stream digest>/<media sha256, 16 digits>_<start_ms>_<end_ms>.npy    float16 [F, *shape], and a side-car

The span in the address is in the time of the media, not of the source video: it says what was looked at.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from vegas_data.config import digest
from vegas_data.features.encoders import encoder_of
from vegas_data.features.options import FeatureOptions, StreamOptions
from vegas_data.records import Example, Media, span_id
from vegas_data.units import Grid
from vegas_data.workspace import Workspace

FOLDER: Final = "features"
STAGE_VERSION: Final = 1  # raised whenever the same options and media would give other bytes
_SHA256_DIGITS: Final = 16


@dataclass(frozen=True, kw_only=True)
class FeatureJob:
    """An example and the clip it lies in.

    Args:
        media_key: workspace key of the clip's mp4.
    """

    example: Example
    media: Media
    media_key: str

    @property
    def id(self) -> str:
        """Clip, span and bytes: the same for every category that accepted the span."""
        span = span_id(self.media.clip_id, self.example.start_ms, self.example.end_ms)
        return f"{span}@{self.media.sha256[:8]}"

    @property
    def start_ms(self) -> int:
        """Start of the example in the time of the media."""
        return self.example.start_ms - self.media.start_ms

    @property
    def end_ms(self) -> int:
        """End of the example in the time of the media."""
        return self.example.end_ms - self.media.start_ms


@dataclass(frozen=True, kw_only=True)
class FeatureRecord:
    """What a worker did for one job.

    Args:
        num_frames: rows of every stream. keys: (stream, key of its artefact), in the recipe's order.
        computed: streams that were not there before.
    """

    id: str
    num_frames: int
    keys: tuple[tuple[str, str], ...]
    computed: tuple[str, ...]


def stream_digest(stream: StreamOptions, *, batch_size: int, grid: Grid) -> str:
    """Digest of everything but media and span that decides a stream's bytes.

    Raises:
        RecipeError: no such encoder, or it does not fit the stream. WeightsMissing: its weights are not here.
    """
    spec = encoder_of(stream)
    return digest(FOLDER, STAGE_VERSION, stream, batch_size, grid.frame_rate_hz, spec.version, spec.weights_digest())


def stream_digests(options: FeatureOptions, grid: Grid) -> dict[str, str]:
    """Stream name → digest, in the recipe's order; raises as ``stream_digest``."""
    return {stream.name: stream_digest(stream, batch_size=options.batch_size, grid=grid) for stream in options.streams}


def feature_key(job: FeatureJob, digest_of_stream: str) -> str:
    """Workspace key of one stream of one job."""
    name = span_id(job.media.sha256[:_SHA256_DIGITS], job.start_ms, job.end_ms)
    return f"{FOLDER}/{digest_of_stream}/{name}.npy"


def missing_streams(job: FeatureJob, digests: Mapping[str, str], workspace: Workspace) -> tuple[str, ...]:
    """Streams of ``digests`` that are not there yet for this job; empty: the job is done."""
    return tuple(name for name, value in digests.items() if not workspace.has_artefact(feature_key(job, value)))


def make_extractor(
    options: FeatureOptions, grid: Grid, workspace: Workspace, device: str = "cpu"
) -> Callable[[FeatureJob], FeatureRecord]:
    """Load every stream's encoder and return the worker; once per process.

    Raises:
        RecipeError, WeightsMissing, DeviceMissing, DependencyMissing.
    """
    from vegas_data.features.worker import Extractor

    return Extractor(options, grid, workspace, device=device)
