"""A remote file read like a local one: the right bytes, few requests, one file only, and limits that hold."""

import random
import socket
from pathlib import Path

import pytest
from web_bench import Say, a_web, ranges_of, reply, saying

from vegas_data.errors import LimitExceeded, TimedOut, TransferFailed, VideoUnavailable, WorkspaceError
from vegas_data.fetch.addresses import Address
from vegas_data.fetch.answers import NoMedia
from vegas_data.fetch.ranges import BLOCK_BYTES, RETRIES, RemoteFile, open_remote
from vegas_data.fetch.web import Web

DATA = random.Random(7).randbytes(40 * BLOCK_BYTES + 123)
MAX_BYTES = 1 << 26


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vegas_data.fetch.ranges._PAUSE_S", (0.0, 0.01))


def opened(web: Web, url: str, folder: Path, max_bytes: int = MAX_BYTES) -> RemoteFile:
    remote = open_remote(web, Address(url=f"{url}/x", part="video"), folder / "whole", max_bytes=max_bytes)
    assert remote is not None
    return remote


def test_any_bytes_are_the_files_bytes(tmp_path: Path) -> None:
    dice = random.Random(3)
    with saying(ranges_of(DATA)) as served, a_web() as web:
        remote = opened(web, served.url, tmp_path)
        assert remote.size == len(DATA)
        for _ in range(60):
            offset, length = dice.randrange(len(DATA) + 10), dice.choice([0, 1, 17, BLOCK_BYTES, 3 * BLOCK_BYTES + 1])
            assert remote.read_at(offset, length) == DATA[offset : offset + length]
        assert remote.read_at(0, 10 * len(DATA)) == DATA
        assert served.connections == 1
        assert remote.num_requests == len(served.heads)


def test_what_was_brought_is_not_asked_for_again(tmp_path: Path) -> None:
    with saying(ranges_of(DATA)) as served, a_web() as web:
        remote = opened(web, served.url, tmp_path)
        remote.read_at(0, BLOCK_BYTES)
        assert len(served.heads) == 1
        remote.read_at(20 * BLOCK_BYTES + 5, 10)
        remote.read_at(20 * BLOCK_BYTES, BLOCK_BYTES)
        assert served.asked("range") == [
            f"bytes=0-{BLOCK_BYTES - 1}",
            f"bytes={20 * BLOCK_BYTES}-{21 * BLOCK_BYTES - 1}",
        ]
        assert remote.num_bytes == 2 * BLOCK_BYTES


def test_who_reads_on_gets_more_at_once(tmp_path: Path) -> None:
    with saying(ranges_of(DATA)) as served, a_web() as web:
        remote = opened(web, served.url, tmp_path)
        for offset in range(0, len(DATA), 4096):
            assert remote.read_at(offset, 4096) == DATA[offset : offset + 4096]
        assert len(served.heads) <= 7
        assert remote.num_bytes == len(DATA)


def test_a_host_without_ranges_sends_the_whole_in_one_answer(tmp_path: Path) -> None:
    with saying(reply("200 OK", body=DATA)) as served, a_web() as web:
        assert open_remote(web, Address(url=served.url), tmp_path / "whole", max_bytes=MAX_BYTES) is None
        assert (tmp_path / "whole").read_bytes() == DATA
        assert len(served.heads) == 1


def test_an_empty_file_is_an_empty_file(tmp_path: Path) -> None:
    with saying(ranges_of(b"")) as served, a_web() as web:
        assert open_remote(web, Address(url=served.url), tmp_path / "whole", max_bytes=MAX_BYTES) is None
        assert (tmp_path / "whole").read_bytes() == b""


def test_the_whole_file_is_saved_without_what_is_here_already(tmp_path: Path) -> None:
    with saying(ranges_of(DATA)) as served, a_web() as web:
        remote = opened(web, served.url, tmp_path)
        remote.read_at(30 * BLOCK_BYTES, 1)
        remote.save(tmp_path / "saved")
        assert (tmp_path / "saved").read_bytes() == DATA
        assert served.asked("range")[-1] == f"bytes={BLOCK_BYTES}-{len(DATA) - 1}"


