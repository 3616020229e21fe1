"""Clients that write Opinion's requests by hand, for the tests of its other side."""

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import pytest

from engine.simulator import new_virtual_clock_loop
from engine.venues.base import HttpRequest


@pytest.fixture
def anyio_backend():
    """Asynchronous tests run on simulated time; files with real sockets say otherwise."""
    return "asyncio", {"loop_factory": new_virtual_clock_loop}


@dataclass(frozen=True)
class Pen:
    """Writes requests with one key."""

    api_key: str
    base_url: str = "https://venue.test"

    def cancel(self, order_id):
        """Cancel one order."""
        return self.post("/openapi/order/cancel", json.dumps({"orderId": order_id}).encode())

    def list(self, page=1, *, limit=20, status="1", **query):
        """A page of orders; a field that is None is left out."""
        fields = {"page": page, "limit": limit, "chainId": 56, "status": status, **query}
        return self.get("/openapi/order?" + urlencode({name: value for name, value in fields.items() if value is not None}))

    def read(self, order_id):
        """One order, its id escaped."""
        return self.get("/openapi/order/" + quote(order_id, safe=""))

    def get(self, path):
        """Any GET."""
        return HttpRequest(method="GET", url=self.base_url + path, headers={"apikey": self.api_key})

    def post(self, path, body=b""):
        """Any POST with JSON."""
        headers = {"apikey": self.api_key, "Content-Type": "application/json"}
        return HttpRequest(method="POST", url=self.base_url + path, headers=headers, body=body)


@pytest.fixture
def pen():
    """Give a writer of requests for an account."""
    return lambda account, base_url="https://venue.test": Pen(account.api_key, base_url)


@pytest.fixture
def first_page():
    """Read the ids of a page through `receive`, at once."""

    def ids(simulator, account, page=1, **query):
        reply = simulator.receive(Pen(account.api_key).list(page, **query), now_s=simulator.now_s)
        return [row["orderId"] for row in json.loads(reply.body)["result"]["list"]]

    return ids


@dataclass(frozen=True)
class Seen:
    """What a raw client saw on one connection: `end` is complete, closed or open."""

    end: str
    status: int | None
    headers: dict[str, str]
    body: bytes
    elapsed_s: float


class RawClient:
    """Speaks HTTP/1.1 over a plain socket and hides nothing."""

    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer

    async def exchange(self, request, *, patience_s=3.0):
        """Send one request and read until the answer is complete, the connection ends, or patience does."""
        start_s = time.monotonic()
        self._writer.write(encode(request))
        data, end = b"", "complete"
        try:
            async with asyncio.timeout(patience_s):
                while not is_complete(data):
                    chunk = await self._reader.read(1 << 16)
                    if not chunk:
                        end = "closed"
                        break
                    data += chunk
        except TimeoutError:
            end = "open"
        except ConnectionError:
            end = "closed"
        status, headers, body = split(data)
        return Seen(end, status, headers, body, time.monotonic() - start_s)

    async def close(self):
        """Close the connection; one that is broken already is as good."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


def encode(request):
    path = "/" + request.url.split("/", 3)[3]
    headers = {"Host": "127.0.0.1", **request.headers, "Content-Length": str(len(request.body or b""))}
    head = [f"{request.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(head).encode() + (request.body or b"")


def split(data):
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return None, {}, data
    first, *rest = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
    return int(first.split()[1]), headers, body


def is_complete(data):
    status, headers, body = split(data)
    return status is not None and (status == 204 or len(body) >= int(headers.get("content-length", "0")))


@pytest.fixture
def raw_client():
    """Open one connection to a port of this machine."""

    async def connect(port):
        return RawClient(*await asyncio.open_connection("127.0.0.1", port))

    return connect
