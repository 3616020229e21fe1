"""`orders --run`: what the record of a run tells of its orders. No venue is asked, and no key is needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.text import Text

from engine.cli.accounts import listed
from engine.cli.journals import JOURNAL, Place, looking_back, place_of
from engine.cli.logs import listen
from engine.cli.output import CLEAN, clean, counted, print_json, print_sentence, stdout_console
from engine.cli.past import found, readable
from engine.cli.running import print_verdict
from engine.cli.tables import BAD, DIM, GOOD, new_table, print_titled
from engine.core.outcome import OrderResult
from engine.core.report import RunReport
from engine.core.verdicts import WORDS
from engine.errors import ConfigError
from engine.journal.entries import FATE, Written
from engine.journal.replay import replay
from engine.journal.story import Event, story

Verb = Callable[..., int]

MOST_ORDERS = 100
"""Orders that are listed for people, those that may be live first."""

MOST_EVENTS = 200
"""Requests, and what befell accounts, that are listed for people: the first half of them and the last."""

LONGEST_WORDS = 400
"""Most characters of one event; a venue's answer may be much longer, and stands whole in the document."""


_OPTIONS = (
    click.option("--run", metavar="RUN", help="Tell what is recorded of this run instead; its id, or the beginning of it."),
    click.option("--order", "order_id", metavar="ID", help="With --run: tell all that became of this order."),
)

_WITH_A_RUN = frozenset({"run", "order_id", "journal", "only", "as_json", "log_level"})
"""Options that say something where a record is asked instead of a venue."""


