"""The judge's laws: what must hold after any scene, by the venues' own ledgers. Each gives a line for each time it is broken.

The ledger is believed alone. Where a venue itself lied so that nobody could have known (its documented acknowledgement of a
cancel that it did not do, and no listing that shows the order afterwards), the ledger knows that it did, and the law says so.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from itertools import chain

from engine.core.outcome import OrderResult, Outcome
from engine.core.plain import plain
from engine.core.report import RunReport
from engine.core.summary import CancelSummary, Fault
from engine.drill.scene import VenueScene
from engine.drill.staging import CallRecord, Evidence, is_large
from engine.simulator import BookState, OpinionSimulator
from engine.simulator.judge import TRUTHS, slips
from engine.simulator.ledger import BookOrder, Ledger

HIDES = frozenset({"cursor_end_at_once", "cursor_empty", "cursor_null", "cursor_missing", "list_bare_array"})
"""Faults by which a listing ends early in the venue's own documented words: no reader could know that something is behind it."""

OMITS = ("in_neither", "all_silent")
"""Faults by which the answer to a mass cancel, in the documented shape, leaves out orders that it cancelled."""

DENIES = ("disabled_503", "cancel_only_503", "post_only_503", "restart_425")
"""Faults that refuse in the venue's documented words, beside all answers of HTTP 4xx."""

INVENTS = frozenset({"list_int_order_id", "read_int_order_id"})
"""Faults that show, in the place of an order, another one that does not exist: the true one is hidden from every reader."""

GRACE_S = 0.5
"""What the engine waits for answers after a stop unless it is told otherwise."""

ROUNDING_S = 1e-3

Law = Callable[[Evidence], Iterator[str]]


def broken_laws(evidence: Evidence) -> list[str]:
    """One line for every law that is broken, its name first; empty if all hold."""
    return [f"{name}: {line}" for name, law in LAWS.items() for line in law(evidence)]


# --- what is said of orders


def _no_lie(evidence: Evidence) -> Iterator[str]:
    """Nothing is reported that the ledger contradicts at the time of its last evidence."""
    for record, summary, ledger in _told(evidence):
        false_words = _false_words(ledger, summary.account)
        for result in summary.results:
            truth = _contradiction(result, record, ledger, alone=len(evidence.calls) == 1)
            if truth is None or (result.outcome is Outcome.CANCELLED and result.order_id in false_words):
                continue  # nobody can know it as long as no listing shows the order; `verified` has a law of its own
            yield f"{result.account}: order {result.order_id} is said to be {result.outcome} and is {truth}"


def _contradiction(result: OrderResult, record: CallRecord, ledger: Ledger, *, alone: bool) -> str | None:
    """What the order was instead, as far as the ledger contradicts the result."""
    book = ledger.orders.get(result.order_id)
    settled_s = record.ended_s if result.settled_s is None else record.began_s + result.settled_s + ROUNDING_S
    if result.outcome in TRUTHS:
        if book is None:
            return "no order at all"
        was = {change.state for change in book.history if change.time_s <= settled_s}
        return None if was & TRUTHS[result.outcome] else str(book.state_at(settled_s))
    if result.outcome is Outcome.NOT_FOUND and book is not None and book.account == result.account:
        return "open all the time" if _was_open_through(book, record.began_s, settled_s) else None
    if result.outcome is Outcome.NOT_SENT and alone and ledger.was_touched(result.order_id):
        return "one that a cancel arrived for"
    return None


def _one_fate(evidence: Evidence) -> Iterator[str]:
    """Sums and places hold; an order is named once, and with known ids exactly those, in order."""
    for record, summary, _ledger in _told(evidence):
        ids = [result.order_id for result in summary.results]
        yield from slips(summary)
        if record.scene.is_listing and len(set(ids)) != len(ids):
            yield f"{summary.account}: an order has two fates"
        if record.scene.is_listing and set(ids) & set(summary.left):
            yield f"{summary.account}: an order is both worked on and left"
        if not record.scene.is_listing and tuple(ids) != record.named:
            yield f"{summary.account}: the results are not those of the ids that were named"
    for record in evidence.calls:
        if list(record.report.accounts) != list(record.scene.accounts):
            yield f"the report tells of {list(record.report.accounts)}, and asked for were {list(record.scene.accounts)}"


