"""Whole runs drawn from a seed and judged by the ledger: none breaks a law, every law can be broken, and a seed is a run."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from support import played, scene

from engine import ConfigError, Outcome, Side
from engine.core.summary import Fault
from engine.drill import LAWS, Performance, Selection, broken_laws, draw, perform, replay_line, shrink
from engine.drill.drawing import CATALOGUES, DEADLY, HEAVY, ROUTES
from engine.drill.scene import AccountScene, CallScene, CutScene, EventScene, FaultScene, Happening, Scene, ScopeScene, VenueScene
from engine.drill.soaking import Tally, play_some, soak
from engine.simulator import BookState

SEEDS = 2_000


# --- no law is broken


def test_two_thousand_drills_break_no_law():
    """No seed makes the engine lie, forget, overstep, leak, hang or stop short: see the laws."""
    tally = soak(0, SEEDS, jobs=2)

    assert [] == [(failure.smallest, failure.still_broken) for failure in tally.failures]
    assert SEEDS == tally.runs
    assert tally.requests > 10 * SEEDS
    assert tally.orders > 2 * SEEDS


FOUND = {
    "a look at a silent venue refused for the clock, while the clock is being put right": scene(
        "polymarket", orders=0, faults=[("slow_45s", {"times": 30})], rules={"clock_skew_s": 400.0}
    ),
    "a second look at a silent venue after the deadline": replace(
        scene(
            "polymarket",
            faults=[("html_403", {"times": 21})],
            rules={"latency_s": 0.3},
            call=CallScene(kind="mass_cancel", accounts=("a", "b"), options={"deadline_s": 0.987}),
        ),
        accounts=tuple(AccountScene(name=name, venue="polymarket", orders=0) for name in "ab"),
    ),
    "what a mass cancel cancelled and named illegibly": scene(
        "polymarket", orders=1, faults=[("canceled_numbers_after", {"routes": ("cancel_all",)})]
    ),
    "a late order, where earlier ones were listed late": scene(
        orders=1,
        rules={"list_lag_s": 1.0, "latency_jitter_s": 0.005},
        events=[EventScene(at_s=1.52, what=Happening.NEWCOMER, account="a")],
        is_gentle=True,
    ),
    "a clock that cannot be read at first": scene(
        "polymarket",
        orders=2,
        faults=[("rate_429", {"times": 1, "routes": ("time",)})],
        rules={"clock_skew_s": 400.0},
        is_gentle=True,
    ),
    "a cursor that the venue refuses after it gave it": scene(
        "polymarket", orders=3, faults=[("cursor_no_base64", {"times": 2})], is_gentle=True
    ),
    "an order read as cancelled and listed late, which a mass cancel does not name": scene(
        "polymarket",
        orders=1,
        faults=[("drop_after", {"times": 1}), ("bare_true_after", {"times": 1})],
        rules={"list_lag_s": 1.0, "extra_empty_page": True, "ambiguous_reason": True, "rate_headers": False},
        call=CallScene(kind="stream", accounts=("a",), options={"priority": "largest"}),
        is_gentle=True,
    ),
    "a page refused for its pace, after the work behind it was done": scene(
        orders=25,
        rules={"quota": 9},
        is_tight=True,
        call=CallScene(kind="mass_cancel", accounts=("a",), scope=ScopeScene(only=(0, 2, 4, 10, 15, 17, 23))),
        is_gentle=True,
    ),
    "a venue that gives one page for every other, none of it in scope": scene(
        orders=23,
        faults=[("list_page_ignored", {})],
        rules={"latency_s": 0.3, "latency_jitter_s": 0.02, "list_lag_s": 1.0, "daily_allowance": 3},
        is_tight=True,
        call=CallScene(kind="cancel_orders", accounts=("a",), named=(9, 9, 9), options={"verify": True}, after_s=0.324),
    ),
    "a venue that refuses cancels, and then lists as well": replace(
        scene("polymarket", faults=[("restart_425_retry", {})], rules={"latency_s": 0.3}),
        calls=(
            CallScene(kind="mass_cancel", accounts=("a",), options={"priority": "oldest"}),
            CallScene(kind="mass_cancel", accounts=("a",), after_s=1.212),
        ),
    ),
    "a signature that the venue repeats": scene("polymarket", orders=0, faults=[("echoed_headers", {"routes": ("list",)})]),
}
"""Scenes in which drills once found a law broken."""


@pytest.mark.parametrize("name", FOUND)
def test_what_drills_have_found_stays_mended(name):
    """A scene in which a law was broken breaks none any more."""
    assert [] == broken_laws(played(FOUND[name]))


def test_an_illegible_mass_cancel_is_told_of():
    """Where the answer to a mass cancel names something that cannot be read, the summary says that orders may be missing."""
    evidence = played(FOUND["what a mass cancel cancelled and named illegibly"])
    summary = evidence.calls[0].report.accounts["a"]

    assert (0, True) == (summary.total, summary.is_uncounted)


def test_a_late_word_on_an_order_given_up_in_doubt_is_heard():
    """An order whose cancel and read brought nothing, and which a later mass cancel's answer names as cancelled, is cancelled."""
    evidence = played(
        scene(
            "polymarket",
            orders=6,
            faults=[("http_404", {"times_per_order": 1})],
            rules={"page_size": 5, "list_lag_s": 0.3, "ambiguous_reason": True, "extra_empty_page": True},
            call=CallScene(kind="mass_cancel", accounts=("a",), options={"priority": "oldest"}),
        )
    )

    assert {Outcome.CANCELLED: 6} == evidence.calls[0].report.accounts["a"].by_outcome
    assert [] == broken_laws(evidence)


