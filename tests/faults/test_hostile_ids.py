"""Ids as strangers write them: refused in words, or data like any other; nothing is written but in the workspace."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.commands import vegas
from tests.faults.fault_run import recipe_text
from tests.loopback import Handler, serving
from vegas_data.errors import EXIT_INPUT, EXIT_OK, ManifestError
from vegas_data.fetch import clip_key
from vegas_data.media.mux import write_mp4
from vegas_data.records import Clip, check_video_id

REFUSED = (
    "",
    " ",
    ".",
    "..",
    "-rf",
    "--output=x",
    "../../../escaped",
    "loop-../escaped",
    "loop-..%2Fescaped",
    "/tmp/escaped",
    "loop-/tmp/escaped",
    "loop-a.b",
    "%(title)s",
    "loop-%s%n",
    "nul\0byte",
    "loop-a\nb",
    "loop-a\rb",
    "loop-\u202egpj",
    "loop-\u2028x",
    "loop-café",
    "loop-\uff21",
    "loop-\U0001f941",
    "loop-$(touch escaped)",
    "loop-`id`",
    "loop-a;b",
    "loop-a|b",
    "loop-a b",
    "loop-a,b",
    'loop-"a"',
    "file:///etc/passwd",
    "C:\\escaped",
    "~root",
    "x" * 300,
    "loop-" + "x" * 300,
    "dQw4w9WgXcQ?",
    "dQw4w9WgXcQ\n",
)
ODD = ("loop--rf", "loop---version", "loop--", "loop-_", "loop-AbC", "loop-aBC", "loop-con", "loop-" + "z" * 59)
"""Nothing is wrong with these: they are data, also where a program would take them for an option."""

SPAN = (1000, 4000)


@pytest.fixture(scope="module")
def videos(counting_video: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A video that gets brighter, and one that gets darker."""
    other = tmp_path_factory.mktemp("other") / "other.mp4"
    frames = (np.full((96, 128, 3), 200 - level, dtype=np.uint8) for level in range(200))
    silence = np.zeros(8 * 48_000, dtype=np.float32)
    write_mp4(other, frames, size=(128, 96), fps=Fraction(25), audio=silence, sample_rate_hz=48_000)
    return counting_video.read_bytes(), other.read_bytes()


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def server(videos: tuple[bytes, bytes], asked: list[str]) -> Iterator[str]:
    class Answers(Handler):
        def answer(self) -> None:
            asked.append(self.path)
            body = videos[self.path == "/aBC.mp4"]
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(Answers) as address:
        yield f"{address}/{{id}}.mp4"


def write_csv(path: Path, ids: tuple[str, ...]) -> Path:
    quoted = ('"' + name.replace('"', '""') + '"' for name in ids)
    rows = "".join(f"{name},{SPAN[0]},{SPAN[1]},drum\n" for name in quoted)
    path.write_bytes(("video_id,start_ms,end_ms,category\n" + rows).encode())
    return path


def write_parquet(path: Path, ids: tuple[str, ...]) -> Path:
    columns = {"video_id": list(ids), "start_ms": [SPAN[0]] * len(ids), "end_ms": [SPAN[1]] * len(ids)}
    pq.write_table(pa.table({**columns, "category": ["drum"] * len(ids)}), path)
    return path