def _nothing_forgotten(evidence: Evidence) -> Iterator[str]:
    """Where a listing is called complete, every order in scope that was open all the time is told of, or left with a reason."""
    for record, summary, ledger in _told(evidence):
        if not record.scene.is_listing:
            continue
        told = {result.order_id for result in summary.results} | set(summary.left)
        since_s = record.began_s - evidence.scene.venue(summary.venue).lag_s  # what is younger than the listing is not in it
        end_s = record.began_s + summary.elapsed_s
        hides = _is_hidden(ledger, summary.account)
        sayable = _cancelled_and_sayable(ledger, summary.account)
        for order_id, book in ledger.orders_of(summary.account).items():
            if order_id in told or not _in_scope(record, book):
                continue
            if summary.listing_complete and not hides and _was_open_through(book, since_s, end_s):
                yield f"{summary.account}: order {order_id} was open all the time, and a complete listing does not tell of it"
            if order_id in sayable and not summary.is_uncounted and len(evidence.calls) == 1:
                yield f"{summary.account}: order {order_id} was cancelled, and is not told of"


def _nothing_else_touched(evidence: Evidence) -> Iterator[str]:
    """No cancel that arrived meant an order out of every scope, or another account's."""
    for venue, simulator in evidence.simulators.items():
        orders = simulator.ledger.orders
        for request in simulator.ledger.requests:
            if not request.route.startswith("cancel"):
                continue
            for order_id in (*request.order_ids, *request.hits):
                book = orders.get(order_id)
                if not any(_is_meant(record, order_id, book, request.account) for record in evidence.calls):
                    asked = f"{request.route} no. {request.number} of {request.account}"
                    yield f"{venue}: {asked} meant order {order_id}, which is out of scope"


def _is_meant(record: CallRecord, order_id: str, book: BookOrder | None, account: str | None) -> bool:
    if account not in record.scene.accounts:
        return False
    if not record.scene.is_listing:
        return order_id in record.named
    return book is None or (book.account == account and _in_scope(record, book))


def _verified(evidence: Evidence) -> Iterator[str]:
    """Verified means that at the beginning of the last walk, as old as the listing is, nothing in scope stayed open."""
    for record, summary, ledger in _told(evidence):
        if not summary.verified or _is_hidden(ledger, summary.account):
            continue
        end_s = record.began_s + summary.elapsed_s
        proof_s = _last_walk_s(ledger, summary.account, end_s)
        if proof_s is None:
            yield f"{summary.account}: verified, and nothing was listed"
            continue
        if sum(summary.account in call.scene.accounts for call in evidence.calls) > 1:
            proof_s = record.began_s  # whose walk it was, the ledger does not know
        proof_s -= evidence.scene.venue(summary.venue).lag_s
        for order_id, book in ledger.orders_of(summary.account).items():
            if _is_asked_for(record, book) and order_id not in summary.left and _was_open_through(book, proof_s, end_s):
                yield f"{summary.account}: verified, and order {order_id} is open"


def _honest_words(evidence: Evidence) -> Iterator[str]:
    """No account failed by a mistake of the engine, no call raised, and every report reads back as it was written."""
    for record in evidence.calls:
        if record.error is not None:
            yield f"{record.scene.kind} raised {record.error}"
        for summary in record.report.accounts.values():
            if summary.fault_code is Fault.INTERNAL:
                yield f"{summary.account}: {summary.fault}"
        told = record.report.to_dict()
        if RunReport.from_dict(told).to_dict() != told:
            yield f"{record.scene.kind}: the report reads back as another"
        results = {(result.account, result.index): result for result in record.report.results}
        if record.read is not None and record.read != results:
            yield "the stream's last words are not those of the report"


# --- pace and time


def _pace(evidence: Evidence) -> Iterator[str]:
    """No window holds more than is allowed, by the venue's own count; an honest venue refuses nothing; its waits are kept."""
    for venue in evidence.scene.venues:
        simulator = evidence.simulators[venue.name]
        ledger = simulator.ledger
        is_counted = isinstance(simulator, OpinionSimulator)
        for account in simulator.account_names:
            if is_counted and (most := ledger.most_in_window(account, 1.0)) > 15:
                yield f"{account}: {most} requests in a second"
            is_honest = not venue.is_tight if is_counted else _is_purse_known(evidence, venue)
            if is_honest and (refused := ledger.refused_for_pace(account)):
                yield f"{account}: {refused} requests refused for their pace"
            if not evidence.scene.power:  # a process may die before it has written down how long it was told to wait
                yield from _impatience(venue, ledger, account)
        if venue.shared_per_s is not None and (most := ledger.most_in_window(None, 1.0)) > venue.shared_per_s:
            yield f"{venue.name}: {most} requests in a second of all accounts"


