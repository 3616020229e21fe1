"""The real client against a venue that repeats what it was sent, at the level of bytes: no error brings a key out.

The client has the headers in the clear in frames of its own, and its parser quotes what it cannot read.
"""

import asyncio
import logging
from contextlib import asynccontextmanager

import pytest
from support import everything_told

from engine import Account, CancelEngine, Retry, TransportError, VenueError
from engine.venues.base import HttpRequest
from engine.venues.http import HttpTransport
from engine.venues.opinion import Opinion, OpinionKey
from engine.venues.polymarket import PolymarketKey

pytestmark = pytest.mark.anyio

KEY = "k3y-0f-n0b0dy-0123456789abcdef"
WALLET = "0x" + "5a" * 32

REPLIES = {
    "no status line": lambda said: said,
    "a header without a name": lambda said: b"HTTP/1.1 200 OK\r\n: " + said + b"\r\n\r\n",
    "a header with a line end": lambda said: b"HTTP/1.1 200 OK\r\nX: " + said + b"\rY\r\n\r\n",
    "a name of a header": lambda said: b"HTTP/1.1 200 OK\r\nX " + said + b": 1\r\n\r\n",
    "a status that is the key": lambda said: b"HTTP/1.1 " + said + b" OK\r\n\r\n",
    "a length that is the key": lambda said: b"HTTP/1.1 200 OK\r\nContent-Length: " + said + b"\r\n\r\n",
    "a chunk that is the key": lambda said: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + said + b"\r\n",
    "an encoding that is the key": lambda said: (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: " + said + b"\r\nContent-Length: 1\r\n\r\nx"
    ),
    "a redirect to the key": lambda said: b"HTTP/1.1 307 X\r\nLocation: //" + said + b"/\r\nContent-Length: 0\r\n\r\n",
    "a body that breaks off": lambda said: b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + said,
    "a page": lambda said: b"HTTP/1.1 404 X\r\nContent-Length: %d\r\n\r\n" % len(said) + said,
    "nothing": lambda _: b"",
}


@asynccontextmanager
async def parrot(reply, *, after_s=0.0):
    """A server that repeats the lines of the request that hold the key or a signature, in this manner; gives its address."""

    async def answer(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        lines = [line for line in request.split(b"\r\n") if b"apikey" in line.lower() or b"signature" in line.lower()]
        await asyncio.sleep(after_s)
        writer.write(reply(b" ".join(line.partition(b": ")[2] for line in lines)))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
async def test_what_the_client_cannot_read_does_not_bring_the_key_out(reply, caplog):
    """However the venue breaks the protocol with it, the key is in no event of anybody's, no error, no variable of its frames."""
    caplog.set_level(logging.DEBUG)
    async with (
        parrot(reply) as base_url,
        CancelEngine(Opinion(base_url, timeout_s=2.0), retry=Retry(reads=1, longest_outage_s=1)) as engine,
    ):
        with pytest.raises(VenueError) as caught:
            await engine.get_order(Account("alice", OpinionKey(KEY)), "an-order", deadline_s=3)

    assert KEY not in everything_told(caught.value) + "".join(
        f"{record.getMessage()} {vars(record)}" for record in caplog.records
    )


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
async def test_what_the_client_cannot_read_does_not_bring_a_signature_out(reply):
    """Nor is a wallet's signature in the error of a desk that repeats it."""
    signatures = set()

    def seen(said):
        signatures.add(said.decode())
        return reply(said)

    async with parrot(seen) as base_url:
        with pytest.raises(VenueError) as caught:
            await PolymarketKey.derive(WALLET, base_url=base_url, create=False, timeout_s=2.0)
    told = everything_told(caught.value)

    assert {132} == {len(each) for each in signatures}
    assert not [each for each in signatures if each in told]


async def test_no_frame_of_the_client_is_seen_above_an_error():
    """The transport's own error has neither the client's frames nor the error that it was made from."""
    request = HttpRequest(method="GET", url="http://127.0.0.1:9/", headers={"apikey": OpinionKey(KEY).api_key})
    transport = HttpTransport()
    try:
        with pytest.raises(TransportError, match="no connection") as caught:
            await transport.send(request, on_sent=lambda: None)
    finally:
        await transport.aclose()

    assert (None, None) == (caught.value.__cause__, caught.value.__context__)
    assert {"test_secrets.py", "http.py"} == {entry.path.name for entry in caught.traceback}


async def test_a_bound_of_the_callers_own_does_not_bring_the_key_out():
    """Who cancels a request from outside sees no frame of the client's either, although the error came through it."""
    signatures = set()

    def seen(said):
        signatures.add(said.decode())
        return b""

    async with parrot(seen, after_s=0.5) as base_url:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.3):
                await PolymarketKey.derive(WALLET, base_url=base_url, timeout_s=5.0)
        told = everything_told(caught.value)
        await asyncio.sleep(0.4)

    assert "CancelledError" in told
    assert 1 == len(signatures)
    assert not [each for each in signatures if each in told]
