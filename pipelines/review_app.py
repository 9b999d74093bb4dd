"""The review page as a web application: what is asked at which address, and serving it on one socket.

Handlers are plain functions: they run in threads, and the desk lets one of them at the database at a time.
"""

import base64
import binascii
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from catalog.errors import Busy, CatalogError
from catalog.page import rendering
from catalog.page.guard import Application, Guard
from catalog.page.visitors import Key
from catalog.pictures.thumbnails import MEDIA_TYPE
from pipelines.review_page import SIDES, Desk, Said, View

_AGAIN_AFTER = "5"  # seconds until a browser asks a busy page anew
_A_MONTH = 30 * 86_400  # seconds


@dataclass(frozen=True)
class Page:
    """What every handler needs."""

    desk: Desk
    key: Key
    reviewer: str | None


class AnswerForm(BaseModel):
    """What the form of a screen sends. member: tokens of the group in order; kept: those the answer is about."""

    member: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    verdict: str = ""
    category: str = ""
    note: str = Field("", max_length=500)
    submission: str = ""
    taxonomy_version: str = ""
    q: str = ""

    def said(self) -> Said:
        """The answer, its tokens in the order of the screen: the first one leads the group."""
        kept = tuple(token for token in self.member if token in self.kept)
        verdict = "" if self.category else self.verdict
        return Said(kept, verdict, self.category, self.note.strip(), self.submission, self.taxonomy_version)


def application(desk: Desk, key: Key, *, reviewer: str | None = None, loopback: bool = True) -> Application:
    """The whole page as an ASGI application. reviewer: who reviews in a browser that has not said otherwise."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        with suppress(Busy):
            desk.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.page = Page(desk, key, reviewer)
    app.add_api_route("/enter", enter, methods=["GET"])
    app.add_api_route("/", look, methods=["GET"])
    app.add_api_route("/name", name, methods=["GET"])
    app.add_api_route("/search", search, methods=["GET"])
    app.add_api_route("/picture/{token}/{size}", picture, methods=["GET"])
    app.add_api_route("/static/{file}", static, methods=["GET"])
    ours = [Depends(_from_our_form)]
    for path, handler in (
        ("/reviewer", say_name),
        ("/look", look_for),
        ("/answer", answer),
        ("/undo", undo),
        ("/again", again),
    ):
        app.add_api_route(path, handler, methods=["POST"], dependencies=ours)
    app.add_exception_handler(CatalogError, _failed)
    app.add_exception_handler(HTTPException, _not_so)
    app.add_exception_handler(404, _not_so)
    app.add_exception_handler(405, _not_so)
    app.add_exception_handler(RequestValidationError, _not_so)
    return Guard(app, key, rendering.refusal, loopback)


def serve(
    application_at: Callable[[int], Application], host: str, port: int, ready: Callable[[uvicorn.Server, int], None]
) -> None:
    """Serves until Ctrl-C, or until the server that `ready` is given is told `should_exit`.

    `ready` is called once browsers can connect, with the port; port 0 takes a free one.

    Raises CatalogError when the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise CatalogError(
            f"{host}:{port} cannot be had: {error.strerror}.",
            remedy="Name another port: --port 8091, or 0 for a free one.",
        ) from error
    with listening:
        taken = listening.getsockname()[1]
        config = uvicorn.Config(application_at(taken), log_level="warning", access_log=False, server_header=False)
        server = uvicorn.Server(config)
        ready(server, taken)
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listening])


def _page(request: Request) -> Page:
    found: Page = request.app.state.page
    return found


async def _from_our_form(request: Request) -> None:
    token = (await request.form()).get("form_token")
    if not isinstance(token, str) or not _page(request).key.is_form(token):
        raise HTTPException(403, "This form is not of this page any more. Nothing was done; open the page again.")


def _reviewer(request: Request) -> str | None:
    page = _page(request)
    kept = request.cookies.get(page.key.reviewer_cookie)
    if kept is None:
        return page.reviewer
    try:
        return rendering.own_name(base64.urlsafe_b64decode(kept.encode()).decode())
    except (binascii.Error, UnicodeError, CatalogError):
        return page.reviewer


Who = Annotated[str | None, Depends(_reviewer)]