def everything_under(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_no_clip_has_such_an_id(name: str) -> None:
    with pytest.raises(ManifestError, match="invalid video id") as caught:
        Clip(video_id=name, start_ms=SPAN[0], end_ms=SPAN[1], categories=("drum",))
    assert caught.value.remedy
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("write", [write_csv, write_parquet])
@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_a_table_with_such_an_id_is_refused_whole(tmp_path: Path, write: object, name: str) -> None:
    from vegas_data.categories import load_categories
    from vegas_data.manifest import read_manifest

    assert callable(write)
    table = write(tmp_path / ("t.csv" if write is write_csv else "t.parquet"), ("loop-good", name))
    with pytest.raises(ManifestError) as caught:
        read_manifest(table, load_categories())
    assert caught.value.remedy
    assert str(caught.value).isprintable()
    assert everything_under(tmp_path) == {table.name}


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_a_fetch_of_such_a_table_ends_before_anything_is_asked(
    tmp_path: Path, server: str, asked: list[str], write: object
) -> None:
    assert callable(write)
    inside = tmp_path / "a" / "b" / "c"
    inside.mkdir(parents=True)
    (inside / "recipe.toml").write_text(recipe_text({"loop": server}, ""), encoding="utf-8")
    hostile = ("loop-good", "loop-../../escaped") if write is write_csv else ("loop-good", "nul\0byte", "-rf")
    table = write(inside / f"t{'.csv' if write is write_csv else '.parquet'}", hostile)
    before = everything_under(tmp_path)
    command = ("fetch", "--recipe", "recipe.toml", "--workspace", "w", "--manifest", table, "--allow-private")
    done = vegas(*command, cwd=inside)
    assert done.returncode == EXIT_INPUT, done.stderr
    assert "Traceback" not in done.stderr
    assert {path for path in everything_under(tmp_path) - before if not path.startswith("a/b/c/w")} == set()
    assert not list((inside / "w").rglob("*.mp4"))
    assert asked == []


@pytest.mark.parametrize("kind", ["http", "local"])
def test_odd_ids_are_data_and_stay_apart(
    tmp_path: Path, server: str, asked: list[str], videos: tuple[bytes, bytes], kind: str
) -> None:
    recipe = recipe_text({"loop": server}, "")
    if kind == "local":
        folder = tmp_path / "have"
        folder.mkdir()
        for name in ODD:
            (folder / f"{name.removeprefix('loop-')}.mp4").write_bytes(videos[name == "loop-aBC"])
        (folder / "..mp4").write_bytes(b"")
        (folder / "stranger.mp4").symlink_to("/etc/passwd")
        recipe = recipe.replace('kind = "http"', 'kind = "local"').replace(f'url = "{server}"', f'folder = "{folder}"')
    (tmp_path / "recipe.toml").write_text(recipe, encoding="utf-8")
    table = write_csv(tmp_path / "t.csv", ODD)
    before = everything_under(tmp_path)
    command = ("fetch", "--recipe", "recipe.toml", "--workspace", "w", "--manifest", table, "--allow-private", "--json")
    done = vegas(*command, cwd=tmp_path)
    assert done.returncode == EXIT_OK, done.stdout + done.stderr
    clips = {path.stem: path.read_bytes() for path in (tmp_path / "w" / "clips").rglob("*.mp4")}
    assert set(clips) == {f"{name}_{SPAN[0]:09d}" for name in ODD}
    assert clips["loop-AbC_000001000"] != clips["loop-aBC_000001000"], "one was taken for the other"
    assert clips["loop-AbC_000001000"] == clips["loop--rf_000001000"]
    cars = {path.name for path in (tmp_path / "w" / "clips").rglob("*.mp4.json")}
    assert cars == {f"{stem}.mp4.json" for stem in clips}
    assert {path for path in everything_under(tmp_path) - before if path != "w" and path[:2] != "w/"} == set()
    assert set(asked) == (set() if kind == "local" else {f"/{name.removeprefix('loop-')}.mp4" for name in ODD})
    assert json.loads(done.stdout)["stages"][-1]["outcomes"] == {"done": len(ODD)}


def test_a_link_out_of_the_folder_is_nobodys_video(tmp_path: Path, videos: tuple[bytes, bytes]) -> None:
    folder = tmp_path / "have"
    folder.mkdir()
    (tmp_path / "secret.mp4").write_bytes(videos[0])
    (folder / "good.mp4").write_bytes(videos[0])
    (folder / "taken.mp4").symlink_to(tmp_path / "secret.mp4")
    recipe = recipe_text({"loop": "x"}, "").replace('kind = "http"', 'kind = "local"')
    recipe = recipe.replace('url = "x"', f'folder = "{folder}"')
    (tmp_path / "recipe.toml").write_text(recipe, encoding="utf-8")
    table = write_csv(tmp_path / "t.csv", ("loop-good", "loop-taken"))
    done = vegas("fetch", "--recipe", "recipe.toml", "--workspace", "w", "--manifest", table, "--json", cwd=tmp_path)
    stage = json.loads(done.stdout)["stages"][-1]
    assert stage["outcomes"] == {"done": 1, "rejected": 1}
    assert [(row["unit"], row["reason"]) for row in stage["failures"]] == [("loop-taken_000001000", "not_here")]


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=80), st.from_regex(r"\A[a-z]{1,5}-[!-~]{0,12}\Z")))
def test_any_text_is_refused_or_names_a_file_in_the_workspace(name: str) -> None:
    refused = _refusal(name)
    if refused is not None:
        assert refused.remedy
        assert str(refused).isprintable()
        return
    clip = Clip(video_id=name, start_ms=0, end_ms=2000, categories=("drum",))
    path = Path("/workspace") / clip_key("0123456789ab", clip.id)
    assert path.resolve().parent.parent == Path("/workspace/clips/0123456789ab")
    assert path.name == f"{name}_000000000.mp4"
    assert "." not in clip.id


def _refusal(name: str) -> ManifestError | None:
    try:
        check_video_id(name)
    except ManifestError as error:
        return error
    return None