# --- every law can be broken


def tampered_book(evidence):
    """The first order that is called cancelled comes out open."""
    result = next(result for result in evidence.calls[0].report.results if result.outcome is Outcome.CANCELLED)
    ledger = evidence.simulators["opinion"].ledger
    del ledger.orders[result.order_id].history[1:]


def tampered_summary(**changes):
    """The account's summary comes out with other fields."""

    def tamper(evidence):
        report = evidence.calls[0].report
        accounts = {name: replace(summary, **changes) for name, summary in report.accounts.items()}
        evidence.calls[0].report = replace(report, accounts=accounts)

    return tamper


def reported_twice(evidence):
    """The last result comes out a second time."""
    results = list(evidence.calls[0].report.results)
    tampered_summary(results=[*results, replace(results[-1], index=len(results))])(evidence)


def unreported(evidence):
    """The last result is lost."""
    tampered_summary(results=list(evidence.calls[0].report.results)[:-1])(evidence)


def narrowed(evidence):
    """The scope was meant to be sells alone."""
    evidence.calls[0].scope = replace(evidence.calls[0].scope, side=Side.SELL)


def late(evidence):
    """The deadline was meant to come a second before the last request."""
    record = evidence.calls[0]
    record.scene = replace(record.scene, options={"deadline_s": record.report.elapsed_s - 1.0})


def crowded(evidence):
    """Sixteen requests arrive in a moment."""
    ledger = evidence.simulators["opinion"].ledger
    for _ in range(16):
        ledger.note(replace(ledger.requests[-1]))


def leaked(evidence):
    """Somebody logs a key."""
    evidence.emitted.append(f"sent with {next(iter(evidence.secrets))}")


def misrecorded(evidence):
    """The journal has one result less than the report."""
    run_id = evidence.calls[0].report.run_id
    report, _ = evidence.recorded[run_id]
    accounts = {name: replace(summary, results=summary.results[:-1]) for name, summary in report.accounts.items()}
    evidence.recorded[run_id] = replace(report, accounts=accounts), []


def altered(evidence):
    """The journal's own check finds something."""
    run_id = evidence.calls[0].report.run_id
    evidence.recorded[run_id] = evidence.recorded[run_id][0], ["the entries 3 to 7 are not those that were sealed"]


