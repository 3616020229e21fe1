"""Bytes over HTTP/1.1: the only file that imports aiohttp's client. Connections are kept; no redirects, no cookies, no proxy.

aiohttp finds the address, connects, and sees to TLS. The requests themselves go over a `Link`, each as one piece of bytes: what
aiohttp does for every request (a cookie jar, redirects, tracing, timers of its own) serves nothing here, and takes more time than
all the rest of a cancel. And aiohttp sends a GET or DELETE a second time by itself when a kept connection breaks under it, which
would be a request outside of every limit. Here a request that has begun to leave is never sent again: what a cancel on a stale
connection did is unknown, and the engine reads the order.

Headers are in the clear in the frames of what carries them, so no error leaves here with its frames, nor with the error that it
was mapped from: a traceback that prints variables would show the key.

What goes wrong is mapped here, once, to a `TransportError` that says whether the request may have reached the venue: it has not
before it began to leave, on a connection that stood, and may have at any time after.

An answer counts only if nothing lay on its connection before the request: HTTP/1.1 tells answers apart by their order alone. A
connection on which anything came unasked is closed before a request leaves on it. What crosses the request on its way is left to
answers that name their orders, and to the listing afterwards of `cancel_all` and `verify=True`.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from functools import lru_cache
from typing import cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from engine.errors import ConfigError, TransportError
from engine.venues.base import HttpAnswer, HttpRequest
from engine.venues.link import MOST_BYTES, Link, TooLargeError

CONNECT_S = 5.0
"""Longest wait for a connection to stand, TLS included. Shorter than a request's own bound, so that it is told apart."""

KEEP_WARM_S = 60.0
"""How long an idle connection is kept. A guess: longer than the pauses between two windows, shorter than most servers' bound."""

OWN_HEADERS = "Accept-Encoding: identity\r\nUser-Agent: cancel-engine\r\n"
"""Sent with every request: nothing that tells of the machine or its user."""

_LINE_ENDS = re.compile(r"[\r\n\0]")


class HttpTransport:
    """The transport that the engine opens for itself.

    Args:
        connections: Most connections at a time, to each venue.
        tls: Certificates to trust, or None for the system's. TLS is always verified.
    """

    def __init__(self, *, connections: int = 256, tls: ssl.SSLContext | None = None) -> None:
        if tls is not None and (tls.verify_mode is not ssl.CERT_REQUIRED or not tls.check_hostname):
            raise ConfigError("tls must verify certificates and host names: the key travels over it")
        self._connections = connections
        self._tls = tls
        self._connector: aiohttp.TCPConnector | None = None
        self._pools: dict[str, _Pool] = {}

    async def send(self, request: HttpRequest, *, on_sent: Callable[[], None]) -> HttpAnswer:
        """Send the request and read the whole answer. See `Transport.send`."""
        has_left = False
        broken: TransportError

        def leaves() -> None:
            nonlocal has_left
            has_left = True
            on_sent()

        try:
            return await self._exchange(request, leaves)
        except TransportError as error:
            broken = TransportError(str(error), sent=error.sent, code=error.code)
        except Exception as error:  # noqa: BLE001  # whatever a broken answer or a broken address comes to
            broken = _mapped(error, request, sent=has_left)
        except BaseException as error:  # noqa: BLE001  # goes on as it is, but for its frames
            raise error.with_traceback(None)  # noqa: B904  # the same error
        raise broken

    async def _exchange(self, request: HttpRequest, leaves: Callable[[], None]) -> HttpAnswer:
        """The same; its frame has the request in the clear, so no error may leave with it."""
        origin, data = _written(request)
        pool = self._pools.get(origin) or self._pool(origin)
        async with pool.places:
            link = await pool.clean_link()
            try:
                leaves()
                return await link.ask(data)
            finally:
                pool.put(link)

    async def aclose(self) -> None:
        """Close every connection."""
        pools, self._pools = self._pools, {}
        connector, self._connector = self._connector, None
        for pool in pools.values():
            pool.close()
        if connector is not None:
            await connector.close()

    def _pool(self, origin: str) -> _Pool:
        if self._connector is None:
            self._connector = aiohttp.TCPConnector(limit=0, ssl=True if self._tls is None else self._tls)
        self._pools[origin] = pool = _Pool(self._connector, URL(origin), self._connections)
        return pool


