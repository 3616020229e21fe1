"""Go on with a run that was cut off or stopped: who may, and what is left to do. Nothing is sent here.

Fates that were settled stay. What may have been on its way is read first; what was sent counts against the limits, as it does
with the venue.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import replace

from engine import clock
from engine.core.cause import Cause
from engine.core.priority import PRIORITIES
from engine.core.request import Account, Scope
from engine.core.slots import Slots, Witness
from engine.core.work import Drain
from engine.errors import JournalError, shown
from engine.journal.bodies import scope_of
from engine.journal.journal import program
from engine.journal.replay import AccountPart, RunRecord
from engine.journal.writing import RunWriter
from engine.log import new_log
from engine.pacing import DAY_S, Lane
from engine.preparing import MASS, Desk, Life, Rank, Where, Wish, only
from engine.progress import Call
from engine.recording import RunRecorder
from engine.sending import Sender

MOST_NAMES = 5
"""Accounts that an error names."""


def checked_again(
    desk: Desk, record: RunRecord, accounts: Iterable[Account], *, takes_new_keys: bool, takes_new_address: bool
) -> list[Account]:
    """The accounts that the run is for and is not done with; others are left alone.

    Raises:
        ConfigError: one is missing, for another venue, or, unless `takes_new_keys`, has another key than when the run began; or a
            venue, unless `takes_new_address`, is elsewhere than it was then.
    """
    given = {account.name: account for account in desk.checked(accounts)}
    missing = [part.name for part in record.parts.values() if not part.is_done and part.name not in given]
    if missing:
        names = ", ".join(missing[:MOST_NAMES]) + (f" and {len(missing) - MOST_NAMES:,} more" if missing[MOST_NAMES:] else "")
        raise JournalError(f"run {record.run_id} is not done with {names}; give their credentials as well")
    chosen = [given[part.name] for part in record.parts.values() if not part.is_done]
    for part, account in zip((part for part in record.parts.values() if not part.is_done), chosen, strict=True):
        where = f"run {record.run_id}, account {account.name!r}"
        if desk.route_of(account).venue.name != part.venue:
            raise JournalError(f"{where}: it is at {part.venue}, and what was given is for {desk.route_of(account).venue.name}")
        was_at, is_at = record.header["venues"][part.venue], desk.route_of(account).venue.base_url
        if not takes_new_address and was_at != is_at:
            raise JournalError(
                f"{where}: it began at {shown(was_at)}, and would go on at {shown(is_at)}; if the same orders rest there, say so "
                "(takes_new_address, --new-address)"
            )
        if not takes_new_keys and desk.fingerprint_of(account) != part.fingerprint:
            raise JournalError(
                f"{where}: its key is another one than when the run began; if the venue has given out a new one for the same "
                "orders, say so (takes_new_keys, --new-keys)"
            )
    return chosen


def resumed(
    desk: Desk,
    record: RunRecord,
    accounts: Iterable[Account],
    writer: RunWriter,
    wish: Wish,
    *,
    where: Where | None,
    priority: Rank | None,
) -> Call:
    """A call that goes on with the run, for those accounts that it is not done with."""
    journal = desk.kept()
    header, by_name = record.header, {part.name: part for part in record.parts.values()}
    started_at = float(header["started_at"])
    elapsed_s = max(desk.wall_clock() - started_at, record.last_ms / 1000)
    report = record.report()
    options, is_mass = header["options"], header["call"] == MASS
    scope = scope_of(header["scope"], where) if is_mass else Scope()
    life = Life(
        run_id=record.run_id,
        start_s=clock.now_s() - elapsed_s,
        started_at=started_at,
        accounts={account.name: account for account in accounts},
        venues={part.name: part.venue for part in record.parts.values()},
        summaries={part.name: report.accounts[part.name] for part in record.parts.values() if part.is_done},
        outages=record.outages,
        is_everything=is_mass and scope == Scope(),
        is_resumed=True,
    )

    def new_work(sender: Sender, witness: Witness | None) -> tuple[Slots, Drain]:
        part = by_name[sender.account.name]
        sender.requests, sender.waited_s, sender.wire_s = len(part.sent), part.waited_s, part.wire_s
        known = part.slots.go_on(life.start_s, witness)
        drain = desk.new_drain(
            sender,
            part.slots,
            scope if is_mass else only(part.slots),
            known=known,
            proves=is_mass or options["verify"],
            accounts=len(life.accounts),
            lists_first=is_mass and options["lists_first"],
            rank=priority or PRIORITIES.get(options.get("priority")),
            settles=bool(options.get("settle_s")),
        )
        drain.is_uncounted = part.has_lost_mass
        drain.mass_sent_s = None if part.mass_sent_s is None else life.start_s + part.mass_sent_s
        return part.slots, drain

    log = new_log(run_id=life.run_id)
    recorder = RunRecorder(journal, life.run_id, start_s=life.start_s, log=log, writer=writer, texts=record.texts)
    recorder.knows({part.name: part.number for part in record.parts.values()})
    asked = {"reason": wish.cause.reason, "requested_by": wish.cause.requested_by}
    recorder.resumes({"at": desk.wall_clock(), **asked, **program()})
    cause = Cause(header["reason"], header["requested_by"])
    _recall(desk, record, life)
    call = desk.assemble(
        life, scope, new_work, replace(wish, cause=cause), record=recorder, log=log, settle_s=options.get("settle_s") or 0.0
    )
    for part in call.parts:
        if len(by_name[part.name].slots) and not part.is_finished:
            part.begin()  # what it is known to have is accounted for even if the call is stopped before its turn
    return call


def _recall(desk: Desk, record: RunRecord, life: Life) -> None:
    """Count what was sent before: the venue does."""

    def lane_of(part: AccountPart) -> Lane:
        account = life.accounts[part.name]
        route = desk.route_of(account)
        return route.lanes.of(route.venue.identity(account))

    now_s = clock.now_s()
    sent = [(each, part) for part in record.parts.values() if part.name in life.accounts for each in part.sent]
    times = [(now_s if each.at_ms is None else life.start_s + each.at_ms / 1000, each, part) for each, part in sent]
    for left_s, each, part in sorted(times, key=operator.itemgetter(0)):
        lane = lane_of(part)
        if now_s - left_s <= lane.remembers_s:
            lane.recall(each.kind, left_s, each.orders)
        elif lane.counts_days and each.kind.is_cancel and now_s - left_s <= DAY_S:
            lane.recall(each.kind, left_s, 0)
    for each, part in sent:
        if each.wire_ms is not None:
            lane_of(part).learn(each.kind, each.wire_ms / 1000)
    for part in record.parts.values():
        if part.name in life.accounts and part.held_until_s:
            lane_of(part).keep_held(life.start_s + part.held_until_s)
