"""The commands of docs/annotation.md, in their order, on a small workspace: from triage to the audit's report."""

import csv
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.commands import Here
from vegas_data.annotate.tasks import Purpose
from vegas_data.config import shipped
from vegas_data.verify import read_draws, read_verdicts
from vegas_data.workspace import Workspace

DOCS = Path(__file__).resolve().parents[2] / "docs" / "annotation.md"
TRIAGE = """
[verify.triage]
target = 0.5
target_reject = 0.5
confidence = 0.5
fit_share = 0.4
calibration_windows = 2
calibration_judgments = 2
"""
Window = tuple[str, str, int, int]


def commands() -> list[str]:
    """What is typed: lines that begin with ``$``, with those that go on, without remarks."""
    blocks = re.findall(r"^```console\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [re.sub(r"\s+# .*", "", line[2:]) for line in lines if line.startswith("$ ")]


def judge(windows: Iterable[Window], file: Path, people: Iterable[str]) -> Path:
    """A table in which people say yes to everything."""
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["category", "clip_id", "start_ms", "end_ms", "heard", "seen", "annotator"])
        writer.writerows([*window, "yes", "yes", who] for window in windows for who in people)
    return file


def asked(workspace: Workspace, purpose: Purpose) -> set[Window]:
    """The windows that the page asks about."""
    if purpose == "review":
        return {
            (one.category, one.clip_id, one.start_ms, one.end_ms)
            for one in read_verdicts(workspace)
            if one.decision == "undecided"
        }
    draws = read_draws(workspace, purpose, ["dog", "drum"])
    return {(category, one.clip_id, one.start_ms, one.end_ms) for category, draw in draws.items() for one in draw.items}


def test_the_commands_of_the_page_on_panels_lead_from_triage_to_an_audit(
    smoke: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(smoke, tmp_path / "vegas-workspace")
    workspace = Workspace(tmp_path / "vegas-workspace")
    text = shipped("pipelines/smoke.toml").read_text(encoding="utf-8") + TRIAGE
    for side in ("0.08", "0.3"):
        text = text.replace(f"accept = {side}", "accept = 0.9999").replace(f"reject = {side}", "reject = 0.0")
    workspace.path("recipe.toml").write_text(text, encoding="utf-8")
    vegas = Here(capsys)
    (tmp_path / "export.json").write_text("[]")
    typed = commands()
    assert len(typed) >= 14
    for line in typed:
        if not line.startswith("vegas-data "):
            subprocess.run(["bash", "-c", line], check=True)
            continue
        arguments = shlex.split(line)[1:]
        serves = arguments[0] == "review" and not {"--dry-run", "--import"} & set(arguments)
        done = vegas(*arguments, *(["--dry-run"] if serves else []))
        assert done.returncode == 0, (line, done)
        if arguments == ["verify"] and not (tmp_path / "gold.csv").exists():
            judge(sorted(asked(workspace, "review"))[:1], tmp_path / "gold.csv", ["known"])
        if serves and arguments in (["review"], ["review", "--purpose", arguments[-1]]):
            purpose: Purpose = (
                "calibration" if "calibration" in arguments else "audit" if "audit" in arguments else "review"
            )
            assert asked(workspace, purpose), line
            said = judge(asked(workspace, purpose), tmp_path / "said.csv", ["ann", "ben"])
            assert vegas("review", "--import", said, "--purpose", purpose).returncode == 0
    told = vegas.json("audit", "report")
    assert sum(stratum["judged"] for one in told["categories"] for stratum in one["strata"]) > 0
