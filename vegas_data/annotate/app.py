"""The page as a web application: five things to write, four to read, nothing else.

    GET  /               the page; with ``?token=…`` the entrance, which sets the cookie and goes on to the page
    GET  /done           what a person sees who is done, with the completion code
    GET  /static/{name}  our own few files, by name
    GET  /media/{id}     a clip, by an id that says nothing about files; one byte range at a time
    POST /api/work       what is there to do         POST /api/answer   one answer, committed before it is confirmed
    POST /api/undo       take the last one back      POST /api/skip     give a clip back
    POST /api/finish     note that somebody is done

Everything passes ``security.Guard`` first. No path of the file system ever stands in an address, and the page is not
told what a clip is for: whether it is gold, an audit or one more opinion looks all the same.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from vegas_data.annotate.assignment import Progress, Refusal, Submission
from vegas_data.annotate.bodies import BadRequest, choice, integer, key, read_body
from vegas_data.annotate.panel import Assignment, Panel
from vegas_data.annotate.ranges import file_response
from vegas_data.annotate.security import COOKIE, COOKIE_LASTS_S, Access, Guard, Identity
from vegas_data.annotate.tasks import ANSWERS, SIDES, Question, clip_start_ms
from vegas_data.annotate.wording import SIDES as WORDS
from vegas_data.annotate.wording import describe
from vegas_data.errors import AnnotationError, JudgmentConflict
from vegas_data.records import Category
from vegas_data.store import Store

if TYPE_CHECKING:
    from anyio import CapacityLimiter
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

MAX_PARAMETER: Final = 200
RETRY_AFTER_S: Final = 1
MAX_TURNS: Final = 4
MAX_OTHER_PAGES: Final = 20
T = TypeVar("T")
Handler = Callable[[Identity, dict[str, Any]], "dict[str, Any] | Refusal"]

_HERE: Final = Path(__file__).parent
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def make_app(
    panel: Panel, media: Store, access: Access, categories: Mapping[str, Category], *, default_annotator: str = "local"
) -> "Guard":
    """The application.

    Args:
        media: where the tasks' media keys lie. default_annotator: who somebody is whose link names nobody.
    """
    return Guard(make_routes(panel, media, access, categories, default_annotator=default_annotator), access)


def make_routes(
    panel: Panel, media: Store, access: Access, categories: Mapping[str, Category], *, default_annotator: str
) -> "Starlette":
    """The application without its guard."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    page = _Page(panel, media, access, categories, default_annotator)
    writes = {"work": page.work, "answer": page.answer, "undo": page.undo, "skip": page.skip, "finish": page.finish}
    return Starlette(
        routes=[
            Route("/", page.in_turn(page.index)),
            Route("/done", page.in_turn(page.done)),
            Route("/static/{name}", page.static),
            Route("/media/{name}", page.media),
            *(Route(f"/api/{name}", page.writing(handler), methods=["POST"]) for name, handler in writes.items()),
        ]
    )


