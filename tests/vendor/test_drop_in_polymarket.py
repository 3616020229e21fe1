"""Scripts on py-clob-client and py-clob-client-v2, unmodified, and on `engine.compat.polymarket`: every return value, compared.

Both are pointed at the same simulator. Where the two differ on purpose, the case names the row of `docs/compat.md` that says why.
The official clients run in an environment of their own, made from `requirements-polymarket.txt` beside this file.
"""

import asyncio
import json
import time
from pathlib import Path

import pytest
from vendor.comparing import QUICK, Case, asked, driver, filled_in, outcome_of, same, without_words

from engine.compat.polymarket import ApiCreds, ClobClient, OpenOrderParams, OrderMarketCancelParams, OrderPayload
from engine.simulator import FaultPlan, FaultRule, PolymarketRules, PolymarketSimulator, serve
from engine.simulator.polymarket import FAULTS

HERE = Path(__file__).parent
PYTHON = HERE.parent.parent / ".venv-vendor-polymarket" / "bin" / "python"
VERSIONS = ("first", "second")
WALLET = "0x" + "11" * 32
"""A private key that everybody knows."""
NOBODYS = "0x" + "9" * 64
"""An id that no order has."""
NOW_S = int(time.time())

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        not PYTHON.exists(), reason="no environment .venv-vendor-polymarket with tests/vendor/requirements-polymarket.txt"
    ),
]

OURS = {
    "first": {
        "derive": lambda c: list(vars(c.create_or_derive_api_creds()).values()),
        "one": lambda c, order_id: c.cancel(order_id),
        "many": lambda c, ids: c.cancel_orders(ids),
        "all": lambda c: c.cancel_all(),
        "market": lambda c, market, asset: c.cancel_market_orders(market=market or "", asset_id=asset or ""),
        "list": lambda c: [row["id"] for row in c.get_orders()],
        "rows": lambda c, order_id, market, asset: c.get_orders(OpenOrderParams(id=order_id, market=market, asset_id=asset)),
        "row": lambda c, order_id: c.get_order(order_id),
    },
    "second": {
        "derive": lambda c: list(vars(c.create_or_derive_api_key()).values()),
        "one": lambda c, order_id: c.cancel_order(OrderPayload(orderID=order_id)),
        "many": lambda c, ids: c.cancel_orders(ids),
        "all": lambda c: c.cancel_all(),
        "market": lambda c, market, asset: c.cancel_market_orders(OrderMarketCancelParams(market=market, asset_id=asset)),
        "list": lambda c: [row["id"] for row in c.get_open_orders()],
        "rows": lambda c, order_id, market, asset: c.get_open_orders(OpenOrderParams(id=order_id, market=market, asset_id=asset)),
        "row": lambda c, order_id: c.get_order(order_id),
        "first page": lambda c: c.get_open_orders(only_first_page=True),
    },
}
"""The calls of `polymarket_driver.py`, in the same words, with our classes."""


def once(name):
    """A fault that strikes once, on a cancel."""
    return FaultRule(FAULTS[name], routes=FAULTS[name].routes & {"cancel", "cancel_many", "cancel_all", "cancel_market"}, times=1)


def cancels(name):
    """A fault of every cancel."""
    return FaultRule(FAULTS[name], routes=FAULTS[name].routes & {"cancel", "cancel_many", "cancel_all", "cancel_market"})


def fill_first(simulator):
    """The first order trades away."""
    simulator.fill(next(iter(simulator.ledger.orders)))


def counts(outcome):
    """How many orders stand in each collection, or the error's name and status."""
    result = outcome.get("result")
    if isinstance(result, dict):
        return len(result.get("canceled") or ()), len(result.get("not_canceled") or ())
    return type(result).__name__ if result is not None else (outcome["error"], outcome["status"])


def reason(outcome):
    """The one reason, up to its colon."""
    return next(iter(outcome["result"]["not_canceled"].values())).partition(":")[0]


def ids_of(outcome):
    """How many rows there are, and how many orders."""
    ids = [row["id"] for row in outcome["result"]]
    return len(ids), len(set(ids))


HTTP_ERRORS = ("http_400_payload", "http_401", "http_500", "html_502", "rate_429_retry_0")

