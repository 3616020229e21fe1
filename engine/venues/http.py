"""Bytes over aiohttp: the only file that imports its client. One pooled session, no redirects, no cookies, bounded answers.

Headers are in the clear in aiohttp's own frames and in none of ours, so no error leaves here with its frames, nor with the error
that it was mapped from: a traceback that prints variables would show the key.

What aiohttp raises is mapped here, once, to a `TransportError` that says whether the request may have reached the venue: it
has not before a connection stood, and may have at any time after.

aiohttp sends a GET or DELETE a second time by itself when a kept connection breaks under it. That would be a request outside of
every limit, so a request that has left once gets no second connection.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import aiohttp
from yarl import URL

from engine.errors import ConfigError, TransportError
from engine.venues.base import HttpAnswer, HttpRequest

MOST_BYTES = 8 * 1024 * 1024
"""Largest answer that is read; a page of 20 rows is about 12 KiB. A guess, with room for a venue of larger pages."""

CONNECT_S = 5.0
"""Longest wait for a connection to stand, TLS included. Shorter than a request's own bound, so that it is told apart."""

KEEP_WARM_S = 60.0
"""How long an idle connection is kept. A guess: longer than the pauses between two windows, shorter than most servers' bound."""


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
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: HttpRequest, *, on_sent: Callable[[], None]) -> HttpAnswer:
        """Send the request and read the whole answer. See `Transport.send`."""
        broken: TransportError
        try:
            async with self._open().request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.revealed_headers(),
                data=request.body,
                allow_redirects=False,
                trace_request_ctx=_OneWay(on_sent),
            ) as response:
                return HttpAnswer(
                    status=response.status,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=await _bounded_body(response),
                )
        except TransportError as error:
            broken = TransportError(str(error), sent=error.sent, code=error.code)
        except Exception as error:  # noqa: BLE001  # whatever a broken answer makes the client raise, the request may have arrived
            broken = _mapped(error, request)
        except BaseException as error:  # noqa: BLE001  # goes on as it is, but for its frames
            raise error.with_traceback(None)  # noqa: B904  # the same error
        raise broken

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig(trace_config_ctx_factory=_of_request)  # type: ignore[arg-type]  # any factory serves
            trace.on_request_headers_sent.append(_headers_sent)
            trace.on_connection_create_start.append(_wants_connection)
            trace.on_connection_reuseconn.append(_wants_connection)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,
                    limit_per_host=self._connections,
                    keepalive_timeout=KEEP_WARM_S,
                    ssl=True if self._tls is None else self._tls,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
                headers={"Accept-Encoding": "identity", "User-Agent": "cancel-engine"},
                trace_configs=[trace],
            )
        return self._session


class _OneWay:
    """What aiohttp carries along with one request: the call to make when it leaves, and whether it has."""

    __slots__ = ("has_left", "on_sent")

    def __init__(self, on_sent: Callable[[], None]) -> None:
        self.on_sent = on_sent
        self.has_left = False


def _of_request(trace_request_ctx: Any) -> Any:
    return trace_request_ctx


async def _headers_sent(_session: aiohttp.ClientSession, way: Any, _params: Any) -> None:
    way.has_left = True
    way.on_sent()


async def _wants_connection(_session: aiohttp.ClientSession, way: Any, _params: Any) -> None:
    if way.has_left:
        raise TransportError("the kept connection broke before the answer was complete", sent=True, code="broken")


async def _bounded_body(response: aiohttp.ClientResponse) -> bytes:
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > MOST_BYTES:
            response.close()
            raise TransportError(f"an answer larger than {MOST_BYTES} bytes was cut off", sent=True, code="too_large")
    return b"".join(chunks)


def _mapped(error: Exception, request: HttpRequest) -> TransportError:
    host = URL(request.url, encoded=True).authority
    never_stood = aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.InvalidURL
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return TransportError(f"TLS with {host} failed: {_words(error)}", sent=False, code="tls")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return TransportError(f"the name of {host} cannot be resolved: {_words(error)}", sent=False, code="dns")
    if isinstance(error, never_stood):
        return TransportError(f"no connection to {host}: {_words(error)}", sent=False, code="no_connection")
    return TransportError(
        f"the connection to {host} broke before the answer was complete: {_words(error)}", sent=True, code="broken"
    )


def _words(error: Exception) -> str:
    """The error's own words on one line; some have none but their name."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return " ".join(str(cause).split())[:200] or type(error).__name__
