"""Progress on stderr: a display that redraws itself on a terminal, a line a second elsewhere, nothing where nobody looks.

Telling must never stop the doing: a terminal that is paused, a pipe that nobody reads or that has closed holds up or ends the
telling alone. So what is written is written from a thread, and what goes wrong there is not raised.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import AsyncIterator, Container
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

import anyio
import anyio.to_thread
from rich.console import Console, ConsoleDimensions, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from engine.cli.output import clean, counted, is_screen, stderr_console
from engine.cli.tables import BAD, DIM, GOOD, new_table
from engine.core.slots import Tally
from engine.core.verdicts import STOPPED
from engine.progress import Concern, Progress

LINE_EVERY_S = 1.0
FRAME_EVERY_S = 0.2
LOOK_SHARE = 20
"""The count of a large run takes time that the run itself needs: the pause is at least so many times as long as the count."""

PAUSES_S = ((10.0, 1.0), (60.0, 5.0), (600.0, 15.0), (math.inf, 60.0))
"""Until when plain lines come how far apart: a log is read afterwards, and one line a second for an hour is no help. A guess."""

RATE_OVER_S = 3.0
MOST_NAMED = 3
"""Accounts in trouble that are named for one reason."""

MOST_REASONS = 5
"""Reasons that are shown."""

AROUND = 9
"""Lines of the display beside the accounts: the table's head, two venues, the bar, the words, and the one below the display."""

MOST_BAR = 60
"""Longest bar: with one as wide as a wide screen, the eye has to travel."""

LEAST_NAME = 8
"""Columns that a name gets at least."""


@dataclass(slots=True)
class Share:
    """One venue's part of a run at one moment.

    Attributes:
        orders: Of all its accounts, counted.
        accounts: How many it has.
        done: How many of them are done.
        rate_per_s: Orders settled in a second, over the last few.
        least_left_s: Seconds that the limits leave no way around.
    """

    orders: Tally = field(default_factory=Tally)
    accounts: int = 0
    done: int = 0
    rate_per_s: float = 0.0
    least_left_s: float = 0.0


@dataclass(slots=True, kw_only=True)
class Moment:
    """The whole run at one moment.

    Attributes:
        accounts: Name of the account to its orders, counted.
        venues: Name of the account to that of its venue.
        shares: Name of each venue to its part.
        done: Accounts whose part is over.
        stopped: Accounts that were stopped early.
        concerns: Name of the account to why a person has to look at it.
        total: The orders of all accounts.
        rate_per_s: Orders settled in a second, over the last few.
        elapsed_s: Seconds since the run began.
        least_left_s: Seconds that the limits leave no way around.
        away: Venues that give no usable answer.
        is_stopping: Whether the run was told to stop.
    """

    accounts: dict[str, Tally]
    venues: dict[str, str]
    shares: dict[str, Share]
    done: frozenset[str]
    stopped: frozenset[str]
    concerns: dict[str, Concern]
    total: Tally
    rate_per_s: float
    elapsed_s: float
    least_left_s: float
    away: tuple[str, ...]
    is_stopping: bool

    def how_far(self) -> str:
        """How many accounts are done, and how much longer it takes at the least, or what is waited for."""
        done = f"{len(self.done):,} of {counted(len(self.accounts), 'account')} done"
        if self.is_stopping:
            return f"{done}, stopping"
        if self.away:
            return f"{done}, waiting for {' and '.join(self.away)} to answer"
        return f"{done}, {in_time(self.least_left_s)} left or more" if self.least_left_s >= 1 else done

    def in_short(self) -> str:
        """How far, how fast, for how long, and how much longer at the least."""
        return f"{in_time(self.elapsed_s)}, {self.rate_per_s:,.1f}/s, {self.how_far()}"

    def in_words(self) -> str:
        """The moment in one line."""
        return f"{self.in_short()}: {in_words(self.total)}"

    def say_concerns(self, *, but: Container[str] = ()) -> list[str]:
        """Which accounts a person has to look at, and why: each reason once, that by which most is at risk first.

        Args:
            but: Accounts to leave out.
        """
        groups: dict[object, list[str]] = {}
        for name, concern in self.concerns.items():
            if name not in but:
                groups.setdefault(concern.code or concern.text, []).append(name)
        risks = {key: sum(self.accounts[name].at_risk for name in names) for key, names in groups.items()}
        return [self._say_concern(groups[key], risks[key]) for key in sorted(groups, key=lambda key: -risks[key])]

    def _say_concern(self, names: list[str], at_risk: int) -> str:
        concern = self.concerns[names[0]]
        why = concern.text if concern.code is None else f"{STOPPED[concern.code]}: {concern.text}"
        more = f" and {len(names) - MOST_NAMED:,} more" if names[MOST_NAMED:] else ""
        risk = f" ({at_risk:,} at risk)" if at_risk else ""  # that none is known of says nothing where nobody could look
        return clean(f"{', '.join(names[:MOST_NAMED])}{more}{risk}: {why}")


