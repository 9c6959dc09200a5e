"""One encoder and the batches that it is shown: always of one size, padded with zeros.

A batch may hold rows of several examples only if a row's answer depends neither on its place nor on its companions.
That is tried out, bit by bit, where rows of several examples meet; a device that fails gets batches of one example.
"""

import sys
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from vegas_data.errors import DeviceMissing
from vegas_data.features.encoders import Encoder
from vegas_data.features.options import StreamOptions
from vegas_data.features.pictures import Levels

Features = npt.NDArray[np.float32]
_PROBE_SEED: Final = 0


def say(line: str) -> None:
    """A line on stderr."""
    print(line, file=sys.stderr, flush=True)


class Batches:
    """Shows an encoder rows.

    Args:
        size: rows per batch. tell: told once, when the device turns out to have no memory for so many.

    ``size`` is halved whenever the device has no memory for it; ``mixes`` says whether rows of several examples may
    share a batch.
    """

    def __init__(
        self, encoder: Encoder, stream: StreamOptions, size: int, *, tell: Callable[[str], None] = say
    ) -> None:
        self.encoder = encoder
        self.size = size
        self.mixes = True
        self._stream = stream
        self._wanted = size
        self._tell = tell
        self._is_probed = False

    @property
    def notes(self) -> dict[str, str]:
        """What of this the bytes depend on, if it is not as the recipe says."""
        notes = {}
        if self.size < self._wanted:
            notes[f"batch_size:{self._stream.name}"] = (
                f"{self.size}, not {self._wanted}: the device has no memory for more"
            )
        if not self.mixes:
            notes[f"batches:{self._stream.name}"] = (
                "of one example each: on this device a row depends on its companions"
            )
        return notes

    def encode(self, rows: Levels) -> Features:
        """The features of any number of rows, in batches of ``size``.

        Raises:
            DeviceMissing: the device has no memory for a single row.
        """
        pieces: list[Features] = []
        first = 0
        while first < len(rows):
            some = rows[first : first + self.size]
            try:
                pieces.append(self._encode(some))
            except torch.OutOfMemoryError as error:
                self._halve(str(error).partition("\n")[0])
            else:
                first += len(some)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def probe(self) -> None:
        """Find out whether rows may be mixed: the same rows at other places, and one alone, must give the same bits."""
        self._is_probed = True
        while True:
            try:
                self.mixes = self._is_independent(self.size)
            except torch.OutOfMemoryError as error:
                self._halve(str(error).partition("\n")[0])
            else:
                return

    def _is_independent(self, size: int) -> bool:
        stream = self._stream
        pictures = (stream.size_px, stream.size_px)
        shape = (*pictures, 3) if stream.flow is None else (2 * stream.window, *pictures)
        rows = np.random.default_rng(_PROBE_SEED).integers(0, 256, (size, *shape), dtype=np.uint8)
        answers = self._encode(rows)
        for places in (size // 2, size - 1):
            moved = self._encode(np.roll(rows, places, axis=0))
            if not _same_bits(moved, np.roll(answers, places, axis=0)):
                return False
        return _same_bits(self._encode(rows[size // 2 : size // 2 + 1]), answers[size // 2 : size // 2 + 1])

    def _encode(self, rows: Levels) -> Features:
        if len(rows) == self.size:
            return self.encoder.encode(rows)
        batch = np.zeros((self.size, *rows.shape[1:]), dtype=rows.dtype)
        batch[: len(rows)] = rows
        return self.encoder.encode(batch)[: len(rows)]

    def _halve(self, why: str) -> None:
        stream = self._stream.name
        if self.size == 1:
            raise DeviceMissing(
                f"stream {stream}: the device has no memory for one row: {why}",
                remedy="end what else computes on it, or run without --gpu",
            )
        if self.size == self._wanted:
            self._tell(f"stream {stream}: the device has no memory for {self.size} rows at once: halved until it fits")
        self.size //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self._is_probed:
            self.probe()


def _same_bits(some: Features, others: Features) -> bool:
    return some.tobytes() == others.tobytes()
