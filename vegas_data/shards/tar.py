"""A shard's container: plain USTAR (POSIX.1-1988) in exactly one form, written and read by hand.

The form is that of ``tar --format=ustar --owner=0 --group=0 --numeric-owner --mode=0644 --mtime=@0``: regular
files only, in blocks of 512 bytes, records of 10,240. Written by hand because webdataset's ``TarWriter`` sorts
the members of an example by name and ignores its ``format``, and because ``tarfile`` does not promise its headers
to stay (Python 3.9 changed two fields): the same input must give the same bytes. Read by hand because there is one
legal header for a given name and size: comparing with it refuses links, devices, sparse files, PAX and GNU extensions
without interpreting any of them.
"""

import re
from typing import Final

BLOCK: Final = 512
RECORD: Final = 20 * BLOCK
MAX_NAME: Final = 100
MAX_SIZE: Final = 8**11 - 1
_SIZE_FIELD: Final = slice(124, 136)
_SIZE: Final = re.compile(rb"[0-7]{11}\0")
_TYPES: Final = {
    b"\0": "an old-style file",
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"5": "a directory",
    b"6": "a fifo",
    b"7": "a contiguous file",
    b"S": "a sparse file",
    b"L": "a GNU long name",
    b"K": "a GNU long link",
    b"x": "a PAX header",
    b"g": "a global PAX header",
}
_COMPRESSED: Final = ((b"\x1f\x8b", "gzip"), (b"\xfd7zXZ", "xz"), (b"BZh", "bzip2"), (b"\x28\xb5\x2f\xfd", "zstd"))


def padding(size: int) -> int:
    """Zero bytes that follow ``size`` bytes of content."""
    return -size % BLOCK


def member_bytes(size: int) -> int:
    """Bytes that a member of ``size`` bytes occupies: header, content and padding."""
    return BLOCK + size + padding(size)


def header(name: str, size: int) -> bytes:
    """The one header of a regular file of that name and size.

    Raises:
        ValueError: the name is not 1 to 100 ASCII characters, or the size does not fit into USTAR (8 GiB).
    """
    if not (name.isascii() and 1 <= len(name) <= MAX_NAME and 0 <= size <= MAX_SIZE):
        raise ValueError(f"{name!r} of {size} bytes has no USTAR header")
    start = (
        name.encode().ljust(MAX_NAME, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"0" * 11 + b"\0"
    )
    end = (b"0" + bytes(100) + b"ustar\0" + b"00" + bytes(64) + b"0000000\0" * 2).ljust(BLOCK - 156, b"\0")
    return start + b"%06o\0 " % (sum(start) + 8 * ord(" ") + sum(end)) + end


def end_of_archive(num_bytes: int) -> bytes:
    """What closes an archive after ``num_bytes``: two zero blocks, and zeros up to a whole record."""
    return bytes(2 * BLOCK + -(num_bytes + 2 * BLOCK) % RECORD)


def read_size(block: bytes, name: str) -> int:
    """Size of the member whose header ``block`` is.

    Raises:
        ValueError: it is not the header of a regular file called ``name``; the message says what it is.
    """
    found = _SIZE.fullmatch(block[_SIZE_FIELD])
    if found is not None:
        size = int(found[0][:-1], 8)
        if block == header(name, size):
            return size
    raise ValueError(_explain(block, name))


def _explain(block: bytes, name: str) -> str:
    for magic, compression in _COMPRESSED:
        if block.startswith(magic):
            return f"compressed ({compression}); shards are uncompressed tars"
    if len(block) < BLOCK or not any(block):
        return f"the archive ends where {name!r} should begin"
    if block[257:263] != b"ustar\0":
        return f"no USTAR header where {name!r} should begin"
    kind = block[156:157]
    if kind != b"0":
        return f"{_TYPES.get(kind, 'an unknown kind of member')} where {name!r} should begin"
    raw = block[:MAX_NAME].rstrip(b"\0")
    if block[345:500].strip(b"\0"):
        raw = block[345:500].rstrip(b"\0") + b"/" + raw
    if raw != name.encode():
        return f"the member is called {raw.decode('ascii', 'backslashreplace')!r}, expected {name!r}"
    return f"the header of {name!r} is damaged or not in the form that shards have"
