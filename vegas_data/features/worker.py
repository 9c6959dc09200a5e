"""One job in; every stream that is missing is decoded, computed and committed.

Leaves float16 [T, *shape] as .npy, in true length, before the ReLU (Zhou et al. 2018, §4.2), with a side-car.
The same job gives the same bytes whatever came before it and whoever computes beside it, in this process or in that of
a device: one thread, and batches of one size, of which a row knows neither its place nor its companions.
"""

import hashlib
import io
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vegas_data.errors import FeatureError
from vegas_data.features.computer import Computer
from vegas_data.features.desk import Computed
from vegas_data.features.extract import FeatureJob, FeatureRecord, feature_key, missing_streams, stream_digests
from vegas_data.features.grid import row_rate_hz
from vegas_data.features.inputs import Span, look
from vegas_data.features.options import FeatureOptions, StreamOptions
from vegas_data.units import Grid
from vegas_data.workspace import Workspace

SIDE_CAR_SCHEMA: Final = 1
Rows = npt.NDArray[np.float16]


class Extractor:
    """The worker of *featurize*: keeps nothing from one job to the next.

    Args:
        computer: of all streams in ``options``.
    """

    def __init__(self, options: FeatureOptions, grid: Grid, workspace: Workspace, computer: Computer) -> None:
        self._options = options
        self._grid = grid
        self._workspace = workspace
        self._computer = computer
        self._digests = stream_digests(options, grid)

    def __call__(self, job: FeatureJob) -> FeatureRecord:
        """Compute and commit what is missing.

        Raises:
            FeatureError: the example does not lie in its clip, or its features are not finite numbers.
            MediaError: the clip cannot be decoded. ChecksumMismatch: it is not the clip that was fetched.
        """
        span = Span(start_ms=job.start_ms, end_ms=job.end_ms)
        num_frames = self._grid.num_frames(max(0, span.duration_ms))
        if not 0 <= span.start_ms < span.end_ms <= job.media.duration_ms or not num_frames:
            raise FeatureError(
                f"{job.id}: not within its clip, which has {job.media.duration_ms} ms from {job.media.start_ms} ms on",
                remedy="run `vegas-data verify` again: the clip was fetched anew since",
            )
        missing = missing_streams(job, self._digests, self._workspace)
        if missing:
            self._workspace.verify_checksum(job.media_key, job.media.sha256)
            streams = [stream for stream in self._options.streams if stream.name in missing]
            computed = self._computer.compute(look(self._workspace.path(job.media_key), span, streams, self._grid))
            for stream in streams:
                self._commit(job, stream, computed[stream.name])
        return FeatureRecord(
            id=job.id,
            num_frames=num_frames,
            keys=tuple((name, feature_key(job, value)) for name, value in self._digests.items()),
            computed=missing,
        )

    def _commit(self, job: FeatureJob, stream: StreamOptions, computed: Computed) -> None:
        rows = as_float16(computed.rows, what=f"{job.id}, stream {stream.name}")
        content = npy_bytes(rows)
        side_car: dict[str, Any] = {
            "schema": SIDE_CAR_SCHEMA,
            "stream": stream.name,
            "encoder": stream.encoder,
            "digest": self._digests[stream.name],
            "weights": computed.weights,
            "media_sha256": job.media.sha256,
            "start_ms": job.start_ms,
            "end_ms": job.end_ms,
            "rate_hz": str(row_rate_hz(stream, self._grid)),
            "window": stream.window,
            "stride": stream.stride,
            "shape": list(rows.shape),
            "dtype": rows.dtype.name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "tools": computed.tools,
        }
        self._workspace.commit_artefact(feature_key(job, self._digests[stream.name]), content, side_car)


def as_float16(rows: npt.NDArray[np.float32], *, what: str) -> Rows:
    """Round to half precision, whose largest number is 65,504.

    Raises:
        FeatureError: a number is not finite, or too large.
    """
    with np.errstate(over="ignore"):
        halves = rows.astype("<f2")
    if not np.isfinite(halves).all():
        raise FeatureError(
            f"{what}: features hold numbers that are not finite, or beyond {np.finfo(np.float16).max}",
            remedy="check the encoder's weights with `vegas-data weights check`",
        )
    return halves


def npy_bytes(rows: Rows) -> bytes:
    """``rows`` as a .npy file: format 1.0, C order, the same bytes every time."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(rows), version=(1, 0), allow_pickle=False)
    return file.getvalue()