SAME = [
    Case(name="credentials", call=("derive",), left=5),
    Case(name="one", call=("one", "#0"), left=4),
    Case(name="one that was cancelled before", call=("one", "#0"), before=(("one", "#0"),), left=4),
    Case(name="one that has traded", call=("one", "#0"), prepare=fill_first, left=4),
    Case(name="many", call=("many", "#*"), orders=20, left=0),
    Case(name="one of many", call=("many", ["#0"]), left=4),
    Case(name="many, some cancelled before", call=("many", ["#0", "#1", "#2"]), before=(("one", "#0"),), left=2),
    Case(name="many, some traded", call=("many", ["#0", "#1", "#2"]), prepare=fill_first, left=2),
    Case(name="many, one twice", call=("many", ["#0", "#1", "#0"]), left=3),
    Case(name="all", call=("all",), orders=30, left=0),
    Case(name="all of none", call=("all",), orders=0, left=0),
    Case(name="a market", call=("market", "MARKET", None), left=0),
    Case(name="an asset", call=("market", None, "ASSET"), orders=20, left=None),
    Case(name="a market and an asset", call=("market", "MARKET", "ASSET"), orders=20, left=None),
    Case(name="another market", call=("market", "0x" + "7" * 64, None), left=5),
    Case(name="a listing", call=("list",), left=5),
    Case(name="a listing of many pages", call=("list",), orders=25, rules={"page_size": 10}, left=25),
    Case(name="a listing with an empty page at its end", call=("list",), orders=20, left=20,
         rules={"page_size": 10, "extra_empty_page": True}),
    Case(name="a listing of nothing", call=("list",), orders=0, left=0),
    *(Case(name=f"a listing and {name}", call=("list",), faults=(FaultRule(FAULTS[name], routes={"list"}),), left=5)
      for name in ("http_401", "http_500", "restart_425")),
    Case(name="an order that is none", call=("row", NOBODYS), left=5),
    Case(name="an order and a server error", call=("row", "#0"), faults=("http_500",), left=5),
    *(Case(name=f"one and {name}", call=("one", "#0"), faults=(cancels(name),), left=5) for name in HTTP_ERRORS),
    *(Case(name=f"many and {name}", call=("many", "#*"), faults=(cancels(name),), left=5)
      for name in ("http_400_payload", "http_401", "http_500")),
    Case(name="all and http_401", call=("all",), faults=("http_401",), left=5),
]  # fmt: skip
"""Of a batch, both collections are compared with their reasons; of a single order, so as well."""


def different(row, name, call, *, theirs, ours, view=counts, versions=VERSIONS, **parts):
    """A case for each of these clients."""
    return [
        (version, Case(name=f"{row}: {name}", call=call, differs=row, theirs=theirs, ours=ours, view=view, **parts))
        for version in versions
    ]


FAILED = ("PolyApiException", None)

