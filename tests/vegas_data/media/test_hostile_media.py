"""What a stranger's file may not do: open another, reach a host, take all memory or all time, or live on."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from films import CountedFile, film
from traps import bombs, playlists

from tests.loopback import Handler, serving
from vegas_data.errors import DecodeFailed, LimitExceeded, MediaError, ResourcesExhausted, Unsupported
from vegas_data.media import demux, demux_process
from vegas_data.media.cut import CutOptions, cut_clip
from vegas_data.media.demux import Demuxer, demuxer_here
from vegas_data.media.demux_child import DONE, FAILED, FRAME, READ
from vegas_data.media.section import LocalBytes, Section

TOO_LATE_S = 5.0  # the aim is two seconds on a machine that does nothing else
MOST_MEMORY = 300 << 20
REFUSALS = ("too_large", "unsupported", "no_video", "decode_failed")


@pytest.fixture
def canary() -> Iterator[tuple[str, list[str]]]:
    hits: list[str] = []

    class Counting(Handler):
        def answer(self) -> None:
            hits.append(self.path)
            self.send_error(404)

    with serving(Counting) as host:
        yield host, hits


def test_twelve_playlists_open_nothing(tmp_path: Path, canary: tuple[str, list[str]]) -> None:
    host, hits = canary
    secret = film(tmp_path / "1.mp4", seconds=3)
    media = secret.read_bytes()[1000:20_000]
    pieces = [media[at : at + 64] for at in range(0, len(media), 64)]
    known = demuxer_here().probe(LocalBytes(secret))
    target = tmp_path / "out" / "c.mp4"
    target.parent.mkdir()
    traps = playlists(tmp_path, secret, host)
    assert len(traps) == 12
    for name, trap in traps.items():
        began = time.monotonic()
        for source in (LocalBytes(trap), CountedFile(trap)):
            with contextlib.suppress(MediaError):  # of a mov, bytes that are nothing may be copied
                demuxer_here().copy_span(source, target.with_name("p"), start_ms=0, end_ms=2000, tracks="both")
        with pytest.raises(MediaError):
            cut_clip(Section(path=trap), target, start_ms=0, end_ms=2000, options=CutOptions())
        piece = Section(path=trap, probe=known, shift_s=0)  # as a child that was taken over may say
        with pytest.raises(MediaError):
            cut_clip(piece, target, start_ms=0, end_ms=2000, options=CutOptions())
        for left in target.parent.iterdir():
            held = left.read_bytes()
            assert not any(piece in held for piece in pieces), f"{name}: {left.name} holds some of the secret"
            left.unlink()
        assert time.monotonic() - began < 4 * TOO_LATE_S, name
    assert hits == []


def test_what_is_no_container_is_unsupported(tmp_path: Path, canary: tuple[str, list[str]]) -> None:
    for name, trap in playlists(tmp_path, film(tmp_path / "1.mp4", seconds=1), canary[0]).items():
        if "mov" not in name:
            with pytest.raises(Unsupported, match=trap.name):
                demuxer_here().probe(LocalBytes(trap))


_MEASURE = """
import json, resource, sys, time
from pathlib import Path
from vegas_data.errors import MediaError
from vegas_data.media.cut import CutOptions, cut_clip
from vegas_data.media.demux import Demuxer
from vegas_data.media.section import Section
demuxer = Demuxer()
for name in sys.argv[1:]:
    began, code = time.monotonic(), "accepted"
    try:
        span = {"start_ms": 0, "end_ms": 2000, "options": CutOptions(), "demuxer": demuxer}
        cut_clip(Section(path=Path(name)), Path(name + ".out"), **span)
    except MediaError as error:
        code = error.code
    peak = max(demuxer.peak_bytes, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10)
    print(json.dumps([name, code, time.monotonic() - began, peak]))
