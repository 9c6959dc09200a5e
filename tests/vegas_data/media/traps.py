"""Files that want something of whoever opens them: other files, other hosts, all memory, all time."""

import struct
from collections.abc import Callable
from pathlib import Path

from films import film

from vegas_data.media.sandbox import run_ffmpeg

_M3U = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:8\n{extra}#EXTINF:8,\n{url}\n#EXT-X-ENDLIST\n"
_MPD = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT8S" '
    'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4">'
    '<Representation id="0" bandwidth="9"><BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>'
)
_SDP = (
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
)


def playlists(folder: Path, secret: Path, host: str) -> dict[str, Path]:
    """Twelve of them, dressed up as mp4; ``secret`` is a video that lies in ``folder``, ``host`` a server's address."""
    port = host.rsplit(":", 1)[1]
    texts = {
        "hls to a host": _M3U.format(extra="", url=f"{host}/a.mp4"),
        "hls to a file": _M3U.format(extra="", url=f"file://{secret}"),
        "hls to the cloud's own data": _M3U.format(extra="", url="http://169.254.169.254/latest/meta-data/"),
        "hls with a key": _M3U.format(extra=f'#EXT-X-KEY:METHOD=AES-128,URI="{host}/key"\n', url=secret.name),
        "hls with a map": _M3U.format(extra=f'#EXT-X-MAP:URI="{host}/map"\n', url=secret.name),
        "concat, relative": f"ffconcat version 1.0\nfile {secret.name}\n",
        "concat, absolute": f"ffconcat version 1.0\nfile {secret}\n",
        "concat of a subfile": f"ffconcat version 1.0\nfile 'subfile,,start,0,end,9999,,:{secret}'\n",
        "dash": _MPD.format(url=f"{host}/a.mp4"),
        "sdp": _SDP.format(port=port),
    }
    made = {}
    for number, (name, text) in enumerate(texts.items()):
        made[name] = folder / f"trap{number}.mp4"
        made[name].write_text(text, encoding="utf-8")
    made["numbered pictures"] = folder / "%d.mp4"
    made["numbered pictures"].write_bytes(b"\xff\xd8\xff\xe0 not really")
    made["a mov whose media lie elsewhere"] = folder / "reference.mp4"
    made["a mov whose media lie elsewhere"].write_bytes(_without_media(_referring(secret.read_bytes(), str(secret))))
    return made


def bombs(folder: Path) -> dict[str, Path]:
    """Files that are small and cost much; each is to be refused."""
    base = film(folder / "base.mp4", seconds=2)
    data = base.read_bytes()
    makers: dict[str, Callable[[], bytes]] = {
        "pictures of 16000 by 16000": lambda: _jpeg_film(folder, 16_000, honest=True),
        "pictures larger than they say": lambda: _jpeg_film(folder, 16_000, honest=False),
        "a hundred hours": lambda: _slowed(base, folder / "hours.mp4"),
        "thousands of tracks": lambda: _in_moov(data, lambda moov: moov + 4000 * _first(moov, b"trak")),
        "a table of two hundred million sizes": lambda: _patched(data, b"stsz", 8, struct.pack(">II", 0, 200_000_000)),
        "two thousand million samples": lambda: _endless_index(data),
        "a thousand pictures a second": lambda: _fast(folder),
        "boxes in boxes": lambda: _nested(data),
        "an endless header": lambda: data[:40] + b"\x00\x00\x00\x01moov" + struct.pack(">Q", 1 << 60),
    }
    made = {}
    for number, (name, make) in enumerate(makers.items()):
        made[name] = folder / f"bomb{number}.bin"
        made[name].write_bytes(make())
    huge = folder / "8192.mp4"
    one = ["-f", "lavfi", "-i", "color=black:s=8192x8192:r=1:d=1", "-f", "lavfi", "-i", "anullsrc=d=1"]
    x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "rc-lookahead=0:threads=1", "-c:a", "aac"]
    run_ffmpeg([*one, *x264, "-pix_fmt", "yuv420p", f"file:{huge}"], what=huge.name, target=huge)
    return {**made, "pictures of 8192 by 8192": huge}


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def _first(data: bytes, kind: bytes) -> bytes:
    at = data.index(kind) - 4
    return data[at : at + struct.unpack(">I", data[at : at + 4])[0]]


def _in_moov(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The file with another body of its moov, which stands at the end."""
    moov = _first(data, b"moov")
    assert data.endswith(moov)
    return data[: -len(moov)] + _box(b"moov", change(moov[8:]))


def _patched(data: bytes, kind: bytes, offset: int, new: bytes) -> bytes:
    at = data.index(kind) + offset
    return data[:at] + new + data[at + len(new) :]


def _nested(data: bytes) -> bytes:
    inner = b""
    for _ in range(20_000):
        inner = _box(b"trak", inner)
    return _in_moov(data, lambda _: inner)


def _endless_index(data: bytes) -> bytes:
    """A track of one-byte samples, one chunk, and as many of them as a counter holds."""
    many = 0x7FFFFFFF
    data = _patched(data, b"stsz", 8, struct.pack(">II", 1, many))
    data = _patched(data, b"stts", 8, struct.pack(">III", 1, many, 1))
    return _patched(data, b"stsc", 8, struct.pack(">IIII", 1, 1, many, 1))


def _replaced(data: bytes, path: list[bytes], change: Callable[[bytes], bytes]) -> bytes:
    """Every box at ``path`` with another body, and the sizes around it right again."""
    out, at = b"", 0
    while at + 8 <= len(data):
        size = struct.unpack(">I", data[at : at + 4])[0]
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + size]
        if kind == path[0]:
            body = change(body) if len(path) == 1 else _replaced(body, path[1:], change)
        out += _box(kind, body)
        at += size
    return out


def _referring(data: bytes, url: str) -> bytes:
    entry = _box(b"url ", b"\0\0\0\0" + f"file://{url}".encode() + b"\0")
    dref = b"\0\0\0\0" + struct.pack(">I", 1) + entry
    return _replaced(data, [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"], lambda _: dref)


def _without_media(data: bytes) -> bytes:
    return _replaced(data, [b"mdat"], lambda body: bytes(len(body)))


def _jpeg_film(folder: Path, side: int, *, honest: bool) -> bytes:
    """Matroska with a JPEG that claims to be that large; the file's own header says so, too, or 300."""
    path = folder / "jpeg.mkv"
    picture = ["-f", "lavfi", "-i", "color=black:s=300x300:r=5:d=3", "-f", "lavfi", "-i", "anullsrc=d=3"]
    run_ffmpeg([*picture, "-c:v", "mjpeg", "-c:a", "aac", f"file:{path}"], what=path.name, target=path)
    large, small = struct.pack(">H", side), struct.pack(">H", 300)
    frame = b"\xff\xc0\x00\x11\x08"
    data = path.read_bytes().replace(frame + small + small, frame + large + large)
    assert data.count(frame + large + large) == 15
    if honest:
        for element in (b"\xb0\x82", b"\xba\x82"):
            assert data.count(element + small) == 1
            data = data.replace(element + small, element + large)
    return data


def _slowed(base: Path, path: Path) -> bytes:
    run_ffmpeg(["-itsscale", "200000", "-i", f"file:{base}", "-c", "copy", f"file:{path}"], what=path.name, target=path)
    return path.read_bytes()


def _fast(folder: Path) -> bytes:
    return film(folder / "fast.mp4", rate="1000", seconds=2).read_bytes()
