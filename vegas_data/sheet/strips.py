"""Rows of features as something to look at: how far each is from the one before, and the dimensions that vary most."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vegas_data.sheet.data import StreamRows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SHOWN_DIMENSIONS: Final = 48


@dataclass(frozen=True, kw_only=True)
class Strip:
    """One stream of one example on the time axis of its clip; row t takes from ``start_s + t / rate`` one step.

    Args:
        largest: of the distances, the top of the drawing.

    Shape:
        distance: float32 [T], 1 − cos(row t, row t − 1), the first NaN; heat: uint8 [K, T], of the K dimensions that
        vary most in this example, in their order, each from its least value (0) to its greatest (255).
    """

    stream: StreamRows
    start_s: float
    step_s: float
    distance: "npt.NDArray[np.float32]"
    heat: "npt.NDArray[np.uint8]"
    num_dimensions: int

    @property
    def end_s(self) -> float:
        return self.start_s + self.step_s * len(self.distance)

    @property
    def largest(self) -> float:
        import numpy as np

        return float(np.nan_to_num(self.distance).max())


def make_strip(stream: StreamRows) -> Strip | None:
    """A stream as a strip; None where its rows are not there."""
    import numpy as np

    if stream.rows is None or not len(stream.rows):
        return None
    rows = stream.rows.reshape(len(stream.rows), -1).astype(np.float32)
    shown = np.sort(np.argsort(-rows.var(axis=0), kind="stable")[:SHOWN_DIMENSIONS])
    values = rows[:, shown].T
    low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
    heat = np.rint(255 * (values - low) / np.where(high > low, high - low, 1)).astype(np.uint8)
    return Strip(
        stream=stream,
        start_s=stream.start_ms / 1000,
        step_s=float(1 / stream.rate_hz),
        distance=_distances(rows),
        heat=heat,
        num_dimensions=rows.shape[1],
    )


def _distances(rows: "npt.NDArray[np.float32]") -> "npt.NDArray[np.float32]":
    import numpy as np

    distance = np.full(len(rows), np.nan, dtype=np.float32)
    norms = np.linalg.norm(rows, axis=1)
    dots = np.einsum("td,td->t", rows[1:], rows[:-1])
    lengths = norms[1:] * norms[:-1]
    distance[1:] = 1 - np.divide(dots, lengths, out=np.ones_like(dots), where=lengths > 0)
    np.maximum(distance[1:], 0, out=distance[1:])
    return distance