TAMPERINGS = {
    "no lie": [tampered_book],
    "one fate each": [reported_twice],
    "nothing forgotten": [unreported],
    "nothing else touched": [narrowed],
    "verified": [tampered_book],
    "honest words": [
        tampered_summary(fault="internal error", fault_code=Fault.INTERNAL),
        lambda evidence: setattr(evidence.calls[0], "error", "ValueError: no"),
        lambda evidence: setattr(evidence.calls[0], "read", {}),
    ],
    "pace": [crowded],
    "in time": [late],
    "nothing pending": [
        lambda evidence: evidence.pending.append("a task"),
        lambda evidence: setattr(evidence, "under_way", 1),
    ],
    "no secret": [leaked],
    "progress": [
        tampered_summary(verified=False),
        tampered_summary(fault="the venue is down", fault_code=Fault.UNREACHABLE),
    ],
    "recorded": [misrecorded, altered, lambda evidence: evidence.recorded.clear()],
}


@pytest.mark.parametrize(("law", "tamper"), [(law, tamper) for law, tampers in TAMPERINGS.items() for tamper in tampers])
def test_every_law_can_be_broken(law, tamper):
    """What a law forbids makes the judge name that law, and an honest run makes it name none."""
    evidence = played(scene(orders=25, is_gentle=True, is_recorded=True))
    before = broken_laws(evidence)
    tamper(evidence)

    assert [] == before
    assert law in {line.partition(":")[0] for line in broken_laws(evidence)}


def test_there_is_a_tampering_for_every_law():
    """No law is without a proof that it can be broken."""
    assert set(LAWS) == set(TAMPERINGS)


def test_known_ids_that_are_left_open_are_no_progress():
    """A named order that stays open where nothing keeps it from being cancelled is a broken law."""
    evidence = played(scene(call=CallScene(kind="cancel_orders", accounts=("a",), named=(0, 1)), is_gentle=True))
    ledger = evidence.simulators["opinion"].ledger
    del ledger.orders[evidence.calls[0].named[0]].history[1:]

    assert {"no lie", "progress"} == {line.partition(":")[0] for line in broken_laws(evidence)}


def test_a_false_word_is_no_lie_of_ours():
    """An order that the venue acknowledged and did not cancel may be called cancelled while nothing contradicts it, not after."""
    named = CallScene(kind="cancel_orders", accounts=("a",), named=(0, 1))
    evidence = played(scene(faults=[("acknowledged_not_done", {"times": 1})], call=named))

    assert {Outcome.CANCELLED: 2} == evidence.calls[0].report.accounts["a"].by_outcome
    assert 1 == len([1 for order in evidence.simulators["opinion"].ledger.orders.values() if order.state is BookState.CANCELLED])
    assert [] == broken_laws(evidence)
    tampered_summary(verified=True)(evidence)
    assert "verified" in {line.partition(":")[0] for line in broken_laws(evidence)}


# --- a seed is a run


def test_the_same_seed_is_the_same_run_in_another_process():
    """Byte for byte, also where texts hash otherwise."""
    code = "from engine.drill import perform; print([perform(seed, with_trace=True).digest for seed in range(40, 60)])"
    told = [
        subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": salt}, capture_output=True, check=True).stdout
        for salt in ("1", "2")
    ]

    here = [perform(seed, with_trace=True).digest for seed in range(40, 60)]
    assert [str(here), str(here)] == [each.decode().strip() for each in told]
    assert 20 == len(set(here))


def test_a_trace_tells_everything():
    """The scene, every request, every order with its life, and the report, one line of JSON each."""
    performance = perform(3, with_trace=True)
    lines = [json.loads(line) for line in performance.trace.splitlines()]

    assert [3] == [line["scene"]["seed"] for line in lines if "scene" in line]
    assert performance.requests == sum("request" in line for line in lines)
    assert performance.orders == sum(line["report"]["total"] for line in lines if "report" in line)
    assert all(line["order"]["history"] for line in lines if "order" in line)


