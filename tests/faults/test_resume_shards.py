"""A second *featurize* goes by side-cars alone; another size of shards computes no feature; clocks decide no byte."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.small_job import command, jobs_in, make_workspace
from vegas_data import sealing
from vegas_data.cli.session import Place, writing
from vegas_data.context import Selection
from vegas_data.ledger import open_ledger
from vegas_data.shards import ShardReader, current_folder, read_shard, read_side_car
from vegas_data.store import sha256_of
from vegas_data.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("features", "shards", "tables")
OPENED: list[str] = []
_LISTENING: list[bool] = []


def _listen(event: str, arguments: tuple[object, ...]) -> None:
    if _LISTENING and event == "open":
        OPENED.append(str(arguments[0]))


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """The files that this process opens from now on."""
    if not OPENED:
        sys.addaudithook(_listen)
    OPENED.clear()
    _LISTENING.append(True)
    yield OPENED
    _LISTENING.clear()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_workspace(tmp_path_factory.mktemp("finished") / "w").root
    run(root)
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "w")
    return tmp_path / "w"


def run(root: Path) -> None:
    assert command.main(args=[str(root)], standalone_mode=False) == 0


def files(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): sha256_of(path)
        for folder in FOLDERS
        for path in (root / folder).rglob("*")
        if path.is_file()
    }


def test_what_is_finished_is_known_by_its_side_car_alone(root: Path, opened: list[str]) -> None:
    data = [path for folder in FOLDERS[:2] for path in (root / folder).rglob("*") if path.suffix in (".tar", ".npy")]
    assert len(data) == 2 + 6
    for path in data:  # nobody could read these
        size = path.stat().st_size
        path.unlink()
        with path.open("wb") as file:
            file.truncate(size)
    before = files(root)
    opened.clear()
    run(root)
    mine = {path for path in opened if path.startswith(str(root))}
    assert not mine & set(map(str, data))
    assert mine >= {f"{path}.json" for path in data}
    assert files(root) == before


def test_a_shard_without_side_car_is_written_again_and_no_other(root: Path, opened: list[str]) -> None:
    tars = sorted((root / "shards").rglob("*.tar"))
    Path(f"{tars[0]}.json").unlink()
    before = files(root)
    opened.clear()
    run(root)
    written = [path for path in (root / "features").rglob("*") if str(path) in opened and path.suffix == ".npy"]
    assert len(written) == 2, "the two streams of the one example of that shard"
    assert str(tars[1]) not in opened
    assert {name: value for name, value in files(root).items() if name in before} == before


def with_size(root: Path, before: str, after: str) -> None:
    recipe = root / "recipe.toml"
    text = recipe.read_text(encoding="utf-8")
    assert before in text
    recipe.write_text(text.replace(before, after), encoding="utf-8")


def keys_of(root: Path) -> dict[str, tuple[str, ...]]:
    return {tar.name: read_side_car(tar).keys for tar in sorted((root / "shards").rglob("*.tar"))}


def test_another_size_makes_other_shards_removes_the_old_ones_and_computes_no_feature(root: Path) -> None:
    first, features = keys_of(root), {name: one for name, one in files(root).items() if name.startswith("features")}
    stamps = {path: path.stat().st_mtime_ns for path in (root / "features").rglob("*")}
    assert {name: len(keys) for name, keys in first.items()} == {"dog-train-000000.tar": 1, "drum-train-000000.tar": 2}
    before = files(root)
    with_size(root, "max_examples = 2", "max_bytes = 1")
    run(root)
    assert sorted(keys_of(root)) == ["dog-train-000000.tar", "drum-train-000000.tar", "drum-train-000001.tar"]
    assert sorted(key for keys in keys_of(root).values() for key in keys) == sorted(
        k for ks in first.values() for k in ks
    )
    assert len(list((root / "shards").iterdir())) == 1, "shards of the old size are gone, and their folder"
    assert {path: path.stat().st_mtime_ns for path in (root / "features").rglob("*")} == stamps
    assert {name: one for name, one in files(root).items() if name.startswith("features")} == features
    assert sum(len(list(read_shard(tar))) for tar in (root / "shards").rglob("*.tar")) == 3
    with open_ledger(root / "ledger.sqlite", read_only=True) as ledger:
        assert len(ledger.settled("featurize")) == 3, "each example once"
    with_size(root, "max_bytes = 1", "max_examples = 2")
    run(root)
    assert files(root) == before


def test_shards_of_other_streams_and_of_an_interrupted_removal(root: Path) -> None:
    (folder,) = (root / "shards").iterdir()
    others, orphan = root / "shards" / "0123456789ab", root / "shards" / "ba9876543210"
    shutil.copytree(folder, others)
    for side_car in others.glob("*.json"):
        text = side_car.read_text(encoding="utf-8")
        side_car.write_text(text.replace('"flow_lite0"', '"flow_other"'), encoding="utf-8")
    orphan.mkdir()
    shutil.copy(next(folder.glob("*.tar")), orphan)
    run(root)
    assert {path.name for path in (root / "shards").iterdir()} == {folder.name, others.name}


@pytest.mark.parametrize(
    ("selection", "only"),
    [(Selection(categories=("dog",)), ()), (Selection(limit=1), ()), (Selection(), ("flow",)), (Selection(), ())],
)
def test_only_a_run_on_all_examples_gives_up_shards_whose_features_are_gone(
    root: Path, selection: Selection, only: tuple[str, ...]
) -> None:
    drums = sorted((root / "shards").rglob("drum-*"))
    before = {path: path.read_bytes() for path in drums}
    for shard in drums:
        if shard.suffix == ".tar":
            for meta in ShardReader(shard).metas():
                for path in (root / "features").rglob(f"{meta.media.sha256[:16]}_*"):
                    path.unlink()
    place = Place(workspace_path=root, recipe_name=None, categories_file=None, as_json=True)
    for size in ("max_examples = 2", "max_examples = 1"):
        with_size(root, "max_examples = 2", size)
        with writing(place, selection, workers=0) as run_on_some:
            summary = sealing.run_shards(run_on_some, jobs_in(run_on_some.workspace), only)
        if selection == Selection() and not only:
            assert not [path for path in drums if path.exists()]
        else:
            assert summary.counts["left"] == 1
            assert {path: path.read_bytes() for path in drums} == before
            current = current_folder(Workspace(root))
            assert current is not None
            assert (root / current) == drums[0].parent


def test_a_lost_ledger_is_written_anew_at_once(root: Path) -> None:
    (root / "ledger.sqlite").unlink()
    run(root)
    with open_ledger(root / "ledger.sqlite", read_only=True) as ledger:
        assert len(ledger.settled("featurize")) == 3
        assert len(ledger.settled("shards")) == 2


CHILD = """
import locale, os, sys, time
real = time.time_ns
shift = int(sys.argv[2]) * 31_557_600
time.time_ns = lambda: real() + shift * 10**9
time.time = lambda: time.time_ns() / 1e9
time.localtime = time.gmtime
os.umask(int(sys.argv[3], 8))
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    pass
from tests.faults.small_job import command
sys.exit(command.main(args=[sys.argv[1]], standalone_mode=False))
"""


@pytest.mark.parametrize(
    ("years", "umask", "zone", "language", "seed"),
    [
        (10, "077", "Pacific/Kiritimati", "tr_TR.UTF-8", "1"),
        pytest.param(-10, "000", "America/St_Johns", "C", "4242", marks=pytest.mark.slow),
    ],
)
def test_neither_clock_nor_umask_nor_place_decides_a_byte(
    finished: Path, tmp_path: Path, years: int, umask: str, zone: str, language: str, seed: str
) -> None:
    root = tmp_path / "w"
    shutil.copytree(finished, root)
    for folder in FOLDERS:
        shutil.rmtree(root / folder)
    (root / "ledger.sqlite").unlink()
    stamp = 1_700_000_000 + years * 31_557_600
    for path in root.rglob("*"):
        os.utime(path, (stamp, stamp))
    environment = {**os.environ, "TZ": zone, "LC_ALL": language, "LANG": language, "PYTHONHASHSEED": seed}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "0", "COLUMNS": "20"}
    arguments = [sys.executable, "-c", CHILD, str(root), str(years), umask]
    done = subprocess.run(arguments, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert files(root) == files(finished)
    modes = {path.stat().st_mode & 0o777 for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file()}
    assert modes == {0o644}


def test_the_order_of_the_examples_decides_no_byte(finished: Path, tmp_path: Path) -> None:
    from tests.faults import small_job

    root = make_workspace(tmp_path / "w").root
    place = Place(workspace_path=root, recipe_name=None, categories_file=None, as_json=True)
    with writing(place, Selection(), workers=0) as session:
        jobs = list(jobs_in(session.workspace).items())
        random.Random(5).shuffle(jobs)
        assert small_job.featurize(session, dict(reversed(jobs))) == 0
    assert files(root) == files(finished)
