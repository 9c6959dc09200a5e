"""``release check`` finds whatever was changed, and still finds it when ``SHA256SUMS`` was made to agree."""

import errno
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from release_bench import all_bytes, blocks_of, edit_table, edit_text, seal, sum_again

from tests.vegas_data.shards.shard_bench import contents_of, member
from vegas_data.errors import ReleaseError
from vegas_data.release import card, check_release
from vegas_data.release.findings import CODES
from vegas_data.release.layout import COLUMNS, TABLES
from vegas_data.shards import read_shard, read_side_car
from vegas_data.shards.plan import inputs_digest
from vegas_data.shards.schema import example_json
from vegas_data.shards.sources import example_digest
from vegas_data.store import sha256_of

Rows = list[dict[str, Any]]
PAGE = Path(__file__).resolve().parents[3] / "docs" / "formats.md"


def codes(folder: Path) -> set[str]:
    return {finding.code for finding in check_release(folder)[1]}


def told(folder: Path) -> str:
    return "\n".join(f"{f.code} {f.file} {f.key} {f.message}" for f in check_release(folder)[1])


def test_a_whole_release_gives_no_finding(features_release: Path, media_release: Path) -> None:
    counts, findings = check_release(features_release)
    assert (counts, findings) == ({"files": 18, "shards": 4, "examples": 5, "windows": 12}, [])
    assert check_release(media_release)[1] == []


def test_nothing_is_no_release(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ReleaseError, match="no release"):
            check_release(path)


# --- files ----------------------------------------------------------------------------------------------------