class _Page:
    """What the routes do. What asks the panel runs in a thread, for a commit waits for the disk."""

    def __init__(
        self, panel: Panel, media: Store, access: Access, categories: Mapping[str, Category], default_annotator: str
    ) -> None:
        tasks = panel.state.by_id.values()
        self._panel, self._access, self._default = panel, access, default_annotator
        self._media = {access.media_id(task.media_key): media.path(task.media_key) for task in tasks}
        asked = {task.category for task in tasks}
        self._categories = {name: describe(categories[name]) for name in categories if name in asked}
        for name in asked - set(self._categories):
            raise ValueError(f"a task asks about {name!r}, which is no category")
        files = (path for path in (_HERE / "static").iterdir() if path.suffix in _TYPES)
        self._static = {path.name: (path.read_bytes(), _TYPES[path.suffix]) for path in files}
        self._templates = _environment()
        self._turns: CapacityLimiter | None = None

    # --- reading ------------------------------------------------------------------------------------------------

    def index(self, request: "Request") -> "Response":
        token = request.query_params.get("token")
        if token is not None:
            return self._enter(request, token)
        identity = _identity(request)
        options = self._panel.options
        return self._html(
            "page.html.j2",
            annotator=identity.annotator,
            categories=list(self._categories.values()),
            sides=WORDS,
            options=options,
            progress=self._panel.progress(identity.annotator),
        )

    def _enter(self, request: "Request", token: str) -> "Response":
        """Set the cookie, and go on by a page of our own: a redirect would still count as coming from elsewhere."""
        if not self._access.opens(token):
            return self._html("refused.html.j2", 401)
        person, study, session = (request.query_params.get(name, "") for name in self._panel.options.parameters)
        if max(map(len, (person, study, session))) > MAX_PARAMETER:
            return self._html("refused.html.j2", 400)
        identity = Identity(
            annotator=self._panel.store.pseudonym(person or self._default),
            session=self._panel.store.pseudonym(json.dumps([study, session])),
        )
        response = self._html("enter.html.j2")
        old = [name for name in request.cookies if COOKIE in name and name != self._access.cookie]
        for name in old if len(old) > MAX_OTHER_PAGES else ():  # of pages long gone: headers must not grow for ever
            response.delete_cookie(name)
        response.set_cookie(
            self._access.cookie,
            self._access.seal(identity),
            max_age=COOKIE_LASTS_S,
            httponly=True,
            samesite="strict",
            secure=self._access.is_https,
        )
        return response

    def done(self, request: "Request") -> "Response":
        identity, options = _identity(request), self._panel.options
        return self._html(
            "done.html.j2",
            is_complete=self._panel.is_complete(identity.annotator, identity.session),
            code=options.completion_code,
            url=options.completion_url,
            progress=self._panel.progress(identity.annotator),
        )

    def static(self, request: "Request") -> "Response":
        from starlette.responses import Response

        found = self._static.get(request.path_params["name"])
        if found is None:
            return Response(status_code=404)
        body, kind = found
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {"Cache-Control": "private, no-cache", "ETag": etag}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=kind)

    def media(self, request: "Request") -> "Response":
        from starlette.responses import Response

        path = self._media.get(request.path_params["name"])
        if path is None:
            return Response(status_code=404)
        return file_response(request, path, content_type="video/mp4")

    # --- writing ------------------------------------------------------------------------------------------------

    def work(self, who: Identity, body: dict[str, Any]) -> "dict[str, Any] | Refusal":
        work = self._panel.work(who.annotator)
        return {
            "assignments": [self._assignment(one) for one in work.assignments],
            "progress": _progress(work.progress),
            "last_key": work.last_key,
            "is_done": work.is_done,
        }

    def answer(self, who: Identity, body: dict[str, Any]) -> "dict[str, Any] | Refusal":
        question = Question(
            start_ms=integer(body, "start_ms"), end_ms=integer(body, "end_ms"), side=choice(body, "side", SIDES)
        )
        sent = Submission(
            key=key(body, "key"),
            lease=integer(body, "lease"),
            question=question,
            answer=choice(body, "answer", ANSWERS),
            revision=integer(body, "revision"),
            played_ms=integer(body, "played_ms"),
        )
        taken = self._panel.answer(who.annotator, sent)
        if isinstance(taken, Refusal):
            return taken
        return {"seq": taken.seq, "progress": _progress(self._panel.progress(who.annotator))}

    def undo(self, who: Identity, body: dict[str, Any]) -> "dict[str, Any] | Refusal":
        taken = self._panel.undo(who.annotator, key=key(body, "key"), answer_key=key(body, "answer_key"))
        return taken if isinstance(taken, Refusal) else {"seq": taken.seq, "lease": taken.lease}

    def skip(self, who: Identity, body: dict[str, Any]) -> "dict[str, Any] | Refusal":
        return self._panel.skip(who.annotator, integer(body, "lease")) or {}

    def finish(self, who: Identity, body: dict[str, Any]) -> "dict[str, Any] | Refusal":
        return self._panel.finish(who.annotator, who.session) or {"next": "/done"}

    def _assignment(self, one: Assignment) -> dict[str, Any]:
        start = clip_start_ms(one.task.clip_id)
        return {
            "lease": one.lease,
            "media": f"/media/{self._access.media_id(one.task.media_key)}",
            "category": self._categories[one.task.category],
            "cells": [
                {"start_ms": s, "end_ms": e, "from_ms": s - start, "to_ms": e - start} for s, e in one.task.windows
            ],
            "open": [{**_question(question), "revision": revision} for question, revision in one.open],
            "answered": [_question(question) for question in one.answered],
        }

    def _html(self, template: str, status: int = 200, **context: Any) -> "Response":
        from starlette.responses import HTMLResponse

        text = self._templates.get_template(template).render(**context)
        return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})

    # --- taking turns -------------------------------------------------------------------------------------------

    async def _turn(self, call: Callable[..., T], *arguments: Any) -> T:
        """Run in a thread, few at a time: while somebody holds the log, media still find threads."""
        from anyio import CapacityLimiter
        from anyio.to_thread import run_sync

        self._turns = self._turns or CapacityLimiter(MAX_TURNS)
        return await run_sync(call, *arguments, limiter=self._turns)

    def in_turn(self, read: Callable[["Request"], "Response"]) -> Callable[["Request"], Any]:
        """A route that reads what the panel knows."""

        async def endpoint(request: "Request") -> "Response":
            return await self._turn(read, request)

        return endpoint

    def writing(self, handler: Handler) -> Callable[["Request"], Any]:
        """A route that takes a JSON object and answers with one; the guard has seen to the rest."""

        async def endpoint(request: "Request") -> "Response":
            from starlette.requests import ClientDisconnect
            from starlette.responses import JSONResponse, Response

            try:
                body = await read_body(request)
                result = await self._turn(handler, _identity(request), body)
            except ClientDisconnect:  # gone before all of it was here: nobody is left to tell
                return Response(status_code=400)
            except BadRequest as error:
                return JSONResponse({"refused": "malformed", "message": str(error)}, 400)
            except JudgmentConflict:
                return JSONResponse({"refused": "stale", "wait_ms": 0}, 409)
            except AnnotationError as error:  # nothing was taken: the page keeps the answer and sends it again
                return JSONResponse({"refused": error.code}, 503, headers={"Retry-After": str(RETRY_AFTER_S)})
            if isinstance(result, Refusal):
                return JSONResponse({"refused": result.reason, "wait_ms": result.wait_ms}, 409)
            return JSONResponse(result, headers={"Cache-Control": "no-store"})

        return endpoint


def _identity(request: "Request") -> Identity:
    identity: Identity | None = request.state.identity
    assert identity is not None, "the guard lets nobody in without a cookie"
    return identity


def _question(question: Question) -> dict[str, Any]:
    return {"start_ms": question.start_ms, "end_ms": question.end_ms, "side": question.side}


def _progress(progress: Progress) -> dict[str, Any]:
    return {"done": progress.done, "left": progress.left, "seconds_left": progress.seconds_left}


def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
