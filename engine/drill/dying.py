"""Processes that die: from then on, nothing that they do reaches the venue or the disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.errors import TransportError
from engine.journal.store import Holder, RunRow, Store, StoreError
from engine.venues.base import HttpAnswer, HttpRequest, Transport


@dataclass(slots=True)
class Process:
    """One that lives until it is said to be dead."""

    is_dead: bool = False


class MortalTransport:
    """A transport that carries nothing more once its process is dead."""

    def __init__(self, transport: Transport, process: Process) -> None:
        self._transport = transport
        self._process = process

    async def send(self, request: HttpRequest, *, on_sent: Callable[[], None]) -> HttpAnswer:
        """See `engine.venues.base.Transport`."""
        if self._process.is_dead:
            raise TransportError("the process is dead", sent=False)
        return await self._transport.send(request, on_sent=on_sent)

    async def aclose(self) -> None:
        """See `engine.venues.base.Transport`."""
        await self._transport.aclose()


class MortalStore:
    """A store that keeps nothing more once its process is dead; to everybody else, that process is one of an earlier boot."""

    def __init__(self, store: Store, process: Process) -> None:
        self._store = store
        self._process = process

    def __getattr__(self, name: str) -> Any:
        if self._process.is_dead and name != "close":
            raise StoreError("the process is dead")
        return getattr(self._store, name)

    def begin(self, run_id: str, began_ms: int, holder: Holder) -> RunRow:
        """See `Store`."""
        begun: RunRow = self.__getattr__("begin")(run_id, began_ms, _earlier(holder))
        return begun

    def claim(self, run_id: str, holder: Holder, now_ms: int, *, takes_own: bool = False) -> RunRow:
        """See `Store`."""
        claimed: RunRow = self.__getattr__("claim")(run_id, _earlier(holder), now_ms, takes_own=takes_own)
        return claimed


def _earlier(holder: Holder) -> Holder:
    """A process that cannot live any more: nobody has the number 0."""
    return holder._replace(pid=0, boot="an earlier one")