def test_seeds_draw_everything():
    """In a few hundred seeds, every kind of call, cut, event, scope and rule of a fault comes up."""
    scenes = [draw(seed) for seed in range(600)]
    calls = [call for each in scenes for call in each.calls]

    assert {"mass_cancel", "stream", "cancel_all", "cancel_orders", "cancel_order"} == {call.kind for call in calls}
    assert {(how, unit) for how in ("stop", "cancel") for unit in ("seconds", "steps")} | {("raise", "results")} == {
        (call.cut.how, call.cut.unit) for call in calls if call.cut
    }
    assert set(Happening) == {event.what for each in scenes for event in each.events}
    assert {"deadline_s", "settle_s", "lists_first", "priority", "verify"} == {name for call in calls for name in call.options}
    assert {"share", "times", "from_s", "until_s", "accounts", "times_per_order", "routes"} == {
        name for each in scenes for fault in each.faults for name in fault.conditions
    }
    assert {True, False} == {each.is_gentle for each in scenes} == {each.listens for each in scenes}
    assert all(any(getattr(call.scope, name) not in (None, False, ()) for call in calls) for name in ScopeScene.__slots__)


def test_every_fault_of_the_catalogues_is_drawn_in_time():
    """In some ten thousand seeds each fault strikes somewhere, but for those that cost megabytes and have tests of their own."""
    drawn = {(fault.venue, fault.name) for seed in range(12_000) for fault in draw(seed).faults}
    usable = {
        (venue, name)
        for venue, faults in CATALOGUES.items()
        for name, fault in faults.items()
        if fault.routes & ROUTES[venue] and not HEAVY.search(name)
    }

    assert set() == usable - drawn


def test_a_gentle_scene_has_nothing_deadly():
    """Where everything is to be closed in the end, no fault and no event is the end of an account."""
    gentle = [each for each in map(draw, range(1000)) if each.is_gentle]

    assert [] == [fault.name for each in gentle for fault in each.faults if DEADLY.search(fault.name)]
    assert [] == [event for each in gentle for event in each.events if event.what is Happening.REVOKE_KEY]
    assert len(gentle) > 300


# --- the smallest


def test_a_failure_is_shrunk_to_what_makes_it():
    """Of a scene that breaks a law because of one fault, that fault is left, with one account, one call and few orders."""
    seed = next(seed for seed in range(1000) if len(draw(seed).faults) > 2 and len(draw(seed).accounts) > 2)

    def play_it(seed, selection):
        chosen = selection.of(draw(seed))
        is_broken = chosen.calls and draw(seed).faults[1] in chosen.faults and sum(each.orders for each in chosen.accounts) > 2
        return Performance(seed=seed, selection=selection, broken=("no lie: made up",) if is_broken else ())

    smallest = shrink(play_it(seed, Selection()), play=play_it)
    left = smallest.selection.of(draw(seed))

    assert ((draw(seed).faults[1],), (), 1) == (left.faults, left.events, len(left.calls))
    assert 3 == sum(account.orders for account in left.accounts)
    assert smallest.broken
    assert Selection.parse(str(smallest.selection)) == smallest.selection


def test_another_law_is_another_failure():
    """A part that breaks another law is no smaller form of the same failure."""

    def play_it(seed, selection):
        return Performance(seed=seed, selection=selection, broken=("pace: made up",))

    failed = Performance(seed=1, selection=Selection(), broken=("no lie: made up",))
    assert failed is shrink(failed, play=play_it)


def test_a_line_plays_it_again():
    """The line holds the seed and the parts, and reads back as the same selection."""
    selection = Selection(accounts=(0, 2), faults=(), orders=3, plain=("cut", "rules"))
    performance = Performance(seed=7, selection=selection, broken=())

    assert "cancel-engine drill --seed 7 --select accounts=0,2/faults=none/orders=3/plain=cut,rules" == replay_line(performance)
    assert "cancel-engine drill --seed 7" == replay_line(replace(performance, selection=Selection()))
    assert selection == Selection.parse("accounts=0,2/faults=none/orders=3/plain=cut,rules")


@pytest.mark.parametrize("text", ["accounts", "accounts=x", "nonsense=1", "plain=all", "orders=", "accounts=0//faults=1"])
def test_a_selection_that_is_none_is_refused(text):
    """What selects nothing gets an example of what does."""
    with pytest.raises(ConfigError, match="selects nothing of a drill; use a line that a drill printed, such as accounts="):
        Selection.parse(text)


