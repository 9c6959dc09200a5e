"""The link-rot ledger: which clip was there when, and why not, as a table to publish; and what changed between two.

Enters: what was ever asked of the hosts. Leaves: one row for each time that a clip came or was refused for good, sorted
by video, clip and time. ``class`` is ``alive``, or the class of the failure: of a video that is gone, or of one that is
there and holds nothing for the clip (no sound, too short …). What is a host's, the network's or our own fault says
nothing about a video and stands in no row; so does an answer that nobody understood.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vegas_data.errors import GONE, ReleaseError
from vegas_data.ledger import Attempt

ALIVE: Final = "alive"
SEEN_BY_A_LOOK: Final = GONE | {ALIVE}
"""What a host can say of a video without bringing it."""
COLUMNS: Final = ("video_id", "id", "checked_at", "class", "message")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}_\d{9}", re.ASCII)
_CLASS: Final = re.compile(r"[a-z][a-z_]{0,31}", re.ASCII)
_MAX_ROWS: Final = 50_000_000
_REMEDY: Final = "give a file that `vegas-data release availability` wrote"


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What one check of a clip found.

    Args:
        checked_at: UTC milliseconds since 1970; 0: at some time, nobody knows when. kind: the column ``class``.
        message: the host's own words.
    """

    clip_id: str
    checked_at: int
    kind: str
    message: str = ""

    @property
    def video_id(self) -> str:
        return self.clip_id.rpartition("_")[0]


Change = tuple[str, str, str]
"""Clip, class before, class after; empty where it was not known."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What happened between two moments.

    Args:
        died: was there, is gone. back: was gone, is there. changed: another class, there or gone as before.
        new: not known before. missing: not known any more (of two files only).
    """

    died: tuple[Change, ...]
    back: tuple[Change, ...]
    changed: tuple[Change, ...]
    new: tuple[Change, ...]
    missing: tuple[Change, ...]

    def counts(self) -> dict[str, dict[str, int]]:
        """Kind of change → ``before → after`` → number of clips."""
        return {
            name: dict(sorted(Counter(f"{before or '?'} → {after or '?'}" for _, before, after in rows).items()))
            for name, rows in self._kinds()
        }

    def as_json(self) -> dict[str, Any]:
        """Every change by name."""
        return {
            name: [{"id": clip, "before": before or None, "after": after or None} for clip, before, after in rows]
            for name, rows in self._kinds()
        }

    def _kinds(self) -> tuple[tuple[str, tuple[Change, ...]], ...]:
        names = ("died", "back", "changed", "new", "missing")
        return tuple((name, getattr(self, name)) for name in names)


def checks_of(settled: Iterable[Attempt]) -> list[Check]:
    """What attempts that came or were refused for good say of their clips, sorted as in the table."""
    checks = [
        Check(
            clip_id=attempt.unit,
            checked_at=attempt.at,
            kind=ALIVE if attempt.status == "done" else attempt.code,
            message="" if attempt.status == "done" else attempt.message,
        )
        for attempt in settled
    ]
    return sorted(checks, key=lambda check: (check.video_id, check.clip_id, check.checked_at))


def latest_checks(checks: Iterable[Check], until: int | None = None) -> dict[str, Check]:
    """Clip → the latest check of it, or the latest up to ``until`` (UTC milliseconds)."""
    latest: dict[str, Check] = {}
    for check in checks:
        known = latest.get(check.clip_id)
        if (until is None or check.checked_at <= until) and (known is None or known.checked_at <= check.checked_at):
            latest[check.clip_id] = check
    return latest


def state_of(checks: Iterable[Check], until: int | None = None) -> dict[str, str]:
    """Clip → class by its latest check, see ``latest_checks``."""
    return {name: check.kind for name, check in latest_checks(checks, until).items()}


def compare_states(before: Mapping[str, str], after: Mapping[str, str]) -> Changes:
    """What changed from one state to another."""
    rows: dict[str, list[Change]] = {name: [] for name in ("died", "back", "changed", "new", "missing")}
    for clip in sorted(before.keys() | after.keys()):
        old, new = before.get(clip, ""), after.get(clip, "")
        if old != new:
            rows[_kind_of_change(old, new)].append((clip, old, new))
    return Changes(**{name: tuple(found) for name, found in rows.items()})


def _kind_of_change(old: str, new: str) -> str:
    if not old or not new:
        return "missing" if old else "new"
    if (old in GONE) == (new in GONE):
        return "changed"
    return "died" if new in GONE else "back"


def availability_bytes(checks: Iterable[Check]) -> bytes:
    """The table as Parquet (zstd); the same checks give the same bytes."""
    import pyarrow
    import pyarrow.parquet

    checks = list(checks)
    columns = {
        "video_id": pyarrow.array([check.video_id for check in checks], pyarrow.string()),
        "id": pyarrow.array([check.clip_id for check in checks], pyarrow.string()),
        "checked_at": pyarrow.array([check.checked_at or None for check in checks], pyarrow.timestamp("ms", tz="UTC")),
        "class": pyarrow.array([check.kind for check in checks], pyarrow.string()),
        "message": pyarrow.array([check.message for check in checks], pyarrow.string()),
    }
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table(columns), sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read_availability(path: Path) -> list[Check]:
    """The rows of such a table, whoever wrote it.

    Raises:
        ReleaseError: missing, no such table, or a value that cannot be; the message names the row.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            if tuple(file.schema_arrow.names) != COLUMNS or file.metadata.num_rows > _MAX_ROWS:
                raise ReleaseError(f"{path}: not a table of availability", remedy=_REMEDY)
            table = file.read()
            table = table.set_column(2, "checked_at", table["checked_at"].cast(pyarrow.timestamp("ms", tz="UTC")))
            times = table["checked_at"].cast(pyarrow.int64()).fill_null(0).to_pylist()
    except FileNotFoundError:
        raise ReleaseError(f"{path}: no such file", remedy=_REMEDY) from None
    except (OSError, pyarrow.ArrowException) as error:
        raise ReleaseError(f"{path}: not a table of availability: {error}", remedy=_REMEDY) from None
    checks = []
    for row, (clip, at, kind) in enumerate(
        zip(table["id"].to_pylist(), times, table["class"].to_pylist(), strict=True), start=1
    ):
        for name, value, rule in (("id", clip, _ID), ("class", kind, _CLASS)):
            if not isinstance(value, str) or not rule.fullmatch(value):
                raise ReleaseError(f"{path}, row {row}: not a valid {name}: {value!r:.80}", remedy=_REMEDY)
        checks.append(Check(clip_id=clip, checked_at=at, kind=kind))
    return checks
