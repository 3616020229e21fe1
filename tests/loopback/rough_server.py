"""A server that writes its bytes by hand, and so can say, cut off, hold back or tear anything at any place; and a client for it.

A script runs for each connection; what comes after it is answered as a good server would. What a client leaves open stays open,
so a server whose connections have all gone is proof that the client has let go of them.
"""

import asyncio
import socket
import ssl
import struct
from contextlib import asynccontextmanager, suppress

import anyio
import trustme

from engine import TransportError
from engine.venues.base import HttpRequest
from engine.venues.http import HttpTransport

HOST = "127.0.0.1"
AUTHORITY = trustme.CA()
"""Whom a client that is `trusting()` believes."""

NO_LINGER = struct.pack("ii", 1, 0)
"""`SO_LINGER` with a time of nothing: closing sends a reset, and what is unsent is thrown away."""

PATIENCE_S = 2.0
"""How long a client may take to let go of its connections before that counts as a leak. A guess; it takes milliseconds."""

AT_ONCE_S = 2.0
"""What ends by itself ends long before this."""

SHORT_S = 0.1
"""The patience with what never ends."""

KEY = "secret-key"
"""What no one but the venue may get to see."""

RESET, CLOSE, STALL, SOON = object(), object(), object(), object()
"""What a script can do, beside saying bytes."""

MOST_WAITING = 1_000
"""Most connections that wait to be accepted; asyncio's own 100 would make a crowd wait for a second."""

BODY = b'{"errno":0,"result":{"result":true}}'
"""An acknowledgement, as Opinion gives it."""

HONEST = b'{"honest": true}'
"""The body of every answer that no script has a hand in."""


def answer(body=HONEST, *headers, status="200 OK"):
    """A proper answer."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def length_of(head):
    """The `Content-Length` of a head, 0 where there is none."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def read_message(reader):
    """One whole request or answer, head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readexactly(length_of(head))


class Peer:
    """One connection, seen from the server: `number` counts from 1."""

    def __init__(self, number, reader, writer, requests):
        self.number = number
        self.reader = reader
        self._writer = writer
        self._requests = requests

    async def head(self):
        """Read the head of a request, and not its body."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def request(self):
        """Read one whole request; it counts as received."""
        seen = await read_message(self.reader)
        self._requests.append(seen)
        return seen

    async def say(self, data):
        """Send these bytes, as soon as the client takes them."""
        self._writer.write(data)
        await self._writer.drain()

    async def drip(self, data, *, every_s):
        """Send these bytes one at a time."""
        for byte in data:
            await self.say(bytes([byte]))
            await asyncio.sleep(every_s)

    async def repeat(self, data):
        """Send these bytes over and over, until the client has gone."""
        while True:
            await self.say(data)
            await asyncio.sleep(0)

    async def stall(self):
        """Say nothing more, until the client has gone."""
        while await self.reader.read(65_536):
            pass

    async def serve(self):
        """Answer every request as a good server would."""
        while True:
            await self.request()
            await self.say(answer())

    def reset(self):
        """Tear the connection down with a reset."""
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self._writer.transport.abort()

    def close(self):
        """Close the connection in good order."""
        self._writer.close()


class RoughServer:
    """A running server.

    Attributes:
        script: What a new connection does first.
        base_url: Where it listens, on a free port of 127.0.0.1.
        connections: How many were accepted.
        requests: Every whole request, in the order in which they arrived.
    """

    def __init__(self, script):
        self.script = script
        self.base_url = ""
        self.connections = 0
        self.requests = []
        self._tasks = set()

    def accept(self, reader, writer):
        """Let the script have the new connection."""
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(Peer(self.connections, reader, writer, self.requests), writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def are_gone(self):
        """Whether every connection has come to its end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        return not self._tasks

    async def stop(self):
        """End every connection."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, peer, writer):
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                await self.script(peer)
                await peer.serve()
        finally:
            writer.transport.abort()


@asynccontextmanager
async def rough_server(script, *, tls=None):
    """Listen on a free port of 127.0.0.1 while the block runs, and let the script have every connection."""
    rough = RoughServer(script)
    server = await asyncio.start_server(rough.accept, HOST, 0, ssl=tls, backlog=MOST_WAITING)
    rough.base_url = f"{'https' if tls else 'http'}://{HOST}:{server.sockets[0].getsockname()[1]}"
    try:
        yield rough
    finally:
        server.close()
        await rough.stop()
        await server.wait_closed()


def says(*parts, reads="request"):
    """A script that reads so much, and then does these parts in turn."""

    async def script(peer):
        await {"request": peer.request, "head": peer.head, "nothing": lambda: asyncio.sleep(0)}[reads]()
        for part in parts:
            if part is RESET:
                peer.reset()
            elif part is CLOSE:
                peer.close()
            elif part is STALL:
                await peer.stall()
            elif part is SOON:
                await asyncio.sleep(0.01)
            else:
                await peer.say(part)

    return script


def repeats(begin, again):
    """A script that says the first once, and the second without an end."""

    async def script(peer):
        await peer.request()
        await peer.say(begin)
        await peer.repeat(again)

    return script


def server_side(*names, authority=AUTHORITY, **dates):
    """What a server shows that has a certificate for these names, or for the right one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or (HOST,)), **dates).configure_cert(context)
    return context


def trusting():
    """What a client needs that believes our authority."""
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def request_to(server, *, method="POST", path="order", body=None):
    """A request with a key, to this server."""
    body = b'{"orderId":"1"}' if body is None and method == "POST" else body
    return HttpRequest(method=method, url=f"{server.base_url}/{path}", headers={"apikey": KEY}, body=body)


async def fate(transport, request, *, timeout_s=AT_ONCE_S, patience=None):
    """What becomes of a request, within this time or this scope: status and body, or code and whether it may have arrived."""
    left, lost = [], None
    try:
        with patience or anyio.move_on_after(timeout_s):
            got = await transport.send(request, on_sent=lambda: left.append(True))
            assert [True] == left
            return got.status, got.body
    except TransportError as error:
        lost = error
    if lost is None:
        return "timeout", bool(left)
    assert bool(left) == lost.sent
    return lost.code, lost.sent


@asynccontextmanager
async def under_fire(script, *, tls=None, trust=None):
    """A server whose first connection has this script, and a transport that must work afterwards and leave nothing behind."""

    async def first(peer):
        if peer.number == 1:
            await script(peer)

    before = asyncio.all_tasks()
    async with rough_server(first, tls=tls) as server:
        transport = HttpTransport(tls=trust)
        try:
            yield server, transport
            assert (200, HONEST) == await fate(transport, request_to(server))
        finally:
            await transport.aclose()
        assert await server.are_gone()
    assert before == asyncio.all_tasks()
