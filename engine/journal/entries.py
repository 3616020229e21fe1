"""What a journal holds: entries, their kinds, and what each says. Pure; the one place that knows the form of a record.

A run is a sequence of entries, numbered from 0 without a gap. Each has a kind, the milliseconds since the run began, the number
of the account it is about (0 for the run itself, accounts from 1), and a body in JSON. Nothing that was written is ever changed.

A text that comes often (a market's id, a venue's answer) stands once, in an entry of its own kind, and a number in its place
means the n-th of them, from 0. Where the last values of a body are null, they are left out.

| kind | about | body |
| --- | --- | --- |
| `run` | run | who asked, for what and why: an object; always entry 0 |
| `resumed` | run | another life of the run begins: an object |
| `text` | run | a text |
| `end` | run | how the run ended: an object |
| `account` | account | name, venue, fingerprint of its key |
| `plan` | account | how its orders are to be cancelled: an object |
| `found` | account | place, order id, then the order as `shown` has it, where a listing showed it |
| `again` | account | place of an id that was given before, the first place of it, and how many places it has by now |
| `shown` | account | place, state, side, market, group, asset, price, size, filled, created at |
| `intent` | account | kind of request, places: a cancel of these, or one each if its kind names but one, may leave from here on |
| `request` | account | kind of request, cursor or place: one that cancels nothing may leave from here on |
| `answer` | account | number of that entry, whether it left, ms on the wire, ms waited for limits, failure, facts |
| `fate` | account | place, outcome, flags, attempts, ms when first sent, ms when settled, code, error, result, sweeps |
| `many` | account | `found`, `answer` or `fate`, and the bodies of as many such entries, in their order |
| `fault` | account | one of a few words, and the same for people: nothing more is sent for the account |
| `walk` | account | number of a walk over the listing that begins, orders taken up again in the one before |
| `summary` | account | its part is over, or was stopped: an object |

Where an `intent` is of several requests, `[number, place]` stands for its number in an answer to one of them.

A failure is null, or the name of its class, its code, its text, and ms that the venue asked to wait.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Self

import orjson

SCHEMA = 2
"""Number of the form. A change of what an entry means is a new number."""

OLDEST = 1
"""The oldest form that is read as it is: it lacks `many`, and is all else that this one is."""

RUN = "run"
RESUMED = "resumed"
TEXT = "text"
END = "end"
ACCOUNT = "account"
PLAN = "plan"
FOUND = "found"
AGAIN = "again"
SHOWN = "shown"
INTENT = "intent"
ANSWER = "answer"
REQUEST = "request"
FATE = "fate"
MANY = "many"
FAULT = "fault"
WALK = "walk"
SUMMARY = "summary"

NO_ACCOUNT = 0
"""Stands where an entry is about the whole run."""

UNSENT = "not_sent"
IN_FLIGHT = "unknown"


class Entry(NamedTuple):
    """One entry, before it is written: `body` is anything that JSON can hold."""

    seq: int
    at_ms: int
    kind: str
    account: int
    body: Any


class Written(NamedTuple):
    """One entry as the store has it: `body` is JSON text in ASCII, `seal` closes a group and is null within."""

    seq: int
    at_ms: int
    kind: str
    account: int
    body: str
    seal: str | None


class FateRow(NamedTuple):
    """What the store's table of fates is to say of one order: how many places it has in the input, and its outcome.

    Out of a part of the entries the number is a least one, and a blank outcome says that the one before stands.
    """

    account: int
    place: int
    times: int
    outcome: str


class AccountRow(NamedTuple):
    """What the store's table of accounts is to say of one: `is_done` once its part of the run is over."""

    account: int
    name: str
    venue: str
    is_done: bool