def test_a_flipped_byte_in_any_file_is_found(features_release: Path, tmp_path: Path) -> None:
    for name, content in all_bytes(features_release).items():
        folder = Path(shutil.copytree(features_release, tmp_path / "r", dirs_exist_ok=True))
        damaged = bytearray(content)
        damaged[len(damaged) // 2] ^= 1
        (folder / name).write_bytes(damaged)
        findings = check_release(folder)[1]
        assert findings, name
        assert all(finding.remedy for finding in findings)
        if name != "SHA256SUMS":
            assert ("checksum_mismatch", str(folder / name)) in {(f.code, f.file) for f in findings}


@pytest.mark.parametrize("name", ["README.md", "vegas.csv", "manifest/clips.parquet", "shards/dog-val-000000.tar"])
def test_a_missing_file_is_found_even_if_no_sum_names_it(release: Path, name: str) -> None:
    (release / name).unlink()
    assert f"missing_file {release / name}" in told(release)
    sum_again(release)
    assert codes(release) & {"missing_file", "no_tar", "shards_disagree"}


def test_shards_that_went_with_their_side_car_and_sums_are_missed(release: Path) -> None:
    for suffix in ("", ".json"):
        (release / "shards" / f"dog-val-000000.tar{suffix}").unlink()
    sum_again(release)
    assert {"shards_disagree", "card_mismatch"} <= codes(release)


@pytest.mark.parametrize("name", ["extra.txt", "shards/notes.txt", "manifest/more.parquet", "deep/er/file"])
def test_an_extra_file_is_found_even_if_a_sum_names_it(release: Path, name: str) -> None:
    (release / name).parent.mkdir(parents=True, exist_ok=True)
    (release / name).write_text("x")
    assert f"foreign_file {release / name}" in told(release)
    sum_again(release)
    assert f"foreign_file {release / name}" in told(release)


def test_links_and_fifos_are_found_and_not_opened(release: Path, tmp_path: Path) -> None:
    outside = tmp_path / "README.md"
    outside.write_bytes((release / "README.md").read_bytes())
    (release / "README.md").unlink()
    (release / "README.md").symlink_to(outside)
    (release / "vegas.csv").unlink()
    os.mkfifo(release / "vegas.csv")
    tar = release / "shards" / "dog-val-000000.tar"
    tar.rename(tmp_path / tar.name)
    tar.symlink_to(tmp_path / tar.name)
    found = told(release)
    for name in ("README.md", "vegas.csv", "shards/dog-val-000000.tar"):
        assert f"foreign_file {release / name}" in found
    shutil.rmtree(release / "manifest")
    (release / "manifest").symlink_to(tmp_path)
    assert f"foreign_file {release / 'manifest'}" in told(release)


@pytest.mark.parametrize(
    "line",
    [
        f"{'0' * 64}  ../outside",
        f"{'0' * 64}  /etc/passwd",
        f"{'0' * 64}  shards/../../outside",
        f"{'0' * 64}  ./README.md",
        f"{'0' * 64}  shards//x",
        f"{'0' * 64}  SHA256SUMS",
        f"{'0' * 64} *README.md",
        f"\\{'0' * 64}  a\\nb",
        f"{'0' * 64}  a\x00b",
        "\x1b[2J",
        "README.md",
        "",
    ],
)
def test_tricks_in_the_sums_are_refused(release: Path, line: str) -> None:
    sums = release / "SHA256SUMS"
    sums.write_text(f"{line}\n{sums.read_text()}")
    findings = [finding for finding in check_release(release)[1] if finding.code == "bad_sums"]
    assert findings
    assert all(finding.message.isprintable() for finding in findings)


def test_sums_that_are_not_text_or_stand_twice_are_refused(release: Path) -> None:
    sums = release / "SHA256SUMS"
    good = sums.read_bytes()
    lines = good.splitlines(keepends=True)
    for bad in (b"\xff\xfe" + good, good[:-1], good + lines[-1], b"".join(reversed(lines))):
        sums.write_bytes(bad)
        assert "bad_sums" in codes(release)
    sums.write_bytes(b"".join(lines[1:]))
    assert "SHA256SUMS does not name it" in told(release)


def test_names_that_are_no_text_do_no_harm(release: Path) -> None:
    name = os.fsencode(release / "shards") + b"/\xff\x1b[31m\n.tar"
    Path(os.fsdecode(name)).touch()
    findings = check_release(release)[1]
    assert {finding.code for finding in findings} == {"foreign_file"}
    assert all(finding.file.isprintable() for finding in findings)


def test_over_large_files_are_not_read(release: Path) -> None:
    for name in ("README.md", "manifest/scores.parquet", "shards/dog-val-000000.tar.json"):
        os.truncate(release / name, 2**33)  # sparse
    found = told(release)
    assert found.count("too_large") == 3


# --- tables ---------------------------------------------------------------------------------------------------


def without_first(rows: Rows) -> Rows:
    return rows[1:]


def without_last(rows: Rows) -> Rows:
    return rows[:-1]


def set_row(index: int, **values: Any) -> Callable[[Rows], Rows]:
    return lambda rows: [*rows[:index], {**rows[index], **values}, *rows[index + 1 :]]


def set_first(**values: Any) -> Callable[[Rows], Rows]:
    return set_row(0, **values)


@pytest.mark.parametrize("change", [without_first, without_last], ids=["first", "last"])
@pytest.mark.parametrize("name", TABLES)
def test_a_dropped_row_is_found_in_every_table(release: Path, name: str, change: Callable[[Rows], Rows]) -> None:
    edit_table(release, name, change)
    found = codes(release)
    assert "checksum_mismatch" not in found
    assert "card_mismatch" in found
    if name != "clips":  # a clip that failed is told of by nothing else
        assert found & {"tables_disagree", "shards_disagree"}


def test_a_dropped_row_is_found_even_if_the_card_was_rendered_again(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the publisher himself had lost it: only row against row can tell."""
    for name in ("scores", "judgments", "verdicts", "examples"):
        folder = Path(shutil.copytree(release, release.parent / name))
        edit_table(folder, name, without_first)
        with monkeypatch.context() as patch:
            patch.setattr("vegas_data.release.check.render_cards", lambda _: {})
            assert codes(folder) & {"tables_disagree", "shards_disagree"}, name


EDITS = {
    "a score": ("scores", set_row(1, score=0.77), "is not what its score and the thresholds give"),
    "a score that nobody asked for": ("scores", set_row(0, score=0.77), "card_mismatch"),
    "a judgment's score": ("judgments", set_first(score=0.77), "is not what its score and the thresholds give"),
    "a judgment's answer": ("judgments", set_first(answer="no"), "is not what its score and the thresholds give"),
    "a verdict": ("verdicts", set_first(decision="rejected", reason="not_heard"), "people give accepted for ok"),
    "a silent verdict": ("verdicts", set_first(decision="rejected", reason="silent"), "people give accepted for ok"),
    "a verdict of nobody": ("verdicts", set_first(rule="people", reason="people_accept"), "for ok by all_"),
    "a calibration's word": ("verdicts", set_first(rule="calibrated"), "for ok by all_sides"),
    "an unknown rule": ("verdicts", set_first(rule="coin"), "for ok by all_sides"),
    "a copy that is none in part": ("verdicts", set_first(decision="rejected", reason="duplicate"), "give rejected"),
    "signals": ("scores", set_first(motion=2.0), "contradict each other"),
    "the clip's bytes": ("clips", set_first(media_sha256="0" * 64), "other bytes"),
    "the clip's status": ("clips", set_first(status="failed", reason="removed"), "contradicts"),
    "an example's sound": ("examples", set_first(audio_sha256="0" * 64), "differ in audio_sha256"),
    "an example's gain": ("examples", set_first(gain_db=1.0), "differ in gain_db"),
    "an example's split": ("examples", set_first(split="train"), "differ in split"),
    "an example's frames": ("examples", set_first(num_frames=1), "differ in num_frames"),
    "an example's licence": ("examples", set_first(licence="CC0-1.0"), "differ in licence"),
    "an example's shard": ("examples", set_first(shard="dog-val-000001.tar"), "where the table of examples says it is"),
    "left out without reason": ("examples", set_first(shard=""), "in a shard or left out"),
    "left out for its licence": ("examples", set_first(shard="", left_out="licence"), "does not ask for that"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "change", "reason"), EDITS.values(), ids=EDITS)
def test_an_edited_row_is_found(release: Path, name: str, change: Callable[[Rows], Rows], reason: str) -> None:
    edit_table(release, name, change)
    assert reason in told(release)


WRONG_VALUES = {
    "a split that is none": ("examples", set_first(split="training"), "split is 'training'"),
    "a path as shard": ("examples", set_first(shard="../../x-train-000000.tar"), "shard is"),
    "NaN": ("examples", set_first(gain_db=float("nan")), "gain_db is 'nan'"),
    "infinity": ("scores", set_first(motion=float("inf")), "motion is 'inf'"),
    "a negative time": ("clips", set_first(start_ms=-1), "start_ms is '-1'"),
    "no span": ("verdicts", set_first(end_ms=0), "is empty"),
    "a dotted key": ("examples", set_first(key="a.b_000000000_000000001"), "key is"),
    "markdown as licence": ("examples", set_first(licence="[x](http://x)"), "licence is"),
    "a clip of another video": ("judgments", set_first(video_id="demo-009"), "is not of the video"),
    "out of order": ("verdicts", lambda rows: rows[::-1], "out of order"),
    "twice": ("examples", lambda rows: [rows[0], *rows], "there twice"),
}


@pytest.mark.parametrize(("name", "change", "reason"), WRONG_VALUES.values(), ids=WRONG_VALUES)
def test_a_wrong_value_is_found(release: Path, name: str, change: Callable[[Rows], Rows], reason: str) -> None:
    edit_table(release, name, change)
    assert any(line.startswith("bad_table") and reason in line for line in told(release).splitlines())


def test_many_equal_rows_are_not_read(release: Path) -> None:
    """A million rows that pack into a few kilobytes."""
    path = release / "manifest" / "judgments.parquet"
    pq.write_table(pq.read_table(path).take([0] * 1_000_000), path, compression="zstd")
    sum_again(release)
    assert "more than the" in told(release)


def test_a_judgment_that_stands_twice_is_found(release: Path) -> None:
    edit_table(release, "judgments", lambda rows: [rows[0], *rows])
    assert re.search(r"bad_table .*judgments.parquet .*there twice", told(release))


def test_hostile_tables_are_refused(release: Path) -> None:
    path = release / "manifest" / "examples.parquet"
    good = path.read_bytes()
    table = pq.read_table(path)
    nullable = pa.schema([field.with_nullable(True) for field in table.schema], metadata=table.schema.metadata)
    nulls = pa.Table.from_pylist([{**row, "licence": None} for row in table.to_pylist()], schema=nullable)
    frames = table.schema.get_field_index("num_frames")
    floats = table.set_column(frames, "num_frames", table["num_frames"].cast(pa.float64()))
    for bad in (nulls, floats, table.drop_columns(["shard"]), table.append_column("x", table["key"])):
        pq.write_table(bad, path)
        assert "bad_table" in codes(release)
    for data in (b"", b"PAR1", good[:-9], good[:200] + b"\xff" * 100 + good[300:], b"\x80\x04pickle" * 99):
        path.write_bytes(data)
        assert codes(release) & {"bad_table", "checksum_mismatch"}, data[:10]
    path.write_bytes(good)
    assert codes(release) == set()


def test_random_damage_to_a_table_is_found_and_never_a_traceback(features_release: Path, release: Path) -> None:
    random = np.random.default_rng(5)
    for name in TABLES:
        path = release / "manifest" / f"{name}.parquet"
        good = (features_release / "manifest" / path.name).read_bytes()
        for _ in range(8):
            damaged = bytearray(good)
            for position in random.integers(len(good), size=3):
                damaged[position] ^= int(random.integers(1, 256))
            path.write_bytes(damaged)
            sum_again(release)
            assert check_release(release)[1]
        path.write_bytes(good)


@pytest.mark.parametrize("facts", [b"", b"[]", b"[[1,2]]", b"{}", b'{"layout":2}', b"[" * 100_000, b"\xff"])
def test_facts_that_are_none_are_refused(release: Path, facts: bytes) -> None:
    path = release / "manifest" / "examples.parquet"
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({b"vegas_data.release": facts}), path)
    assert "says nothing valid of its release" in told(release)


def test_a_release_of_another_layout_is_called_so_before_anything_else_of_its_tables(release: Path) -> None:
    path = release / "manifest" / "examples.parquet"
    table = pq.read_table(path)
    facts = json.loads(table.schema.metadata[b"vegas_data.release"]) | {"layout": 1}
    pq.write_table(
        table.drop_columns(["credit"]).replace_schema_metadata({b"vegas_data.release": json.dumps(facts)}), path
    )
    (release / "manifest" / "rules.json").unlink()
    sum_again(release)
    assert codes(release) == {"missing_file", "other_version"}
    assert "layout 1; this version of vegas-data reads 2" in told(release)


def test_tables_of_another_release_are_found(release: Path, media_release: Path) -> None:
    shutil.copy(media_release / "manifest" / "clips.parquet", release / "manifest" / "clips.parquet")
    sum_again(release)
    assert "of another release" in told(release)


# --- cards ----------------------------------------------------------------------------------------------------


def test_every_edited_number_of_the_cards_is_found(features_release: Path, tmp_path: Path) -> None:
    for file in ("README.md", "shards/README.md"):
        text = (features_release / file).read_text(encoding="utf-8")
        numbers = list(re.finditer(r"\d+", text))
        assert len(numbers) > 10
        folder = Path(shutil.copytree(features_release, tmp_path / "r", dirs_exist_ok=True))
        for found in numbers[:: len(numbers) // 8]:
            edited = text[: found.start()] + str(int(found[0]) + 1) + text[found.end() :]
            (folder / file).write_text(edited, encoding="utf-8")
            sum_again(folder)
            findings = check_release(folder)[1]
            assert [(f.code, f.file) for f in findings] == [("card_mismatch", str(folder / file))], found


def test_an_edited_csv_is_found(release: Path) -> None:
    edit_text(release, "vegas.csv", "drum", "dog")
    assert codes(release) == {"card_mismatch"}


def test_a_card_of_another_version_says_so(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vegas_data.release.check.templates_digest", lambda: "0" * 12)
    (finding,) = check_release(release)[1]
    assert (finding.code, finding.remedy) == ("other_version", "check it with vegas-data 0.1.0")


def test_the_templates_type_no_number_by_hand() -> None:
    """But for years, the format of times, and the paper's 2 seconds."""
    for name in card._FILES.values():
        text = (card._TEMPLATES / name).read_text(encoding="utf-8")
        plain = re.sub(r"\{[{%].*?[%}]\}", "", text, flags=re.DOTALL)
        assert set(re.findall(r"(?<![A-Za-z0-9])\d+", plain)) <= {"2", "2018"}, name


# --- shards ---------------------------------------------------------------------------------------------------


def test_a_leaked_split_is_found(release: Path) -> None:
    """One of the two examples of demo-003 moved to another split, in shard, side-car, table and sums alike."""
    old, new = (release / "shards" / name for name in ("drum-val-000000.tar", "drum-train-000001.tar"))
    (example,) = read_shard(old)
    text = example_json(replace(example.meta, split="train"))
    info = read_side_car(old)
    contents = contents_of(old)
    others = [member(name, content) for name, content in contents.items() if not name.endswith(".json")]
    for suffix in ("", ".json"):
        old.with_name(old.name + suffix).rename(new.with_name(new.name + suffix))
    inputs = inputs_digest(new.name, [example_digest(replace(example.meta, split="train"))])
    moved = replace(info, name=new.name, split="train", inputs=inputs)
    seal(new, [member(f"{example.key}.json", text) + b"".join(others)], moved)

    def move(rows: Rows) -> Rows:
        return [{**row, "split": "train", "shard": new.name} if row["shard"] == old.name else row for row in rows]

    edit_table(release, "examples", move)
    assert codes(release) == {"split_leak", "card_mismatch"}


def test_a_sound_smuggled_into_features_is_found(release: Path, media_release: Path) -> None:
    tar = release / "shards" / "drum-train-000000.tar"
    sound = blocks_of(media_release / "shards" / tar.name)[0]
    key = read_side_car(tar).keys[0]
    first, *others = blocks_of(tar)
    seal(tar, [first + member(f"{key}.audio.npy", b"sound"), *others])
    sum_again(release)
    assert "bytes follow the last member" in told(release)
    seal(tar, [sound, *others])
    sum_again(release)
    assert "schema_mismatch" in codes(release)


def test_a_media_shard_in_a_features_release_is_found(release: Path, media_release: Path) -> None:
    for suffix in ("", ".json"):
        name = f"shards/drum-train-000000.tar{suffix}"
        shutil.copy(media_release / name, release / name)
    sum_again(release)
    assert "a shard of profile media, features belongs here" in told(release)


def test_an_exchanged_mp4_is_found(media: Path) -> None:
    """With side-car, sums and all made to agree: only the table knows the mp4's sha256."""
    tar = media / "shards" / "drum-train-000000.tar"
    first, second = blocks_of(tar)
    where = second.index(b"ftyp")
    changed = bytearray(second)
    changed[where + 100] ^= 1
    seal(tar, [first, bytes(changed)])
    sum_again(media)
    assert "differ in video_sha256" in told(media)
    changed[where] ^= 1
    seal(tar, [first, bytes(changed)])
    sum_again(media)
    assert "not an mp4" in told(media)


def test_an_author_who_is_not_named_any_more_is_found(media: Path) -> None:
    edit_table(media, "examples", set_first(credit=""))
    assert "names an author whom `credit` does not" in told(media)


@pytest.mark.parametrize("text", [None, b"You may not.\n"])
def test_another_licence_text_is_found(media: Path, text: bytes | None) -> None:
    path = media / "LICENSES" / "CC-BY-3.0.txt"
    path.unlink()
    if text is not None:
        path.write_bytes(text)
    sum_again(media)
    assert codes(media) == {"card_mismatch"}


def test_a_file_that_cannot_be_read_is_a_finding(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> str:
        if path.name == "vegas.csv":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return sha256_of(path)

    monkeypatch.setattr("vegas_data.release.check.sha256_of", refused)
    (finding,) = check_release(release)[1]
    assert (finding.code, finding.file) == ("unreadable", str(release / "vegas.csv"))


def test_media_that_must_not_be_passed_on_is_found(media: Path) -> None:
    edit_table(media, "examples", set_first(licence="CC-BY-NC-4.0"))
    assert "its licence CC-BY-NC-4.0 does not allow passing it on" in told(media)


def test_a_dropped_example_is_found_with_its_shard_made_to_agree(release: Path) -> None:
    tar = release / "shards" / "drum-train-000000.tar"
    info = read_side_car(tar)
    seal(tar, blocks_of(tar)[:1], replace(info, keys=info.keys[:1]))
    sum_again(release)
    assert {"shards_disagree", "card_mismatch"} <= codes(release)


def test_findings_of_one_kind_are_counted_not_listed(release: Path) -> None:
    for number in range(30):
        (release / f"x{number}").touch()
        (release / "shards" / f"x{number}").touch()
    findings = check_release(release)[1]
    assert len(findings) <= 130
    assert codes(release) == {"foreign_file"}


def test_every_code_and_column_stands_on_the_page() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("\n## Release\n")[2].partition("\n## ")[0]
    words = set(re.findall(r"[a-z][a-z0-9_]*", " ".join(re.findall(r"`([^`\n]+)`", section))))
    assert set(CODES) <= words
    assert {
        column.name for name in ("clips", "examples", "audit", "audit_judgments") for column in COLUMNS[name]
    } <= words
