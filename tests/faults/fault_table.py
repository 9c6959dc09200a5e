"""The table of network faults: what a server does, and what has to become of a clip that meets it.

``FAULTS`` is the table. ``tests/faults/test_network.py`` goes through it once, ``benchmarks/faults.py`` many times. A
handler gets the raw connection and does what HTTP libraries do not let one do.
"""

import datetime
import email.utils
import functools
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from tests.faults.fault_request import Asked, span_of

Outcome = Literal["done", "rejected", "failed", "left"]
LIMIT_BYTES: Final = 16 << 20  # what a fetch under test may bring
Handler = Callable[[Asked], None]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One row of the table.

    Args:
        code: the class that a failure must have; empty for a fault that a fetch must get over.
        outcome: ``failed``: it may pass, and the next run tries again; ``rejected``: the last word about the clip;
            ``left``: the host's fault, the clip stays in the queue.
        source: which of the servers has it. asks: how often it must be asked for, at least and at most.
    """

    name: str
    code: str
    outcome: Outcome
    handler: Handler = field(default=lambda asked: asked.file(asked.media.good))
    source: str = "net"
    asks: tuple[int, int] = (1, 1000)


def _status(line: str, *lines: str) -> Handler:
    return lambda asked: asked.page(line, *lines)


def _redirect(location: str) -> Handler:
    """``{other}`` is a server at another address of this machine, ``{plain}`` the one without TLS."""
    return lambda asked: asked.page("302 Found", f"Location: {asked.server.fill(location)}")


def _served(name: str) -> Handler:
    return lambda asked: asked.file(getattr(asked.media, name))


def _first(times: int, handler: Handler) -> Handler:
    """Misbehave for the first requests of a path, then serve the file."""
    return lambda asked: handler(asked) if asked.before < times else asked.file(asked.media.good)


def _later(handler: Handler) -> Handler:
    """Serve the beginning of the file, misbehave when more of it is asked for."""

    def answer(asked: Asked) -> None:
        if asked.span is None or asked.span[0] == 0:
            asked.file(asked.media.good, 'ETag: "a"')
        else:
            handler(asked)

    return answer


def _chunked(asked: Asked, *, upto: int | None = None, size: str | None = None, end: bytes = b"0\r\n\r\n") -> None:
    body = asked.media.good[:upto]
    asked.head("200 OK", "Content-Type: video/mp4", "Transfer-Encoding: chunked")
    for start in range(0, len(body), 1 << 16):
        piece = body[start : start + (1 << 16)]
        asked.send(f"{size or format(len(piece), 'x')}\r\n".encode() + piece + b"\r\n")
    asked.send(end)


def _endless(*lines: str, chunked: bool = False) -> Handler:
    def answer(asked: Asked) -> None:
        asked.head("200 OK", "Content-Type: video/mp4", *lines, *(["Transfer-Encoding: chunked"] if chunked else []))
        block = bytes(1 << 16)
        while not asked.server.stopping.is_set():
            asked.send(b"10000\r\n" + block + b"\r\n" if chunked else block)

    return answer


def _stall_after(count: int) -> Handler:
    def answer(asked: Asked) -> None:
        asked.file(asked.media.good, upto=count)
        asked.stall()

    return answer


def _reset_after(count: int) -> Handler:
    def answer(asked: Asked) -> None:
        asked.file(asked.media.good, upto=count)
        asked.reset()

    return answer


def _drip_body(asked: Asked) -> None:
    asked.file(asked.media.good, upto=0)
    asked.drip(asked.media.good[:100])


def _steady(asked: Asked) -> None:
    """Faster than the low-speed limit, and never done."""
    asked.head("200 OK", "Content-Type: video/mp4")
    for start in range(0, len(asked.media.good), 512):
        asked.send(asked.media.good[start : start + 512])
        if asked.server.stopping.wait(0.1):
            return


def _with_length(value: str) -> Handler:
    def answer(asked: Asked) -> None:
        asked.head("200 OK", "Content-Type: video/mp4", f"Content-Length: {value.format(n=len(asked.media.good))}")
        asked.send(asked.media.good)

    return answer


def _lying_length(difference: int) -> Handler:
    def answer(asked: Asked) -> None:
        body = asked.media.good
        asked.head("200 OK", "Content-Type: video/mp4", f"Content-Length: {len(body) + difference}")
        asked.send(body)

    return answer


def _header_flood(asked: Asked) -> None:
    asked.send(b"HTTP/1.1 200 OK\r\n")
    lines = (b"X-Flood: " + b"a" * 1000 + b"\r\n") * 64
    while not asked.server.stopping.is_set():
        asked.send(lines)


@functools.cache
def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(bytes(32 << 20)) + packer.flush()


def _gzip_bomb(asked: Asked) -> None:
    body = _bomb()
    asked.head("200 OK", "Content-Type: video/mp4", "Content-Encoding: gzip", f"Content-Length: {len(body)}")
    asked.send(body)


def _wrong_range(asked: Asked) -> None:
    body = asked.media.good
    asked.head(
        "206 Partial", "Content-Type: video/mp4", "Content-Length: 1000", f"Content-Range: {span_of(7, 1006, body)}"
    )
    asked.send(body[7:1007])


def _other_size(asked: Asked) -> None:
    asked.file(asked.media.good + b"more", 'ETag: "a"')


def _other_file(asked: Asked) -> None:
    asked.file(asked.media.good[::-1], 'ETag: "b"')


def _range_without_a_name(asked: Asked) -> None:
    asked.head("206 Partial", "Content-Type: video/mp4", "Content-Length: 1000")
    asked.send(asked.media.good[:1000])


def _rate_limited(asked: Asked) -> None:
    if asked.before % 2:
        soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=90)
        asked.page("429 Too Many Requests", f"Retry-After: {email.utils.format_datetime(soon, usegmt=True)}")
    else:
        asked.page("429 Too Many Requests", "Retry-After: 120")


def _rows(code: str, outcome: Outcome, /, *, asks: tuple[int, int] = (1, 1000), **handlers: Handler) -> list[Fault]:
    return [Fault(name=n, code=code, outcome=outcome, handler=h, asks=asks) for n, h in handlers.items()]


FAULTS: Final[tuple[Fault, ...]] = (
    *_rows(
        "",
        "done",
        good_file=_served("good"),
        no_ranges=lambda asked: asked.whole(asked.media.good),
        chunked=_chunked,
        redirect=_first(1, _redirect("/redirect-00.mp4")),
        busy_twice=_first(2, _status("503 Busy")),
        bad_gateway_twice=_first(2, _status("502 Bad Gateway")),
        reset_twice=_first(2, _reset_after(500)),
        cut_twice=_first(2, lambda asked: asked.file(asked.media.good, upto=30_000)),
        reset_in_the_middle=lambda asked: (_reset_after(500) if asked.before == 1 else _served("good"))(asked),
        short_length_after_the_span=_lying_length(-200_000),
    ),
    *_rows(
        "transfer_failed",
        "failed",
        asks=(2, 40),
        reset_at_once=Asked.reset,
        silent_close=lambda asked: None,
        not_http=lambda asked: asked.send(b"SSH-2.0-OpenSSH_9.6\r\n" * 3),
        reset_in_the_body=_reset_after(500),
        reset_later=_later(_reset_after(0)),
        truncated=lambda asked: asked.file(asked.media.good, upto=30_000),
        long_length=_lying_length(1000),
        garbage_chunk=lambda asked: _chunked(asked, size="zz"),
        lying_chunk=lambda asked: _chunked(asked, size="fff0"),
        chunks_without_end=lambda asked: _chunked(asked, upto=200_000, end=b""),
        header_flood=_header_flood,
        redirect_loop=_redirect("/redirect_loop-00.mp4"),
        error_500=_status("500 Internal Server Error"),
        error_502=_status("502 Bad Gateway"),
        error_503=_status("503 Service Unavailable", "Retry-After: 1"),
        wrong_range=_wrong_range,
        nameless_range=_range_without_a_name,
        other_size=_later(_other_size),
        other_file=_later(_other_file),
    ),
    *_rows(
        "timed_out",
        "failed",
        asks=(1, 9),
        stall_before_the_answer=Asked.stall,
        stall_after_the_head=_stall_after(0),
        stall_in_the_body=_stall_after(30_000),
        stall_later=_later(_stall_after(100)),
        drip_of_body=_drip_body,
        too_slow_to_end=_steady,
        drip_of_headers=lambda asked: asked.drip(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n" * 9),
    ),
    *_rows(
        "too_large",
        "rejected",
        asks=(1, 1),
        endless=_endless(),
        endless_chunks=_endless(chunked=True),
        announced_huge=_endless("Content-Length: 1000000000000"),
    ),
    *_rows(
        "unsupported",
        "failed",
        asks=(1, 1),
        redirect_to_a_file=_redirect("file:///etc/passwd"),
        redirect_to_ftp=_redirect("ftp://127.0.0.1/video.mp4"),
        redirect_to_a_private_address=_redirect("{other}/video.mp4"),
        redirect_to_a_script=_redirect("javascript:alert(1)"),
        web_page=lambda asked: asked.page("200 OK", body=b"<html>Before you continue</html>", kind="text/html"),
        gzip_bomb=_gzip_bomb,
        redirect_with_a_password=_redirect("http://user:secret@127.0.0.1:8080/video.mp4"),
    ),
    *_rows("private", "rejected", asks=(1, 1), error_401=_status("401 No"), error_403=_status("403 No")),
    *_rows("removed", "rejected", asks=(1, 1), error_404=_status("404 No"), error_410=_status("410 Gone")),
    *_rows("region", "rejected", asks=(1, 1), error_451=_status("451 Unavailable For Legal Reasons")),
    *_rows("unclassified", "failed", asks=(1, 1), error_418=_status("418 I'm a teapot"), error_400=_status("400 No")),
    *_rows(
        "unsupported",
        "rejected",
        asks=(1, 2),
        empty_body=lambda asked: asked.page("200 OK", body=b"", kind="video/mp4"),
        text_as_video=lambda asked: asked.file(b"#EXTM3U\nfile:///etc/passwd\n" * 9),
        random_bytes=lambda asked: asked.file(asked.media.damaged[-200_000:]),
    ),
    *_rows("no_audio", "rejected", no_sound=_served("silent")),
    *_rows("no_video", "rejected", no_picture=_served("blind")),
    *_rows("no_such_time", "rejected", too_short=_served("short")),
    *_rows("decode_failed", "rejected", damaged=_served("damaged"), short_length=_lying_length(-1_000_000)),
    *_rows("transfer_failed", "failed", negative_length=_with_length("-5"), garbage_length=_with_length("12abc")),
    *_rows("transfer_failed", "failed", two_lengths=_with_length("{n}\r\nContent-Length: 70000")),
    Fault(name="refused", code="transfer_failed", outcome="failed", source="closed", asks=(0, 0)),
    Fault(name="no_such_host", code="transfer_failed", outcome="failed", source="nowhere", asks=(0, 0)),
    Fault(name="self_signed", code="transfer_failed", outcome="failed", source="selfsigned", asks=(0, 0)),
    Fault(name="expired", code="transfer_failed", outcome="failed", source="expired", asks=(0, 0)),
    Fault(name="other_name", code="transfer_failed", outcome="failed", source="othername", asks=(0, 0)),
    Fault(name="not_tls", code="transfer_failed", outcome="failed", source="nottls", asks=(0, 0)),
    Fault(name="silent_tls", code="timed_out", outcome="failed", source="silenttls", asks=(0, 0)),
    Fault(name="good_tls", code="", outcome="done", source="tls"),
    Fault(
        name="downgrade",
        code="unsupported",
        outcome="failed",
        source="tls",
        handler=_redirect("{plain}/good_file-00.mp4"),
        asks=(1, 1),
    ),
    Fault(name="slow_down", code="rate_limited", outcome="left", source="limited", handler=_rate_limited, asks=(1, 9)),
)
