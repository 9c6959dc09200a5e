"""What the train commands leave in a workspace: the contract between those who write it and the page that shows it.

    train/current/{category}-{model}.json      which run is the latest of a model
    train/{category}-{model}-{digest}/         a run, a Store of its own: training disturbs no other command
      run.json                                 RunInfo
      experiment.json                          the experiment as ``train.config`` reads it
      log.jsonl                                a LogEntry per line
      checkpoints/step-000000400.safetensors   with its side-car
      sounds.json                              SoundSet: the latest generated sounds
      sounds/{digest}/{example id}-{draw}.wav  and .mp4, the example's pictures with this sound; each with a side-car
      evaluation.json                          Evaluation

A run's digest is that of everything that decides its weights. Whatever is read here is checked: unknown keys, wrong
types and names that lead elsewhere are refused.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from vegas_data.config import load_table
from vegas_data.errors import RecipeError, WorkspaceError
from vegas_data.records import Split
from vegas_data.store import Store
from vegas_data.workspace import Workspace

SCHEMA: Final = 1
TRAIN: Final = "train"
RUN: Final = "run.json"
EXPERIMENT: Final = "experiment.json"
LOG: Final = "log.jsonl"
CHECKPOINTS: Final = "checkpoints"
SOUNDS: Final = "sounds.json"
EVALUATION: Final = "evaluation.json"
MODELS: Final = ("frame", "seq", "flow")
MODEL_ENTRY_POINTS: Final = "vegas_data.models"
_POINTER: Final = re.compile(r"([a-z][a-z0-9_]*)-([a-z]+)\.json", re.ASCII)
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*-[a-z]+-[0-9a-f]{12}", re.ASCII)
_FILE: Final = re.compile(r"[A-Za-z0-9_-]{1,100}\.(wav|mp4)|", re.ASCII)
_FOLDER: Final = re.compile(r"sounds/[0-9a-f]{12}", re.ASCII)

_MODEL: Final = re.compile(r"[a-z]+", re.ASCII)

R = TypeVar("R")
Reference = Literal["planted", "detected"]


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What a run is.

    Args:
        name: of its folder. category, model: what it learns, and how it is conditioned. experiment: its name.
        num_steps: updates in all; num_parameters: numbers in the model.
        stream_widths, samples_per_frame: of the shards it learns from, see ``train.config.DataShape``.
        shards: name and sha256 of each shard of the training split. tools: versions of what trains.
    """

    schema: int = SCHEMA
    name: str
    category: str
    model: str
    experiment: str
    seed: int
    num_steps: int
    num_parameters: int
    stream_widths: tuple[tuple[str, int], ...]
    samples_per_frame: int
    shards: tuple[tuple[str, str], ...]
    tools: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """One line of a run's log.

    Args:
        step: updates made so far. nats: mean cross-entropy per audio sample of the updates since the last line.
        val_nats: of the validation split at this step, on the true part; None where it was not measured.
        seconds: of training so far, interruptions left out.
    """

    step: int
    epoch: int
    nats: float
    bits: float
    learning_rate: float
    seconds: float
    val_nats: float | None = None


@dataclass(frozen=True, kw_only=True)
class Sound:
    """One generated sound.

    Args:
        example_id, clip_id, start_ms, end_ms: the example whose pictures were shown to the model.
        draw: from 0: another draw is another sound for the same pictures. wav, mp4: names of files in the set's
            folder; ``mp4`` is empty where none was made. sha256: of the wav.
    """

    example_id: str
    clip_id: str
    start_ms: int
    end_ms: int
    draw: int
    wav: str
    sha256: str
    mp4: str = ""

    def __post_init__(self) -> None:
        for name in (self.wav, self.mp4):
            if not _FILE.fullmatch(name):
                raise ValueError(f"not the name of a sound: {name[:40]!r}")


@dataclass(frozen=True, kw_only=True)
class SoundSet:
    """Sounds that one checkpoint made for the examples of one split.

    Args:
        folder: key in the run's folder. step, checkpoint: of the weights, and the sha256 of their file.
        seed, temperature: how levels were drawn.
    """

    schema: int = SCHEMA
    folder: str
    step: int
    checkpoint: str
    split: Split
    seed: int
    temperature: float
    sample_rate_hz: int
    sounds: tuple[Sound, ...]

    def __post_init__(self) -> None:
        if not _FOLDER.fullmatch(self.folder):
            raise ValueError(f"not a folder of sounds: {self.folder[:40]!r}")


@dataclass(frozen=True, kw_only=True)
class SplitLoss:
    """Mean cross-entropy per audio sample of a split, in nats.

    Args:
        true: over the examples as they are. repeated: over examples repeated to 10 s, the form of the paper's Table 1.
    """

    split: Split
    num_examples: int
    num_samples: int
    true: float
    repeated: float


