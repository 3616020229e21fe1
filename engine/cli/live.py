"""Progress on stderr: a display that redraws itself on a terminal, a line a second elsewhere, nothing where nobody looks.

Telling must never stop the doing: a terminal that is paused, a pipe that nobody reads or that has closed holds up or ends the
telling alone. So what is written is written from a thread, and what goes wrong there is not raised.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

import anyio
import anyio.to_thread
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from engine.cli.output import clean, counted, is_screen, stderr_console
from engine.cli.tables import BAD, DIM, GOOD, new_table
from engine.core.slots import Tally
from engine.progress import Progress

LINE_EVERY_S = 1.0
FRAME_EVERY_S = 0.2
LOOK_SHARE = 20
"""The count of a large run takes time that the run itself needs: the pause is at least so many times as long as the count."""

RATE_OVER_S = 3.0
MOST_ROWS = 10
"""Accounts shown one by one in a live display; of more, only the sums are shown."""


@dataclass(slots=True, kw_only=True)
class Moment:
    """The whole run at one moment."""

    accounts: dict[str, Tally]
    done: frozenset[str]
    stopped: frozenset[str]
    total: Tally
    rate_per_s: float
    elapsed_s: float
    least_left_s: float
    away: tuple[str, ...]
    is_stopping: bool

    def in_short(self) -> str:
        """How far, how fast, for how long, and how much longer at the least."""
        done = f"{len(self.done):,} of {counted(len(self.accounts), 'account')} done"
        words = f"{self.elapsed_s:.0f} s, {self.rate_per_s:.1f}/s, {done}"
        if self.is_stopping:
            return f"{words}, stopping"
        if self.away:
            return f"{words}, waiting for {' and '.join(self.away)} to answer"
        return f"{words}, {self.least_left_s:.0f} s left or more" if self.least_left_s >= 1 else words

    def in_words(self) -> str:
        """The moment in one line."""
        return f"{self.in_short()}: {in_words(self.total)}"


def in_words(tally: Tally) -> str:
    """The counts in words."""
    return f"{tally.found:,} found, {tally.cancelled:,} cancelled, {tally.failed:,} failed, {tally.at_risk:,} at risk"


class Watch:
    """Looks at calls under way again and again, and knows how fast they move together."""

    def __init__(self, *progresses: Progress) -> None:
        self.is_stopping = False
        self._progresses = progresses
        self._settled: deque[tuple[float, int]] = deque([(0.0, 0)])

    def stop(self) -> None:
        """Let the calls come back with their reports."""
        self.is_stopping = True
        for progress in self._progresses:
            progress.stop()

    def look(self) -> Moment:
        """The calls as they stand now."""
        looks = [progress.counts() for progress in self._progresses]
        accounts = {name: tally for look in looks for name, tally in look.tallies.items()}
        total = Tally()
        for tally in accounts.values():
            total.add(tally)
        elapsed_s = max((look.elapsed_s for look in looks), default=0.0)
        return Moment(
            accounts=accounts,
            done=frozenset[str]().union(*(look.done for look in looks)),
            stopped=frozenset[str]().union(*(look.stopped for look in looks)),
            total=total,
            rate_per_s=self._rate_per_s(elapsed_s, total.settled),
            elapsed_s=elapsed_s,
            least_left_s=max((look.least_left_s for look in looks), default=0.0),
            away=tuple(dict.fromkeys(outage.venue for look in looks for outage in look.away)),
            is_stopping=self.is_stopping,
        )

    def _rate_per_s(self, now_s: float, settled: int) -> float:
        self._settled.append((now_s, settled))
        while len(self._settled) > 2 and now_s - self._settled[0][0] > RATE_OVER_S:
            self._settled.popleft()
        then_s, before = self._settled[0]
        return max(0, settled - before) / (now_s - then_s) if now_s > then_s else 0.0


@asynccontextmanager
async def telling(watch: Watch, *, as_json: bool) -> AsyncIterator[None]:
    """Tell how the run stands while the block runs; with JSON, only to somebody at a terminal."""
    console = stderr_console()
    teller: Teller = Display(console) if is_screen(console) else Lines(console, is_silent=as_json)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_tell_on, watch, teller)
        try:
            yield
        finally:
            tasks.cancel_scope.cancel()
            teller.end()


async def _tell_on(watch: Watch, teller: Teller) -> None:
    while True:
        began_s = anyio.current_time()
        moment = watch.look()
        pause_s = max(teller.every_s, LOOK_SHARE * (anyio.current_time() - began_s))
        await anyio.to_thread.run_sync(teller.show, moment, abandon_on_cancel=True)
        await anyio.sleep(pause_s)


class Teller(Protocol):
    """Shows one moment after the other."""

    every_s: float

    def show(self, moment: Moment) -> None:
        """Show the moment; called in a thread, raises nothing."""
        ...

    def end(self) -> None:
        """The run is over; raises nothing."""
        ...


class Lines:
    """A plain line for each moment but the first, which has nothing to say yet."""

    every_s = LINE_EVERY_S

    def __init__(self, console: Console, *, is_silent: bool) -> None:
        self._console = console
        self._is_silent = is_silent

    def show(self, moment: Moment) -> None:
        """Print the line, until somebody closes the other end."""
        if self._is_silent or moment.elapsed_s < LINE_EVERY_S / 2:
            return
        try:
            self._console.print(Text(moment.in_words()), soft_wrap=True)
        except Exception:  # noqa: BLE001  # see the top of this file
            self._is_silent = True

    def end(self) -> None:
        """Nothing is left behind."""


class Display:
    """A table and a bar that are drawn over again, and wiped once the final tables can be shown."""

    every_s = FRAME_EVERY_S

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
        self._lock = Lock()
        self._is_over = False

    def show(self, moment: Moment) -> None:
        """Draw the moment, until the terminal has gone."""
        with self._lock:
            if self._is_over:
                return
            try:
                self._live.start()
                self._live.update(draw(moment), refresh=True)
            except Exception:  # noqa: BLE001  # see the top of this file
                self._is_over = True

    def end(self) -> None:
        """Wipe what was drawn, and give the cursor back."""
        with self._lock, suppress(Exception):
            self._is_over = True
            self._live.stop()


def draw(moment: Moment) -> RenderableType:
    """The moment as a table, a bar and a line."""
    parts: list[RenderableType] = [_draw_accounts(moment)] if 1 < len(moment.accounts) <= MOST_ROWS else []
    total = moment.total
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_row(ProgressBar(total=max(total.found, 1), completed=total.settled, width=30), Text(moment.in_short()))
    return Group(*parts, line, _draw_sums(total))


def _draw_accounts(moment: Moment) -> Table:
    table = new_table("account", "found", "cancelled", "failed", "at risk", "", wide=("account",), words=("",))
    for name, tally in moment.accounts.items():
        state = ("stopped", BAD) if name in moment.stopped else ("done", GOOD) if name in moment.done else ("working", DIM)
        numbers = (f"{number:,}" for number in (tally.found, tally.cancelled, tally.failed, tally.at_risk))
        table.add_row(Text(clean(name)), *numbers, Text(*state))
    return table


def _draw_sums(total: Tally) -> Text:
    """The line under the bar, the numbers that matter in colour."""
    text = Text(in_words(total))
    text.highlight_regex(r"[\d,]+ cancelled", GOOD)
    if total.failed:
        text.highlight_regex(r"[\d,]+ failed", BAD)
    return text
