"""What happens between two updates: validation, a line of the log, a checkpoint, progress.

Each falls due after some of the updates, and they come in this order, so that what a kill leaves undone is made again.
"""

import math
import time
from typing import Final

import click

from train.checkpoint import Checkpoint, save_checkpoint
from train.data import Examples
from train.fit import Trainer, Update
from train.journal import Journal
from train.metrics.cross_entropy import split_loss
from train.progress import Meter, as_time, print_line, warn
from vegas_data.config import canonical
from vegas_data.store import Store
from vegas_data.trained import LOG, LogEntry, RunInfo, read_log

SAVE_EVERY_S: Final = 60.0
_LINES: Final = 100  # of the log, in a run that is not long
_MOST_BETWEEN: Final = 50  # updates between two lines, in one that is
_VALIDATIONS: Final = 5
_BITS: Final = 1 / math.log(2)


class Recorder:
    """What happens after each update: validation, log, checkpoint, progress."""

    def __init__(
        self,
        run: Store,
        trainer: Trainer,
        journal: Journal,
        meter: Meter,
        validation: Examples | None,
        *,
        begun: Checkpoint | None,
        save_every: int | None,
    ) -> None:
        self.run, self.trainer, self.journal, self.meter = run, trainer, journal, meter
        self.validation = validation
        self.save_every = save_every
        self.num_steps = trainer.config.num_steps
        self.log_every = min(_MOST_BETWEEN, math.ceil(self.num_steps / _LINES))
        self.validate_every = math.ceil(self.num_steps / _VALIDATIONS)
        self.nats_sum = begun.nats_sum if begun else 0.0
        self.nats_count = begun.nats_count if begun else 0
        self._before = begun.seconds if begun else 0.0
        self._start = self._saved = time.monotonic()

    @property
    def seconds(self) -> float:
        """Of training so far, those before an interruption included."""
        return self._before + time.monotonic() - self._start

    def record(self, update: Update) -> None:
        """All that is due after ``update``."""
        step, last = update.step, update.step == self.num_steps
        self.nats_sum += update.nats
        self.nats_count += 1
        validate = last or step % self.validate_every == 0
        if validate or step % self.log_every == 0:
            self._log(update, validate=validate)
        if last or self._save_is_due(step):
            self._save()
        self.meter.tell(step, f"{update.nats:.2f} nats")

    def _log(self, update: Update, *, validate: bool) -> None:
        nats = self.nats_sum / self.nats_count
        entry = LogEntry(
            step=update.step,
            epoch=update.epoch,
            nats=round(nats, 6),
            bits=round(nats * _BITS, 6),
            learning_rate=update.learning_rate,
            seconds=round(self.seconds, 2),
            val_nats=self._validate() if validate else None,
        )
        self.nats_sum, self.nats_count = 0.0, 0
        self.journal.write(entry)
        if self.meter.as_json:
            print_line(canonical(entry))

    def _validate(self) -> float | None:
        if self.validation is None:
            return None
        loss = split_loss(
            self.trainer.model,
            self.validation,
            batch_size=self.trainer.config.batch_size,
            piece_samples=self.trainer.config.piece_samples,
            repeated=False,
        )
        return round(loss.true, 6)

    def _save_is_due(self, step: int) -> bool:
        if self.save_every is not None:
            return step % self.save_every == 0
        return time.monotonic() - self._saved >= SAVE_EVERY_S

    def _save(self) -> None:
        self.journal.sync()
        checkpoint = self.trainer.checkpoint(seconds=self.seconds, nats_sum=self.nats_sum, nats_count=self.nats_count)
        save_checkpoint(self.run, checkpoint)
        self._saved = time.monotonic()


def tell_end(run: Store, info: RunInfo, *, made: int, as_json: bool) -> None:
    """Say on stdout what became of a finished run; ``made`` updates of it just now."""
    last = next(reversed(read_log(run)), None)
    if last is None or last.step != info.num_steps:
        warn(f"{run.path(LOG)}: lines were lost, it does not reach the end; the weights do")
        last = None
    if as_json:
        entry = {"step": info.num_steps} if last is None else canonical(last)
        print_line({"done": {"run": info.name, "made": made, **entry}})
        return
    took, figures = "", ""
    if last is not None:
        validation = "" if last.val_nats is None else f", validation {last.val_nats:.3f} nats"
        took = f" in {as_time(last.seconds)}"
        figures = f", {last.nats:.3f} nats = {last.bits:.3f} bits{validation}"
    before = "" if made else " (finished before, nothing to do)"
    click.echo(f"{info.category}, {info.model}: {info.num_steps} updates{took}{before}{figures}\n{run.root}")