def in_time(seconds: float) -> str:
    """Seconds for people, in whole numbers: `42 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 100 else f"{minutes // 60:,} h {minutes % 60} min"


def in_words(tally: Tally) -> str:
    """The counts in words."""
    return f"{tally.found:,} found, {tally.cancelled:,} cancelled, {tally.failed:,} failed, {tally.at_risk:,} at risk"


class Watch:
    """Looks at calls under way again and again, and knows how fast they move together."""

    def __init__(self, *progresses: Progress) -> None:
        self.is_stopping = False
        self._progresses = progresses
        self._settled: deque[tuple[float, Counter[str]]] = deque([(0.0, Counter())])

    def stop(self) -> None:
        """Let the calls come back with their reports."""
        self.is_stopping = True
        for progress in self._progresses:
            progress.stop()

    def look(self) -> Moment:
        """The calls as they stand now."""
        looks = [progress.counts() for progress in self._progresses]
        accounts = {name: tally for look in looks for name, tally in look.tallies.items()}
        venues = {name: venue for look in looks for name, venue in look.venues.items()}
        done = frozenset[str]().union(*(look.done for look in looks))
        total, shares = Tally(), {venue: Share() for venue in dict.fromkeys(venues.values())}
        for name, tally in accounts.items():
            share = shares[venues[name]]
            share.orders.add(tally)
            share.accounts += 1
            share.done += name in done
        for look in looks:
            for venue, left_s in look.least_left_s_at.items():
                shares[venue].least_left_s = max(left_s, shares[venue].least_left_s)
        elapsed_s = max((look.elapsed_s for look in looks), default=0.0)
        rates_per_s = self._rates_per_s(elapsed_s, Counter({venue: share.orders.settled for venue, share in shares.items()}))
        for venue, share in shares.items():
            total.add(share.orders)
            share.rate_per_s = rates_per_s[venue]
        return Moment(
            accounts=accounts,
            venues=venues,
            shares=shares,
            done=done,
            stopped=frozenset[str]().union(*(look.stopped for look in looks)),
            concerns={name: concern for look in looks for name, concern in look.concerns.items()},
            total=total,
            rate_per_s=sum(rates_per_s.values()),
            elapsed_s=elapsed_s,
            least_left_s=max((share.least_left_s for share in shares.values()), default=0.0),
            away=tuple(dict.fromkeys(outage.venue for look in looks for outage in look.away)),
            is_stopping=self.is_stopping,
        )

    def _rates_per_s(self, now_s: float, settled: Counter[str]) -> dict[str, float]:
        self._settled.append((now_s, settled))
        while len(self._settled) > 2 and now_s - self._settled[0][0] > RATE_OVER_S:
            self._settled.popleft()
        then_s, before = self._settled[0]
        return {
            venue: max(0, count - before[venue]) / (now_s - then_s) if now_s > then_s else 0.0 for venue, count in settled.items()
        }


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
    """A plain line now and then, and at once where somebody has to know; the first moment has nothing to say yet."""

    every_s = LINE_EVERY_S

    def __init__(self, console: Console, *, is_silent: bool) -> None:
        self._console = console
        self._is_silent = is_silent
        self._due_s = LINE_EVERY_S / 2
        self._known: set[str] = set()
        self._state: tuple[tuple[str, ...], bool] = ((), False)

    def show(self, moment: Moment) -> None:
        """Print the line, if it is due, until somebody closes the other end."""
        if self._is_silent:
            return
        state = moment.away, moment.is_stopping
        news = moment.say_concerns(but=self._known)
        is_due = moment.elapsed_s >= self._due_s
        if not (news or is_due or state != self._state):
            return
        try:
            for words in news[:MOST_REASONS]:
                self._print(f"look at {words}")
            self._known.update(moment.concerns)
            if is_due or state != self._state:
                self._print(moment.in_words())
                pause_s = next(pause_s for until_s, pause_s in PAUSES_S if moment.elapsed_s < until_s)
                # Looks come about a second apart: a line that is due just before the next one comes now.
                self._due_s = moment.elapsed_s + pause_s - LINE_EVERY_S / 2
            self._state = state
        except Exception:  # noqa: BLE001  # see the top of this file
            self._is_silent = True

    def _print(self, words: str) -> None:
        self._console.print(Text(words), soft_wrap=True)

    def end(self) -> None:
        """Nothing is left behind."""


class Display:
    """A table and a bar that are drawn over again, and wiped once the final tables can be shown."""

    every_s = FRAME_EVERY_S

    def __init__(self, console: Console) -> None:
        self._console = console
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
                self._live.update(draw(moment, self._console.size), refresh=True)
            except Exception:  # noqa: BLE001  # see the top of this file
                self._is_over = True

    def end(self) -> None:
        """Wipe what was drawn, and give the cursor back."""
        with self._lock, suppress(Exception):
            self._is_over = True
            self._live.stop()


def draw(moment: Moment, size: ConsoleDimensions) -> RenderableType:
    """The moment as it is shown on a terminal of this size: a table, a bar, the words, and who needs a person.

    No line is ever wrapped, and none comes or goes while nothing happens, so that the eye finds everything where it was.
    """
    total, width = moment.total, size.width
    share = f"{total.settled / total.found:.0%} of {total.found:,} found" if total.found else "looking for open orders"
    bar = Table.grid(padding=(0, 2, 0, 0))
    room = min(MOST_BAR, max(1, width - 26))
    done = ProgressBar(total=max(total.found, 1), completed=total.settled, width=room, complete_style=GOOD, finished_style=GOOD)
    bar.add_row(done, Text(share))
    if not moment.accounts:  # the run is being prepared
        return bar
    words = [Text(f"{in_time(moment.elapsed_s)}, {moment.how_far()}"), _draw_sums(total), *_draw_concerns(moment, size)]
    for line in words:
        line.truncate(width, overflow="ellipsis")
    table = _draw_table(moment, size)
    return Group(*([] if table is None else [table]), bar, *words)


def _draw_concerns(moment: Moment, size: ConsoleDimensions) -> list[Text]:
    """A line for each of the first few reasons why a person has to look at accounts."""
    most = max(1, min(MOST_REASONS, size.height - AROUND))
    return [Text(line, style=BAD) for line in moment.say_concerns()[:most]]


HEAD = ("accounts", "found", "cancelled", "failed", "at risk", "per s", "least left")
KEPT = ((0, 1, 2, 3, 4, 5, 6), (0, 1, 2, 3, 4, 6), (0, 1, 2, 3, 4), (0, 1, 2, 4), (1, 2, 4), (1, 4))
"""Which of these columns are shown: the first set that fits."""


def _draw_table(moment: Moment, size: ConsoleDimensions) -> Table | None:
    """A row for each venue, and below it one for each of its accounts, where they are few and the terminal has room for them.

    On a narrow terminal columns are left out, and in the end all of it: a number that is cut would be another number.
    """
    fits = len(moment.accounts) <= size.height - AROUND - MOST_REASONS  # ten on a terminal of the usual 24 lines
    rows: list[tuple[Text, list[Text]]] = []
    for venue, share in moment.shares.items():
        rows.append((Text(clean(venue), style="bold"), _of_venue(share, is_away=venue in moment.away)))
        mine = [name for name, at in moment.venues.items() if at == venue] if fits else []
        rows += [(Text(f"  {clean(name)}"), [_state_of(name, moment), *_numbers(moment.accounts[name])]) for name in mine]
    widths = [max(len(title), *(len(cells[at]) for _, cells in rows if at < len(cells))) for at, title in enumerate(HEAD)]
    widest = max(len(name) for name, _ in rows)
    for kept in KEPT:
        taken = sum(widths[at] for at in kept)
        if taken + len(kept) + min(widest, LEAST_NAME) <= size.width:
            break
    else:
        return None
    gap = 2 if taken + widest + 2 * len(kept) <= size.width else 1
    table = new_table("", *(HEAD[at] for at in kept), words=("", HEAD[0]), gap=gap)
    for name, cells in rows:
        name.truncate(size.width - taken - gap * len(kept), overflow="ellipsis")
        table.add_row(name, *(cells[at] for at in kept if at < len(cells)))
    return table


def _of_venue(share: Share, *, is_away: bool) -> list[Text]:
    """What stands beside a venue: its accounts, their orders added up, how fast they go, and for how long."""
    state = Text("away", style=BAD) if is_away else Text(f"{share.done:,}/{share.accounts:,} done")
    rate = f"{share.rate_per_s:,.0f}" if share.rate_per_s >= 100 else f"{share.rate_per_s:.1f}"
    left = in_time(share.least_left_s) if share.least_left_s >= 1 else ""
    return [state, *_numbers(share.orders), Text("" if share.done == share.accounts else rate), Text(left)]


def _numbers(tally: Tally) -> list[Text]:
    return [Text(f"{number:,}") for number in (tally.found, tally.cancelled, tally.failed, tally.at_risk)]


def _state_of(name: str, moment: Moment) -> Text:
    """What an account is at, in a word or two."""
    concern = moment.concerns.get(name)
    if concern is not None:
        return Text("look" if concern.code is None else STOPPED[concern.code], style=BAD)
    return Text("done", style=GOOD) if name in moment.done else Text("working", style=DIM)


def _draw_sums(total: Tally) -> Text:
    """The line of sums, the numbers that matter in colour."""
    text = Text(in_words(total))
    text.highlight_regex(r"[\d,]+ cancelled", GOOD)
    if total.failed:
        text.highlight_regex(r"[\d,]+ failed", BAD)
    return text
