"""The container is what GNU tar writes with the options that the module names, and nothing else is read."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from vegas_data.shards.tar import BLOCK, MAX_SIZE, RECORD, end_of_archive, header, member_bytes, padding, read_size

CONTENTS = {"a.json": b"{}", "a.audio.npy": bytes(range(256)) * 5, "b" * 100: b"", "c.json": b"x" * 512}
OPTIONS = ["--format=ustar", "--owner=0", "--group=0", "--numeric-owner", "--mode=0644", "--mtime=@0"]


def archive() -> bytes:
    data = b"".join(header(name, len(c)) + c + bytes(padding(len(c))) for name, c in CONTENTS.items())
    return data + end_of_archive(len(data))


@pytest.mark.skipif(shutil.which("tar") is None, reason="no tar on PATH")
def test_archive_is_what_gnu_tar_writes(tmp_path: Path) -> None:
    version = subprocess.run(["tar", "--version"], capture_output=True, text=True, check=True).stdout
    if "GNU tar" not in version:
        pytest.skip("the tar on PATH is not GNU tar")
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)
    command = ["tar", *OPTIONS, "-cf", "-", *CONTENTS]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout == archive()


def test_tarfile_reads_names_sizes_and_contents() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive()), mode="r:") as tar:
        found = {}
        for info in tar:
            member = tar.extractfile(info)
            assert member is not None
            found[info.name] = member.read()
            assert (info.mode, info.uid, info.gid, info.mtime, info.uname, info.gname) == (0o644, 0, 0, 0, "", "")
    assert found == CONTENTS


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513])
def test_members_and_archives_fill_whole_blocks_and_records(size: int) -> None:
    assert member_bytes(size) % BLOCK == 0
    assert 0 <= member_bytes(size) - size - BLOCK < BLOCK
    end = end_of_archive(member_bytes(size))
    assert (member_bytes(size) + len(end)) % RECORD == 0
    assert len(end) >= 2 * BLOCK


@pytest.mark.parametrize(("name", "size"), [("", 1), ("a" * 101, 1), ("a", -1), ("a", MAX_SIZE + 1), ("ä", 1)])
def test_what_ustar_cannot_say_is_refused(name: str, size: int) -> None:
    with pytest.raises(ValueError, match="has no USTAR header"):
        header(name, size)


def test_read_size_accepts_only_the_one_header() -> None:
    block = header("a.json", 1234)
    assert read_size(block, "a.json") == 1234
    for position in range(BLOCK):
        damaged = bytearray(block)
        damaged[position] ^= 1
        with pytest.raises(ValueError, match=r"a\.json|archive"):
            read_size(bytes(damaged), "a.json")


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (b"\x1f\x8b\x08" + bytes(509), "compressed .gzip."),
        (b"\xfd7zXZ\0" + bytes(506), "compressed .xz."),
        (bytes(512), "the archive ends"),
        (b"", "the archive ends"),
        (b"x" * 512, "no USTAR header"),
        (header("b.json", 1), r"is called 'b\.json', expected 'a\.json'"),
    ],
)
def test_the_reason_names_what_stands_there(block: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_size(block, "a.json")


def test_control_characters_of_a_foreign_name_do_not_reach_the_message() -> None:
    block = bytearray(header("a.json", 1))
    block[:8] = b"\x1b[31m\n\xff\0"
    with pytest.raises(ValueError, match="called") as caught:
        read_size(bytes(block), "a.json")
    assert str(caught.value).isprintable()
