"""What stands between a browser and the page: who is admitted, which posts count, and headers on every answer.

Plain ASGI around the whole application, so that its error pages pass here too.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from catalog.page.visitors import LOOPBACK_NAMES, Key

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    # with no-referrer a browser would send our own forms without their origin
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
OPEN = frozenset({"/enter", "/static/page.css", "/static/page.js"})  # what is shown before a browser is admitted
MAX_BODY = 256 * 1024


@dataclass(frozen=True)
class Guard:
    """Admits and refuses. `refusal(status, sentence)` is the page that says why; `loopback`: names of this machine only
    are answered to, so that no foreign name can be pointed at it."""

    inner: Application
    key: Key
    refusal: Callable[[int, str], str]
    loopback: bool = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; whatever answers it, its answer carries `HEADERS`."""
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in HEADERS}
                kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in own]
                message = {**message, "headers": [*kept, *HEADERS]}
            await send(message)

        wrong = self._wrong(scope)
        if wrong is None:
            await self.inner(scope, receive, with_headers)
        else:
            await self._refuse(with_headers, *wrong)

    def _wrong(self, scope: Scope) -> tuple[int, str] | None:
        headers = _texts(scope["headers"])
        host = headers.get("host", "")
        if self.loopback and _name(host) not in LOOPBACK_NAMES:
            return 421, "This page answers to names of this machine only."
        if scope["path"] not in OPEN and not self._admitted(headers.get("cookie", "")):
            return 401, "Open the link that `catalog review serve` printed when it started."
        if scope["method"] not in ("GET", "HEAD"):
            return _wrong_post(headers, host)
        return None

    def _admitted(self, cookies: str) -> bool:
        try:
            found = SimpleCookie(cookies).get(self.key.cookie_name)
        except CookieError:
            return False
        return found is not None and self.key.is_cookie(found.value)

    async def _refuse(self, send: Send, status: int, sentence: str) -> None:
        body = self.refusal(status, sentence).encode()
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _wrong_post(headers: dict[str, str], host: str) -> tuple[int, str] | None:
    """A post that another site may have sent, or one whose size nobody names."""
    origin = headers.get("origin")
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return 403, "Another page sent this; nothing was done."
    if origin is not None and urlsplit(origin).netloc != host:
        return 403, "Another page sent this; nothing was done."
    length = headers.get("content-length", "")
    if not length.isdecimal():
        return 411, "Nothing was done: the request does not say how long it is."
    return (413, "Nothing was done: the request is too large.") if int(length) > MAX_BODY else None