class _Pool:
    """Connections to one server.

    Attributes:
        places: As many as there may be at a time.
    """

    def __init__(self, connector: aiohttp.TCPConnector, url: URL, most: int) -> None:
        self.places = asyncio.Semaphore(most)
        self._connector = connector
        self._url = url
        self._resting: list[Link] = []
        self._sweep: asyncio.TimerHandle | None = None

    async def clean_link(self) -> Link:
        """A connection on which nothing came unasked, the one that was used last before all others; or a new one.

        Raises:
            TransportError: not even a new connection is clean.
            Exception: whatever keeps it from being made.
        """
        while self._resting:
            link = self._resting.pop()
            if not link.has_unread or await _has_settled(link):
                return link
        link = await self._connect()
        if await _has_settled(link):
            return link
        raise TransportError(f"{self._url.authority} spoke, or hung up, before anything was asked", sent=False, code="unasked")

    def put(self, link: Link) -> None:
        """Its request is over."""
        if not link.is_free:
            link.close()
            return
        loop = asyncio.get_running_loop()
        link.rests_since_s = loop.time()
        self._resting.append(link)
        if self._sweep is None:
            self._sweep = loop.call_later(KEEP_WARM_S, self._let_rested_go)

    def close(self) -> None:
        """Close those that rest."""
        if self._sweep is not None:
            self._sweep.cancel()
        while self._resting:
            self._resting.pop().close()

    async def _connect(self) -> Link:
        asks = aiohttp.ClientRequest("GET", self._url, loop=asyncio.get_running_loop())  # it says where to; it is never sent
        connection = await self._connector.connect(asks, [], aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S))
        has_spoken = cast(ResponseHandler, connection.protocol).should_close
        link = Link(cast(asyncio.Transport, connection.transport), let_go=connection.close)
        if has_spoken:
            link.close()
        return link

    def _let_rested_go(self) -> None:
        loop = asyncio.get_running_loop()
        old = [link for link in self._resting if link.rests_since_s + KEEP_WARM_S <= loop.time()]
        self._resting = [link for link in self._resting if link not in old]
        for link in old:
            link.close()
        self._sweep = loop.call_later(KEEP_WARM_S, self._let_rested_go) if self._resting else None


async def _has_settled(link: Link) -> bool:
    """Whether it is clean once the loop has looked at its socket, and has read what that brings; if not, it is closed."""
    try:
        for _ in range(2):
            await asyncio.sleep(0)
    except BaseException:
        link.close()
        raise
    if not link.is_free:
        link.close()
    return link.is_free


@lru_cache(maxsize=1_000)
def _where(url: str) -> tuple[str, str, str]:
    """Of an address: scheme, host and port; what the `Host` header says; and what is asked for there."""
    parsed = URL(url, encoded=True)
    if not parsed.absolute or parsed.host_port_subcomponent is None:
        raise ValueError("the address has no host")
    return str(parsed.origin()), parsed.host_port_subcomponent, parsed.raw_path_qs


def _written(request: HttpRequest) -> tuple[str, bytes]:
    """Where the request goes, and its bytes."""
    origin, host, target = _where(request.url)
    head = [f"{request.method} {target} HTTP/1.1\r\nHost: {host}\r\n{OWN_HEADERS}"]
    headers = request.revealed_headers()
    if "Accept" not in headers:
        head.append("Accept: */*\r\n")
    for name, value in headers.items():
        if _LINE_ENDS.search(name) or _LINE_ENDS.search(value):
            raise ValueError("a header would end its line")
        head.append(f"{name}: {value}\r\n")
    body = request.body or b""
    if body or request.method != "GET":
        head.append(f"Content-Length: {len(body)}\r\n")
    head.append("\r\n")
    return origin, "".join(head).encode() + body


def _mapped(error: Exception, request: HttpRequest, *, sent: bool) -> TransportError:
    host = URL(request.url, encoded=True).authority
    if isinstance(error, TooLargeError):
        return TransportError(f"an answer larger than {MOST_BYTES} bytes was cut off", sent=True, code="too_large")
    if sent:
        words = f"the connection to {host} broke before the answer was complete: {_words(error)}"
        return TransportError(words, sent=True, code="broken")
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return TransportError(f"TLS with {host} failed: {_words(error)}", sent=False, code="tls")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return TransportError(f"the name of {host} cannot be resolved: {_words(error)}", sent=False, code="dns")
    return TransportError(f"no connection to {host}: {_words(error)}", sent=False, code="no_connection")


def _words(error: Exception) -> str:
    """The error's own words on one line; some have none but their name."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return " ".join(str(cause).split())[:200] or type(error).__name__
