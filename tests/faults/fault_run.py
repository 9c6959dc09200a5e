"""One ``vegas-data fetch`` over the table of faults: what became of every clip, and how long it took."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.commands import COMMAND
from tests.faults.fault_media import CLIP_MS
from tests.faults.fault_server import FaultServer
from tests.faults.fault_table import LIMIT_BYTES, Fault

DEADLINE_S: Final = 8.0
_STAGES: Final = """
[[verify.scorers]]
name = "yamnet"
side = "heard"
accept = 0.1
reject = 0.1

[[verify.scorers]]
name = "efficientnet-lite0"
side = "seen"
accept = 0.1
reject = 0.1

[[features.streams]]
name = "lite0"
encoder = "efficientnet-lite0"
"""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What became of one clip.

    Args:
        outcome: as in ``Fault``. seconds: the longest of its attempts.
    """

    fault: Fault
    outcome: str
    code: str
    message: str
    seconds: float


def recipe_text(urls: Mapping[str, str], fetch: str) -> str:
    """A recipe whose sources are web servers, with the given lines in its ``[fetch]``."""
    sources = "".join(f'[[sources]]\nname = "{name}"\nkind = "http"\nurl = "{url}"\n\n' for name, url in urls.items())
    return f'name = "loopback"\nschema = 1\n\n{sources}[fetch]\n{fetch}\n{_STAGES}'


def run_faults(
    server: FaultServer, faults: Iterable[Fault], folder: Path, *, copies: int, workers: int, timeout_s: float
) -> tuple[int, list[Ended]]:
    """Fetch ``copies`` clips of each fault into ``folder / "w"``; the exit code, and what became of each clip.

    Raises:
        subprocess.TimeoutExpired: the command hangs.
    """
    clips = {
        f"{fault.source}-{fault.name}-{number:02d}_{CLIP_MS[0]:09d}": fault
        for number in range(copies)
        for fault in faults
    }
    limits = f"max_source_bytes = {LIMIT_BYTES}\ndeadline_s = {DEADLINE_S}\nlow_speed_s = 1.0\nmax_attempts = 3\n"
    (folder / "recipe.toml").write_text(recipe_text(server.urls, limits), encoding="utf-8")
    rows = "".join(f"{clip.rpartition('_')[0]},{CLIP_MS[0]},{CLIP_MS[1]},drum\n" for clip in clips)
    (folder / "clips.csv").write_text("video_id,start_ms,end_ms,category\n" + rows, encoding="utf-8")
    command = [*COMMAND, "fetch", "--workspace", folder / "w", "--recipe", folder / "recipe.toml", "--json"]
    command += ["--manifest", folder / "clips.csv", "--workers", str(workers), "--allow-private"]
    done = subprocess.run(
        command,
        env={**os.environ, "SSL_CERT_FILE": str(server.authority)},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    try:
        failures = {row["unit"]: row for row in json.loads(done.stdout)["stages"][-1]["failures"]}
    except (ValueError, KeyError):
        sys.stderr.write(done.stdout[-3000:] + done.stderr[-3000:])
        raise
    with sqlite3.connect(f"file:{folder}/w/ledger.sqlite?mode=ro", uri=True) as ledger:
        seconds = dict(ledger.execute("SELECT unit, max(seconds) FROM attempts GROUP BY unit"))
    ledger.close()
    ended = []
    for clip, fault in clips.items():
        row = failures.get(clip)
        is_here = any((folder / "w" / "clips").rglob(f"{clip}.mp4"))
        outcome = "done" if is_here else "left"  # what was not taken up is listed nowhere
        if row is not None and row["status"] != "retry":
            outcome = f"{row['status']}, and here" if is_here else row["status"]
        ended.append(
            Ended(
                fault=fault,
                outcome=outcome,
                code=row["reason"] if row else "",
                message=row["message"] if row else "",
                seconds=seconds.get(clip, 0.0),
            )
        )
    return done.returncode, ended
