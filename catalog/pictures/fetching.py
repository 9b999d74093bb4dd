"""Asking for many pictures at once, each bounded in bytes and time, and no host asked more than it can bear."""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore
import httpx

from catalog.errors import CatalogError
from catalog.jobs import program_version
from catalog.pictures import cloud, picture_urls
from catalog.pictures.address_guard import Blocked, GuardedBackend, GuardedTransport, Unresolved
from catalog.pictures.picture_content import fault
from catalog.pictures.picture_urls import UrlRefused
from catalog.pictures.wanted import Fetched, Wanted
from catalog.settings import Images

Keep = Callable[[bytes], str]
LONGEST_WAIT = 30.0  # seconds between two tries; a host that asks for more is asked again the next night
_FIRST_WAIT = 0.5
_LONGEST_HEADER = 500
_REDIRECTS = {301, 302, 303, 307, 308}
# So many answers of this kind from one host, without a good one between them, and it is left alone for the night.
_ENOUGH_OF_A_HOST = 5
_HOST_IN_TROUBLE = {"timeout", "no_connection", "host_not_found", "tls", "http_429", "http_503"}


class _Failure(Exception):
    def __init__(self, reason: str, *, again: bool = False, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.again, self.wait = reason, again, wait


class Fetcher:
    """Asks for pictures under the limits of `[images]`. `keep` stores a good picture's bytes and returns their sha256.

    Open it with `with`: connections and what is known of each host last from one call of `fetch` to the next.
    """

    def __init__(self, limits: Images, keep: Keep, backend: GuardedBackend | None = None) -> None:
        self._limits = limits
        self._keep = keep
        self._backend = backend or GuardedBackend(limits.allow_hosts)
        self._troubles: Counter[str] = Counter()
        self._hosts: dict[str, asyncio.Semaphore] = {}

    def __enter__(self) -> "Fetcher":
        self._runner = asyncio.Runner()
        # Names are resolved in these threads too: hosts whose name servers are slow must not hold up the others.
        threads = ThreadPoolExecutor(self._limits.connections + 4, "pictures")
        self._runner.get_loop().set_default_executor(threads)
        self._ends = time.monotonic() + 60 * self._limits.max_minutes
        self._slots = asyncio.Semaphore(self._limits.connections)
        self._transport = GuardedTransport(self._backend, connections=self._limits.connections)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._runner.run(self._transport.aclose())
        finally:
            self._runner.close()

    @property
    def over(self) -> bool:
        """True when the night's time for pictures is used up: what is asked for from now on is skipped."""
        return time.monotonic() >= self._ends

    def fetch(self, wanted: list[Wanted]) -> list[Fetched]:
        """One answer for each, in order; failures are answers. Raises CatalogError when a picture cannot be kept."""
        return self._runner.run(self._all(wanted))

    async def _all(self, wanted: list[Wanted]) -> list[Fetched]:
        tasks = [asyncio.create_task(self._one(one)) for one in wanted]
        try:
            return await asyncio.gather(*tasks)
        except BaseException:  # the rest must not go on behind the caller's back
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def _one(self, wanted: Wanted) -> Fetched:
        host = _host(wanted.url)
        async with self._hosts.setdefault(host, asyncio.Semaphore(self._limits.connections_per_host)):
            if self.over or self._troubles[host] >= _ENOUGH_OF_A_HOST:
                return Fetched(wanted.url, "skipped")
            found = await self._tried(wanted)
        if found.reason in _HOST_IN_TROUBLE:
            self._troubles[host] += 1
        else:
            self._troubles.pop(host, None)
        return found

    async def _tried(self, wanted: Wanted) -> Fetched:
        for attempt in range(self._limits.retries + 1):
            try:
                async with self._slots, asyncio.timeout(self._limits.timeout_seconds):
                    return await self._asked(wanted)
            except CatalogError:
                raise
            except Exception as error:  # what a hostile server makes a client raise is not foreseeable
                failure = _failure(error)
            wait = _FIRST_WAIT * 2**attempt if failure.wait is None else failure.wait
            if not failure.again or wait > LONGEST_WAIT or attempt == self._limits.retries:
                break
            await asyncio.sleep(wait)
        return Fetched(wanted.url, "failed", reason=failure.reason)

    async def _asked(self, wanted: Wanted) -> Fetched:
        text = picture_urls.full(wanted.url)
        if picture_urls.scheme(text) in picture_urls.CLOUD:
            return await self._from_bucket(wanted, text)
        url = picture_urls.web_url(text, ports=self._limits.ports)
        for _ in range(self._limits.max_redirects + 1):
            answer = await self._transport.handle_async_request(self._request(url, wanted))
            try:
                if answer.status_code not in _REDIRECTS or "location" not in answer.headers:
                    return await self._taken(wanted, answer)
            finally:
                await answer.aclose()
            # Every hop is held to the same rules as the first.
            url = picture_urls.web_url(answer.headers["location"], ports=self._limits.ports, base=url)
        raise _Failure("too_many_redirects")

    def _request(self, url: httpx.URL, wanted: Wanted) -> httpx.Request:
        headers = {
            "Accept": "image/*,*/*;q=0.1",
            "Accept-Encoding": "identity",  # a packed body would have no bound once unpacked
            "User-Agent": f"feedshelf/{program_version()}",
        }
        if wanted.sha256 and wanted.etag:
            headers["If-None-Match"] = wanted.etag
        if wanted.sha256 and wanted.last_modified:
            headers["If-Modified-Since"] = wanted.last_modified
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), self._limits.timeout_seconds)
        return httpx.Request("GET", url, headers=headers, extensions={"timeout": timeout})

    async def _taken(self, wanted: Wanted, answer: httpx.Response) -> Fetched:
        status = answer.status_code
        if status == httpx.codes.NOT_MODIFIED and wanted.sha256:
            return Fetched(wanted.url, "unchanged", wanted.sha256, wanted.etag, wanted.last_modified)
        if status != httpx.codes.OK:
            again = status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR
            raise _Failure(f"http_{status}", again=again, wait=retry_after(answer.headers.get("retry-after")))
        if answer.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise _Failure("compressed")
        found = await self._kept(wanted, await self._body(answer))
        etag, changed = (_short(answer.headers.get(name)) for name in ("etag", "last-modified"))
        return replace(found, etag=etag, last_modified=changed)

    async def _body(self, answer: httpx.Response) -> bytes:
        length = answer.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._limits.max_bytes:
            raise _Failure("too_large")
        content = bytearray()
        async for part in answer.aiter_raw():
            content += part
            if len(content) > self._limits.max_bytes:
                raise _Failure("too_large")
        return bytes(content)

    async def _kept(self, wanted: Wanted, content: bytes) -> Fetched:
        wrong = await asyncio.to_thread(fault, content)
        if wrong:
            raise _Failure(wrong)
        sha256 = await asyncio.to_thread(self._keep, content)
        return Fetched(wanted.url, "ok", sha256, bytes=len(content))

    async def _from_bucket(self, wanted: Wanted, text: str) -> Fetched:
        place = picture_urls.cloud_object(text, buckets=self._limits.buckets)
        try:
            etag = wanted.etag if wanted.sha256 else None
            found = await cloud.read(place, etag=etag, max_bytes=self._limits.max_bytes)
        except cloud.CloudMissing as error:
            raise _Failure("cloud_not_installed") from error
        except cloud.CloudFailed as error:
            raise _Failure(error.reason, again=error.again) from error
        if found.data is None:
            return Fetched(wanted.url, "unchanged", wanted.sha256, wanted.etag)
        return replace(await self._kept(wanted, found.data), etag=_short(found.etag))


