"""A server that writes its bytes by hand, and so can say, cut off, hold back or tear anything at any place.

A script runs for each connection; what comes after it is answered as a good server would. What a client leaves open stays open,
so a server whose connections have all gone is proof that the client has let go of them.
"""

import asyncio
import socket
import ssl
import struct
from contextlib import asynccontextmanager, suppress

RESET = struct.pack("ii", 1, 0)
"""`SO_LINGER` with a time of nothing: closing sends a reset, and what is unsent is thrown away."""

PATIENCE_S = 2.0
"""How long a client may take to let go of its connections before that counts as a leak. A guess; it takes milliseconds."""


MOST_WAITING = 1_000
"""Most connections that wait to be accepted; asyncio's own 100 would make a crowd wait for a second."""

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
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._writer.transport.abort()

    def close(self):
        """Close the connection in good order."""
        self._writer.close()


class RoughServer:
    """A running server.

    Attributes:
        script: What a new connection does first.
        port: Where it listens, on 127.0.0.1.
        connections: How many were accepted.
        requests: Every whole request, in the order in which they arrived.
    """

    def __init__(self, script):
        self.script = script
        self.port = 0
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
    server = await asyncio.start_server(rough.accept, "127.0.0.1", 0, ssl=tls, backlog=MOST_WAITING)
    rough.port = server.sockets[0].getsockname()[1]
    try:
        yield rough
    finally:
        server.close()
        await rough.stop()
        await server.wait_closed()
