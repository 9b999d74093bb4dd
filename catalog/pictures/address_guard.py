"""Connections to public addresses only: the host is resolved once, checked, and connected to at the checked address.

A check before the connection, on the URL, would be passed by a name that answers differently the second time, by a
redirect, or by an odd spelling of an address. Here it stands where every connection is made.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import httpcore
import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_TRIED_ADDRESSES = 3  # of one host: the first may be of a family this machine has no route for


class Blocked(Exception):
    """A host with an address that is not public."""


class Unresolved(Exception):
    """A host without an address."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system's resolver gives them; also of 2130706433, 0x7f.1 and the like."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unresolved(host) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(text: str) -> bool:
    """True for an address anybody may ask: global unicast, also inside a mapped, 6to4 or NAT64 address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return is_public(str(inner))
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to, if it does."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens TCP connections to public addresses only. `allowed`: host names (lower case) whose addresses may be any.

    network: what connects to the checked address; it is never given a name.
    """

    def __init__(
        self,
        allowed: Iterable[str] = (),
        resolver: Resolve = resolve,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._allowed = frozenset(allowed)
        self._resolve = resolver
        self._inner = network or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connects to an address of the host. Raises Blocked if any of them is not public, Unresolved if it has none."""
        addresses = await self._resolve(host, port)
        if not addresses:
            raise Unresolved(host)
        # One private address among public ones is refused too: no picture's host has that by right.
        if host.lower() not in self._allowed and not all(is_public(address) for address in addresses):
            raise Blocked(host)
        tried = addresses[:_TRIED_ADDRESSES]
        for address in tried[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, (timeout or 30) / len(tried))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(tried[-1], port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Never: a picture is not behind a socket of this machine."""
        raise Blocked(path)

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)


class GuardedTransport(httpx.AsyncBaseTransport):
    """One request, whose body is at hand, and one answer, over a guarded backend: no proxy, cookie, redirect or decoding.

    TLS is checked against the host's name. Asked directly, without a client, so that nothing of the environment and
    nothing of an earlier answer gets into a request. httpcore's own exceptions come through.
    """

    def __init__(self, backend: GuardedBackend, *, connections: int, tls: ssl.SSLContext | None = None) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(),
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=5.0,
            network_backend=backend,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request, its body still to be read."""
        url = request.url
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.content,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions, request=request
        )

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._answer.aiter_stream():
            yield part

    async def aclose(self) -> None:
        await self._answer.aclose()
