"""A release with people in it: every verdict is made again, the audit drawn again, and precision told from both."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from audit_bench import CALIBRATION, audited_source
from release_bench import edit_rules, edit_table, edit_text, sum_again

from vegas_data.release import AuditSource, ReleaseOptions, ReleaseSource, build_release, check_release
from vegas_data.release.audit import reports
from vegas_data.release.rules import read_rules

Rows = list[dict[str, Any]]
Change = Callable[[Rows], Rows]


@pytest.fixture(scope="session")
def judged(source: ReleaseSource, tmp_path_factory: pytest.TempPathFactory) -> ReleaseSource:
    clip = source.workspace.path(source.media["demo-000_000030000"][1]).read_bytes()
    return audited_source(tmp_path_factory.mktemp("audited") / "workspace", clip)


@pytest.fixture(scope="session")
def audited_once(judged: ReleaseSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("audited") / "release"
    assert build_release(judged, ReleaseOptions(), target).audited == ("dog", "drum")
    return target


@pytest.fixture
def audited(audited_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(audited_once, tmp_path / "audited"))


def rows_of(folder: Path, name: str) -> Rows:
    rows: Rows = pq.read_table(folder / "manifest" / f"{name}.parquet").to_pylist()
    return rows


def told(folder: Path) -> str:
    return "\n".join(f"{f.code} {f.file} {f.key} {f.message}" for f in check_release(folder)[1])


def test_a_release_with_people_gives_no_finding_and_holds_every_way_of_deciding(audited_once: Path) -> None:
    assert check_release(audited_once)[1] == []
    reasons = {row["reason"] for row in rows_of(audited_once, "verdicts")}
    assert reasons == {"ok", "calibrated_accept", "calibrated_reject", "people_not_heard"}
    assert read_rules(audited_once / "manifest" / "rules.json").calibrations == {"drum": CALIBRATION}


def test_the_tables_of_the_audit_hold_what_was_drawn_and_said(audited_once: Path) -> None:
    rows = rows_of(audited_once, "audit")
    assert {(row["category"], row["path"], row["stratum_windows"]) for row in rows} == {
        ("dog", "auto_accept", 2),
        ("drum", "auto_accept", 5),
        ("drum", "auto_reject", 2),
        ("drum", "people_reject", 1),
    }, "demo-000 was not drawn from"
    assert sum(row["present"] == "unsettled" for row in rows) == 1
    tied = [row for row in rows if row["heard"] == "unsettled" and row["seen"] != "unsettled"]
    assert tied == [], "one person is enough, and two who disagree make a tie, which the recipe calls sort of"
    assert {row["judge"] for row in rows_of(audited_once, "audit_judgments")} == {"human:p1", "human:p2"}


def test_the_card_tells_precision_agreement_and_the_promise(audited_once: Path) -> None:
    card = (audited_once / "README.md").read_text(encoding="utf-8")
    (dog, drum) = reports(rows_of(audited_once, "audit"))
    assert dog.precision is not None
    assert f"| dog | {100 * dog.precision.value:.1f} % [{100 * dog.precision.low:.1f}, 100.0] |" in card
    assert drum.category == "drum"
    for stratum in drum.strata:
        numbers = f"{stratum.windows} | {stratum.drawn} | {stratum.judged} | {stratum.present}"
        assert f"| drum | {stratum.path.replace('_', ' ')} | {numbers} |" in card
    assert "Videos on which thresholds were chosen (1) were left out" in card
    assert "7 of 8 drawn windows are judged" in card
    assert "these shares may flatter" in card
    assert "| drum | heard |" in card
    assert "| drum | 20 | 12 of 12 | 82.5 % | 6 of 6 | 68.1 % | 90.0 % |" in card
    assert "people kept 74 % of the windows of VEGAS" in card
    assert "was not measured" not in card


def test_without_an_audit_the_card_says_that_precision_was_not_measured(features_release: Path) -> None:
    card = (features_release / "README.md").read_text(encoding="utf-8")
    assert "**Precision was not measured.**" in card
    assert "How often accepted windows are right" not in card
    assert not (features_release / "manifest" / "audit.parquet").exists()


def test_a_stale_audit_is_left_out_and_said_so(judged: ReleaseSource, tmp_path: Path) -> None:
    rules = replace(judged.rules, not_audited={})
    stale = replace(judged, rules=rules, audit=AuditSource(stale=("drum",)))
    summary = build_release(stale, ReleaseOptions(), tmp_path / "r")
    assert (summary.audited, summary.stale_audits) == ((), ("drum",))
    card = (tmp_path / "r" / "README.md").read_text(encoding="utf-8")
    assert "An audit of drum was of older verdicts." in card
    assert "**Precision was not measured.**" in card
    assert not (tmp_path / "r" / "manifest" / "audit.parquet").exists()


def at(index: int, **values: Any) -> Change:
    return lambda rows: [{**row, **values} if place == index % len(rows) else row for place, row in enumerate(rows)]


def where(wanted: dict[str, Any], **values: Any) -> Change:
    """The rows, those with the wanted values edited; there must be one."""

    def change(rows: Rows) -> Rows:
        hit = [wanted.items() <= row.items() for row in rows]
        assert any(hit)
        return [{**row, **values} if found else row for row, found in zip(rows, hit, strict=True)]

    return change


def dropped(index: int) -> Change:
    return lambda rows: [row for place, row in enumerate(rows) if place != index % len(rows)]


def only(wanted: dict[str, Any]) -> Change:
    return lambda rows: [row for row in rows if wanted.items() <= row.items()]


EDITS = {
    "presence": ("audit", where({"present": "no"}, present="yes"), "present no and not yes"),
    "absence": ("audit", where({"present": "yes"}, present="no"), "present yes and not no"),
    "a side": ("audit", where({"seen": "yes"}, seen="no"), "seen yes and not no"),
    "an answer nobody gave": ("audit", where({"heard": "unsettled"}, heard="yes"), "heard unsettled and not yes"),
    "a path": ("audit", where({"path": "auto_reject"}, path="people_reject"), "path auto_reject and not"),
    "a decision": ("audit", where({"path": "auto_reject"}, decision="accepted"), "decision rejected and not accepted"),
    "a stratum": ("audit", at(0, stratum_windows=1), "stratum_windows 2 and not 1"),
    "a dropped window": ("audit", dropped(0), "drawn for the audit, and not in its table"),
    "the last one dropped": ("audit", dropped(-1), "drawn for the audit, and not in its table"),
    "a window not drawn": ("audit", at(-1, start_ms=33_000, end_ms=35_000), "in the table of the audit, and not drawn"),
    "dropped judgments": ("audit_judgments", only({"side": "heard"}), "judgments give seen unsettled"),
    "a judgment": ("audit_judgments", at(2, answer="no"), "verdicts and people's judgments give"),
    "one not drawn": ("audit_judgments", at(-1, start_ms=33_000, end_ms=35_000), "judged for the audit, and not drawn"),
    "a person's word": ("judgments", where({"judge": "human:p1"}, answer="yes"), "people give undecided for between"),
    "a person": ("judgments", lambda rows: [r for r in rows if r["judge"] != "human:p1"], "give undecided for between"),
    "a verdict by people": (
        "verdicts",
        where({"rule": "people"}, decision="accepted", reason="people_accept"),
        "people give rejected for people_not_heard by people",
    ),
    "a calibrated verdict": (
        "verdicts",
        where({"reason": "calibrated_reject"}, decision="undecided", reason="between"),
        "people give rejected for calibrated_reject by calibrated",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "change", "reason"), EDITS.values(), ids=EDITS)
def test_an_edited_row_is_found_even_if_the_card_was_rendered_again(
    audited: Path, monkeypatch: pytest.MonkeyPatch, name: str, change: Change, reason: str
) -> None:
    edit_table(audited, name, change)
    assert "card_mismatch" in told(audited)
    monkeypatch.setattr("vegas_data.release.check.render_cards", lambda _: {})
    assert reason in told(audited)


def test_the_card_s_precision_cannot_be_edited(audited: Path) -> None:
    edit_text(audited, "README.md", "| dog | 100.0 % [", "| dog | 100.0 % [9")
    (finding,) = check_release(audited)[1]
    assert finding.code == "card_mismatch"


def set_in(*path: str | int, to: Any) -> Callable[[Any], None]:
    def change(rules: Any) -> None:
        for step in path[:-1]:
            rules = rules[step]
        rules[path[-1]] = to

    return change


RULES = {
    "a threshold of the recipe": (set_in("verify", "scorers", 0, "accept", to=0.95), "the thresholds give"),
    "when it is silent": (set_in("verify", "signals", "silence_dbfs", to=0.0), "people give rejected for silent"),
    "a calibrated threshold": (set_in("calibrations", "drum", "accept", "threshold", to=0.82), "give undecided"),
    "what is rejected": (set_in("calibrations", "drum", "reject", "threshold", to=None), "give undecided for between"),
    "a bound": (set_in("calibrations", "drum", "accept", "bound", to=0.99), "does not follow from its counts"),
    "a count": (set_in("calibrations", "drum", "accept", "right", to=99), "counts of its calibration cannot be"),
    "who was present": (set_in("calibrations", "drum", "num_present", to=26), "counts of its calibration cannot be"),
    "a promise": (set_in("triage", "target", to=0.99), "promises less than the recipe asks for"),
    "the seed": (set_in("triage", "seed", to=1), "drawn for the audit, and not in its table"),
    "how many are drawn": (set_in("triage", "audit_windows", to=2), "in the table of the audit, and not drawn"),
    "who is not drawn": (set_in("not_audited", "drum", to=[]), "stratum_windows 7 and not 5"),
    "what was audited": (set_in("not_audited", to={}), "not of the categories that the release says"),
    "how many people": (set_in("triage", "judgments_per_window", to=3), "give undecided for between"),
    "another's calibration": (set_in("calibrations", to={}), "by all_sides"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "reason"), RULES.values(), ids=RULES)
def test_edited_rules_are_found(audited: Path, change: Callable[[Any], None], reason: str) -> None:
    edit_rules(audited, change)
    assert reason in told(audited)


MANY = [{"name": f"s{n}", "side": ("heard", "seen")[n % 2], "accept": 1, "reject": 0} for n in range(99)]
HOSTILE = {
    "a list": "[]",
    "deep": "[" * 100_000,
    "no text": "\udcff",
    "NaN": '{"schema": NaN}',
    "another schema": '{"schema": 2}',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_rules_that_are_none_are_refused(audited: Path, text: str) -> None:
    (audited / "manifest" / "rules.json").write_bytes(text.encode(errors="surrogateescape"))
    sum_again(audited)
    assert "bad_table" in told(audited)
    assert "holds no valid rules" in told(audited)


@pytest.mark.parametrize(
    "change",
    [
        set_in("calibrations", "drum", "sides", 0, "weights", to=[1.0, 2.0]),
        set_in("calibrations", "drum", "sides", 0, "intercept", to=1e300),
        set_in("calibrations", "drum", "sides", 0, "scorers", to=["nobody"]),
        set_in("calibrations", "drum", "category", to="dog"),
        set_in("calibrations", "drum", to=None),
        set_in("not_audited", to={"drum": [1]}),
        set_in("not_audited", to={"drum": "demo-000"}),
        set_in("triage", "confidence", to=2.0),
        set_in("triage", to=[]),
        set_in("verify", to=None),
        set_in("verify", "scorers", to=MANY),
        lambda rules: rules["calibrations"]["drum"]["sides"].pop(),
        set_in("more", to=1),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_are_refused(audited: Path, change: Callable[[Any], None]) -> None:
    edit_rules(audited, change)
    assert "holds no valid rules" in told(audited)


def test_a_window_at_its_threshold_may_fall_on_either_side(audited: Path) -> None:
    """Its probability is the threshold: another machine's logarithm may differ in the last digit, but no more."""
    threshold = CALIBRATION.accept.threshold
    assert threshold is not None
    edit_rules(audited, set_in("calibrations", "drum", "accept", "threshold", to=threshold * (1 + 1e-12)))
    assert "tables_disagree" not in told(audited)
    edit_rules(audited, set_in("calibrations", "drum", "accept", "threshold", to=threshold * (1 + 1e-6)))
    assert "tables_disagree" in told(audited)