def _is_purse_known(evidence: Evidence, venue: VenueScene) -> bool:
    """Whether the engine can know what tokens are left: every answer to a cancel was as it should, and no purse is shared."""
    ledger = evidence.simulators[venue.name].ledger
    is_disturbed = any(request.fault is not None for request in ledger.requests if request.route.startswith("cancel"))
    return not is_disturbed and not any(account.wallet_of for account in evidence.scene.accounts)


def _impatience(venue: VenueScene, ledger: Ledger, account: str) -> Iterator[str]:
    """Requests that came while the venue had asked to wait, though its answer was there before they left."""
    told = venue.rules.get("retry_after", "0" if venue.name == "opinion" else "1")
    if not told.isdecimal():
        return  # a date, in a clock that may be wrong, or nothing at all
    hold_s = float(told)
    requests = [request for request in ledger.requests if request.account == account]
    for refused in (request for request in requests if request.refused_for_pace and request.fault is None):
        heard_s = refused.time_s + 2 * venue.travel_s + ROUNDING_S
        for request in requests:
            is_early = heard_s < request.time_s < refused.time_s + hold_s - ROUNDING_S
            if is_early and (venue.name == "opinion" or request.route.startswith("cancel")):
                yield f"{account}: {request.route} no. {request.number} came before the wait that no. {refused.number} was told"


def _in_time(evidence: Evidence) -> Iterator[str]:
    """A call comes back by its deadline and the grace, and after a stop nothing more is sent."""
    grace_s = float(evidence.scene.engine.get("grace_s", GRACE_S))
    stops = []
    for record in evidence.calls:
        deadline_s = record.scene.options.get("deadline_s")
        ends = [record.began_s + deadline_s] if deadline_s is not None else []
        ends += [record.cut_s] if record.cut_s is not None else []
        stop_s = min(ends, default=None)
        ended_s = record.began_s + record.report.elapsed_s  # the reader of a stream may take longer
        stops.append(ended_s if stop_s is None else min(stop_s, ended_s))
        if stop_s is not None and ended_s > stop_s + grace_s + ROUNDING_S:
            yield f"{record.scene.kind} came back {ended_s - stop_s:.3f} s after it had to"
    last_s = max(stops, default=0.0)
    for venue in evidence.scene.venues:
        late_s = last_s + venue.travel_s + ROUNDING_S
        for request in evidence.simulators[venue.name].ledger.requests:
            if request.time_s > late_s:
                yield f"{venue.name}: {request.route} no. {request.number} came {request.time_s - last_s:.3f} s after the end"


def _nothing_pending(evidence: Evidence) -> Iterator[str]:
    """No task, no timer and no request is left once all calls have come back."""
    yield from (f"left on the loop: {words}" for words in evidence.pending)
    if evidence.under_way:
        yield f"{evidence.under_way} requests were never given up"


def _no_secret(evidence: Evidence) -> Iterator[str]:
    """No key, secret or signature stands in anything that was logged or reported."""
    said = chain(
        evidence.emitted,
        (json.dumps(record.report.to_dict(), default=str) + repr(record.report) for record in evidence.calls),
        (record.error or "" for record in evidence.calls),
    )
    text = "\n".join(said)
    for secret in sorted(evidence.secrets):
        if secret in text:
            yield f"a secret of {len(secret)} characters is shown"


# --- progress


def _progress(evidence: Evidence) -> Iterator[str]:
    """Where the venues serve in the end and nobody cuts the call short, everything in scope is closed, and can be proved so."""
    if not evidence.scene.is_gentle:
        return
    for record, summary, ledger in _told(evidence):
        if record.scene.cut is not None or record.scene.options.get("deadline_s") is not None:
            continue
        if any(not why.is_clear for why in summary.left.values()):
            continue  # the venue's listing did not say which side or market it is on
        if summary.fault is not None:
            yield f"{summary.account}: stopped early: {summary.fault}"
        elif record.scene.is_listing and not evidence.scene.events:
            if not (summary.listing_complete and summary.verified):
                yield f"{summary.account}: not verified: {summary.listing_error}"
            elif summary.at_risk:
                yield f"{summary.account}: {summary.at_risk} orders left at risk"
        yield from _left_open(evidence, record, summary, ledger)