def test_a_selection_leaves_out():
    """What is selected stays, what depends on something left out goes with it, and plain parts are as published."""
    drawn = Scene(
        seed=1,
        venues=(
            VenueScene(name="opinion", rules={"latency_s": 0.1, "quota": 4}, shared_per_s=40, is_tight=True),
            VenueScene(name="polymarket"),
        ),
        accounts=(
            AccountScene(name="a", venue="opinion", orders=20),
            AccountScene(name="b", venue="polymarket", orders=20),
            AccountScene(name="c", venue="polymarket", orders=2, wallet_of="b"),
        ),
        faults=(FaultScene(venue="opinion", name="http_500"), FaultScene(venue="polymarket", name="http_500")),
        events=(EventScene(at_s=1.0, what=Happening.FILL, account="b"),),
        calls=(
            CallScene(
                kind="stream",
                accounts=("b", "a"),
                scope=ScopeScene(is_large=True),
                options={"deadline_s": 1.0, "settle_s": 2.0},
                cut=CutScene(how="stop", at=1.0),
                dawdles=True,
            ),
            CallScene(kind="cancel_all", accounts=("c",)),
        ),
        engine={"in_flight": 1},
    )
    left = Selection(accounts=(0,), orders=5, plain=("cut", "options", "scope", "engine", "rules")).of(drawn)

    assert drawn == Selection().of(drawn)
    assert (VenueScene(name="opinion", rules={"latency_s": 0.1}),) == left.venues
    assert (AccountScene(name="a", venue="opinion", orders=5),) == left.accounts
    assert (FaultScene(venue="opinion", name="http_500"),) == left.faults
    assert (CallScene(kind="stream", accounts=("a",)),) == left.calls
    assert ((), {}) == (left.events, left.engine)
    assert {"settle_s": 2.0} == Selection(plain=("cut",)).of(drawn).calls[0].options
    assert {"deadline_s": 1.0} == Selection(plain=("options",)).of(drawn).calls[0].options
    assert None is Selection(accounts=(2,)).of(drawn).accounts[0].wallet_of


# --- many


def test_a_soak_goes_on_where_it_stopped(tmp_path):
    """What was counted before is not played again, and the sum is that of a run without a break."""
    path = tmp_path / "soak.json"

    class StopError(Exception):
        pass

    def stop(tally):
        if tally.runs:
            raise StopError

    with pytest.raises(StopError):
        soak(0, 60, jobs=1, state=path, note=stop)
    seen = []
    tally = soak(0, 60, jobs=1, state=path, note=lambda tally: seen.append(tally.runs))
    whole = play_some(0, 60)

    assert 25 == seen[0]
    assert (60, whole.requests, whole.orders, []) == (tally.runs, tally.requests, tally.orders, tally.failures)
    assert seen[-1:] == [60]
    assert 60 == soak(0, 60, jobs=1, state=path).runs


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"about": {}, "done": [], "tally": {"failures": [{}]}}', "\x00"])
def test_a_file_that_holds_no_count_is_refused(tmp_path, content):
    """Nothing of somebody else's is overwritten, and the words say what to do."""
    path = tmp_path / "mine.json"
    path.write_text(content)

    with pytest.raises(ConfigError, match="holds no count of drills; name another file, or delete it"):
        soak(0, 10, jobs=1, state=path)
    assert content == path.read_text()


def test_a_count_of_other_seeds_is_refused(tmp_path):
    """A count belongs to its seeds and to one version of the engine."""
    path = tmp_path / "soak.json"
    soak(0, 1, jobs=1, state=path)

    with pytest.raises(ConfigError, match="belongs to other seeds, or to another version of the engine"):
        soak(0, 2, jobs=1, state=path)


def test_a_tally_adds_up():
    """Counts of several processes are added, and no failure is lost."""
    tally = Tally(runs=1, requests=2, orders=3, simulated_s=4.0, work_s=5.0, failures=["x"])
    tally.add(Tally(runs=10, requests=20, orders=30, simulated_s=40.0, work_s=50.0, failures=["y"]))

    assert Tally(runs=11, requests=22, orders=33, simulated_s=44.0, work_s=55.0, failures=["x", "y"]) == tally
