"""A small *featurize*, quick to repeat: the real session, driver, ledger, store and shard writer, in one process.

Only the networks are missing: an example's features are numbers drawn by its id. ``python -m tests.faults.small_job``
imports everything once and then forks a process for each job it is told of, which stands still until it gets the signal
``GO_ON``, and may be traced by then.
"""

import ctypes
import hashlib
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final

import click
import numpy as np

from vegas_data import features, sealing
from vegas_data.cli.console import print_summary
from vegas_data.cli.session import Place, worst, writing
from vegas_data.command import run_command
from vegas_data.config import canonical
from vegas_data.context import Run, Selection
from vegas_data.errors import EXIT_BUG
from vegas_data.fetch import clip_key
from vegas_data.media.mux import write_mp4
from vegas_data.recipe import find_recipe
from vegas_data.records import Example, Media
from vegas_data.run.driver import Work
from vegas_data.run.stage import Stage
from vegas_data.shards.npy import npy_bytes
from vegas_data.units import Grid
from vegas_data.workspace import Workspace

CLIP_MS: Final = 2000
CATEGORIES: Final = {"demo-000": "drum", "demo-001": "drum", "demo-002": "dog"}
WIDTH: Final = 8
GO_ON: Final = signal.SIGUSR1
_CLIPS: Final = "c" * 12
_PR_SET_PTRACER: Final = 0x59616D61
_ANYBODY: Final = ctypes.c_ulong(-1)


def make_workspace(root: Path) -> Workspace:
    """A workspace into which three clips have been fetched, and nothing more."""
    workspace = Workspace.create(root, find_recipe("smoke").read_text(encoding="utf-8"))
    with workspace.scratch() as folder:
        pictures = (np.full((48, 64, 3), 4 * level, dtype=np.uint8) for level in range(50))
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(96_000) / 48_000)
        write_mp4(folder / "clip.mp4", pictures, size=(64, 48), fps=Fraction(25), audio=tone.astype(np.float32))
        clip = (folder / "clip.mp4").read_bytes()
    for video_id in CATEGORIES:
        own = clip + b"\0\0\0\x10free" + video_id.encode()  # a box that every player passes over
        media = Media(
            clip_id=f"{video_id}_{0:09d}",
            video_id=video_id,
            start_ms=0,
            end_ms=CLIP_MS,
            duration_ms=CLIP_MS,
            sha256=hashlib.sha256(own).hexdigest(),
            num_bytes=len(own),
            width=64,
            height=48,
            fps="25/1",
            num_frames=50,
            sample_rate_hz=48_000,
            num_samples=96_000,
            settings=_CLIPS,
        )
        workspace.commit_artefact(clip_key(_CLIPS, media.clip_id), own, canonical(media))
    (root / "tmp").rmdir()
    return workspace


def jobs_in(workspace: Workspace) -> sealing.Jobs:
    """An example of each clip, as if it had been verified."""
    jobs = {}
    for video_id, category in CATEGORIES.items():
        key = clip_key(_CLIPS, f"{video_id}_{0:09d}")
        media = Media(**workspace.side_car(key) | {"cut": (), "tools": ()})
        example = Example(category=category, clip_id=media.clip_id, video_id=video_id, start_ms=0, end_ms=CLIP_MS)
        jobs[example] = features.FeatureJob(example=example, media=media, media_key=key)
    return jobs


def make_extractor(workspace: Workspace, digests: dict[str, str], grid: Grid) -> Callable[[features.FeatureJob], None]:
    """The worker: commits what is missing, as that of *featurize* does."""

    def extract(job: features.FeatureJob) -> None:
        for name in features.missing_streams(job, digests, workspace):
            shape = (grid.num_frames(CLIP_MS), WIDTH)
            rows = np.random.default_rng(list(f"{job.example.id} {name}".encode())).normal(size=shape)
            content = npy_bytes(rows.astype(np.float16))
            side_car = {
                "schema": 1,
                "stream": name,
                "digest": digests[name],
                "weights": "d" * 12,
                "media_sha256": job.media.sha256,
                "start_ms": job.start_ms,
                "end_ms": job.end_ms,
                "rate_hz": str(grid.frame_rate_hz),
                "window": 1,
                "stride": 1,
                "shape": list(shape),
                "dtype": "float16",
                "sha256": hashlib.sha256(content).hexdigest(),
                "tools": {},
            }
            workspace.commit_artefact(features.feature_key(job, digests[name]), content, side_car)

    return extract


def featurize(run: Run, jobs: sealing.Jobs) -> int:
    """Features and shards, by the driver; the exit code."""
    digests = features.stream_digests(run.recipe.features, run.recipe.grid)
    stage = Stage[features.FeatureJob](
        name="featurize",
        digest="f" * 12,
        make_worker=partial(make_extractor, run.workspace, digests, run.recipe.grid),
    )
    work = Work(
        stage=stage,
        units=list(jobs.values()),
        is_done=lambda job: not features.missing_streams(job, digests, run.workspace),
    )
    summaries = [run.do(work), sealing.run_shards(run, jobs)]
    for summary in summaries:
        print_summary(summary)
    return worst(summaries)


@click.command()
@click.argument("root", type=click.Path(path_type=Path))
def command(root: Path) -> int:
    place = Place(workspace_path=root, recipe_name=None, categories_file=None, as_json=True)
    with writing(place, Selection(), workers=0) as run:
        return featurize(run, jobs_in(run.workspace))


def _child(root: str, log: str) -> int:
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)  # where only parents may trace, too
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)
    signal.sigwait({GO_ON})
    try:
        run_command(command, prog_name="small-job", argv=[root])
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:  # noqa: BLE001 - as at the end of any process
        traceback.print_exc()
    return EXIT_BUG


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:  # whatever is imported late is here after the first job
        make_workspace(Path(folder) / "w")
        command.main(args=[str(Path(folder) / "w")], standalone_mode=False)
    signal.pthread_sigmask(signal.SIG_BLOCK, {GO_ON})  # in the children, too: it may come before they wait for it
    print("ready", flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if not pid:
            code = EXIT_BUG
            try:
                code = _child(job["root"], job["log"])
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