def story_options(verb: Verb) -> Verb:
    """Give the verb `--run`, `--order` and `--journal`: with a run it does not begin, and the story of the run is told."""

    @wraps(verb)
    def wrapped(*, run: str | None, order_id: str | None, journal: str | None, **others: Any) -> int:
        context = click.get_current_context()
        if run is None:
            for option, value in (("--order", order_id), ("--journal", journal)):
                if value is not None:
                    raise click.UsageError(f"{option} goes with --run", context)
            return verb(**others)
        given = [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
        idle = [each for each in context.command.params if each.name in given and each.name not in _WITH_A_RUN]
        if idle:
            raise click.UsageError(
                f"{idle[0].opts[0]} says nothing about a recorded run: leave it out, or leave out --run", context
            )
        names = listed("--only", others["only"])
        if len(names) > 1:
            raise click.UsageError("--only takes one account beside --run", context)
        listen(others["log_level"])
        question = Question(run=run, account=names[0] if names else None, order_id=order_id)
        return tell_story(place_of(journal), question, as_json=others["as_json"])

    for option in reversed((*_OPTIONS, JOURNAL)):
        wrapped = option(wrapped)
    return wrapped


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody wants to know of a run: all of it, an account, or an order."""

    run: str
    account: str | None = None
    order_id: str | None = None

    def __str__(self) -> str:
        """The question, for a sentence about what was not found."""
        order = "" if self.order_id is None else f"order {clean(self.order_id, longest=80)}"
        account = "" if self.account is None else f"account {clean(self.account)}"
        return " of ".join(each for each in (order, account) if each)


def tell_story(place: Place, question: Question, *, as_json: bool) -> int:
    """Print the story of a run, of one account or of one order in it.

    Raises:
        ConfigError: there is no such run, account or order.
    """
    with looking_back(place) as journal:
        run_id = found(journal, question.run)
        with readable(journal, run_id):
            entries = journal.entries(run_id)
            report = replay(entries).report()
            _check(question, report, run_id)
            if as_json:
                return _print_document(question, report, entries)
            if question.order_id is None:
                return _print_run(question, report, entries)
            return _print_order(question, report, entries)


def _check(question: Question, report: RunReport, run_id: str) -> None:
    if question.account is not None and question.account not in report.accounts:
        names = ", ".join(list(report.accounts)[:5]) + (" and others" if len(report.accounts) > 5 else "")
        raise ConfigError(f"run {run_id} has no account {clean(question.account)!r}; it is for {clean(names)}")
    if question.order_id is not None and not any(True for _ in _results(question, report)):
        whose = "" if question.account is None else f" of account {clean(question.account)}"
        raise ConfigError(
            f"order {clean(question.order_id, longest=80)} was never in run {run_id}{whose}: neither given nor listed; "
            f"`cancel-engine orders --run {run_id}` shows which were"
        )


def _results(question: Question, report: RunReport) -> Iterator[OrderResult]:
    """The results that are asked for."""
    for result in report.results:
        if question.account in (None, result.account) and question.order_id in (None, result.order_id):
            yield result


def _events(question: Question, report: RunReport, entries: Iterable[Written]) -> Iterator[Event]:
    """The events that are asked for; with an order, those of the accounts that had it."""
    owners = {result.account for result in _results(question, report)}
    for event in story(entries):
        if question.order_id is not None and event.account is not None and event.account not in owners:
            continue
        if event.concerns(question.account, question.order_id):
            yield event


def _print_document(question: Question, report: RunReport, entries: Iterable[Written]) -> int:
    began_s = report.started_at or 0.0
    print_json(
        {
            "run_id": report.run_id,
            "started_at": report.started_at,
            "account": question.account,
            "order_id": question.order_id,
            "orders": [_fate(result) for result in _results(question, report)],
            "events": [{"time": _time(began_s, event.at_ms), **event.to_dict()} for event in _events(question, report, entries)],
        }
    )
    return CLEAN


def _fate(result: OrderResult) -> dict[str, Any]:
    return result.to_dict() | {"result": result.result, "error": result.error}


def _print_order(question: Question, report: RunReport, entries: Iterable[Written]) -> int:
    """Every event of one order, and in the end how it stands; the same id in several accounts is several orders."""
    console = stdout_console()
    results = list(_results(question, report))
    events = list(_events(question, report, entries))
    for name in dict.fromkeys(result.account for result in results):
        title = f"Order {question.order_id} of {name}, run {report.run_id}"
        console.print(Text(f"\n{clean(title)}", style="bold"), soft_wrap=True)
        _print_events(console, report, [event for event in events if event.account in (None, name)])
    several = {result.account for result in results}
    each = [f"{result.account}: {_in_words(result)}" if len(several) > 1 else _in_words(result) for result in results]
    sentence = f"How it stands in the record: {'; '.join(dict.fromkeys(each))}."
    print_verdict(sentence, is_clean=not any(result.outcome.may_be_live for result in results))
    return CLEAN


def _print_run(question: Question, report: RunReport, entries: Iterable[Written]) -> int:
    """One line for each order, then the requests."""
    console = stdout_console()
    results = sorted(_results(question, report), key=lambda result: not result.outcome.may_be_live)
    for name in dict.fromkeys(result.account for result in results[:MOST_ORDERS]):
        mine = [result for result in results[:MOST_ORDERS] if result.account == name]
        _print_fates(console, name, mine)
    if len(results) > MOST_ORDERS:
        print_sentence(
            console, f"\nThe first {MOST_ORDERS:,} of {len(results):,} orders, those that may be live first.", style=DIM
        )
    console.print(Text("\nWhat was done", style="bold"))
    has_names = len(report.accounts) > 1 and question.account is None
    first, left_out, last = _ends(
        event for event in _events(question, report, entries) if event.what != FATE and (event.is_request or not event.orders)
    )
    _print_events(console, report, first, has_names=has_names, has_orders=True)
    if left_out:
        print_sentence(console, f"… {left_out:,} more …", style=DIM)
    _print_events(console, report, last, has_names=has_names, has_orders=True)
    live = sum(result.outcome.may_be_live for result in results)
    of = "" if question.account is None else f" of {question.account}"
    sentence = f"Run {report.run_id}{of}: {counted(len(results), 'order')} in the record, of which {live:,} may be live."
    if len(results) > MOST_ORDERS or left_out:
        sentence += " --json gives all of it, --order ID the story of one."
    print_verdict(sentence, is_clean=not live)
    return CLEAN


def _ends(events: Iterable[Event]) -> tuple[list[Event], int, list[Event]]:
    """The first of these, how many are left out, and the last: how a run began, and how it ended."""
    first: list[Event] = []
    last: deque[Event] = deque(maxlen=MOST_EVENTS // 2)
    count = 0
    for count, event in enumerate(events, start=1):
        if count <= MOST_EVENTS // 2:
            first.append(event)
        else:
            last.append(event)
    return first, count - len(first) - len(last), list(last)


def _print_fates(console: Console, account: str, results: Sequence[OrderResult]) -> None:
    table = new_table("order", "fate", "tries", "sent", "settled", "why", wide=("order", "why"), words=("fate",), gap=1)
    for result in results:
        why = " ".join(str(each) for each in (result.code, result.error) if each is not None)
        table.add_row(
            Text(clean(result.order_id)),
            Text(WORDS[result.outcome], style=BAD if result.outcome.may_be_live else ""),
            f"{result.attempts:,}",
            _after(result.sent_s),
            _after(result.settled_s),
            Text(clean(why, longest=160)),
        )
    print_titled(console, clean(f"{account}: {counted(len(results), 'order')}"), table)


def _after(seconds: float | None) -> str:
    return "-" if seconds is None else f"+{seconds:,.3f} s"


def _in_words(result: OrderResult) -> str:
    fate = WORDS[result.outcome]
    return fate if result.error is None else f"{fate}, {result.error}"


def _print_events(
    console: Console, report: RunReport, events: Sequence[Event], *, has_names: bool = False, has_orders: bool = False
) -> None:
    """A line for each event, under a line for each day; long ones hang under their times where somebody looks."""
    began_s, day = report.started_at or 0.0, ""
    for event in events:
        stamp = _moment(began_s, event.at_ms)
        if stamp[:10] != day:
            day = stamp[:10]
            console.print(Text(f"{day} (UTC)", style=DIM))
        name = f"{clean(event.account)}: " if has_names and event.account is not None else ""
        order = f" [{clean(event.orders[0], longest=80)}]" if has_orders and len(event.orders) == 1 else ""
        times = Text.assemble(f"{stamp[11:]} ", (f"{f'+{event.at_ms / 1000:,.3f} s':>12}  ", DIM))
        told = Text.assemble((name, "bold"), _words(event), (order, DIM), overflow="fold")
        lines = told.wrap(console, max(LEAST_WIDTH, console.width - len(times))) if console.is_terminal else [told]
        for number, line in enumerate(lines):
            console.print((Text(" " * len(times)) if number else times) + line, soft_wrap=True)


LEAST_WIDTH = 40
"""Columns that the words of an event get, however narrow the terminal is."""


def _words(event: Event) -> Text:
    style = ""
    if event.what == FATE and event.facts["is_settled"]:
        style = GOOD if event.facts["outcome"] in ("cancelled", "already_cancelled") else BAD
    return Text(clean(event.words, longest=LONGEST_WORDS), style=style)


def _moment(began_s: float, at_ms: int) -> str:
    moment = datetime.fromtimestamp(began_s, UTC) + timedelta(milliseconds=at_ms)
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03}"


def _time(began_s: float, at_ms: int) -> str:
    return _moment(began_s, at_ms).replace(" ", "T") + "Z"
