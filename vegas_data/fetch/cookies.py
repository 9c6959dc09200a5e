"""A cookies file in the form that browsers export, read only if nobody else can read it.

What stands in it is a login: messages name lines by number and never quote them, and nothing is written back.
"""

import http.cookiejar
import os
import re
import stat
from pathlib import Path
from typing import Final

from vegas_data.errors import RecipeError

MAX_BYTES: Final = 1 << 20
_HTTP_ONLY: Final = "#HttpOnly_"
_NUM_FIELDS: Final = 7
_TEXT: Final = re.compile(r"[ -~]*", re.ASCII)
_EXPIRES: Final = re.compile(r"-?\d{1,15}(\.\d{1,9})?", re.ASCII)


def read_cookies(path: Path) -> http.cookiejar.CookieJar:
    """Read a Netscape cookies file (``cookies.txt``).

    Raises:
        RecipeError: missing, not ours, open to other users, too large, or not a cookies file.
    """
    try:
        # Checked and read through one descriptor: the file cannot be another one in between. A FIFO does not block.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise RecipeError(
            f"{path}: cannot be read: {error.strerror}", remedy="give the path of a cookies file"
        ) from None
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_size > MAX_BYTES:
            raise RecipeError(f"{path}: not a cookies file", remedy="export one in the Netscape form (cookies.txt)")
        if info.st_uid != os.geteuid():
            raise RecipeError(f"{path}: belongs to another user", remedy="use a copy of your own")
        if stat.S_IMODE(info.st_mode) & 0o077:
            raise RecipeError(f"{path}: other users can read these cookies", remedy=f"chmod 600 {path}")
        text = os.read(fd, MAX_BYTES).decode("utf-8", "replace")
    finally:
        os.close(fd)
    jar = http.cookiejar.CookieJar()
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or (line.startswith("#") and not line.startswith(_HTTP_ONLY)):
            continue
        cookie = _read_line(line.removesuffix("\r").removeprefix(_HTTP_ONLY))
        if cookie is None:
            raise RecipeError(
                f"{path}:{number}: not a line of a cookies file", remedy="export one in the Netscape form (cookies.txt)"
            )
        jar.set_cookie(cookie)
    jar.clear_expired_cookies()
    return jar


def _read_line(line: str) -> http.cookiejar.Cookie | None:
    fields = line.split("\t")
    if len(fields) != _NUM_FIELDS or not all(_TEXT.fullmatch(field) for field in fields):
        return None
    domain, _, path, secure, expires, name, value = fields
    if not (domain.strip(".") and path.startswith("/") and name and (not expires or _EXPIRES.fullmatch(expires))):
        return None
    lasts = bool(expires) and float(expires) > 0  # 0 and nothing: until the browser is closed
    return http.cookiejar.Cookie(
        version=0,
        name=name,
        value=value,
        port=None,
        port_specified=False,
        domain=domain.lower(),
        domain_specified=domain.startswith("."),
        domain_initial_dot=domain.startswith("."),
        path=path,
        path_specified=True,
        secure=secure.upper() == "TRUE",
        expires=int(float(expires)) if lasts else None,
        discard=not lasts,
        comment=None,
        comment_url=None,
        rest={},
    )
