"""Metrics for Prometheus out of an engine's events: `CancelEngine(..., on_event=Metrics())`. Needs `cancel-engine[metrics]`.

No label is an account, an order or a word of a venue's: each is one of a few that stand in the code, and the names of the venues
that the engine holds. So the number of series does not grow with the number of accounts.
"""

from __future__ import annotations

import time
from collections import Counter as Tallies
from collections.abc import Callable
from decimal import Decimal
from itertools import product
from typing import Any

from engine.core.outcome import Outcome
from engine.core.quota import Kind
from engine.core.summary import Fault
from engine.events import (
    AccountEnded,
    Event,
    FateSettled,
    JournalLost,
    ListingFailed,
    OrderOpen,
    OutageBegan,
    OutageEnded,
    RequestOver,
    RequestResult,
    RunBegan,
    RunEnded,
    RunResult,
)

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "metrics need a package that is not installed: pip install 'cancel-engine[metrics]'", name=error.name
    ) from error

REQUEST_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""A guess: from a venue in the next room to one that is as slow as the longest timeout."""

WAIT_BUCKETS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
"""A guess: from the gap in a window of a second to the longest hold and beyond."""

RUN_BUCKETS_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
"""A guess: from one account to thousands."""


class Metrics:
    """Counts what it is told. One serves several engines of an event loop.

    Args:
        registry: Where the metrics are registered: the client's own unless given. Each registry takes them once.
        wall_clock: Unix time in seconds.

    Attributes:
        registry: See above.
    """

    def __init__(self, registry: CollectorRegistry | None = None, *, wall_clock: Callable[[], float] = time.time) -> None:
        self.registry = registry or REGISTRY
        self._wall_clock = wall_clock
        self._books: dict[tuple[str, str], dict[str, tuple[Decimal, str]]] = {}
        """By venue and account: each order that may be live, what it rests for, and the run that found it."""
        self._at_risk: Tallies[str] = Tallies()
        self._worth: dict[str, Decimal] = {}
        self._venues: set[str] = set()
        self._make_metrics()
        self._takers: dict[type[Event], Callable[[Any], None]] = {
            RunBegan: self._begin_run,
            RunEnded: self._count_run,
            AccountEnded: self._count_account,
            OrderOpen: self._open,
            FateSettled: self._count_fate,
            RequestOver: self._count_request,
            ListingFailed: lambda event: self._unlisted.labels(event.venue).inc(),
            OutageBegan: self._begin_outage,
            OutageEnded: lambda event: self._away.labels(event.venue).set(0),
            JournalLost: self._lose_journal,
        }

    def _make_metrics(self) -> None:
        registry = self.registry
        self._runs = Counter("cancel_engine_runs", "Runs that have ended.", ["result"], registry=registry)
        self._running = Gauge("cancel_engine_runs_in_progress", "Runs under way.", registry=registry)
        self._run_s = Histogram("cancel_engine_run_seconds", "Seconds that a run took.", registry=registry, buckets=RUN_BUCKETS_S)
        self._last_clean = Gauge(
            "cancel_engine_last_run_clean",
            "1 if the last run that ended left nothing at risk and every listing complete, else 0; 1 before the first.",
            registry=registry,
        )
        self._last_incomplete = Gauge(
            "cancel_engine_last_run_incomplete_accounts",
            "Accounts of the last run that ended whose open orders were not listed to the end.",
            registry=registry,
        )
        self._last_unrecorded = Gauge(
            "cancel_engine_last_run_unrecorded",
            "1 from when a run could not be recorded any more until another one ends that could, else 0.",
            registry=registry,
        )
        self._last_ended = Gauge(
            "cancel_engine_last_run_end_timestamp_seconds",
            "When the last run ended, in Unix seconds; 0 before the first.",
            registry=registry,
        )
        self._orders = Counter(
            "cancel_engine_orders",
            "Orders by their fate, counted once their account is done: the numbers of the reports.",
            ["venue", "outcome"],
            registry=registry,
        )
        self._fates = Counter(
            "cancel_engine_fates",
            "Fates as they are written, for rates while a run goes on; a fate that a later listing contradicts counts as well.",
            ["venue", "outcome"],
            registry=registry,
        )
        self._risk = Gauge(
            "cancel_engine_orders_at_risk",
            "Orders that may be live: those of runs under way that are not off the book yet, and what ended runs left.",
            ["venue"],
            registry=registry,
        )
        self._notional = Gauge(
            "cancel_engine_notional_at_risk",
            "What these orders rest for, in the quote currency; one whose price or size is not known counts nothing.",
            ["venue"],
            registry=registry,
        )
        self._requests = Counter(
            "cancel_engine_requests", "Requests that are over.", ["venue", "kind", "result"], registry=registry
        )
        self._throttled = Counter(
            "cancel_engine_throttled",
            "Requests that a venue refused for their pace: HTTP 429, or its own way to say that.",
            ["venue", "kind"],
            registry=registry,
        )
        self._request_s = Histogram(
            "cancel_engine_request_seconds",
            "Seconds from when a request left to its answer, or until none was waited for any more.",
            ["venue", "kind"],
            registry=registry,
            buckets=REQUEST_BUCKETS_S,
        )
        self._wait_s = Histogram(
            "cancel_engine_quota_wait_seconds",
            "Seconds for which the limits kept a request waiting while it was the next of its account.",
            ["venue", "kind"],
            registry=registry,
            buckets=WAIT_BUCKETS_S,
        )
        self._unlisted = Counter(
            "cancel_engine_listing_failures",
            "Accounts whose open orders could not be listed to the end in a run.",
            ["venue"],
            registry=registry,
        )
        self._faults = Counter(
            "cancel_engine_account_faults", "Accounts that were stopped early.", ["venue", "fault"], registry=registry
        )
        self._outages = Counter(
            "cancel_engine_outages", "Times that a venue gave no usable answer to anybody.", ["venue"], registry=registry
        )
        self._away = Gauge(
            "cancel_engine_venue_away", "1 while a venue gives no usable answer, else 0.", ["venue"], registry=registry
        )
        self._lost = Counter("cancel_engine_journal_lost", "Runs that could not be recorded to their end.", registry=registry)
        self._last_clean.set(1)
        for result in RunResult:
            self._runs.labels(result)

    def __call__(self, event: Event) -> None:
        """Take in what happened."""
        take = self._takers.get(type(event))
        if take is not None:
            take(event)

    def _begin_run(self, event: RunBegan) -> None:
        self._running.inc()
        for venue in event.venues:
            self._meet(venue)

    def _begin_outage(self, event: OutageBegan) -> None:
        self._outages.labels(event.venue).inc()
        self._away.labels(event.venue).set(1)

    def _lose_journal(self, _event: JournalLost) -> None:
        self._lost.inc()
        self._last_unrecorded.set(1)

    def _count_fate(self, event: FateSettled) -> None:
        self._fates.labels(event.venue, event.outcome).inc()
        if not event.outcome.may_be_live:
            self._close(event.venue, event.account, event.order_id)

    def _meet(self, venue: str) -> None:
        """Let every series of the venue begin at zero, so that its first increase is seen as one."""
        if venue in self._venues:
            return
        self._venues.add(venue)
        for outcome in Outcome:
            self._orders.labels(venue, outcome)
            self._fates.labels(venue, outcome)
        for kind in Kind:
            self._throttled.labels(venue, kind)
        for kind, result in product(Kind, RequestResult):
            self._requests.labels(venue, kind, result)
        for fault in Fault:
            self._faults.labels(venue, fault)
        for metric in (self._unlisted, self._outages):
            metric.labels(venue)
        for gauge in (self._risk, self._notional, self._away):
            gauge.labels(venue)

    def _count_request(self, event: RequestOver) -> None:
        venue, kind = event.venue, event.kind
        self._requests.labels(venue, kind, event.result).inc()
        self._wait_s.labels(venue, kind).observe(event.waited_s)
        if event.result is not RequestResult.NOT_SENT:
            self._request_s.labels(venue, kind).observe(event.wire_s)
        if event.result is RequestResult.THROTTLED:
            self._throttled.labels(venue, kind).inc()

    def _count_account(self, event: AccountEnded) -> None:
        for outcome, count in event.outcomes.items():
            self._orders.labels(event.venue, outcome).inc(count)
        if event.fault is not None:
            self._faults.labels(event.venue, event.fault).inc()
        if event.verified and event.is_everything:  # what earlier runs have left is off the book as well, whoever took it off
            book = self._books.get((event.venue, event.account), {})
            for order_id in [each for each, (_, run_id) in book.items() if run_id != event.run_id]:
                self._close(event.venue, event.account, order_id)

    def _count_run(self, event: RunEnded) -> None:
        self._running.dec()
        self._runs.labels(event.result).inc()
        self._run_s.observe(event.elapsed_s)
        self._last_clean.set(event.result is RunResult.CLEAN)
        self._last_incomplete.set(event.incomplete)
        self._last_unrecorded.set(event.unrecorded is not None)
        self._last_ended.set(self._wall_clock())

    # --- what may be live

    def _open(self, event: OrderOpen) -> None:
        book = self._books.setdefault((event.venue, event.account), {})
        worth, _ = book.get(event.order_id, (None, ""))
        self._at_risk[event.venue] += worth is None
        book[event.order_id] = (event.notional or worth or Decimal(0), event.run_id)
        self._worth[event.venue] = self._worth.get(event.venue, Decimal(0)) + book[event.order_id][0] - (worth or Decimal(0))
        self._show(event.venue)

    def _close(self, venue: str, account: str, order_id: str) -> None:
        book = self._books.get((venue, account), {})
        if order_id in book:
            worth, _ = book.pop(order_id)
            self._at_risk[venue] -= 1
            self._worth[venue] -= worth
            if not book:
                del self._books[venue, account]
            self._show(venue)

    def _show(self, venue: str) -> None:
        self._risk.labels(venue).set(self._at_risk[venue])
        self._notional.labels(venue).set(float(self._worth[venue]))
