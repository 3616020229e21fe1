"""The books of the benchmarks' own venue: which orders are open, and the bytes that it answers with. Knows no socket.

It does nothing that a client could wait for: answers are prepared, rows come from a template. It believes every signature, has no
limits and plays no faults; that is the simulator's business.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qs

from benchmarks.parsing import Asked, header

OPINION_ROWS = 20
POLYMARKET_ROWS = 100


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    """A complete answer that keeps the connection."""
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
    return head + body


CANCELLED = answer(b'{"errno":0,"errmsg":"","result":{"result":true}}')
NOT_CANCELLED = answer(b'{"errno":0,"errmsg":"","result":{"result":false}}')
NOT_FOUND = answer(b'{"error":"not found"}', b"404 Not Found")


class Book(Protocol):
    """One venue's side: so many accounts, each with so many orders, all open until cancelled."""

    def refill(self) -> None:
        """Have every order open again."""
        ...

    def answer(self, asked: Asked) -> bytes:
        """The bytes that answer a request."""
        ...

    @property
    def open(self) -> int:
        """How many orders are open."""
        ...


def opinion_id(account: int, number: int) -> str:
    """The id of an account's n-th order."""
    return f"{account:08x}-0000-4000-8000-{number:012x}"


def polymarket_id(account: int, number: int) -> str:
    """The same for the other venue."""
    return f"0x{account:032x}{number:032x}"


class Shelf:
    """One account's orders, known by their numbers: a byte for each, so that a million of them weigh next to nothing."""

    __slots__ = ("_first", "_flags", "open")

    def __init__(self, orders: int) -> None:
        self._flags = bytearray(b"\1") * orders
        self._first = 0
        self.open = orders

    def close(self, number: int) -> bool:
        """Whether it was open until now."""
        if not 0 <= number < len(self._flags) or not self._flags[number]:
            return False
        self._flags[number] = 0
        self.open -= 1
        return True

    def numbers(self, offset: int = 0, rows: int | None = None) -> list[int]:
        """The open ones, so many from an offset on."""
        rows = self.open if rows is None else rows
        if self.open == len(self._flags):
            return list(range(offset, min(offset + rows, self.open)))
        at = self._flags.find(1, self._first)
        self._first = max(at, self._first)
        found: list[int] = []
        while at >= 0 and len(found) < offset + rows:
            found.append(at)
            at = self._flags.find(1, at + 1)
        return found[offset:]


class _Shelves:
    """The shelves of all accounts."""

    def __init__(self, accounts: int, orders: int) -> None:
        self._accounts = accounts
        self._orders = orders
        self._shelves: list[Shelf] = []
        self.refill()

    def refill(self) -> None:
        """See `Book`."""
        self._shelves = [Shelf(self._orders) for _ in range(self._accounts)]

    @property
    def open(self) -> int:
        """See `Book`."""
        return sum(shelf.open for shelf in self._shelves)


class OpinionBook(_Shelves):
    """Opinion: keys `k0`, `k1` and so on; single cancels, pages of 20."""

    def answer(self, asked: Asked) -> bytes:
        """See `Book`."""
        if asked.method == b"POST":
            order_id: str = json.loads(asked.body)["orderId"]
            return CANCELLED if self._shelves[int(order_id[:8], 16)].close(int(order_id[-12:], 16)) else NOT_CANCELLED
        path, _, query = asked.path.decode().partition("?")
        if path != "/openapi/order":
            return NOT_FOUND
        page = int(parse_qs(query).get("page", ["1"])[0])
        account = int(header(asked.head, b"apikey")[1:])
        shelf = self._shelves[account]
        numbers = shelf.numbers((page - 1) * OPINION_ROWS, OPINION_ROWS)
        rows = ",".join(OPINION_ROW.replace("@", opinion_id(account, number)) for number in numbers)
        return answer(f'{{"errno":0,"errmsg":"","result":{{"total":{shelf.open},"list":[{rows}]}}}}'.encode())


class PolymarketBook(_Shelves):
    """Polymarket: keys `k0`, `k1` and so on; cancels by id and of everything, pages of 100."""

    def answer(self, asked: Asked) -> bytes:
        """See `Book`."""
        path, _, query = asked.path.decode().partition("?")
        account = int(header(asked.head, b"poly_api_key")[1:] or b"0")
        shelf = self._shelves[account]
        if asked.method == b"DELETE" and path in ("/order", "/orders"):
            value = json.loads(asked.body)
            return self._cancel(value if path == "/orders" else [value["orderID"]])
        if asked.method == b"DELETE" and path == "/cancel-all":
            return self._cancel([polymarket_id(account, number) for number in shelf.numbers()])
        if path != "/data/orders":
            return NOT_FOUND
        offset = int(base64.b64decode(parse_qs(query).get("next_cursor", ["MA=="])[0]))
        numbers = shelf.numbers(offset, POLYMARKET_ROWS)
        behind = offset + len(numbers)
        mark = base64.b64encode(str(behind).encode()).decode() if behind < shelf.open else "LTE="
        rows = ",".join(POLYMARKET_ROW.replace("@", polymarket_id(account, number)) for number in numbers)
        return answer(f'{{"limit":100,"count":{len(numbers)},"next_cursor":"{mark}","data":[{rows}]}}'.encode())

    def _cancel(self, ids: Sequence[str]) -> bytes:
        canceled, refused = [], {}
        for order_id in ids:
            if self._shelves[int(order_id[2:34], 16)].close(int(order_id[34:], 16)):
                canceled.append(order_id)
            else:
                refused[order_id] = "Order not found"
        return answer(_compact({"canceled": canceled, "not_canceled": refused}))


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


OPINION_ROW = _compact(
    {
        "orderId": "@",
        "transNo": "@",
        "status": 1,
        "statusEnum": "Pending",
        "marketId": 101,
        "marketTitle": "market 101",
        "rootMarketId": 0,
        "rootMarketTitle": "",
        "side": 1,
        "sideEnum": "Buy",
        "outcome": "YES",
        "outcomeSide": 1,
        "outcomeSideEnum": "Yes",
        "tradingMethod": 2,
        "tradingMethodEnum": "Limit",
        "price": "0.45",
        "orderShares": "10",
        "orderAmount": "4.5",
        "filledShares": "0",
        "filledAmount": "0",
        "profit": "",
        "quoteToken": "0x55d398326f99059fF775485246999027B3197955",
        "createdAt": 1_766_735_464,
        "expiresAt": 0,
        "postOnly": False,
    }
).decode()

POLYMARKET_ROW = _compact(
    {
        "id": "@",
        "status": "LIVE",
        "owner": "00000000-0000-0000-0000-000000000000",
        "maker_address": f"0x{'5' * 40}",
        "market": f"0x{'1' * 64}",
        "asset_id": "2" * 77,
        "side": "BUY",
        "original_size": "10",
        "size_matched": "0",
        "price": "0.45",
        "outcome": "YES",
        "expiration": "0",
        "order_type": "GTC",
        "associate_trades": [],
        "created_at": 1_766_735_464,
    }
).decode()

BOOKS: dict[str, Callable[[int, int], Book]] = {"opinion": OpinionBook, "polymarket": PolymarketBook}