DIFFERENT = [
    *different("silent-id", "in neither collection", ("many", ["#0", "#1"]), faults=(once("in_neither_after"),), left=3,
               theirs=(1, 0), ours=(2, 0)),
    *different("ambiguous-reason", "once", ("many", ["#0", "#1"]), faults=(once("reason_ambiguous"),), left=3,
               theirs=(0, 2), ours=(2, 0)),
    *different("ambiguous-reason", "always", ("one", "#0"), faults=(cancels("reason_ambiguous"),), left=5, view=reason,
               theirs="order can't be found - already canceled or matched", ours="rejected"),
    *different("not-found", "an id that no order has", ("one", NOBODYS), left=5, view=reason,
               theirs="Order not found", ours="not_found"),
    *different("not-found", "said of a live order", ("one", "#0"), faults=(once("reason_order_not_found"),), left=4,
               theirs=(0, 1), ours=(1, 0)),
    *different("contradiction", "in both collections", ("one", "#0"), faults=(once("in_both"),), left=4,
               theirs=(1, 1), ours=(1, 0)),
    *different("false-acknowledgement", "all", ("all",), faults=(cancels("acknowledged_not_done"),), left=5,
               theirs=(5, 0), ours=(0, 5), is_false=True),
    *different("too-many-ids", "1,100", ("many", "#*"), orders=1100, left=0,
               theirs=("PolyApiException", 400), ours=(1100, 0)),
    *different("malformed-id", "among good ones", ("many", ["#0", "no-id", "#1"]), left=3,
               theirs=("PolyApiException", 400), ours=(2, 1)),
    *different("malformed-id", "alone", ("one", "no-id"), left=5, theirs=("PolyApiException", 400), ours=FAILED),
    *different("empty-filter", "where it is refused", ("market", None, None), left=5,
               theirs=("PolyApiException", 400), ours=FAILED),
    *different("empty-batch", "no id", ("many", []), left=5, theirs=("PolyApiException", 400), ours=(0, 0)),
    *different("empty-filter", "where it cancels everything", ("market", None, None), rules={"empty_filter": "everything"},
               left=5, theirs=(5, 0), ours=FAILED),
    *different("lost-answer", "a dropped connection", ("one", "#0"), faults=(once("drop"),), left=4,
               theirs=FAILED, ours=(1, 0)),
    *different("lost-answer", "a dropped connection after the cancel", ("many", ["#0", "#1"]), faults=(once("drop_after"),),
               left=3, theirs=FAILED, ours=(2, 0)),
    *different("lost-answer", "of a cancel-all", ("all",), faults=(once("drop_after"),), left=0,
               theirs=FAILED, ours=(0, 0)),
    *different("busy-venue", "425, once", ("one", "#0"), faults=(once("restart_425"),), left=4,
               theirs=("PolyApiException", 425), ours=(1, 0)),
    *different("busy-venue", "429, once", ("many", ["#0", "#1"]), faults=(once("rate_429_retry_0"),), left=3,
               theirs=("PolyApiException", 429), ours=(2, 0)),
    *different("busy-venue", "500 after the cancel", ("many", ["#0", "#1"]), faults=(once("http_500_after"),), left=3,
               theirs=("PolyApiException", 500), ours=(2, 0)),
    *different("unreadable-answer", "HTML with HTTP 200", ("one", "#0"), faults=(cancels("html_200_after"),), left=4,
               theirs="str", ours=(1, 0)),
    *different("unreadable-answer", "an error with HTTP 200", ("one", "#0"), faults=(once("error_200"),), left=4,
               theirs=(0, 0), ours=(1, 0)),
    *different("other-success", "201", ("one", "#0"), faults=("status_201_after",), left=4,
               theirs=("PolyApiException", 201), ours=(1, 0)),
    *different("each-order-once", "a row twice", ("rows", None, None, None), faults=("list_first_row_twice",), left=5,
               view=ids_of, theirs=(6, 5), ours=(5, 5)),
    *different("owner-hidden", "a row", ("row", "#0"), left=5, view=lambda outcome: outcome["result"]["owner"] == "***",
               theirs=False, ours=True),
    *different("listing-without-status", "http_500", ("all",), faults=("http_500",), left=5,
               theirs=("PolyApiException", 500), ours=FAILED),
]  # fmt: skip


@pytest.fixture
def anyio_backend():
    """Real sockets need the plain loop."""
    return "asyncio"


@pytest.fixture(scope="module")
def vendor():
    """The official clients' process."""
    with driver(PYTHON, HERE / "polymarket_driver.py") as process:
        yield process


def simulated(case):
    """The case's scene: equal whenever it is made."""
    rules = [each if isinstance(each, FaultRule) else FaultRule(FAULTS[each]) for each in case.faults]
    venue = PolymarketRules(**{"epoch_s": NOW_S, "buckets": "off", "timestamp_window_s": None, **case.rules})
    simulator = PolymarketSimulator(seed=1, rules=venue, faults=FaultPlan(rules))
    simulator.add_account("alice", orders=case.orders, private_key=WALLET)
    if case.prepare is not None:
        case.prepare(simulator)
    return simulator


def arguments(call, simulator):
    """The call's arguments, with ids, a market and an asset of the scene."""
    ids = list(simulator.ledger.orders)
    order = simulator.ledger.orders[ids[0]] if ids else None
    known = {} if order is None else {"MARKET": order.market, "ASSET": order.asset}
    return [known.get(each, each) if isinstance(each, str) else each for each in filled_in(list(call[1:]), ids)]


def creds_of(simulator):
    account = simulator.account("alice")
    return {"api_key": account.api_key, "secret": account.secret, "passphrase": account.passphrase}


def about(case_call, version, simulator, base_url):
    """The call as the driver takes it."""
    return {
        "client": version,
        "method": case_call[0],
        "args": arguments(case_call, simulator),
        "base_url": base_url,
        "private_key": WALLET,
        "address": simulator.account("alice").address,
        "creds": None if case_call[0] == "derive" else creds_of(simulator),
    }


async def played_officially(case, version, process):
    """What the official client says at the end of the script, and what is open then."""
    simulator = simulated(case)
    async with serve(simulator) as server:
        for call in (*case.before, case.call):
            came = await asked(process, about(call, version, simulator, server.base_url))
    return came, simulator