def _left_open(evidence: Evidence, record: CallRecord, summary: CancelSummary, ledger: Ledger) -> Iterator[str]:
    """Orders asked for that were there to be cancelled all the time, and were not."""
    since_s = record.began_s - evidence.scene.venue(summary.venue).lag_s
    end_s = record.began_s + summary.elapsed_s
    believed = _false_words(ledger, summary.account)
    for order_id, book in ledger.orders_of(summary.account).items():
        if _is_asked_for(record, book) and order_id not in believed and _was_open_through(book, since_s, end_s):
            yield f"{summary.account}: order {order_id} is still open"


def _recorded(evidence: Evidence) -> Iterator[str]:
    """The journal tells of every call what its report told, and its record is whole."""
    if not evidence.scene.is_recorded:
        return
    for record in evidence.calls:
        report, wrong = evidence.recorded.get(record.report.run_id, (None, []))
        if report is None:
            if record.error is None and record.report.run_id:
                yield f"{record.scene.kind}: there is no record of it"
            continue
        yield from (f"{record.scene.kind}: its record: {line}" for line in wrong)
        told, read = plain(record.report.to_dict()), plain(report.to_dict())
        for field in (field for field in told if told[field] != read[field]):
            yield f"{record.scene.kind}: the journal has another {field} than the report"


LAWS: Mapping[str, Law] = {
    "no lie": _no_lie,
    "one fate each": _one_fate,
    "nothing forgotten": _nothing_forgotten,
    "nothing else touched": _nothing_else_touched,
    "verified": _verified,
    "honest words": _honest_words,
    "pace": _pace,
    "in time": _in_time,
    "nothing pending": _nothing_pending,
    "no secret": _no_secret,
    "progress": _progress,
    "recorded": _recorded,
}


# --- reading the ledger


def _told(evidence: Evidence) -> Iterator[tuple[CallRecord, CancelSummary, Ledger]]:
    for record in evidence.calls:
        for summary in record.report.accounts.values():
            yield record, summary, evidence.simulators[evidence.accounts[summary.account]].ledger


def _is_asked_for(record: CallRecord, book: BookOrder) -> bool:
    """Whether the call means this order: by its scope, or by name."""
    return _in_scope(record, book) if record.scene.is_listing else book.order_id in record.named


def _in_scope(record: CallRecord, book: BookOrder) -> bool:
    """The scope, read off the book."""
    scope = record.scope
    if scope is None:
        return False
    return (
        (scope.side is None or book.side is scope.side)
        and (scope.market is None or book.market == scope.market)
        and (scope.asset is None or book.asset == scope.asset)
        and (scope.where is None or is_large(book))
        and (scope.order_ids is None or book.order_id in scope.order_ids)
        and (scope.except_ids is None or book.order_id not in scope.except_ids)
    )


def _was_open_through(book: BookOrder, from_s: float, until_s: float) -> bool:
    """Whether the order was open from the one moment to the other without a break."""
    times = [change.time_s for change in book.history]
    place = bisect_right(times, from_s) - 1
    if place < 0 or book.history[place].state is not BookState.OPEN:
        return False
    return all(change.state is BookState.OPEN for change in book.history[place + 1 :] if change.time_s <= until_s)


def _false_words(ledger: Ledger, account: str) -> set[str]:
    """Orders that the venue called cancelled, by its documented acknowledgement, when they were not."""
    return {order_id for request in ledger.requests if request.account == account for order_id in request.false_words}


def _cancelled_and_sayable(ledger: Ledger, account: str) -> set[str]:
    """Orders that a request has cancelled, unless its answer was a refusal in the venue's own words, or silent about them."""
    sayable: set[str] = set()
    for request in ledger.requests:
        is_refused = request.status is not None and 400 <= request.status < 500
        is_denied = is_refused or (request.fault or "").startswith(OMITS + DENIES)
        if request.account == account and request.route.startswith("cancel") and not is_denied:
            sayable.update(request.order_ids, request.hits)
    return {
        order_id
        for order_id in sayable & ledger.orders_of(account).keys()
        if any(change.cause == "cancel request" for change in ledger.orders[order_id].history)
    }


def _is_hidden(ledger: Ledger, account: str) -> bool:
    """Whether a listing of this account's was cut off, or an order in it replaced, in a way that nobody could know."""
    return any(request.fault in HIDES | INVENTS for request in ledger.requests if request.account == account)


def _last_walk_s(ledger: Ledger, account: str, end_s: float) -> float | None:
    """When the last walk began, by the last request for a first page."""
    times = [
        request.time_s
        for request in ledger.requests
        if request.account == account and request.route == "list" and request.page == 1 and request.time_s <= end_s
    ]
    return max(times, default=None)
