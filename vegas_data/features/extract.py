"""The stage *featurize*, as the pipeline sees it: a job, its address, its record, and the factory of workers.

Features are addressed by (media sha256, span, stream digest), never by category or by verdict: two categories that
accepted the same span share them, and a new judgment or threshold recomputes none.

    features/<stream digest>/<media sha256, 16 digits>_<start_ms>_<end_ms>.npy    float16 [T, *shape], and a side-car

The span in the address is in the time of the media, not of the source video: it says what was looked at.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vegas_data.config import digest
from vegas_data.errors import RecipeError
from vegas_data.features.encoders import digest_of_weights, encoder_of
from vegas_data.features.grid import num_rows, row_rate_hz
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
        num_frames: rows of every stream that has no rate of its own.
        keys: (stream, key of its artefact), in the recipe's order.
        computed: streams that were not there before.
    """

    id: str
    num_frames: int
    keys: tuple[tuple[str, str], ...]
    computed: tuple[str, ...]


def stream_digest(stream: StreamOptions, *, batch_size: int, grid: Grid, random_weights: int | None = None) -> str:
    """Digest of everything but media and span that decides a stream's bytes.

    Raises:
        RecipeError: no such encoder, or it does not fit the stream. WeightsMissing: its weights are not here.
    """
    spec = encoder_of(stream)
    parts = [
        STAGE_VERSION,
        stream,
        batch_size,
        grid.frame_rate_hz,
        spec.version,
        digest_of_weights(stream, random_weights),
    ]
    if stream.flow is not None:
        parts.append(stream.flow.engine_versions)
    return digest(FOLDER, *parts)


def stream_digests(options: FeatureOptions, grid: Grid) -> dict[str, str]:
    """Stream name → digest, in the recipe's order; raises as ``stream_digest``."""
    return {
        stream.name: stream_digest(
            stream, batch_size=options.batch_size, grid=grid, random_weights=options.random_weights
        )
        for stream in options.streams
    }


def stream_shapes(options: FeatureOptions, grid: Grid, duration_ms: int) -> dict[str, tuple[int, ...]]:
    """Shape of each stream's array for an example that lasts ``duration_ms``; raises as ``encoder_of``."""
    return {
        stream.name: (num_rows(duration_ms, row_rate_hz(stream, grid)), *encoder_of(stream).feature_shape)
        for stream in options.streams
    }


def feature_key(job: FeatureJob, digest_of_stream: str) -> str:
    """Workspace key of one stream of one job."""
    return f"{FOLDER}/{digest_of_stream}/{_file_name(job)}"


def _file_name(job: FeatureJob) -> str:
    return f"{span_id(job.media.sha256[:_SHA256_DIGITS], job.start_ms, job.end_ms)}.npy"


def select_streams(options: FeatureOptions, only: Sequence[str]) -> FeatureOptions:
    """The streams that ``only`` names, each by its own name or all of a kind as ``flow`` or ``pictures``; (): all.

    Raises:
        RecipeError: no stream is called so.
    """
    called = {stream: {stream.name, "pictures" if stream.flow is None else "flow"} for stream in options.streams}
    known = set().union(*called.values())
    for wanted in only:
        if wanted not in known:
            near = difflib.get_close_matches(wanted, known, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(sorted(known))}"
            raise RecipeError(f"the recipe has no stream called {wanted!r}", remedy=remedy)
    chosen = tuple(stream for stream, names in called.items() if not only or names.intersection(only))
    return replace(options, streams=chosen)


def missing_streams(job: FeatureJob, digests: Mapping[str, str], workspace: Workspace) -> tuple[str, ...]:
    """Streams of ``digests`` that are not there yet for this job; empty: the job is done."""
    return tuple(name for name, value in digests.items() if not workspace.has_artefact(feature_key(job, value)))


class Inventory:
    """What of the features in ``digests`` is there now, for many jobs: each stream's folder is listed once."""

    def __init__(self, digests: Mapping[str, str], workspace: Workspace) -> None:
        self._there = {name: workspace.artefacts(f"{FOLDER}/{value}") for name, value in digests.items()}

    def missing(self, job: FeatureJob) -> tuple[str, ...]:
        """As ``missing_streams``, at the time of the listing."""
        file = _file_name(job)
        return tuple(name for name, there in self._there.items() if file not in there)


def make_extractor(
    options: FeatureOptions, grid: Grid, workspace: Workspace, device: str = "cpu", *, server: str | None = None
) -> Callable[[FeatureJob], FeatureRecord]:
    """Return the worker; once per process.

    Args:
        server: address of the process that computes on ``device`` (``serving``); without one this process loads every
            stream's encoder and computes itself.

    Raises:
        RecipeError, WeightsMissing, DeviceMissing, DependencyMissing. DeviceLost: nobody is at that address.
    """
    from vegas_data.features.worker import Extractor

    if server is None:
        from vegas_data.features.computer import LocalComputer

        return Extractor(options, grid, workspace, LocalComputer(options, device))
    from vegas_data.features.device_process.client import RemoteComputer

    return Extractor(options, grid, workspace, RemoteComputer(options, server, device))