def test_a_host_that_sends_less_than_asked_is_asked_for_the_rest(tmp_path: Path) -> None:
    with saying(ranges_of(DATA, most=2 * BLOCK_BYTES)) as served, a_web() as web:
        remote = opened(web, served.url, tmp_path)
        assert remote.read_at(0, len(DATA)) == DATA


@pytest.mark.timeout(20)
def test_a_host_that_sends_a_byte_at_a_time_is_left(tmp_path: Path) -> None:
    def stingy(conn: socket.socket, head: str) -> None:
        ranges_of(DATA, most=BLOCK_BYTES if "bytes=0-" in head else 1)(conn, head)

    with saying(stingy) as served, a_web() as web:
        remote = opened(web, served.url, tmp_path)
        with pytest.raises(TransferFailed, match="sent 1 of"):
            remote.read_at(BLOCK_BYTES, 100)
        assert len(served.heads) == 1 + 1 + RETRIES


def failing(times: int, fault: Say) -> Say:
    """A good server but for so many answers after the first."""
    answers = [0]

    def say(conn: socket.socket, head: str) -> None:
        answers[0] += 1
        (fault if 1 < answers[0] <= 1 + times else ranges_of(DATA))(conn, head)

    return say


def cut_off(length: str) -> Say:
    def say(conn: socket.socket, head: str) -> None:
        start, end = (int(part) for part in head.partition("bytes=")[2].split()[0].split("-"))
        said = f"{length.format(end - start + 1)}Content-Range: bytes {start}-{end}/{len(DATA)}"
        conn.sendall(f"HTTP/1.1 206 Partial Content\r\n{said}\r\n\r\n".encode() + DATA[start : start + 1000])
        raise ConnectionError

    return say


@pytest.mark.parametrize(
    "fault",
    [reply("503 Busy"), cut_off("Content-Length: {}\r\n"), cut_off("")],
    ids=["503", "cut off", "cut off without a length"],
)
def test_a_range_that_fails_is_tried_again_from_where_it_broke(fault: Say, tmp_path: Path) -> None:
    with saying(failing(RETRIES, fault)) as served, a_web() as web:
        remote = opened(web, served.url, tmp_path)
        assert remote.read_at(10 * BLOCK_BYTES, 2 * BLOCK_BYTES) == DATA[10 * BLOCK_BYTES : 12 * BLOCK_BYTES]
        assert len(served.heads) == 2 + RETRIES
    with saying(failing(RETRIES + 1, fault)) as served, a_web() as web:
        remote = opened(web, served.url, tmp_path)
        with pytest.raises(TransferFailed):
            remote.read_at(10 * BLOCK_BYTES, 2 * BLOCK_BYTES)


@pytest.mark.parametrize("status", [403, 404, 429])
def test_a_refusal_is_not_asked_again(status: int, tmp_path: Path) -> None:
    with saying(failing(1, reply(f"{status} No"))) as served, a_web() as web:
        remote = opened(web, served.url, tmp_path)
        with pytest.raises(Exception, match=f"answered {status}"):
            remote.read_at(10 * BLOCK_BYTES, 1)
        assert len(served.heads) == 2


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (ranges_of(DATA, 'ETag: "a"'), ranges_of(DATA, 'ETag: "b"')),
        (ranges_of(DATA, "Last-Modified: Mon"), ranges_of(DATA, "Last-Modified: Tue")),
        (ranges_of(DATA), ranges_of(DATA + b"more")),
        (ranges_of(DATA), reply("200 OK", body=DATA)),
        (ranges_of(DATA), reply("416 Range Not Satisfiable")),
    ],
    ids=["etag", "date", "size", "no ranges any more", "not satisfiable"],
)
def test_half_of_one_file_is_never_joined_to_half_of_another(first: Say, then: Say, tmp_path: Path) -> None:
    def say(conn: socket.socket, head: str) -> None:
        (first if "bytes=0-" in head else then)(conn, head)

    with saying(say) as served, a_web() as web:
        remote = opened(web, served.url, tmp_path)
        with pytest.raises(TransferFailed, match="changed while it was read"):
            remote.read_at(10 * BLOCK_BYTES, 10)
        assert len(served.heads) == 2


