"""``vegas-data review`` as a user types it: what there is to judge, the page, an import, and what it refuses."""

import http.cookiejar
import json
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.commands import COMMAND, Here, vegas_json
from vegas_data.annotate import DATABASE, TABLE, read_judgments
from vegas_data.config import shipped
from vegas_data.store import sha256_of
from vegas_data.verify import AuditItem, Draw, commit_draw
from vegas_data.workspace import Workspace

ROW = "{category},{clip},{start},{end},{side},yes,ann\n"
HEADER = "category,clip_id,start_ms,end_ms,side,answer,annotator\n"


@pytest.fixture(scope="module")
def undecided(smoke: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose scorers are never sure: every window that is not silent or still waits for people."""
    folder = tmp_path_factory.mktemp("undecided")
    text = shipped("pipelines/smoke.toml").read_text(encoding="utf-8")
    for side in ("0.08", "0.3"):
        text = text.replace(f"accept = {side}", "accept = 0.9999").replace(f"reject = {side}", "reject = 0.0")
    (folder / "unsure.toml").write_text(text, encoding="utf-8")
    shutil.copytree(smoke, folder / "w")
    vegas_json("verify", "--workspace", folder / "w", "--recipe", folder / "unsure.toml", "--workers", "0")
    return folder / "w"


@pytest.fixture
def review(capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(capsys, "review")


@pytest.fixture
def workspace(undecided: Path, tmp_path: Path) -> Path:
    shutil.copytree(undecided, tmp_path / "w")
    return tmp_path / "w"


class Reviewing:
    """The command at work, and somebody who has opened its link."""

    def __init__(self, workspace: Path, *options: str | Path) -> None:
        command = [*COMMAND, "review", "--workspace", workspace, "--json", "--no-browser", *options]
        self.process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            line = self.process.stdout.readline()
            assert line, f"it ended with {self.process.wait()}: {text}"
            text += line
        self.url = json.loads(text)["url"]
        self.origin = "http://" + urlsplit(self.url).netloc
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(jar)
        self.opener.open(f"{self.url}&PROLIFIC_PID=jane").close()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Content-Type": "application/json", "X-Vegas-Review": "1", "Origin": self.origin}
        request = urllib.request.Request(f"{self.origin}/api/{path}", json.dumps(body).encode(), headers)
        with self.opener.open(request) as response:
            return json.loads(response.read())

    def insist(self, path: str, body: dict[str, Any]) -> Any:
        """Send until enough has played by the server's clock."""
        while True:
            try:
                return self.post(path, body)
            except urllib.error.HTTPError as error:
                if json.loads(error.read())["refused"] != "too_soon":
                    raise

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(how)
        self.process.communicate(timeout=60)
        return self.process.returncode


def test_what_there_is_to_judge(review: Here, undecided: Path, smoke: Path) -> None:
    found = review.json("--workspace", undecided, "--dry-run")
    assert found["clips"] == 5
    assert sum(found["windows"].values()) == 10
    drums = review.json("--workspace", undecided, "--dry-run", "--category", "drum")
    assert set(drums["windows"]) == {"drum"}
    assert review.json("--workspace", smoke, "--dry-run")["clips"] == 0
    assert "audit draw" in review("--workspace", undecided, "--dry-run", "--purpose", "audit").stderr
    assert not (undecided / DATABASE).exists()


def test_a_session_ends_with_a_table_and_goes_on_later_under_the_same_link(
    review: Here, workspace: Path, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("t" * 43)
    token.chmod(0o644)
    refused = review("--workspace", workspace, "--no-browser", "--token-file", token)
    assert refused.returncode == 3
    assert "others can read" in refused.stderr
    token.chmod(0o600)
    first = Reviewing(workspace, "--token-file", token)
    assert first.url.endswith("/?token=" + "t" * 43)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(first.origin)
    work = first.post("work", {})
    assert len(work["assignments"]) == 3
    (one, *_) = work["assignments"]
    with first.opener.open(f"{first.origin}{one['media']}") as response:
        clip = response.read()
    assert sha256_of(next(path for path in (workspace / "clips").rglob("*.mp4") if path.read_bytes() == clip))
    body = {"key": "key-00000001", "lease": one["lease"], "answer": "yes", "played_ms": 2000, **one["open"][0]}
    locked = review("--workspace", workspace, "--no-browser")
    assert locked.returncode == 75
    assert first.insist("answer", body)["seq"] > 0
    assert first.end() == 130
    second = Reviewing(workspace, "--token-file", token)
    assert urlsplit(second.url).query == urlsplit(first.url).query
    again = second.post("work", {})
    assert again["assignments"][0]["lease"] == one["lease"]
    assert len(again["assignments"][0]["open"]) == len(one["open"]) - 1
    assert second.end(signal.SIGTERM) == 143

    (row,) = pq_rows(workspace / TABLE)
    assert (row["answer"], row["side"], row["purpose"]) == ("yes", "heard", "review")
    assert list((workspace / "tmp").glob("*") if (workspace / "tmp").exists() else []) == []


def test_what_an_audit_draws_of_one_clip_comes_to_one_person_together(review: Here, workspace: Path) -> None:
    """A clip comes to a person once: windows of it that came one by one would want one person each."""
    rows = pq_rows(workspace / "tables" / "verdicts.parquet")
    clip = next(one["clip_id"] for one in rows if sum(row["clip_id"] == one["clip_id"] for row in rows) > 1)
    drawn = [row for row in rows if row["clip_id"] == clip]
    items = tuple(
        AuditItem(
            category=row["category"], clip_id=clip, video_id=row["video_id"], start_ms=row["start_ms"],
            end_ms=row["end_ms"], path="signal", weight=1.0,
        )
        for row in reversed(drawn)
    )  # fmt: skip
    commit_draw(Workspace(workspace), "audit", drawn[0]["category"], Draw(items=items))
    found = review.json("--workspace", workspace, "--dry-run", "--purpose", "audit")
    assert (found["clips"], sum(found["windows"].values())) == (1, len(drawn))


def pq_rows(path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def test_who_judges_alone_is_told_that_one_is_not_enough(workspace: Path) -> None:
    command = [*COMMAND, "review", "--workspace", str(workspace), "--json", "--no-browser", "--alone"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        warning = process.stderr.readline()
        assert process.stdout is not None
        assert process.stdout.readline() == "{\n", "it serves all the same"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert "once 2 people have judged it, and this page asks 1" in warning
    assert "judgments_per_window = 1" in warning


def test_an_import_and_known_answers(review: Here, workspace: Path, tmp_path: Path) -> None:
    verdicts = pq_rows(workspace / "tables" / "verdicts.parquet")
    first = [one for one in verdicts if one["clip_id"] == verdicts[0]["clip_id"]]
    rows = [
        ROW.format(category=one["category"], clip=one["clip_id"], start=one["start_ms"], end=one["end_ms"], side=side)
        for one in first
        for side in ("heard", "seen")
    ]
    table = tmp_path / "export.csv"
    table.write_text(HEADER + "".join(rows))
    taken = review.json("--workspace", workspace, "--import", table)
    assert taken == {"new": len(rows), "known": 0, "judgments": len(rows)}
    assert review.json("--workspace", workspace, "--import", table)["known"] == len(rows)
    assert len(read_judgments(workspace / DATABASE)) == len(rows)
    preview = review.json("--workspace", workspace, "--dry-run", "--gold", table)
    assert (preview["gold"], preview["judgments"]) == (1, len(rows))
    table.write_text(HEADER + rows[0])
    told = review.json("--workspace", workspace, "--dry-run", "--gold", table, expect=3)
    assert "no known answer" in told["message"]
    table.write_text(HEADER + "".join(rows) + rows[0].replace("yes", "no"))
    told = review.json("--workspace", workspace, "--dry-run", "--gold", table, expect=3)
    assert f"line {len(rows) + 2}: says no where a line before says yes" in told["message"]
    start, end = first[0]["start_ms"], first[0]["end_ms"]
    many = [rows[0].replace(f",{start},{end},", f",{start},{end - number},") for number in range(11)]
    table.write_text(HEADER + "".join(many))
    told = review.json("--workspace", workspace, "--dry-run", "--gold", table, expect=3)
    assert "more than 10 windows" in told["message"]
    table.write_text(HEADER + rows[0].replace("yes", "perhaps"))
    told = review.json("--workspace", workspace, "--import", table, expect=3)
    assert "line 2" in told["message"]


@pytest.mark.parametrize(
    "options",
    [
        ["--host", "0.0.0.0"],
        ["--host", "192.0.2.1"],
        ["--public-url", "https://panel.example.org"],
        ["--completion-url", "http://panel.example.org"],
    ],
    ids=" ".join,
)
def test_what_others_could_reach_without_a_token_is_refused(review: Here, undecided: Path, options: list[str]) -> None:
    done = review("--workspace", undecided, "--no-browser", *options)
    assert done.returncode == 2
    assert not (undecided / DATABASE).exists()


def test_where_nothing_waits_for_people_there_is_nothing_to_do(review: Here, smoke: Path) -> None:
    done = review("--workspace", smoke, "--no-browser")
    assert (done.returncode, done.stdout) == (0, "No window waits for people.\n")
    assert review.json("--workspace", smoke, "--no-browser") == {"url": None}