demuxer.close()
"""


def test_bombs_are_refused_early_and_small(tmp_path: Path) -> None:
    made = bombs(tmp_path)
    # without bubblewrap, which hides from us how much its child took
    environment = {**os.environ, "VEGAS_DATA_SANDBOX": "off"}
    command = [sys.executable, "-c", _MEASURE, *map(str, made.values())]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    names = {str(path): name for name, path in made.items()}
    found = {names[path]: rest for path, *rest in map(json.loads, done.stdout.splitlines())}
    assert found.keys() == made.keys()
    told = "\n".join(
        f"{name}: {code}, {seconds:.2f} s, {peak >> 20} MiB" for name, (code, seconds, peak) in found.items()
    )
    assert all(code in REFUSALS for code, _, _ in found.values()), told
    assert all(seconds < TOO_LATE_S for _, seconds, _ in found.values()), told
    assert all(peak < MOST_MEMORY for _, _, peak in found.values()), told
    assert sum(code == "too_large" for code, _, _ in found.values()) >= 5, told


TRACK = {"start_us": 0, "end_us": 1, "end_is_known": True}
PICTURE = {**TRACK, "width": 10, "height": 10, "fps": [25, 1]}
SOUND = {**TRACK, "sample_rate_hz": 48_000, "channels": 1}


@pytest.mark.parametrize(
    "said",
    [
        FRAME.pack(READ, 0, 1 << 40),
        FRAME.pack(READ, 1 << 40, 1),
        FRAME.pack(READ, (1 << 64) - 1, 8),
        FRAME.pack(9, 0, 0),
        FRAME.pack(DONE, 0, 1 << 50),
        *(
            FRAME.pack(DONE, 0, len(text)) + text
            for text in (
                b"[]",
                b"{{{",
                b"[" * 60_000,
                *(
                    json.dumps({"probe": {"picture": {**PICTURE, **wrong}, "sound": SOUND}}).encode()
                    for wrong in (
                        {"width": -1},
                        {"width": 1 << 40},
                        {"height": "10"},
                        {"fps": [10**9, 1]},
                        {"fps": [1, 0]},
                        {"fps": 25},
                        {"end_us": 1 << 60},
                        {"start_us": None},
                    )
                ),
            )
        ),
    ],
    ids=lambda said: str(said[-24:]),
)
def test_a_child_that_lies_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    """Another program in the child's place says over the real sockets what one that was taken over may say."""
    path = tmp_path / "s.mp4"
    path.write_bytes(bytes(1000))
    script = (
        "import socket, sys\n"
        "worker = socket.socket(fileno=int(sys.argv[1]))\n"
        "worker.send(b'ready')\n"
        "data, handles, _, _ = socket.recv_fds(worker, 4096, 3)\n"
        "socket.socket(fileno=handles[0]).sendall(bytes.fromhex(sys.argv[2]))\n"
        "worker.send(bytes(12))\n"
        "worker.recv(1)\n"
    )
    monkeypatch.setattr(
        demux_process,
        "child_command",
        lambda control: [sys.executable, "-I", "-S", "-c", script, str(control), said.hex()],
    )
    with Demuxer() as demuxer, pytest.raises(DecodeFailed, match="did not answer as it has to"):
        demuxer.probe(CountedFile(path))


@pytest.mark.parametrize(
    ("kind", "answer"), [(FAILED, {"code": "", "errno": [28]}), (FAILED, {"code": ""}), (DONE, {"probe": None})]
)
def test_nor_is_what_it_says_of_a_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: int, answer: dict[str, object]
) -> None:
    (tmp_path / "s.mp4").write_bytes(bytes(1000))
    monkeypatch.setattr(Demuxer, "_converse", lambda *_: (kind, answer))
    with Demuxer() as demuxer, pytest.raises(DecodeFailed, match="did not answer as it has to"):
        demuxer.copy_span(LocalBytes(tmp_path / "s.mp4"), tmp_path / "p", start_ms=0, end_ms=1, tracks="both")
    assert not (tmp_path / "p").exists()


def test_a_piece_that_grows_too_large_is_the_files_own_fault_wherever_that_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = film(tmp_path / "s.mp4", seconds=6)
    span = {"start_ms": 0, "end_ms": 5000, "tracks": "both"}
    with Demuxer() as demuxer:
        demuxer.copy_span(LocalBytes(source), tmp_path / "p", **span)
        whole = (tmp_path / "p").stat().st_size
        for limit in (100, whole // 2, whole - 10):
            monkeypatch.setattr(demux, "MAX_FILE_BYTES", limit)
            with pytest.raises(LimitExceeded, match="the span is larger than a clip may cost"):
                demuxer.copy_span(LocalBytes(source), tmp_path / "p", **span)


def test_a_child_that_dies_costs_one_file_at_most(tmp_path: Path) -> None:
    source = film(tmp_path / "s.mp4", seconds=2)

    class Killing(CountedFile):
        def read_at(self, offset: int, length: int) -> bytes:
            (child,) = {path for path in children_of(os.getpid()) if path not in before}
            os.kill(child, signal.SIGKILL)
            return super().read_at(offset, length)

    before = children_of(os.getpid())
    with Demuxer() as demuxer:
        with pytest.raises(ResourcesExhausted) as caught:
            demuxer.probe(Killing(source))
        assert caught.value.retryable
        assert demuxer.probe(CountedFile(source)).end_is_known
    assert children_of(os.getpid()) == before


def test_a_child_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = film(tmp_path / "s.mp4", seconds=2)
    monkeypatch.setattr(demux, "_WALL_S", 0.0)
    before = children_of(os.getpid())
    with Demuxer() as demuxer, pytest.raises(ResourcesExhausted, match="took more than"):
        demuxer.probe(CountedFile(source))
    assert children_of(os.getpid()) == before


def test_the_child_dies_with_the_worker(tmp_path: Path) -> None:
    source = film(tmp_path / "s.mp4", seconds=2)
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom vegas_data.media.demux import Demuxer\n"
        "from vegas_data.media.section import LocalBytes\n"
        "demuxer = Demuxer()\ndemuxer.probe(LocalBytes(Path(sys.argv[1])))\nprint('up', flush=True)\ntime.sleep(60)\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", script, str(source)], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"up\n"
    (child,) = children_of(worker.pid)
    worker.kill()
    worker.wait()
    worker.stdout.close()
    for _ in range(500):
        try:
            if ") Z" in Path(f"/proc/{child}/stat").read_text(encoding="ascii"):
                return
        except FileNotFoundError:
            return
        time.sleep(0.01)
    raise AssertionError("the child outlived its worker")


def children_of(process: int) -> set[int]:
    listed = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    return set(map(int, listed.split()))