@dataclass(frozen=True, kw_only=True)
class OnsetScore:
    """Do the generated sounds begin when they should?

    Args:
        reference: ``planted`` onsets of an embedded corpus or an own table, else those ``detected`` in the true sound.
        tolerance_ms: how far a detected onset may lie from its reference.
        num_onsets: in the reference, over ``num_examples``; num_detected: in the generated sounds, over all draws.
        f1_interval: 95 % bootstrap over source videos. f1_shuffled: of each sound against other videos' onsets, in
            the mean over derangements. f1_ceiling: of the true sounds through the same detector.
    """

    reference: Reference
    tolerance_ms: int
    num_examples: int
    num_draws: int
    num_onsets: int
    num_detected: int
    precision: float
    recall: float
    f1: float
    f1_interval: tuple[float, float]
    f1_shuffled: float
    f1_ceiling: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What ``train.evaluate`` found out about one checkpoint of a run."""

    schema: int = SCHEMA
    category: str
    model: str
    step: int
    checkpoint: str
    losses: tuple[SplitLoss, ...]
    onsets: OnsetScore | None = None

    def loss(self, split: Split) -> SplitLoss | None:
        """The loss of a split, if it was measured."""
        return next((loss for loss in self.losses if loss.split == split), None)


def model_names() -> tuple[str, ...]:
    """Every model that can be trained here: the paper's three, then those of installed packages by name."""
    from importlib.metadata import entry_points

    announced = {name for name in entry_points(group=MODEL_ENTRY_POINTS).names if _MODEL.fullmatch(name)}
    return (*MODELS, *sorted(announced.difference(MODELS)))


def run_store(workspace: Workspace, name: str) -> Store:
    """The folder of the run called ``name``."""
    return Store(workspace.path(f"{TRAIN}/{name}"))


def pointer_key(category: str, model: str) -> str:
    """Key of the file that names the latest run of a category's model."""
    return f"{TRAIN}/current/{category}-{model}.json"


def current_run(workspace: Workspace, category: str, model: str) -> str | None:
    """Name of the latest run of a category's model; None if there is none.

    Raises:
        WorkspaceError: the file that says so is damaged.
    """
    key = pointer_key(category, model)
    if not workspace.exists(key):
        return None
    content = workspace.read_json(key)
    name = content.get("run") if isinstance(content, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise WorkspaceError(f"{workspace.path(key)}: names no run", remedy="run `python -m train.run` again")
    return name


def trained_models(workspace: Workspace) -> list[tuple[str, str]]:
    """(category, model) of all that have a latest run; by category, then in the order of ``model_names``."""
    known = model_names()
    names = (_POINTER.fullmatch(Path(key).name) for key in workspace.keys(f"{TRAIN}/current", ".json"))
    found = [(match[1], known.index(match[2])) for match in names if match is not None and match[2] in known]
    return [(category, known[index]) for category, index in sorted(found)]


def current_runs(workspace: Workspace) -> Iterator[tuple[str, str, str]]:
    """(category, model, name) of the latest runs, in the order of ``trained_models``.

    Raises:
        WorkspaceError: a file that says which it is is damaged.
    """
    for category, model in trained_models(workspace):
        name = current_run(workspace, category, model)
        if name is not None:
            yield category, model, name


def read_record(run: Store, key: str, kind: type[R]) -> R | None:
    """The record at ``key`` of a run; None if it is not there.

    Raises:
        WorkspaceError: it is there, and damaged or of another version.
    """
    return build_record(kind, run.read_json(key), where=str(run.path(key))) if run.exists(key) else None


def build_record(kind: type[R], table: Any, *, where: str) -> R:
    """A record from parsed JSON; raises WorkspaceError naming ``where`` for anything but its very keys and types."""
    try:
        if not isinstance(table, dict):
            raise RecipeError(f"{where}: not a JSON object")
        return load_table(kind, table, where=where)
    except RecipeError as error:
        raise WorkspaceError(str(error), remedy="delete the file and run the train command that wrote it") from None


def read_log(run: Store) -> tuple[LogEntry, ...]:
    """The log of a run; a last line that was cut off by a kill is passed over.

    Raises:
        WorkspaceError: another line is damaged.
    """
    if not run.exists(LOG):
        return ()
    path = run.path(LOG)
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    entries = []
    for number, line in enumerate(lines[:-1], 1):  # what follows the last newline is empty, or cut off
        try:
            table = json.loads(line)
        except (ValueError, RecursionError):
            table = None
        entries.append(build_record(LogEntry, table, where=f"{path}, line {number}"))
    return tuple(entries)
