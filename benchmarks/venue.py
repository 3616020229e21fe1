"""A venue that is fast enough not to be the limit: one protocol, parsed by hand, in a process of its own, on 127.0.0.1.

    python -m benchmarks.venue KIND ACCOUNTS ORDERS LATENCY_S

It prints its port, and ends when its standard input does, or after `LONGEST_S`. `GET /bench/refill` opens every order again,
`GET /bench/count` says what is open, how many requests came, what CPU they took and when the last of the venue's own arrived.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from benchmarks.books import BOOKS, Book, answer
from benchmarks.loops import new_fastest_loop
from benchmarks.parsing import Asked, take_requests

LONGEST_S = 3_600.0
"""A server that nobody ends, ends itself."""

PATIENCE_S = 60.0
"""How long a server may take to begin, and to end."""


class _Counted:
    """What all connections together have seen: how many requests, and when the last one came."""

    def __init__(self) -> None:
        self.requests = 0
        self.arrived_s = 0.0


class _Protocol(asyncio.Protocol):
    """One connection: all complete requests of what has come are answered with one write."""

    def __init__(self, book: Book, latency_s: float, counted: _Counted) -> None:
        self._book = book
        self._latency_s = latency_s
        self._counted = counted
        self._left = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        now_s = time.perf_counter()
        asked, self._left = take_requests(self._left + data if self._left else data)
        if not asked:
            return
        self._counted.requests += len(asked)
        if not asked[0].path.startswith(b"/bench"):
            self._counted.arrived_s = now_s
        answers = b"".join([self._answer(each) for each in asked])
        if self._latency_s:
            asyncio.get_running_loop().call_later(self._latency_s, self._write, answers)
        else:
            self._write(answers)

    def _write(self, answers: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answers)

    def _answer(self, asked: Asked) -> bytes:
        if asked.path == b"/bench/refill":
            self._book.refill()
            return answer(b"{}")
        if asked.path == b"/bench/count":
            counted = self._counted
            told = {"open": self._book.open, "requests": counted.requests, "arrived_s": counted.arrived_s}
            return answer(json.dumps(told | {"cpu_s": time.process_time()}).encode())
        return self._book.answer(asked)


async def serve(kind: str, accounts: int, orders: int, latency_s: float) -> None:
    """Serve until standard input ends."""
    book = BOOKS[kind](accounts, orders)
    counted = _Counted()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Protocol(book, latency_s, counted), "127.0.0.1", 0, backlog=4_096)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    loop.call_later(LONGEST_S, ended.set)
    await ended.wait()


class RunningVenue:
    """A venue in its own process."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}"

    def refill(self) -> None:
        """Have every order open again."""
        self._ask("refill")

    def count(self) -> dict[str, Any]:
        """What is open, how many requests came, the CPU seconds of the process."""
        return self._ask("count")

    def last_arrival_s(self) -> float:
        """When the last request came, by this machine's monotonic clock."""
        return float(self.count()["arrived_s"])

    def _ask(self, what: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.base_url}/bench/{what}", timeout=PATIENCE_S) as came:  # noqa: S310  # loopback
            value: dict[str, Any] = json.load(came)
        return value


@contextmanager
def running_venue(kind: str, *, accounts: int = 1, orders: int, latency_s: float = 0.0) -> Iterator[RunningVenue]:
    """Have a venue in a process of its own while the block runs."""
    command = [sys.executable, "-m", "benchmarks.venue", kind, str(accounts), str(orders), str(latency_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # our own
        if process.stdin is None or process.stdout is None:
            raise SystemExit("no pipes")
        try:
            yield RunningVenue(json.loads(process.stdout.readline())["port"])
        finally:
            process.stdin.close()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def main() -> None:
    """Serve as the command line says."""
    kind, accounts, orders, latency_s = sys.argv[1:]
    with asyncio.Runner(loop_factory=new_fastest_loop) as runner:
        runner.run(serve(kind, int(accounts), int(orders), float(latency_s)))


if __name__ == "__main__":
    main()
