"""When the target sounds, where somebody knows: ``tables/onsets.csv``, what generated sounds are held against.

    video_id,onset_ms        one row per onset, in the time of the source video; sorted

For the embedded corpus the pipeline writes what was planted. For other data, a table of one's own in this form (say,
of the hits that Greatest Hits lists) is read the same way. No file: nobody knows.
"""

import csv
import io
import re
from collections.abc import Iterable
from typing import Final

from vegas_data.errors import ManifestError
from vegas_data.records import check_video_id
from vegas_data.workspace import Workspace

ONSETS: Final = "tables/onsets.csv"
_HEADER: Final = ["video_id", "onset_ms"]
_MS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_MAX_BYTES: Final = 256 * 2**20


def write_onsets(workspace: Workspace, onsets: Iterable[tuple[str, int]]) -> None:
    """Put the table of (video id, onset in ms) in place."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows(sorted(set(onsets)))
    workspace.commit_bytes(ONSETS, text.getvalue().encode())


def read_onsets(workspace: Workspace) -> dict[str, tuple[int, ...]] | None:
    """Onsets of each video in ms, rising; None if there is no table.

    Raises:
        ManifestError: the table is damaged; the message names the line.
    """
    if not workspace.exists(ONSETS):
        return None
    path = workspace.path(ONSETS)
    remedy = "correct the line, or delete the file and run `vegas-data verify` again"
    if path.stat().st_size > _MAX_BYTES:
        raise ManifestError(f"{path}: more than {_MAX_BYTES} bytes", remedy=remedy)
    found: dict[str, set[int]] = {}
    try:
        rows = csv.reader(io.StringIO(path.read_bytes().decode("utf-8")), strict=True)
        for number, row in enumerate(rows, 1):
            if number == 1:
                if row != _HEADER:
                    raise ManifestError(f"{path}, line 1: the columns are not {','.join(_HEADER)}", remedy=remedy)
                continue
            if len(row) != len(_HEADER) or not _MS.fullmatch(row[1]):
                raise ManifestError(f"{path}, line {number}: not a video id and milliseconds", remedy=remedy)
            check_video_id(row[0])
            found.setdefault(row[0], set()).add(int(row[1]))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path}: not a CSV table: {error}", remedy=remedy) from None
    return {video_id: tuple(sorted(onsets)) for video_id, onsets in found.items()}