class Sheet:
    """Entries on their way to the disk: their text, and what follows from them.

    They become text at once, and not on the writer's thread: what is kept until then are plain texts, of which there may be
    thousands, and which the garbage collector need not look at.

    Attributes:
        texts: Each entry as JSON.
        last: Number of the last one; -1 for none.
        state: What the run is from here on, where they change that.
        accounts: Number to what they say of the account.
    """

    __slots__ = ("_outcomes", "_times", "accounts", "last", "state", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.last = -1
        self.state: str | None = None
        self.accounts: dict[int, AccountRow] = {}
        self._times: dict[tuple[int, int], int] = {}
        self._outcomes: dict[tuple[int, int], str] = {}

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Self:
        """A sheet with these."""
        sheet = cls()
        for entry in entries:
            sheet.add(*entry)
        return sheet

    def __len__(self) -> int:
        return len(self.texts)

    def add(self, seq: int, at_ms: int, kind: str, account: int, body: Any) -> None:
        """Put one more behind the others.

        Raises:
            TypeError: the body is nothing that JSON can hold.
            ValueError: the same.
        """
        self.texts.append(f'[{seq},{at_ms},"{kind}",{account},{_quote(_quick(body) if kind in _OFTEN else _encode(body))}]')
        self.last = seq
        if kind == MANY:
            for each, one in each_of(kind, body):
                self._follow(each, account, one)
        elif kind in _RARE:
            self._add_rare(Entry(seq, at_ms, kind, account, body))
        else:
            self._follow(kind, account, body)

    def add_together(self, seq: int, at_ms: int, kind: str, account: int, bodies: Iterable[Any]) -> int:
        """Put several of one kind behind the others, in as few entries as are not too long; gives the number of the next one.

        Raises:
            TypeError: a body is nothing that JSON can hold; nothing was put.
            ValueError: the same.
        """
        texts = [(_quick(body), body) for body in bodies]
        some: list[str] = []
        length = 0
        for text, body in texts:
            if some and length + len(text) > LONGEST_TOGETHER:
                self._add_some(seq, at_ms, kind, account, some)
                seq, some, length = seq + 1, [], 0
            some.append(text)
            length += len(text)
            self._follow(kind, account, body)
        if some:
            self._add_some(seq, at_ms, kind, account, some)
            seq += 1
        return seq

    def _add_some(self, seq: int, at_ms: int, kind: str, account: int, some: list[str]) -> None:
        is_one = len(some) == 1
        text = some[0] if is_one else f'["{kind}",[{",".join(some)}]]'
        self.texts.append(f'[{seq},{at_ms},"{kind if is_one else MANY}",{account},{_quote(text)}]')
        self.last = seq

    def _follow(self, kind: str, account: int, body: Any) -> None:
        """What follows from it for orders."""
        if kind == FATE:
            self._outcomes[account, body[0]] = body[1]
        elif kind == INTENT:
            for place in body[1]:
                self._outcomes[account, place] = IN_FLIGHT
        elif kind == FOUND:
            self._outcomes[account, body[0]] = UNSENT
        elif kind == AGAIN:
            self._times[account, body[1]] = body[2]

    def _add_rare(self, entry: Entry) -> None:
        self.state = state_after([entry]) or self.state
        row = _account_row(entry)
        if row is not None:
            self.accounts[row.account] = row

    def take(self, other: Sheet) -> None:
        """Put all that stands on another one behind this one's."""
        self.texts += other.texts
        self.last = max(self.last, other.last)
        self.state = other.state or self.state
        self.accounts |= other.accounts
        self._times |= other._times
        self._outcomes |= other._outcomes

    def fates(self) -> list[FateRow]:
        """What they say of orders, each order once. A fate that is written twice is the same row: nothing can be counted double.

        An order of which they say no more than that it came again has a blank outcome: how it stands was said before.
        """
        times, outcomes = self._times, self._outcomes
        rows = [FateRow(*key, times.get(key, 1), outcome) for key, outcome in outcomes.items()]
        return rows + [FateRow(*key, count, "") for key, count in times.items() if key not in outcomes]


_RARE = frozenset({RUN, RESUMED, END, ACCOUNT, SUMMARY})
"""Kinds of entries that change what a run is, or say something of an account."""


_OFTEN = frozenset({FOUND, AGAIN, SHOWN, INTENT, REQUEST, ANSWER, FATE, MANY})
"""Kinds of entries that come for every order or request. Their bodies have no floats, which `_quick` would let pass as null."""


TOGETHER = (FOUND, ANSWER, FATE)
"""Kinds of which several that are written at once share an entry, in the order in which they refer to each other."""

LONGEST_TOGETHER = 900
"""Characters up to which they do: SQLite lays rows of more than a kilobyte out on pages of their own, mostly empty ones."""


def each_of(kind: str, body: Any) -> Iterator[tuple[str, Any]]:
    """The kind and the body of each entry that this one stands for.

    Raises:
        ValueError: it stands for what cannot stand together.
    """
    if kind != MANY:
        yield kind, body
        return
    kind, bodies = body
    if kind not in TOGETHER:
        raise ValueError(f"{kind!r} cannot stand together")
    for each in bodies:
        yield kind, each


class Group(NamedTuple):
    """Entries that are written together, in one transaction, and what follows from them.

    Attributes:
        text: The entries as one JSON array of arrays `[seq, at_ms, kind, account, body]`, the body a JSON text.
        seal: Closes them: a hash over the seal before and this text.
        last: Number of the last of them.
        state: What the run is from here on, where that changes.
    """

    text: str
    seal: str
    last: int
    state: str | None


def dumped(value: object) -> str:
    """The value as compact JSON in ASCII, so that half a surrogate pair of a venue's survives as well."""
    return _encode(value)


def _quick(body: Any) -> str:
    """The same for what is no float, in a fifth of the time."""
    try:
        data = orjson.dumps(body)
    except TypeError:  # half a surrogate pair, or a number of more than 64 bits
        return _encode(body)
    return data.decode() if data.isascii() else _encode(body)


_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_quote = json.encoder.encode_basestring_ascii


def sealed(before: str, text: str) -> str:
    """The seal of a group: SHA-256 over the seal before it and its text."""
    return _hashed(f"{before}\n{text}")


def first_seal(salt: str, run_id: str, began_ms: int) -> str:
    """What the first group of a run is chained to."""
    return _hashed(f"{salt}\n{run_id}\n{began_ms}")


UNSHARED = 2_000
"""Bytes that are hashed at a time: with 2,048 and more, the interpreter's lock is let go of, and waited for, each time."""


def _hashed(text: str) -> str:
    told, data = hashlib.sha256(), text.encode()
    for begin in range(0, len(data), UNSHARED):
        told.update(data[begin : begin + UNSHARED])
    return base64.urlsafe_b64encode(told.digest()).decode().rstrip("=")


def group_of(sheet: Sheet, before: str) -> Group:
    """What stands on the sheet, ready to be written; that is at least one entry."""
    text = f"[{','.join(sheet.texts)}]"
    return Group(text, sealed(before, text), sheet.last, sheet.state)


def text_of(rows: Iterable[Written]) -> str:
    """The text that a group which was written had, out of its entries."""
    return dumped([list(row[:5]) for row in rows])


RUNNING = "running"
"""Under way, or cut off: which of them, the one who holds it tells."""
STOPPED = "stopped"
"""Ended before its work was done, with a report: it can be resumed."""
FINISHED = "finished"


def state_after(entries: Iterable[Entry]) -> str | None:
    """What the run is after these, or None where they do not change it."""
    state = None
    for entry in entries:
        if entry.kind in (RUN, RESUMED):
            state = RUNNING
        elif entry.kind == END:
            state = FINISHED if entry.body["stop"] is None else STOPPED
    return state


def fates_after(entries: Iterable[Entry]) -> list[FateRow]:
    """What these say of orders, each order once; see `Sheet.fates`."""
    return Sheet.of(entries).fates()


def accounts_after(entries: Iterable[Entry]) -> list[AccountRow]:
    """What these say of accounts, each account once."""
    return list(Sheet.of(entries).accounts.values())


def _account_row(entry: Entry) -> AccountRow | None:
    """What an entry says of an account, if it says that it is part of the run, or that its part is over."""
    if entry.kind == ACCOUNT:
        return AccountRow(entry.account, _storable(entry.body[0]), _storable(entry.body[1]), is_done=False)
    if entry.kind == SUMMARY and entry.body["stop"] is None:
        name, venue = _storable(entry.body["account"]), _storable(entry.body["venue"])
        return AccountRow(entry.account, name, venue, is_done=True)
    return None


def _storable(text: str) -> str:
    """The text as a column can hold it: neither half a surrogate pair nor the sign of number 0, which no database takes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