async def played(case, version):
    """The same for ours."""
    simulator = simulated(case)
    async with serve(simulator) as server:
        for call in (*case.before, case.call):
            creds = None if call[0] == "derive" else ApiCreds(*creds_of(simulator).values())
            client = ClobClient(server.base_url, 137, WALLET, creds, limits=None, retry=QUICK, timeout_s=5.0)
            with client:
                act, args = OURS[version][call[0]], arguments(call, simulator)
                came = await outcome_of(lambda c=client, act=act, args=args: act(c, *args))
    return came, simulator


def lies(outcome, simulator):
    """The ids that an outcome calls cancelled, and that are open in truth."""
    result = outcome.get("result")
    called = result.get("canceled") or () if isinstance(result, dict) else ()
    return sorted(set(called) & set(simulator.ledger.open_ids()))


def in_any_order(outcome):
    """The outcome with `canceled` sorted: the venue promises no order."""
    result = outcome.get("result")
    if isinstance(result, dict) and "canceled" in result:
        return {**outcome, "result": {**result, "canceled": sorted(result["canceled"])}}
    return outcome


PAIRS = [(version, case) for version in VERSIONS for case in SAME]


@pytest.mark.parametrize(("version", "case"), PAIRS, ids=[f"{version}, {case.name}" for version, case in PAIRS])
async def test_the_same_comes_back(version, case, vendor):
    """The official client and ours give back the same: equal values, or an error that the same handler catches."""
    theirs, their_venue = await played_officially(case, version, vendor)
    ours, our_venue = await played(case, version)

    assert same(in_any_order(theirs), in_any_order(ours)), (without_words(theirs), without_words(ours))
    assert [] == lies(ours, our_venue)
    assert len(their_venue.ledger.open_ids()) == len(our_venue.ledger.open_ids())
    assert case.left in (None, len(our_venue.ledger.open_ids()))


@pytest.mark.parametrize(("version", "case"), DIFFERENT, ids=[f"{version}, {case.name}" for version, case in DIFFERENT])
async def test_a_difference_is_the_one_that_the_table_tells(version, case, vendor):
    """The official client says what it always says, ours what is so; and what is so stands in the ledger."""
    theirs, their_venue = await played_officially(case, version, vendor)
    ours, our_venue = await played(case, version)

    assert case.theirs == case.view(theirs), theirs
    assert case.ours == case.view(ours)
    assert [] == lies(ours, our_venue)
    assert case.left == len(our_venue.ledger.open_ids())
    if case.is_false:
        assert their_venue.ledger.open_ids()


@pytest.mark.parametrize("version", VERSIONS)
async def test_rows_are_the_venues_own_but_for_the_key(version, vendor):
    """Rows come as the venue writes them, every field, in its order; only the API key in `owner` is hidden."""
    calls = [("rows", None, None, None), ("rows", "#0", None, None), ("rows", None, "MARKET", "ASSET"), ("row", "#1")]
    for call in [*calls, ("first page",)] if version == "second" else calls:
        case = Case(name="", call=call, orders=12, rules={"page_size": 5})
        theirs, _ = await played_officially(case, version, vendor)
        ours, simulator = await played(case, version)
        key = simulator.account("alice").api_key

        assert theirs["result"] == json.loads(json.dumps(ours["result"]).replace("***", key))


@pytest.mark.parametrize("version", VERSIONS)
async def test_endless_listing(version):
    """A listing that ends without the mark `LTE=` is asked for without end by the official client; ours reads it and ends."""
    case = Case(name="endless-listing", call=("list",), orders=25, rules={"page_size": 10, "cursor_end": "empty"})
    simulator, asked_often = simulated(case), asyncio.Event()
    simulator.on_request(100, asked_often.set)
    async with serve(simulator) as server:
        with driver(PYTHON, HERE / "polymarket_driver.py") as process:
            line = json.dumps(about(case.call, version, simulator, server.base_url))
            print(line, file=process.stdin, flush=True)
            await asyncio.wait_for(asked_often.wait(), 60)
            process.kill()
            said = await asyncio.to_thread(process.stdout.read)
    ours, _ = await played(case, version)

    assert "" == said
    assert 25 == len(set(ours["result"]))


def test_no_private_key_is_needed():
    """The official clients cannot sign without a wallet's key; ours cancels with the signer's address in its place."""
    with ClobClient("http://127.0.0.1:9", creds=ApiCreds("key", "c2VjcmV0", "pass"), address="0x" + "1" * 40) as client:
        assert "0x" + "1" * 40 == client.get_address()


ALONE = {"endless-listing": test_endless_listing, "no-wallet": test_no_private_key_is_needed}
"""Rows of the table that have a test of their own."""
