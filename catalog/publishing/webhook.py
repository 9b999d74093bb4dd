"""Telling a service how the night ended: one POST over connections that reach public addresses, or hosts allowed by name."""

import asyncio
from urllib.parse import urlsplit

import httpx

from catalog.jobs import program_version
from catalog.pictures.address_guard import GuardedBackend, GuardedTransport
from catalog.pictures.fetching import failure_reason

SECONDS = 10.0  # for all of it: a night must not wait for a chat service


def post(url: str, content: str, *, allow_hosts: tuple[str, ...] = ()) -> str | None:
    """Sends JSON; returns None when it was taken, else why not, as one code (timeout, blocked_address, http_404 ...).

    Redirects are not followed and nothing is tried twice. Nothing of the URL is in the answer: it is a secret.
    """
    try:
        return asyncio.run(_posted(url, content, allow_hosts))
    except Exception as error:  # what a server makes a client raise is not foreseeable
        return failure_reason(error)


async def _posted(url: str, content: str, allow_hosts: tuple[str, ...]) -> str | None:
    headers = {"Content-Type": "application/json", "User-Agent": f"feedshelf/{program_version()}"}
    timeout = dict.fromkeys(("connect", "read", "write", "pool"), SECONDS)
    request = httpx.Request("POST", url, content=content.encode(), headers=headers, extensions={"timeout": timeout})
    transport = GuardedTransport(GuardedBackend(allow_hosts), connections=1)
    try:
        async with asyncio.timeout(SECONDS):
            answer = await transport.handle_async_request(request)
            await answer.aclose()
    finally:
        await transport.aclose()
    return None if answer.is_success else f"http_{answer.status_code}"


def host(url: str) -> str:
    """What of a webhook's address may be shown: its host. The path of one is as good as a password."""
    return urlsplit(url).hostname or ""
