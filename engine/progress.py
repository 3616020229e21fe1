"""A call while it is under way: what each account's part has come to, at any moment, and the way to stop it."""

from __future__ import annotations

import anyio

from engine.core.report import RunReport
from engine.core.request import Account
from engine.core.slots import Slots
from engine.core.summary import CancelSummary
from engine.core.work import Drain
from engine.errors import ConfigError
from engine.scheduling import Pull
from engine.sending import Sender


class AccountCall:
    """One account's part in one call: its slots, its work, and how to sum them up at any moment."""

    def __init__(self, account: Account, sender: Sender, slots: Slots, work: Drain) -> None:
        self.account = account
        self.sender = sender
        self.slots = slots
        self.work = work
        self.pull: Pull | None = None
        self._start_s = anyio.current_time()
        self._end_s: float | None = None
        self._stop: str | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the call, or for as long as it took."""
        return (anyio.current_time() if self._end_s is None else self._end_s) - self._start_s

    def end(self, stop: str | None) -> None:
        """The call is over; `stop` says what ended it, if it did not end by itself."""
        if self._end_s is None:
            self._end_s = anyio.current_time()
            self._stop = stop

    def summarise(self) -> CancelSummary:
        """The summary as it stands."""
        fault = None if self.pull is None else self.pull.fault
        stop = fault or self._stop
        work = self.work
        is_complete = work.listing_complete or not work.is_listing
        return CancelSummary(
            account=self.account.name,
            results=self.slots.results(self.account.name, start_s=self._start_s, stop=stop),
            listing_complete=is_complete,
            listing_error=None if is_complete else work.listing_error or stop or "not finished",
            verified=work.verified if work.is_listing else None,
            fault=fault,
            is_finished=self._end_s is not None,
            left=dict(work.left),
            is_uncounted=work.is_uncounted,
            locked_out_s=self.sender.lane.locked_out_s(),
            requests=self.sender.requests,
            elapsed_s=self.elapsed_s,
        )


class Progress:
    """A window on a call that is under way, and the way to stop it with its result.

    Hand a fresh one to a call. `report()` is true at any moment, also after the calling task was cancelled; `stop()` makes the
    call return what is known by then.

    Attributes:
        is_stopped: Whether `stop()` was called.
    """

    def __init__(self) -> None:
        self._parts: list[AccountCall] = []
        self._scopes: set[anyio.CancelScope] = set()
        self.is_stopped = False
        self._run_id = ""

    def report(self) -> RunReport:
        """The report as it stands now."""
        elapsed_s = max((part.elapsed_s for part in self._parts), default=0.0)
        return RunReport(
            run_id=self._run_id, accounts={part.account.name: part.summarise() for part in self._parts}, elapsed_s=elapsed_s
        )

    def stop(self) -> None:
        """Let the call return soon: nothing more is sent, and answers on their way get a short grace."""
        self.is_stopped = True
        for scope in self._scopes:
            scope.cancel()

    def join(self, run_id: str, parts: list[AccountCall], scope: anyio.CancelScope) -> None:
        """Show these parts of a call that begins, and stop its scope when asked to. The engine does this, not the caller."""
        if self._parts:
            raise ConfigError("a Progress serves one call; make a fresh one for each")
        self._run_id = run_id
        self._parts.extend(parts)
        self._scopes.add(scope)
        if self.is_stopped:
            scope.cancel()
