"""What clients of both venues share: answers that carry the engine's own summary, and the manners of a client."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

from engine.compat.portal import PATIENT, Portal
from engine.core.outcome import OrderResult
from engine.core.request import checked_seconds
from engine.core.retry import Retry
from engine.core.summary import CancelSummary
from engine.journal.journal import Journal
from engine.run import CancelEngine
from engine.venues.base import Venue


class DictAnswer(dict[str, Any]):
    """A dictionary in the shape of the official client's.

    Attributes:
        summary: What the engine says of the same call, with every order's outcome.
    """

    def __init__(self, values: dict[str, Any], summary: CancelSummary) -> None:
        super().__init__(values)
        self.summary = summary


class ListAnswer(list[dict[str, Any]]):
    """A list in the shape of the official client's.

    Attributes:
        summary: What the engine says of the same call, with every order's outcome.
    """

    def __init__(self, values: list[dict[str, Any]], summary: CancelSummary) -> None:
        super().__init__(values)
        self.summary = summary


def told(result: OrderResult) -> str:
    """Why an order was not cancelled: its outcome, and what happened. Nobody can take it for a cancelled one."""
    return f"{result.outcome.value}: {result.error or 'the venue gave no reason'}"


def http_status(code: int | str | None) -> int | None:
    """The HTTP status behind a code of the engine, where there is one."""
    if isinstance(code, str):
        code = int(code.removeprefix("http_")) if code.startswith("http_") else None
    return code if code is not None and 400 <= code < 600 else None


class SyncClient:
    """What a client of either venue is, whatever its calls: an engine on a thread, opened by the first call, closed at the end.

    Args:
        venue: Where the orders rest.
        deadline_s: Each call comes back by then with what is known; without one, when it is done.
        retry: How often, how long; a venue that is away is waited for 30 s unless given.
        journal: Where runs are written down; closed with the client.
        in_flight: Most requests on their way for one key.

    Raises:
        ConfigError: an argument cannot be used.
    """

    covers: ClassVar[tuple[str, ...]] = ()
    """The official client's methods that this one has."""

    def __init__(
        self, venue: Venue, *, deadline_s: float | None, retry: Retry | None, journal: Journal | None, in_flight: int
    ) -> None:
        self._deadline_s = checked_seconds("deadline_s", deadline_s)
        self._portal = Portal(_opening(venue, retry or PATIENT, journal, in_flight))
        weakref.finalize(self, self._portal.leave).atexit = False  # the portal itself sees to the end of the interpreter

    def close(self) -> None:
        """Close every connection and end the thread; a cancel under way in another thread comes back with what is known."""
        self._portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    if not TYPE_CHECKING:  # a checker is to know what there is

        def __getattr__(self, name: str) -> NoReturn:
            """Say what this client is for.

            Raises:
                AttributeError: always.
            """
            kind = type(self)
            raise AttributeError(
                f"{kind.__module__}.{kind.__name__} has no {name!r}: it cancels and reads orders ({', '.join(kind.covers)}); "
                "for everything else keep the official client beside it",
                name=name,
                obj=self,
            )


def _opening(venue: Venue, retry: Retry, journal: Journal | None, in_flight: int) -> Callable[[], CancelEngine]:
    """Apart from the client, so that nothing of what waits on the thread keeps a forgotten client alive."""
    return lambda: CancelEngine(venue, retry=retry, journal=journal, in_flight=in_flight)
