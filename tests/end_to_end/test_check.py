"""``vegas-data check``: quick by default, no byte of data read; with ``--read-data`` no flipped byte stays unseen.

``VEGAS_FAULT_SEED=…`` replays a failure; every run prints its seed.
"""

import json
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.commands import vegas, vegas_json
from vegas_data.artefacts import Owners
from vegas_data.checking import Checked, check
from vegas_data.cli.session import Place, reading
from vegas_data.config import load_table, to_json
from vegas_data.records import Media
from vegas_data.shards import read_side_car
from vegas_data.store import parse_side_car

SEED = int(os.environ.get("VEGAS_FAULT_SEED") or random.randrange(1 << 32))
FOLDERS = ("clips", "features", "shards")


@pytest.fixture(scope="module")
def workspace(smoke: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished workspace that a test may harm if it mends it again."""
    folder = tmp_path_factory.mktemp("check") / "w"
    shutil.copytree(smoke, folder)
    return folder


def checked(workspace: Path, *, read_data: bool = True) -> Checked:
    place = Place(workspace_path=workspace, recipe_name=None, categories_file=None, as_json=True)
    with reading(place) as run:
        return check(run, read_data=read_data)


def files_of(workspace: Path) -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (workspace / folder).rglob("*") if path.is_file())


def owner(workspace: Path, file: Path, position: int) -> str:
    """Id of the clip or the example that a byte belongs to; empty where it is of a shard as a whole."""
    name = file.name.removesuffix(".json")
    kind = file.relative_to(workspace).parts[0]
    if kind == "clips":
        return name.removesuffix(".mp4")
    if kind == "features":
        for media in (workspace / "clips").rglob("*.mp4"):
            side_car = Path(f"{media}.json").read_text(encoding="utf-8")
            if f'"sha256": "{name[:16]}' in side_car:
                video_id, start_ms = media.stem.rsplit("_", 1)
                first, end = (int(start_ms) + int(ms) for ms in name.removesuffix(".npy").split("_")[1:])
                return f"{video_id}_{first:09d}_{end:09d}"
        raise AssertionError(file)
    if file.suffix == ".json":
        return ""
    info = read_side_car(file)
    keys = zip(info.keys, info.extents, strict=True)
    return next((key for key, extent in keys if 0 <= position - extent.offset < extent.num_bytes), "")


def flip(file: Path, position: int, bit: int) -> None:
    with file.open("r+b") as out:
        out.seek(position)
        (byte,) = out.read(1)
        out.seek(position)
        out.write(bytes([byte ^ 1 << bit]))


def positions(file: Path, count: int, draw: random.Random) -> Iterator[int]:
    """Ends, the npy or tar header and its neighbourhood, and ``count`` anywhere."""
    size = file.stat().st_size
    yield from {0, size - 1}
    yield from (draw.randrange(min(size, 2048)) for _ in range(count))
    yield from (draw.randrange(size) for _ in range(count))


def prove(workspace: Path, count: Callable[[Path], int]) -> int:
    before = {path: path.read_bytes() for path in files_of(workspace)}
    assert checked(workspace).findings == []
    draw = random.Random(SEED)
    flips = 0
    for file in files_of(workspace):
        named = {}
        for position in positions(file, count(file), draw):
            bit = draw.randrange(8)
            where = f"seed {SEED}: bit {bit} of byte {position} of {file.relative_to(workspace)}"
            expected = named.setdefault(position, owner(workspace, file, position))
            flip(file, position, bit)
            findings = checked(workspace).findings
            flip(file, position, bit)
            flips += 1
            assert findings, where
            assert {finding.key for finding in findings} == {expected}, (where, findings)
            names = {str(file), str(file).removesuffix(".json")}
            assert {finding.file for finding in findings} <= names, (where, findings)
            assert all(finding.remedy for finding in findings), where
    assert {path: path.read_bytes() for path in files_of(workspace)} == before
    assert checked(workspace).findings == []
    print(f"{flips} flips, seed {SEED}")
    return flips


def test_a_flipped_byte_in_any_file_is_found_and_its_owner_named(workspace: Path) -> None:
    assert prove(workspace, lambda _: 0) >= 2 * 38


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_thousands_of_flipped_bytes_are_found_and_their_owners_named(workspace: Path) -> None:
    assert prove(workspace, lambda file: 40 if file.suffix == ".json" else 60) > 3500


def test_the_quick_check_opens_no_data(workspace: Path) -> None:
    opened: list[str] = []
    sys.addaudithook(lambda event, found: opened.append(str(found[0])) if event == "open" else None)
    data = [str(path) for path in files_of(workspace) if path.suffix != ".json"]
    assert checked(workspace, read_data=False).findings == []
    quick = set(opened)
    assert not quick & set(data)
    assert quick >= {f"{path}.json" for path in data}
    assert checked(workspace).findings == []
    assert set(opened) >= set(data)


def test_what_the_quick_check_finds_and_what_only_the_proof_does(workspace: Path, tmp_path: Path) -> None:
    for number, (kind, suffix) in enumerate((("clips", ".mp4"), ("features", ".npy"), ("shards", ".tar"))):
        copy = tmp_path / str(number)
        shutil.copytree(workspace, copy)
        file = next(path for path in files_of(copy) if path.suffix == suffix)
        whole = file.read_bytes()
        file.write_bytes(whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:])
        assert checked(copy, read_data=False).findings == [], kind
        assert checked(copy).findings, kind
        file.write_bytes(whole[:-1])
        (finding,) = checked(copy, read_data=False).findings
        assert (finding.code, finding.file) == ("checksum_mismatch", str(file))
        file.unlink()
        (finding,) = checked(copy, read_data=False).findings
        assert finding.code == ("no_tar" if kind == "shards" else "half_missing")
        Path(f"{file}.json").unlink()
        found = checked(copy, read_data=False).findings
        assert found, f"{kind}: both halves are gone, and the tables still ask for it"


@pytest.mark.parametrize("harm", ["another name", "an example less", "one of them is gone"])
def test_shards_that_are_not_of_the_tables_are_found_by_both(workspace: Path, tmp_path: Path, harm: str) -> None:
    shutil.copytree(workspace, tmp_path / "w")
    shards = sorted((tmp_path / "w" / "shards").rglob("*.tar"))
    match harm:
        case "another name":
            last = shards[-1].with_name("drum-val-000000.tar")
            for path in (shards[-1], Path(f"{shards[-1]}.json")):
                path.rename(path.with_name(path.name.replace(shards[-1].name, last.name)))
        case "an example less":
            feature = next((tmp_path / "w" / "features").rglob("*.npy"))
            feature.unlink()
            Path(f"{feature}.json").unlink()
        case _:
            for path in (shards[-1], Path(f"{shards[-1]}.json")):
                path.unlink()
    for read_data in (False, True):
        findings = checked(tmp_path / "w", read_data=read_data).findings
        assert findings
        assert {finding.code for finding in findings} <= {"stale_shard", "schema_mismatch"}
    if harm == "one of them is gone":
        vegas_json("featurize", "--workspace", tmp_path / "w", "--workers", "0")
        assert checked(tmp_path / "w").findings == []


def test_it_says_what_was_done(workspace: Path) -> None:
    quick = vegas("check", "--workspace", workspace)
    assert quick.returncode == 0
    assert "4 shards, 5 clips, 10 features: side-cars and sizes only (--read-data proves every byte)" in quick.stdout
    told = vegas_json("check", "--workspace", workspace, "--read-data", "--workers", "0")
    counts = {"shards": 4, "clips": 5, "features": 10}
    assert told == {"read_data": True, "checked": counts, "unsealed": 0, "not_compared": "", "findings": []}


def test_a_scorer_that_this_machine_lacks_is_no_fault_of_the_workspace(workspace: Path, tmp_path: Path) -> None:
    shutil.copytree(workspace, tmp_path / "w")
    recipe = tmp_path / "w" / "recipe.toml"
    text = recipe.read_text(encoding="utf-8")
    there, gone = 'name = "efficientnet-lite0"\nside', 'name = "siglip2"\nmodel = "/no/such/snapshot"\nside'
    assert there in text
    recipe.write_text(text.replace(there, gone), encoding="utf-8")
    found = checked(tmp_path / "w", read_data=False)
    assert found.findings == []
    assert "/no/such/snapshot" in found.not_compared
    done = vegas("check", "--workspace", tmp_path / "w")
    assert done.returncode == 0
    assert "is not known here: siglip2" in done.stdout


def test_of_clips_with_the_same_bytes_each_example_is_named(workspace: Path) -> None:
    feature = next((workspace / "features").rglob("*.npy"))
    clips = [json.loads(path.read_bytes()) for path in (workspace / "clips").rglob("*.mp4.json")]
    (said,) = (clip for clip in clips if clip["sha256"].startswith(feature.name[:16]))
    media = load_table(Media, {name: value for name, value in said.items() if name != "seal"}, where="side-car")
    key = feature.relative_to(workspace).as_posix()
    one = Owners([media]).of("features", key)
    assert one.startswith(media.video_id)
    copy = replace(media, video_id="demo-copy", clip_id=f"demo-copy_{media.start_ms:09d}")
    for both in ([media, copy], [copy, media]):
        assert Owners(both).of("features", key) == f"demo-copy{one.removeprefix(media.video_id)}, {one}"
    assert Owners([]).of("features", key) == ""


def test_it_says_how_many_side_cars_nothing_seals(workspace: Path, tmp_path: Path) -> None:
    shutil.copytree(workspace, tmp_path / "w")
    side_cars = [path for path in files_of(tmp_path / "w") if path.suffix == ".json"]
    for side_car in side_cars:  # as an older version wrote them
        side_car.write_text(to_json(parse_side_car(side_car.read_bytes()), indent=2), encoding="utf-8")
    found = checked(tmp_path / "w")
    assert (found.findings, found.unsealed) == ([], len(side_cars))
    done = vegas("check", "--workspace", tmp_path / "w")
    assert f"{len(side_cars)} side-cars of an older version have no seal" in done.stdout


def test_many_workers_find_what_one_finds(workspace: Path, tmp_path: Path) -> None:
    shutil.copytree(workspace, tmp_path / "w")
    for file in files_of(tmp_path / "w")[::3]:
        flip(file, file.stat().st_size // 2, 3)
    alone, two = (
        vegas_json("check", "--workspace", tmp_path / "w", "--read-data", "--workers", n, expect=1) for n in ("0", "2")
    )
    assert alone == two
    assert len(alone["findings"]) == len(files_of(tmp_path / "w")[::3])
