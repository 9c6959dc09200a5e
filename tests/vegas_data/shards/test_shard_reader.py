"""Whole shards are read; every hostile one is refused with a typed error, and nothing runs or is written."""

import gzip
import hashlib
import io
import pickle
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shard_bench import KEY, OTHER, contents_of, good, member, seal, write_side_car

from vegas_data.config import to_json
from vegas_data.errors import ChecksumMismatch, SchemaMismatch, ShardError
from vegas_data.records import ShardInfo
from vegas_data.shards import ShardReader, read_shard, read_side_car
from vegas_data.shards.tar import end_of_archive, header, padding


def foreign(name: str, content: bytes = b"", *, tar_format: int = tarfile.USTAR_FORMAT, **attributes: Any) -> bytes:
    """A member as tarfile writes it, with whatever header a stranger likes."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info.tobuf(tar_format, "utf-8", "surrogateescape") + content + bytes(padding(len(content)))


def everything_in(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_a_sealed_copy_of_a_good_shard_is_read(tar: Path) -> None:
    before = [example.meta for example in read_shard(tar)]
    contents = contents_of(tar)
    seal(tar, b"".join(good(contents)), b"".join(good(contents, OTHER)))
    assert [example.meta for example in read_shard(tar)] == before


def test_a_reader_can_be_read_again_and_again(tar: Path) -> None:
    reader = ShardReader(tar)
    assert len(reader) == 2
    first, second = list(reader), list(reader)
    assert [e.key for e in first] == [e.key for e in second] == list(reader.info.keys) == [KEY, OTHER]
    np.testing.assert_array_equal(first[1].audio, second[1].audio)
    first[0].audio[:] = 0  # arrays belong to whoever reads them
    assert next(iter(reader)).audio.any()


def test_arrays_have_the_promised_types_and_shapes(tar: Path) -> None:
    for example in read_shard(tar):
        assert list(example.streams) == ["lite0", "flow_lite0"]
        assert all(a.dtype == np.float16 and a.shape == (31, 8) for a in example.streams.values())
        assert example.audio.dtype == np.int16
        assert example.audio.shape == (31 * 1024,)


def test_a_flipped_byte_is_found_before_anything_is_handed_out(tar: Path) -> None:
    data = bytearray(tar.read_bytes())
    data[read_side_car(tar).extents[1].offset + 5000] ^= 1
    tar.write_bytes(data)
    with pytest.raises(ChecksumMismatch, match=f"damaged: {OTHER}$") as caught:
        read_shard(tar)
    assert str(tar) in str(caught.value)


@pytest.mark.parametrize("keep", [0, 1, 511, 512, 5_000, 69_120, 100_000, -512, -1])
def test_a_truncated_shard_is_refused(tar: Path, keep: int) -> None:
    tar.write_bytes(tar.read_bytes()[:keep])
    with pytest.raises(ChecksumMismatch, match="bytes long, recorded were"):
        read_shard(tar)


def test_even_unverified_a_truncated_shard_ends_in_an_error(tar: Path) -> None:
    tar.write_bytes(tar.read_bytes()[:100_000])
    examples = read_shard(tar, verify=False)
    assert next(examples).key == KEY
    with pytest.raises(SchemaMismatch, match=OTHER):
        next(examples)


def test_without_a_side_car_there_is_no_shard(tar: Path) -> None:
    tar.with_name(tar.name + ".json").unlink()
    with pytest.raises(SchemaMismatch, match="no side-car"):
        read_shard(tar)


def test_without_the_tar_neither(tar: Path) -> None:
    tar.unlink()
    with pytest.raises(SchemaMismatch, match="the tar is missing"):
        read_shard(tar)


class Canary:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def npy_of_objects(canary: Path) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([Canary(canary)], dtype=object), allow_pickle=True)
    return file.getvalue()


GIB_373 = (
    b"\x93NUMPY\x01\x00v\x00"
    + b"{'descr': '<f2', 'fortran_order': False, 'shape': (200253014016,), }".ljust(117)
    + b"\n"
)


def gnu_sparse(name: str) -> bytes:
    return foreign(name, bytes(512), type=b"S", tar_format=tarfile.GNU_FORMAT)


def pax(name: str) -> bytes:
    info = tarfile.TarInfo(name)
    info.pax_headers = {"comment": "x" * 1000, "size": "99999999999"}
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


# What stands in the place of lite0.npy (or of the whole example), and what the error says.
Hostile = Callable[[dict[str, bytes], Path], bytes]


def swap(replacement: Callable[[Path], bytes]) -> Hostile:
    """The good example with another second member."""

    def build(contents: dict[str, bytes], canary: Path) -> bytes:
        first, _, *rest = good(contents)
        return b"".join([first, replacement(canary), *rest])

    return build


NAME = f"{KEY}.lite0.npy"
HOSTILE: dict[str, tuple[Hostile, str]] = {
    "symbolic link": (swap(lambda _: foreign(NAME, type=tarfile.SYMTYPE, linkname="/etc/passwd")), "a symbolic link"),
    "hard link": (swap(lambda _: foreign(NAME, type=tarfile.LNKTYPE, linkname=f"{KEY}.json")), "a hard link"),
    "device": (swap(lambda _: foreign(NAME, type=tarfile.CHRTYPE, devmajor=1, devminor=5)), "a character device"),
    "fifo": (swap(lambda _: foreign(NAME, type=tarfile.FIFOTYPE)), "a fifo"),
    "directory": (swap(lambda _: foreign(NAME, type=tarfile.DIRTYPE)), "a directory"),
    "sparse": (swap(lambda _: gnu_sparse(NAME)), "USTAR"),
    "sparse in USTAR": (swap(lambda _: foreign(NAME, type=b"S")), "a sparse file"),
    "PAX": (swap(lambda _: pax(NAME)), "a PAX header"),
    "global PAX": (swap(lambda _: foreign("pax_global_header", b"x" * 2000, type=b"g")), "a global PAX header"),
    "GNU long name": (swap(lambda _: foreign("a" * 300, tar_format=tarfile.GNU_FORMAT)), "USTAR"),
    "parent folder": (swap(lambda _: foreign(f"../{NAME}", b"x")), r"called '\.\./demo"),
    "absolute": (swap(lambda _: foreign("/etc/cron.d/x", b"x")), "called '/etc/cron.d/x'"),
    "prefix field": (swap(lambda _: foreign("tmp/" + "x" * 98, b"x")), "called 'tmp/xxx"),
    "pickle member": (swap(lambda c: foreign(f"{KEY}.pyd", pickle.dumps(Canary(c)))), r"called .*\.pyd"),
    "video member": (swap(lambda _: member(f"{KEY}.mp4", b"x")), r"called .*\.mp4"),
    "executable": (swap(lambda _: foreign(NAME, b"x", mode=0o755)), "not in the form"),
    "a date": (swap(lambda _: foreign(NAME, b"x", mtime=1)), "not in the form"),
    "an owner": (swap(lambda _: foreign(NAME, b"x", uname="root")), "not in the form"),
    "pickled objects": (swap(lambda c: member(NAME, npy_of_objects(c))), "type is"),
    "373 GiB": (swap(lambda _: member(NAME, GIB_373)), "announces 400506028032 bytes, 0 are there"),
    "a float64": (swap(lambda _: member(NAME, _npy(np.zeros((31, 8))))), "type is '<f8'"),
    "another shape": (swap(lambda _: member(NAME, _npy(np.zeros((8, 31), dtype="<f2")))), r"shape is \(8, 31\)"),
    "larger than it is": (swap(lambda _: header(NAME, 10**7)), "10000000 bytes announced"),
    "larger than allowed": (swap(lambda _: header(NAME, 2**27)), "more than 67108864"),
    "content in the padding": (swap(lambda _: header(NAME, 1) + b"x" * 512), "padding"),
    "swapped members": (lambda c, _: b"".join(good(c)[i] for i in (1, 0, 2, 3)), "expected .*json"),
    "missing member": (lambda c, _: b"".join(good(c)[i] for i in (0, 1, 3)), "expected .*flow_lite0"),
    "no sound": (lambda c, _: b"".join(good(c)[:3]), "archive ends where .*audio.npy"),
    "a fifth member": (lambda c, _: b"".join([*good(c), member(f"{KEY}.mp4", b"x")]), "follow the last member"),
    "the example twice": (lambda c, _: b"".join(good(c) * 2), "follow the last member"),
    "two keys mixed": (lambda c, _: b"".join([*good(c)[:2], *good(c, OTHER)[2:]]), f"called '{OTHER}"),
    "an archive in between": (lambda c, _: b"".join(good(c)) + bytes(1024), "1024 bytes follow"),
    "gzip": (lambda c, _: gzip.compress(b"".join(good(c))), r"compressed \(gzip\)"),
    "JSON of another example": (
        lambda c, _: b"".join([member(f"{KEY}.json", c[f"{OTHER}.json"]), *good(c)[1:]]),
        "the JSON is that of",
    ),
    "JSON bomb": (lambda c, _: b"".join([member(f"{KEY}.json", b"[" * 60_000), *good(c)[1:]]), "nested too deeply"),
    "large JSON": (lambda c, _: b"".join([member(f"{KEY}.json", b" " * 70_000), *good(c)[1:]]), "more than 65536"),
}


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(("build", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_shards_are_refused(tar: Path, tmp_path: Path, build: Hostile, reason: str) -> None:
    contents = contents_of(tar)
    canary = tmp_path / "canary"
    seal(tar, build(contents, canary), b"".join(good(contents, OTHER)))
    before = everything_in(tmp_path)
    with pytest.raises(SchemaMismatch, match=reason) as caught:
        list(read_shard(tar))
    assert str(caught.value).startswith(f"{tar}: {KEY}: ")
    assert str(caught.value).isprintable()
    assert everything_in(tmp_path) == before
    assert not canary.exists()


@pytest.mark.parametrize(
    "end", [bytes(1024), bytes(1024 * 30), b"x" * 10_240, gzip.compress(bytes(10)), b""], ids=range(5)
)
def test_something_behind_the_end_is_refused(tar: Path, end: bytes) -> None:
    contents = contents_of(tar)
    seal(tar, b"".join(good(contents)), b"".join(good(contents, OTHER)), end=end)
    with pytest.raises(SchemaMismatch, match=r"num_bytes|end of the archive"):
        list(read_shard(tar))


def test_a_second_archive_behind_the_first_is_refused(tar: Path) -> None:
    contents = contents_of(tar)
    blocks = [b"".join(good(contents)), b"".join(good(contents, OTHER))]
    size = sum(map(len, blocks))
    end = bytearray(end_of_archive(size))
    end[1024:1536] = header("late.pyd", 0)
    seal(tar, *blocks, end=bytes(end))
    with pytest.raises(SchemaMismatch, match="end of the archive"):
        list(read_shard(tar))


def test_a_gzipped_shard_is_refused_whatever_the_side_car_says(tar: Path) -> None:
    packed = gzip.compress(tar.read_bytes())
    tar.write_bytes(packed)
    with pytest.raises(ChecksumMismatch):
        read_shard(tar)
    with pytest.raises(SchemaMismatch, match="compressed"):
        list(read_shard(tar, verify=False))


def info_with(**changes: Any) -> Callable[[ShardInfo], str]:
    return lambda info: to_json(replace(info, **changes), indent=2)


SIDE_CARS: dict[str, tuple[Callable[[ShardInfo], str], str]] = {
    "not JSON": (lambda _: "{", "Expecting"),
    "a list": (lambda _: "[]", "not a JSON object"),
    "nested": (lambda _: "[" * 100_000, "recursion"),
    "unknown key": (lambda i: to_json(i).replace('"keys"', '"kees"'), "unknown key 'kees'"),
    "a null": (lambda i: to_json(i).replace('"profile":"train"', '"profile":null'), "profile"),
    "later schema": (info_with(schema=2), "schema 2; this version reads 1"),
    "another shard": (info_with(name="drum-train-000001.tar"), "describes 'drum-train-000001.tar'"),
    "another category": (info_with(category="dog"), "contradict the file name"),
    "another split": (info_with(split="test"), "contradict the file name"),
    "unknown profile": (info_with(profile="whole"), "unknown profile 'whole'"),
    "dotted key": (info_with(keys=("a.b_000000000_000000001", OTHER)), "invalid key"),
    "path as key": (info_with(keys=("../../etc/passwd", OTHER)), "invalid key"),
    "key twice": (info_with(keys=(KEY, KEY)), "stand twice"),
    "split key": (lambda i: to_json(replace(i, keys=(KEY, OTHER, KEY), extents=(*i.extents, i.extents[0]))), "twice"),
    "keys out of order": (info_with(keys=(OTHER, KEY)), "not in order"),
    "no example": (info_with(keys=(), extents=()), "do not go together"),
    "a key more": (info_with(keys=(KEY, OTHER, OTHER + "0")), "do not go together"),
    "stream twice": (info_with(streams=(("a", "1"),) * 2, weights=(("a", "1"),) * 2), "stream stands twice"),
    "stream with a path": (info_with(streams=(("../a", "1"),), weights=(("../a", "1"),)), "invalid stream name"),
    "weights of another stream": (info_with(weights=(("a", "1"),)), "weights do not name"),
    "sha256 in capitals": (info_with(sha256="A" * 64), "64 hex digits"),
    "overlapping extents": (lambda i: to_json(replace(i, extents=(i.extents[0],) * 2)), "do not follow one another"),
    "negative extent": (
        lambda i: to_json(replace(i, extents=(replace(i.extents[0], num_bytes=-1), i.extents[1]))),
        "do not follow one another",
    ),
    "extent of a terabyte": (
        lambda i: to_json(replace(i, extents=(replace(i.extents[0], num_bytes=2**40), i.extents[1]))),
        "do not follow one another",
    ),
    "extent beyond the end": (
        lambda i: to_json(replace(i, extents=(i.extents[0], replace(i.extents[1], num_bytes=2**27)))),
        "num_bytes contradicts",
    ),
    "long names": (
        lambda i: to_json(replace(i, keys=("a" * 64 + KEY[-20:], "b" * 64 + KEY[-20:]), streams=(("s" * 32, "1"),),
                                  weights=(("s" * 32, "1"),))),
        "longer than 100",
    ),
    "other streams than the JSON": (
        lambda i: to_json(replace(i, streams=(("lite0", "f" * 12), i.streams[1]))),
        "contradict the side-car",
    ),
    "other weights than the JSON": (
        lambda i: to_json(replace(i, weights=(("lite0", "f" * 12), i.weights[1]))),
        "contradict the side-car",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("forge", "reason"), SIDE_CARS.values(), ids=SIDE_CARS.keys())
def test_hostile_side_cars_are_refused(tar: Path, forge: Callable[[ShardInfo], str], reason: str) -> None:
    write_side_car(tar, forge(read_side_car(tar)))
    with pytest.raises(SchemaMismatch, match=reason) as caught:
        list(read_shard(tar))
    assert tar.name in str(caught.value)


@pytest.mark.parametrize("name", ["a.tar", "Drum-train-000000.tar", "drum-train-00000.tar", "drum-dev-000000.tar"])
def test_files_of_another_name_are_no_shards(tar: Path, name: str) -> None:
    side_car = tar.with_name(tar.name + ".json").rename(tar.with_name(name + ".json"))
    assert side_car.exists()
    with pytest.raises(SchemaMismatch, match="file name"):
        read_shard(tar.rename(tar.with_name(name)))


def random_shards(tar: Path, count: int) -> Iterator[None]:
    """``tar`` with random damage, resealed so that no checksum helps."""
    info = read_side_car(tar)
    data = tar.read_bytes()
    blocks = [data[e.offset : e.offset + e.num_bytes] for e in info.extents]
    random = np.random.default_rng(7)
    for _ in range(count):
        block = bytearray(blocks[0])
        for position in random.integers(0, 3000, size=random.integers(1, 4)):
            block[position] = random.integers(0, 256)
        seal(tar, bytes(block), blocks[1])
        yield


def refusal(tar: Path) -> ShardError | None:
    """The typed error with which a shard is refused; any other error passes through."""
    try:
        list(read_shard(tar))
    except ShardError as error:
        return error
    return None


def test_resealed_random_damage_gives_an_example_or_a_typed_error(tar: Path) -> None:
    errors = [refusal(tar) for _ in random_shards(tar, 200)]
    refused = [error for error in errors if error is not None]
    assert all(KEY in str(error) for error in refused)
    assert len(refused) > 150
