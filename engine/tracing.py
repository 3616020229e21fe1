"""Spans for OpenTelemetry out of an engine's events: `CancelEngine(..., on_event=Traces())`. Needs `cancel-engine[otel]`.

A run is a span, in it each account that is worked on is one, and in that each request. Only the API is needed here: where the
embedding program sets up no SDK, nothing is kept and nothing is sent. Attributes are counts, names of the accounts and words out
of the code; no key, no order id and no word of a venue's. Those that do not begin with `cancel_engine.` are named as the semantic
conventions say (package opentelemetry-semantic-conventions 0.66b2).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from engine.events import (
    AccountBegan,
    AccountEnded,
    Event,
    JournalLost,
    ListingFailed,
    OutageBegan,
    OutageEnded,
    RequestOver,
    RequestResult,
    RunBegan,
    RunEnded,
    RunResult,
)

try:
    from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider, get_tracer, set_span_in_context
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "traces need a package that is not installed: pip install 'cancel-engine[otel]'", name=error.name
    ) from error

Told = Mapping[str, str | bool | float | tuple[str, ...]]

NAMESPACE = "cancel_engine"
"""What stands before every attribute for which there is no convention."""


class Traces:
    """Makes spans of what it is told. One serves several engines of an event loop.

    The span of a run belongs to the one that is current where the call is made. A request is told of once it is over, so its span
    begins then, with a start in the past.

    Args:
        provider: Whose tracer is used: the global one unless given.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._tracer = get_tracer("engine", tracer_provider=provider)
        self._runs: dict[str, Span] = {}
        self._accounts: dict[tuple[str, str], tuple[Span, Mapping[str, str | int]]] = {}
        self._takers: dict[type[Event], Callable[[Any], None]] = {
            RunBegan: self._begin_run,
            RunEnded: self._end_run,
            AccountBegan: self._begin_account,
            AccountEnded: self._end_account,
            RequestOver: self._request,
            ListingFailed: self._lose_listing,
            JournalLost: self._lose_journal,
            OutageBegan: self._say_outage,
            OutageEnded: self._say_outage,
        }

    def __call__(self, event: Event) -> None:
        """Take in what happened."""
        take = self._takers.get(type(event))
        if take is not None:
            take(event)

    def _begin_run(self, event: RunBegan) -> None:
        told: Told = {"run_id": event.run_id, "venues": event.venues, "accounts": event.accounts, "resumed": event.is_resumed}
        self._runs[event.run_id] = self._tracer.start_span("cancel run", attributes=_ours(told))

    def _lose_listing(self, event: ListingFailed) -> None:
        span, _ = self._accounts.get((event.run_id, event.account), (None, {}))
        if span is not None:
            span.add_event("listing failed")

    def _lose_journal(self, event: JournalLost) -> None:
        span = self._runs.get(event.run_id)
        if span is not None:
            span.add_event("journal lost")

    def _say_outage(self, event: OutageBegan | OutageEnded) -> None:
        words = "outage began" if isinstance(event, OutageBegan) else "outage ended"
        for span in self._runs.values():
            span.add_event(words, {f"{NAMESPACE}.venue": event.venue})

    def _begin_account(self, event: AccountBegan) -> None:
        parent = self._runs.get(event.run_id)
        span = self._tracer.start_span(
            "cancel account",
            context=None if parent is None else set_span_in_context(parent),
            attributes=_ours({"account": event.account, "venue": event.venue}),
        )
        self._accounts[event.run_id, event.account] = span, _server_of(event.address)

    def _end_account(self, event: AccountEnded) -> None:
        span, _ = self._accounts.pop((event.run_id, event.account), (None, {}))
        if span is None:
            return
        outcomes = {f"orders.{outcome.value}": count for outcome, count in event.outcomes.items()}
        told = {"at_risk": event.at_risk, "requests": event.requests, "listing_complete": event.listing_complete, **outcomes}
        span.set_attributes(_ours(told))
        if event.verified is not None:
            span.set_attribute(f"{NAMESPACE}.verified", event.verified)
        failure = event.fault.value if event.fault is not None else "" if event.listing_complete else "listing"
        if failure:
            _fail(span, failure)
        span.end()

    def _end_run(self, event: RunEnded) -> None:
        span = self._runs.pop(event.run_id, None)
        if span is None:
            return
        told = {
            "result": event.result.value,
            "orders": event.total,
            "cancelled": event.cancelled,
            "at_risk": event.at_risk,
            "incomplete_accounts": event.incomplete,
            "stopped": event.stop is not None,
            "recorded": event.unrecorded is None,
        }
        span.set_attributes(_ours(told))
        if event.result is not RunResult.CLEAN:
            _fail(span, event.result.value)
        span.end()

    def _request(self, event: RequestOver) -> None:
        parent, server = self._accounts.get((event.run_id or "", event.account), (None, {}))
        now_ns = time.time_ns()
        told = {"kind": event.kind.value, "venue": event.venue, "result": event.result.value, "quota_wait_s": event.waited_s}
        span = self._tracer.start_span(
            event.kind.value,
            context=None if parent is None else set_span_in_context(parent),
            kind=SpanKind.CLIENT,
            attributes={**_ours(told), **server},
            start_time=now_ns - round(event.wire_s * 1e9),
        )
        if event.status is not None:
            span.set_attribute("http.response.status_code", event.status)
        if event.result is not RequestResult.ANSWERED:
            _fail(span, event.result.value)
        span.end(now_ns)


def _ours(told: Told) -> dict[str, str | bool | float | tuple[str, ...]]:
    return {f"{NAMESPACE}.{name}": value for name, value in told.items()}


def _fail(span: Span, what: str) -> None:
    """Say that it failed, in the way of the semantic conventions."""
    span.set_attribute("error.type", what)
    span.set_status(StatusCode.ERROR)


def _server_of(address: str) -> dict[str, str | int]:
    """Where requests go, by the names of the semantic conventions."""
    parts = urlsplit(address)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return {"server.address": parts.hostname or "", **({} if port is None else {"server.port": port})}
