"""The JSON that our page sends, value by value: what is not exactly as the page sends it is refused."""

import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from starlette.requests import Request

R = TypeVar("R")

MAX_BODY: Final = 4096
_KEY: Final = re.compile(r"[A-Za-z0-9-]{8,64}", re.ASCII)
_MAX_INT: Final = 1 << 53


class BadRequest(Exception):
    """What was sent is not what our page sends."""


async def read_body(request: "Request") -> dict[str, Any]:
    """The JSON object in a request's body; raises BadRequest."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            raise BadRequest(f"more than {MAX_BODY} bytes")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise BadRequest("not JSON") from None
    if not isinstance(body, dict):
        raise BadRequest("not a JSON object")
    return body


def integer(body: dict[str, Any], name: str) -> int:
    """A count; raises BadRequest."""
    value = body.get(name)
    if type(value) is not int or not 0 <= value < _MAX_INT:
        raise BadRequest(f"{name} is not a count")
    return value


def choice(body: dict[str, Any], name: str, choices: tuple[R, ...]) -> R:
    """One of ``choices``; raises BadRequest."""
    for known in choices:
        if body.get(name) == known:
            return known
    raise BadRequest(f"{name} is none of {', '.join(map(str, choices))}")


def key(body: dict[str, Any], name: str) -> str:
    """A sender's own name for what it sends; raises BadRequest."""
    value = body.get(name)
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise BadRequest(f"{name} is not a key")
    return value
