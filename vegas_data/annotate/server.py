"""Binds the page to an address and runs it until it is told to stop."""

import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from vegas_data.annotate.app import make_app
from vegas_data.annotate.export import DATABASE
from vegas_data.annotate.options import ReviewOptions
from vegas_data.annotate.panel import Panel
from vegas_data.annotate.security import binding_problem, is_loopback, make_access, new_token
from vegas_data.annotate.store import JudgmentStore
from vegas_data.annotate.tasks import Gold, Task
from vegas_data.errors import AnnotationError
from vegas_data.records import Category
from vegas_data.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK: Final = "judgments.lock"
DRAIN_S: Final = 5


@dataclass(frozen=True, kw_only=True)
class Binding:
    """Where the page is served.

    Args:
        port: 0 for any free one. token: from a file; empty for a new random one, on loopback only.
        public_url: how people reach it, if not at host and port (behind a proxy that speaks https).
        annotator: who somebody is whose link names nobody.
    """

    host: str = "127.0.0.1"
    port: int = 0
    token: str = ""
    public_url: str = ""
    annotator: str = "local"


def serve(
    workspace: Workspace,
    tasks: Iterable[Task],
    options: ReviewOptions,
    *,
    categories: Mapping[str, Category],
    gold: Iterable[Gold] = (),
    binding: Binding | None = None,
    started: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve the page until SIGINT or SIGTERM.

    Args:
        started: told the address to open, with the token, once it can be opened.

    Raises:
        ValueError: others could reach the page and there is no token for them. WorkspaceLocked: a page of this
            workspace is open already. AnnotationError: the address is taken, or the log cannot be used.
    """
    import uvicorn

    binding = binding or Binding()
    problem = binding_problem(binding.host, has_token_file=bool(binding.token), public_url=binding.public_url)
    if problem:
        raise ValueError(problem)
    with opened_log(workspace) as store, _listening(binding) as listener:
        port = listener.getsockname()[1]
        access = make_access(binding.token or new_token(), binding.host, port, binding.public_url)
        panel = Panel(store, tasks, options, gold=gold)
        app = make_app(panel, workspace, access, categories, default_annotator=binding.annotator)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, lifespan="off", server_header=False, proxy_headers=False,
            timeout_graceful_shutdown=DRAIN_S, ws="none",
        )  # fmt: skip
        started(
            f"{binding.public_url.rstrip('/') or base_url(binding.host, port)}/?{urlencode({'token': access.token})}"
        )
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def opened_log(workspace: Workspace) -> "Iterator[JudgmentStore]":
    """The workspace's log of judgments, for one process at a time; raises WorkspaceLocked, AnnotationError."""
    import fcntl

    with workspace.flock(LOCK, fcntl.LOCK_EX):
        store = JudgmentStore(workspace.path(DATABASE))
        try:
            yield store
        finally:
            store.close()


def base_url(host: str, port: int) -> str:
    """The address of a server on this machine."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _listening(binding: Binding) -> "Iterator[socket.socket]":
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            binding.host, binding.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        if not binding.token and not is_loopback(str(address[0])):
            raise ValueError(f"{binding.host} is {address[0]}, which others could reach: that needs a token file")
        listener = socket.socket(family, kind, number)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(128)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise AnnotationError(
            f"{binding.host}:{binding.port}: {error.strerror}", remedy="give another --port or --host"
        ) from None
    with listener:
        yield listener
