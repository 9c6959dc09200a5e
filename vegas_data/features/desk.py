"""Pictures of many examples in, their features out: one step of work at a time, the oldest first.

A step is one batch of an encoder, or the flow of one example. Batches that can be filled come first; then flow, after
which more can be filled; a batch that cannot be filled is shown padded when nothing else is left to do. Nobody waits
for others while the device has nothing to do.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import torch

from vegas_data.errors import DependencyMissing, DeviceMissing, VegasError
from vegas_data.features.batches import Batches, Features
from vegas_data.features.device import tools
from vegas_data.features.encoders import encoder_of, load_encoder
from vegas_data.features.flow.fields import Flows
from vegas_data.features.inputs import Material, Part, Shown
from vegas_data.features.options import FeatureOptions, FlowOptions
from vegas_data.features.pictures import Levels, Pixels


@dataclass(frozen=True, kw_only=True, eq=False)
class Computed:
    """One stream of one example.

    Args:
        tools: what these numbers depend on besides options, weights and media.

    Shape: rows: float32 [T, *feature_shape].
    """

    rows: Features
    weights: str
    tools: dict[str, str]


@dataclass(kw_only=True, eq=False)
class Task:
    """An example at work. It is done when it has an ``error``, or all streams are ``computed``."""

    material: Material
    computed: dict[str, Computed] = field(default_factory=dict)
    error: VegasError | None = None

    @property
    def is_done(self) -> bool:
        return self.error is not None or len(self.computed) == len(self.material.parts)


@dataclass(kw_only=True, eq=False)
class _Piece:
    """Rows of one stream of one task, of which ``rows`` holds the features of the first ``shown_so_far``."""

    task: Task
    part: Part
    shown: Shown
    shown_so_far: int = 0
    rows: Features | None = None

    @property
    def left(self) -> int:
        return len(self.shown) - self.shown_so_far

    def put(self, features: Features) -> None:
        """Take the features of the next rows."""
        if self.rows is None:
            self.rows = np.empty((len(self.shown), *features.shape[1:]), dtype=np.float32)
        self.rows[self.shown_so_far : self.shown_so_far + len(features)] = features
        self.shown_so_far += len(features)


class Desk:
    """Holds the encoders of all streams and what is to be computed.

    Args:
        is_shared: several examples may be here at a time: encoders are tried out (``Batches.probe``).

    Raises:
        RecipeError, WeightsMissing, DependencyMissing: as the encoders. DeviceMissing: no memory for the networks, or
            for a single row.
    """

    def __init__(self, options: FeatureOptions, device: str, *, is_shared: bool) -> None:
        self._streams = {stream.name: stream for stream in options.streams}
        self._tools = tools(device)
        self._flows = Flows(device)
        self._shapes = {stream.name: encoder_of(stream).feature_shape for stream in options.streams}
        self._batches: dict[str, Batches] = {}
        for stream in options.streams:
            try:
                encoder = load_encoder(stream, device, options.random_weights)
            except torch.OutOfMemoryError as error:
                why = str(error).partition("\n")[0]
                raise DeviceMissing(
                    f"stream {stream.name}: the device has no memory for the network: {why}",
                    remedy="end what else computes on it, or run without --gpu",
                ) from None
            batches = Batches(encoder, stream, options.batch_size)
            if is_shared:
                batches.probe()
            self._batches[stream.name] = batches
        self._pieces: dict[str, deque[_Piece]] = {name: deque() for name in self._streams}
        self._awaiting_flow: deque[Task] = deque()

    @property
    def has_work(self) -> bool:
        return bool(self._awaiting_flow) or any(self._pieces.values())

    def take(self, material: Material) -> Task:
        """Put an example behind those that are here."""
        task = Task(material=material)
        for part in material.parts:
            if part.flow is None:
                self._show(task, part, material.sources[part.source])
        if any(part.flow is not None for part in material.parts):
            self._awaiting_flow.append(task)
        return task

    def drop(self, task: Task) -> None:
        """Do nothing more for a task."""
        self._awaiting_flow = deque(other for other in self._awaiting_flow if other is not task)
        for name, pieces in self._pieces.items():
            self._pieces[name] = deque(piece for piece in pieces if piece.task is not task)

    def step(self) -> list[Task]:
        """Do one step; returns the tasks that are done by it."""
        full = next((name for name in self._pieces if self._is_full(name)), None)
        if full is not None:
            return self._encode(full)
        if self._awaiting_flow:
            return self._compute_flow(self._awaiting_flow.popleft())
        return self._encode(next(name for name, pieces in self._pieces.items() if pieces))

    def _show(self, task: Task, part: Part, source: Levels) -> None:
        self._pieces[part.stream].append(_Piece(task=task, part=part, shown=Shown(source=source, index=part.index)))

    def _is_full(self, name: str) -> bool:
        pieces, batches = self._pieces[name], self._batches[name]
        waiting = sum(piece.left for piece in pieces)
        return waiting >= (batches.size if batches.mixes else 1)

    def _compute_flow(self, task: Task) -> list[Task]:
        material = task.material
        fields: dict[tuple[int, FlowOptions], Levels] = {}
        try:
            for part in material.parts:
                if part.flow is None:
                    continue
                known = (part.source, part.flow)
                if known not in fields:
                    fields[known] = self._flows.fields(cast(Pixels, material.sources[part.source]), part.flow)
                self._show(task, part, fields[known])
        except VegasError as error:
            return self._fail([task], error)
        return []

    def _encode(self, name: str) -> list[Task]:
        pieces, batches = self._pieces[name], self._batches[name]
        rows: list[Levels] = []
        takers: list[tuple[_Piece, int]] = []
        wanted = batches.size
        for piece in pieces:
            some = piece.shown.rows(piece.shown_so_far, wanted)
            rows.append(some)
            takers.append((piece, len(some)))
            wanted -= len(some)
            if not wanted or not batches.mixes:
                break
        try:
            features = batches.encode(cast(Levels, np.concatenate(rows)) if len(rows) > 1 else rows[0])
            if len(rows) > 1 and not batches.mixes:  # found out on the way: smaller batches do not mix
                features = np.concatenate([batches.encode(some) for some in rows])
            self._check(name, features, num_rows=sum(map(len, rows)))
        except VegasError as error:
            return self._fail([piece.task for piece, _ in takers], error)
        done = []
        for piece, count in takers:
            piece.put(features[:count])
            features = features[count:]
            if not piece.left:
                pieces.popleft()
                piece.task.computed[name] = self._finish(piece)
                done += [piece.task] if piece.task.is_done else []
        return done

    def _check(self, name: str, features: Features, *, num_rows: int) -> None:
        wanted = (num_rows, *self._shapes[name])
        if features.shape != wanted:
            raise DependencyMissing(
                f"stream {name}: encoder {self._streams[name].encoder} answered with {features.shape}, not {wanted}",
                remedy="correct the package that announces the encoder, or take another one",
            )

    def _finish(self, piece: _Piece) -> Computed:
        assert piece.rows is not None
        encoder, notes = self._batches[piece.part.stream].encoder, self._batches[piece.part.stream].notes
        flow = self._streams[piece.part.stream].flow
        engine = {} if flow is None else self._flows.notes(flow)
        tools = self._tools | engine | getattr(encoder, "tools", {}) | notes
        return Computed(rows=piece.rows, weights=encoder.weights_digest, tools=tools)

    def _fail(self, tasks: list[Task], error: VegasError) -> list[Task]:
        for task in tasks:
            task.error = error
            self.drop(task)
        return tasks