def _host(text: str) -> str:
    """Under what name the connections of a URL are counted; '' for what is no web address."""
    try:
        return httpx.URL(picture_urls.full(text)).host
    except Exception:  # refused later, with a reason
        return ""


# What an exception stands for, and whether a second try may help. The first that fits; others are broken answers.
_REASONS: tuple[tuple[tuple[type[Exception], ...], str, bool], ...] = (
    ((Blocked,), "blocked_address", False),
    ((Unresolved,), "host_not_found", True),
    ((TimeoutError, httpcore.TimeoutException), "timeout", True),
    ((httpcore.ConnectError,), "no_connection", True),
)


def _failure(error: Exception) -> _Failure:
    """The reason an exception stands for. Nothing of its text, which may hold secrets."""
    if isinstance(error, _Failure):
        return error
    if isinstance(error, UrlRefused):
        return _Failure(error.reason)
    if _of_tls(error):
        return _Failure("tls")
    found = ((reason, again) for kinds, reason, again in _REASONS if isinstance(error, kinds))
    reason, again = next(found, ("broken_answer", True))
    return _Failure(reason, again=again)


def failure_reason(error: Exception) -> str:
    """Why a request failed, as one code, for other users of the guarded connections."""
    return _failure(error).reason


def _of_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def retry_after(header: str | None) -> float | None:
    """Seconds a server asks to wait, given as a number or a date; None when it does not, or not readably."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header.strip()[:9])
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _short(header: str | None) -> str | None:
    return header if header and len(header) <= _LONGEST_HEADER and header.isascii() and header.isprintable() else None
