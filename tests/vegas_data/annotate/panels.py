"""Panels for tests: tasks, clips that play, and the page on a port of this machine."""

import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from vegas_data.annotate import Gold, JudgmentStore, ReviewOptions, Task
from vegas_data.annotate.app import make_app
from vegas_data.annotate.assignment import Submission
from vegas_data.annotate.panel import Assignment, Clock, Panel
from vegas_data.annotate.security import HEADER, Identity, make_access
from vegas_data.annotate.server import base_url
from vegas_data.media.mux import write_mp4
from vegas_data.records import Category, Side
from vegas_data.store import Store

TOKEN = "t" * 43
CATEGORIES = {
    "drum": Category(
        name="drum", title="Drum", definition="Heard: a drum that somebody strikes. Seen: the drum, or part of a kit."
    ),
    "dog": Category(name="dog", title="Dog", definition="Heard: a dog's voice. Seen: a real dog."),
}
TWO = ((0, 2000), (2000, 4000))


def task(
    number: int,
    *,
    windows: tuple[tuple[int, int], ...] = TWO,
    sides: tuple[Side, ...] = ("heard", "seen"),
    category: str = "drum",
    media_key: str = "clips/a.mp4",
    purpose: str = "review",
) -> Task:
    """A task about its own clip; the number makes the difference."""
    video_id = f"local-{number:04d}"
    return Task(
        purpose=purpose,  # type: ignore[arg-type]
        category=category,
        clip_id=f"{video_id}_000000000",
        video_id=video_id,
        media_key=media_key,
        windows=windows,
        sides=sides,
    )


def make_tasks(count: int, **options: object) -> list[Task]:
    return [task(number, **options) for number in range(count)]  # type: ignore[arg-type]


def gold_of(one: Task) -> Gold:
    return Gold(task=one, answers=("yes",) * len(one.questions))


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder in memory, where there is one: what is about rules does not wait for a disk at every answer."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@dataclass
class Hands:
    """A clock that tests set, and a panel on a log of its own."""

    path: Path
    tasks: Sequence[Task]
    options: ReviewOptions = field(default_factory=ReviewOptions)
    gold: Sequence[Gold] = ()
    now_ms: int = 1_000_000

    def __post_init__(self) -> None:
        self.sent = 0
        self.open()

    def open(self) -> None:
        self.panel = Panel(
            JudgmentStore(self.path), self.tasks, self.options, gold=self.gold, clock=lambda: self.now_ms
        )

    def restart(self, tasks: Sequence[Task] | None = None, gold: Sequence[Gold] | None = None) -> None:
        """The same page again, or one of another list."""
        self.panel.store.close()
        self.tasks = self.tasks if tasks is None else tasks
        self.gold = self.gold if gold is None else gold
        self.open()

    def submission(self, one: Assignment, answer: str = "yes", *, place: int = 0) -> Submission:
        question, revision = one.open[place]
        self.sent += 1
        return Submission(
            key=f"key-{self.sent:08d}",
            lease=one.lease,
            question=question,
            answer=answer,  # type: ignore[arg-type]
            revision=revision,
            played_ms=question.end_ms - question.start_ms,
        )

    def judge_all(self, who: str, answer: str = "yes") -> int:
        """Answer everything there is for one person; how many answers that took."""
        count = 0
        while (work := self.panel.work(who)).assignments:
            self.now_ms += 2000
            taken = self.panel.answer(who, self.submission(work.assignments[0], answer))
            assert not hasattr(taken, "reason"), taken
            count += 1
        return count


def write_clip(
    path: Path,
    *,
    seconds: int = 4,
    size: tuple[int, int] = (160, 120),
    shade: int = 90,
    colour: tuple[int, int, int] | None = None,
) -> None:
    """A clip whose picture brightens, or has one colour, with a click in every second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = (
        np.full((size[1], size[0], 3), colour or (shade + level) % 256, dtype=np.uint8) for level in range(25 * seconds)
    )
    sound = np.zeros(48_000 * seconds, dtype=np.float32)
    sound[::48_000] = 0.5
    write_mp4(path, frames, size=size, fps=Fraction(25), audio=sound, sample_rate_hz=48_000)


def write_headers(url: str, annotator: str) -> dict[str, str]:
    """The headers of a page at ``url`` that somebody has entered."""
    access = make_access(TOKEN, "127.0.0.1", 1)
    cookie = f"{access.cookie}={access.seal(Identity(annotator=annotator, session='s'))}"
    return {"Cookie": cookie, "Origin": url, HEADER: "1", "Content-Type": "application/json"}


@contextmanager
def serving_panel(
    folder: Path,
    tasks: Sequence[Task],
    options: ReviewOptions,
    *,
    gold: Sequence[Gold] = (),
    categories: dict[str, Category] | None = None,
    clock: Clock | None = None,
) -> Iterator[tuple[str, Panel]]:
    """The page, really served: its address without a path, and the panel behind it."""
    import socket

    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        panel = Panel(JudgmentStore(folder / "judgments.sqlite"), tasks, options, gold=gold, clock=clock)
        app = make_app(panel, Store(folder), make_access(TOKEN, "127.0.0.1", port), categories or CATEGORIES)
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield base_url("127.0.0.1", port), panel
        finally:
            server.should_exit = True
            server.force_exit = True
            thread.join()
            panel.store.close()
