"""What training would do, take and last, for ``--dry-run``: nothing is written, one piece is learned and forgotten."""

import dataclasses
import time
from typing import Any, Final

import click

from train.checkpoint import list_checkpoints, step_of
from train.fit import Trainer
from train.memory import as_size
from train.progress import as_time, print_line
from train.session import Session

_TIMED_ROWS: Final = 8  # examples of the measured update: enough to see, and soon over


def tell_plan(session: Session, *, as_json: bool) -> None:
    """Print the plan on stdout."""
    plan = make_plan(session)
    if as_json:
        print_line({"plan": plan})
        return
    memory, updates = plan["memory"], plan["num_steps"]
    sizes = ", ".join(f"{name} {as_size(memory[name])}" for name in ("weights", "activations", "batch"))
    seconds = plan["seconds_per_step"]
    lines = [
        ("run", f"{plan['run']}, after {plan['done']} updates" if plan["done"] else f"{plan['run']}, new"),
        ("examples", f"{plan['examples']} to train on, {plan['validation']} for validation"),
        ("updates", f"{updates} = {updates / plan['steps_per_epoch']:.2f} epochs of {plan['steps_per_epoch']}"),
        ("parameters", f"{plan['num_parameters']:,}"),
        ("memory", f"about {as_size(memory['total'])} ({sizes}); {as_size(memory['free'])} are free"),
        ("time", f"about {as_time(seconds * (updates - plan['done']))}, {seconds:.3g} s per update: {plan['timed']}"),
    ]
    for name, value in lines:
        click.echo(f"{name:<12}{value}")


def make_plan(session: Session) -> dict[str, Any]:
    """The plan as plain data; sizes in bytes."""
    info = session.info
    rows = session.schedule.rows(0)
    timed = min(rows, _TIMED_ROWS)
    saved = list_checkpoints(session.store)
    return {
        "run": info.name,
        "done": step_of(saved[0]) if saved else 0,
        "examples": len(session.examples),
        "validation": len(session.validation) if session.validation is not None else 0,
        "num_steps": info.num_steps,
        "steps_per_epoch": session.schedule.steps_per_epoch,
        "num_parameters": info.num_parameters,
        "memory": {**dataclasses.asdict(session.memory), "total": session.memory.total, "free": session.free},
        "seconds_per_step": _measure(session, rows=timed) * rows / timed,
        "timed": "measured, without loading and validation"
        if timed == rows
        else f"measured on {timed} examples for {rows}, without loading and validation",
    }


def _measure(session: Session, *, rows: int) -> float:
    """Seconds of one update on a batch of ``rows`` examples: the second one, for the first one warms up."""
    train = dataclasses.replace(session.experiment.train, batch_size=rows, num_steps=2)
    experiment = dataclasses.replace(session.experiment, train=train)
    trainer = Trainer(experiment, session.examples.shape, num_examples=rows, device=session.device)
    begun = 0.0
    for update in trainer.updates(session.examples):
        if update.step == 1:
            begun = time.perf_counter()
    return time.perf_counter() - begun
