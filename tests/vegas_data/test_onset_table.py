"""The table of onsets: written sorted, read strictly."""

from pathlib import Path

import pytest

from vegas_data.errors import ManifestError
from vegas_data.onsets import ONSETS, read_onsets, write_onsets
from vegas_data.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "w", "")


def test_what_is_written_is_read(workspace: Workspace) -> None:
    assert read_onsets(workspace) is None
    write_onsets(workspace, [("demo-b", 40), ("demo-b", 7), ("demo-a", 0), ("demo-b", 40)])
    assert workspace.path(ONSETS).read_bytes() == b"video_id,onset_ms\ndemo-a,0\ndemo-b,7\ndemo-b,40\n"
    assert read_onsets(workspace) == {"demo-a": (0,), "demo-b": (7, 40)}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"video,onset\ndemo-a,1\n", "line 1"),
        (b"video_id,onset_ms\ndemo-a,1\ndemo-a,-1\n", "line 3"),
        (b"video_id,onset_ms\ndemo-a,1.5\n", "line 2"),
        (b"video_id,onset_ms\ndemo-a,99999999999\n", "line 2"),
        ("video_id,onset_ms\ndemo-a,٣\n".encode(), "line 2"),
        (b"video_id,onset_ms\ndemo-a\n", "line 2"),
        (b"video_id,onset_ms\ndemo-a," + b"9" * 1_000 + b"\n", "line 2"),
        (b"video_id,onset_ms\n../../etc/passwd,1\n", "invalid video id"),
        (b"video_id,onset_ms\n\xff,1\n", "not a CSV table"),
        (b'video_id,onset_ms\n"demo-a,1\n', "not a CSV table"),
        (b"video_id,onset_ms\ndemo-a," + b"9" * 200_000 + b"\n", "not a CSV table"),
    ],
)
def test_a_damaged_table_is_refused(workspace: Workspace, content: bytes, what: str) -> None:
    workspace.commit_bytes(ONSETS, content)
    with pytest.raises(ManifestError, match=what):
        read_onsets(workspace)