@pytest.mark.parametrize(
    "header",
    [
        "Content-Range: bytes 1-99/1000",
        "Content-Range: bytes 0-999/1000",
        "Content-Range: bytes 0-98/99",
        "Content-Range: bytes 0-99/*",
        "Content-Range: bytes 99-0/1000",
        "Content-Range: bytes 0-99/50",
        "Content-Range: bytes 0-99",
        "Content-Range: items 0-99/1000",
        "Content-Range: bytes 0-99/" + "9" * 40,
        "Content-Type: multipart/byteranges; boundary=x",
    ],
)
def test_a_range_that_is_not_the_one_asked_for_is_no_range(header: str, tmp_path: Path) -> None:
    answer = reply("206 Partial Content", header, body=bytes(100))
    with saying(answer) as served, a_web() as web, pytest.raises(TransferFailed):
        opened(web, served.url, tmp_path)


def test_a_body_longer_than_its_range_is_refused(tmp_path: Path) -> None:
    def chatty(conn: socket.socket, _: str) -> None:
        conn.sendall(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-99/100\r\n\r\n" + bytes(200))
        raise ConnectionError

    with saying(chatty) as served, a_web() as web, pytest.raises(TransferFailed, match="more than the range"):
        opened(web, served.url, tmp_path)


def test_all_ranges_count_together(tmp_path: Path) -> None:
    with saying(ranges_of(DATA)) as served, a_web() as web:
        remote = opened(web, served.url, tmp_path, max_bytes=4 * BLOCK_BYTES)
        remote.read_at(20 * BLOCK_BYTES, BLOCK_BYTES)
        remote.read_at(10 * BLOCK_BYTES, 2 * BLOCK_BYTES)
        with pytest.raises(LimitExceeded):
            remote.read_at(30 * BLOCK_BYTES, 1)
        assert remote.num_bytes <= 4 * BLOCK_BYTES
        with pytest.raises(LimitExceeded):
            remote.save(tmp_path / "saved")


@pytest.mark.timeout(20)
def test_a_range_that_drips_is_left_at_once(tmp_path: Path) -> None:
    def silence(conn: socket.socket, _: str) -> None:
        conn.recv(1)

    with saying(failing(9, silence)) as served, a_web() as web:
        remote = opened(web, served.url, tmp_path)
        with pytest.raises(TimedOut):
            remote.read_at(10 * BLOCK_BYTES, 1)
        assert len(served.heads) == 2


@pytest.mark.parametrize(("offset", "length"), [(-1, 10), (0, -1)])
def test_there_is_nothing_before_the_beginning(offset: int, length: int, tmp_path: Path) -> None:
    with saying(ranges_of(DATA)) as served, a_web() as web, pytest.raises(ValueError, match="no such range"):
        opened(web, served.url, tmp_path).read_at(offset, length)


def test_a_full_disk_is_the_workspaces_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = Path.open
    monkeypatch.setattr(Path, "open", lambda path, *_: real_open(Path("/dev/full"), "wb", buffering=0))
    with (
        saying(reply("200 OK", body=DATA)) as served,
        a_web() as web,
        pytest.raises(WorkspaceError, match="whole: No space left on device"),
    ):
        open_remote(web, Address(url=served.url), tmp_path / "whole", max_bytes=MAX_BYTES)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(reply("404 Not Found"), VideoUnavailable), (reply("200 OK", "Content-Type: text/html"), NoMedia)],
)
def test_the_first_range_says_what_there_is(answer: Say, kind: type[Exception], tmp_path: Path) -> None:
    with saying(answer) as served, a_web() as web, pytest.raises(kind):
        opened(web, served.url, tmp_path)