def _html(text: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(text, status_code=status)


def _cookie(response: Response, name_: str, value: str, max_age: int | None = None) -> None:
    response.set_cookie(name_, value, httponly=True, samesite="strict", path="/", max_age=max_age)


def enter(request: Request, token: str = "") -> Response:
    """The link: admits this browser and goes on."""
    page = _page(request)
    if not page.key.is_token(token):
        raise HTTPException(401, "This link is not of this page, or of an earlier start. Take the one printed last.")
    response = _html(rendering.page("entered.html", page.key))
    _cookie(response, page.key.cookie_name, page.key.cookie)
    return response


def name(request: Request, reviewer: Who) -> Response:
    """Asks who reviews in this browser."""
    return _html(rendering.page("name.html", _page(request).key, reviewer=reviewer or "", wrong=""))


def say_name(request: Request, reviewer: Annotated[str, Form()] = "") -> Response:
    """Keeps who reviews in this browser."""
    page = _page(request)
    try:
        known = rendering.own_name(reviewer)
    except CatalogError as error:
        return _html(rendering.page("name.html", page.key, reviewer=reviewer[:60], wrong=str(error)), 400)
    response = RedirectResponse("/", status_code=303)
    _cookie(response, page.key.reviewer_cookie, base64.urlsafe_b64encode(known.encode()).decode(), _A_MONTH)
    return response


def look(request: Request, reviewer: Who) -> Response:
    """The next screen."""
    if reviewer is None:
        return name(request, reviewer)
    return _screen(request, reviewer, _page(request).desk.view(reviewer))


def look_for(request: Request, reviewer: Who, form: Annotated[AnswerForm, Form()]) -> Response:
    """The same screen with categories found; for browsers without a script."""
    view = _page(request).desk.view(_named(reviewer))
    return _screen(request, _named(reviewer), view, form)


def answer(request: Request, reviewer: Who, form: Annotated[AnswerForm, Form()]) -> Response:
    """Takes an answer and gives the next screen."""
    desk, who = _page(request).desk, _named(reviewer)
    if form.verdict == "skip":
        return _screen(request, who, desk.skip(who, form.member))
    if bool(form.category) == (form.verdict in rendering.WORDS):
        raise HTTPException(400, "The form says no answer, or two. Nothing was done.")
    return _screen(request, who, desk.answer(who, form.said()))


def undo(request: Request, reviewer: Who, last: Annotated[str, Form()] = "") -> Response:
    """Takes the last answer back."""
    return _screen(request, _named(reviewer), _page(request).desk.undo(_named(reviewer), last))


def again(request: Request, reviewer: Who) -> Response:
    """Shows what was set aside."""
    return _screen(request, _named(reviewer), _page(request).desk.look_again(_named(reviewer)))


def search(request: Request, q: str = "") -> Response:
    """Categories found, as the part of the page that lists them."""
    return _html(rendering.fragment("results.html", {"q": q, "found": _page(request).desk.find(q)}))


def picture(request: Request, token: str, size: str) -> Response:
    """The picture of an item that is or was on a screen, encoded anew."""
    content = _page(request).desk.picture(token, SIDES[size]) if size in SIDES else None
    if content is None:
        raise HTTPException(404, "There is no such picture.")
    return Response(content, media_type=MEDIA_TYPE)


def static(file: str) -> Response:
    """The style and the script."""
    if file not in rendering.STATIC:
        raise HTTPException(404, "There is no such file.")
    return Response(rendering.static(file), media_type=rendering.STATIC[file])


def _named(reviewer: str | None) -> str:
    if reviewer is None:
        raise HTTPException(400, "Say first who reviews.")
    return reviewer


def _screen(request: Request, reviewer: str, view: View, form: AnswerForm | None = None) -> Response:
    """The page of a view; `form` is what was filled in already when it is shown a second time."""
    page = _page(request)
    text = rendering.page(
        "screen.html",
        page.key,
        reviewer=reviewer,
        view=view,
        screen=view.screen,
        submission=secrets.token_urlsafe(12),
        q=form.q if form else "",
        found=page.desk.find(form.q) if form and form.q else [],
        kept=form.kept if form else [item.token for item in view.screen.items] if view.screen else [],
        note=form.note if form else "",
    )
    return _html(text)


async def _failed(request: Request, error: Exception) -> Response:
    """What a person must put right; a run at work is waited for, with the form kept as it was sent."""
    if not isinstance(error, Busy):
        return _html(rendering.refusal(409, str(error)), 409)
    fields = (
        []
        if request.method == "GET"
        else [(k, v) for k, v in (await request.form()).multi_items() if isinstance(v, str)]
    )
    text = rendering.page(
        "busy.html",
        _page(request).key,
        message=error.message,
        action=request.url.path,
        fields=rendering.carried(fields),
        seconds=_AGAIN_AFTER,
    )
    response = _html(text, 503)
    response.headers["retry-after"] = _AGAIN_AFTER
    return response


async def _not_so(_request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 422)
    sentence = getattr(error, "detail", "The request is not what this page sends. Nothing was done.")
    return _html(rendering.refusal(status, str(sentence)), status)


def link(host: str, key: Key) -> str:
    """The address to open in a browser."""
    shown = "127.0.0.1" if host in ("localhost", "0.0.0.0", "::") else host
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{key.port}/enter?token={key.token}"
