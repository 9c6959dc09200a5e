"""Arrays are written as NumPy writes them, and read without believing a word of the header."""

import io

import numpy as np
import pytest

from vegas_data.shards.npy import AUDIO_TYPE, STREAM_TYPE, npy_bytes, npy_num_bytes, parse_npy


def saved(array: np.ndarray, **options: bool) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)  # type: ignore[arg-type]
    return file.getvalue()


@pytest.mark.parametrize("shape", [(1,), (31744,), (31, 1280), (156, 4096), (31, 7, 7, 512)])
@pytest.mark.parametrize(("kind", "dtype"), [(STREAM_TYPE, np.float16), (AUDIO_TYPE, np.int16)])
def test_bytes_are_those_of_numpy_save(shape: tuple[int, ...], kind: str, dtype: type) -> None:
    array = np.arange(np.prod(shape)).reshape(shape).astype(np.int16).astype(dtype)
    content = npy_bytes(array)
    assert content == saved(array)
    assert len(content) == npy_num_bytes(shape)
    np.testing.assert_array_equal(parse_npy(content, kind=kind), array)


def test_array_is_a_writable_view() -> None:
    content = bytearray(npy_bytes(np.zeros((3, 4), dtype=np.float16)))
    parse_npy(content, kind=STREAM_TYPE)[2, 3] = 1
    assert content[-2:] == b"\x00\x3c"


def test_transposed_and_big_endian_arrays_are_written_in_the_one_form() -> None:
    array = np.arange(6, dtype=np.int16).reshape(2, 3)
    assert npy_bytes(array.T.copy().T) == npy_bytes(array.astype(">i2")) == saved(array)


def forged(header: str, payload: int = 8) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(payload)


GIB_373 = 373 * 2**30 // 2
HOSTILE = {
    "object array (pickle)": (saved(np.array([{}], dtype=object), allow_pickle=True), "type is"),
    "373 GiB": (forged(f"{{'descr': '<f2', 'fortran_order': False, 'shape': ({GIB_373},), }}"), "announces"),
    "overflowing product": (
        forged("{'descr': '<f2', 'fortran_order': False, 'shape': (4294967296, 4294967296, 2), }"),
        "announces",
    ),
    "Fortran order": (saved(np.asfortranarray(np.ones((2, 3), dtype=np.float16))), "Fortran"),
    "float32": (saved(np.zeros(4, dtype=np.float32)), "type is '<f4'"),
    "big-endian": (saved(np.zeros(4, dtype=">f2")), "type is '>f2'"),
    "structured": (saved(np.zeros(4, dtype=[("a", "<f2")])), "header"),
    "empty": (saved(np.zeros((0, 4), dtype=np.float16)), "empty"),
    "scalar": (saved(np.array(1, dtype=np.float16)), "empty"),
    "too short": (saved(np.zeros(4, dtype=np.float16))[:-1], "announces 8 bytes, 7"),
    "too long": (saved(np.zeros(4, dtype=np.float16)) + b"x", "announces 8 bytes, 9"),
    "code in the header": (
        forged("{'descr': '<f2', 'fortran_order': False, 'shape': (__import__('os'),), }"),
        "header",
    ),
    "negative": (forged("{'descr': '<f2', 'fortran_order': False, 'shape': (-4,), }"), "header"),
    "nine dimensions": (
        forged(f"{{'descr': '<f2', 'fortran_order': False, 'shape': ({', '.join('111111114')}), }}"),
        "8 d",
    ),
    "no header": (b"\x93NUMPY\x01\x00\xff\xff", "header"),
    "version 2": (b"\x93NUMPY\x02\x00" + bytes(100), "format 1.0"),
    "nothing": (b"", "format 1.0"),
}


@pytest.mark.parametrize(("content", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_arrays_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_npy(content, kind=STREAM_TYPE)