def test_dawid_and_skene_are_taken_at_their_word_but_not_for_answers_that_nobody_gave(audited: Path) -> None:
    edit_rules(audited, set_in("triage", "aggregation", to="dawid_skene"))
    assert told(audited) == ""
    for name in ("verdicts", "audit"):
        folder = Path(shutil.copytree(audited, audited.parent / name))
        if name == "audit":
            edit_table(folder, "audit", where({"seen": "yes"}, seen="no", present="no"))
            assert "seen unsettled and not no" in told(folder)
        else:
            change = where({"rule": "people"}, decision="accepted", reason="people_accept")
            edit_table(folder, "verdicts", change)
            assert "people give undecided for between" in told(folder)


def test_an_audit_that_went_or_came_is_found(audited: Path, features_release: Path, tmp_path: Path) -> None:
    plain = Path(shutil.copytree(features_release, tmp_path / "plain"))
    for name in ("audit", "audit_judgments"):
        file = f"manifest/{name}.parquet"
        shutil.copy(audited / file, plain / file)
        (audited / file).unlink()
    sum_again(audited)
    sum_again(plain)
    assert "is not there, and it says that dog, drum was audited" in told(audited)
    assert "is there, and it says of no audit" in told(plain)
    assert "of another release" in told(plain)


def test_nothing_but_pseudonyms_and_no_path_of_this_machine_is_released(audited_once: Path) -> None:
    assert "model" not in json.loads((audited_once / "manifest" / "rules.json").read_text())["verify"]["scorers"][0]
    for name in ("judgments", "audit_judgments"):
        people = {row["judge"] for row in rows_of(audited_once, name) if not row["judge"].startswith("model:")}
        assert people <= {"human:p1", "human:p2"}
