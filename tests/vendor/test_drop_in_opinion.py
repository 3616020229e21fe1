"""Scripts on opinion-clob-sdk, unmodified, and on `engine.compat.opinion`, against one simulator: every return value compared.

Where the two differ on purpose, the case names the row of `docs/compat.md` that says why. The official clients run in an
environment of their own, made from `requirements-opinion.txt` beside this file.
"""

from collections import Counter
from pathlib import Path

import pytest
from vendor.comparing import QUICK, Case, asked, driver, filled_in, outcome_of, same, without_words

from engine.compat.opinion import BuilderClient, Client, OrderSide
from engine.simulator import FaultPlan, FaultRule, OpinionRules, OpinionSimulator, serve
from engine.simulator.opinion import FAULTS

HERE = Path(__file__).parent
PYTHON = HERE.parent.parent / ".venv-vendor" / "bin" / "python"

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not PYTHON.exists(), reason="no environment .venv-vendor with tests/vendor/requirements-opinion.txt"),
]

ALL, ONE, BATCH, LIST = "cancel_all_orders", "cancel_order", "cancel_orders_batch", "get_my_orders"
OF_BUILDER = {
    ALL: "cancel_all_orders_for_user",
    ONE: "cancel_order_for_user",
    BATCH: "cancel_orders_batch_for_user",
    LIST: "get_user_orders",
}
"""The same calls, as the builder's client names them."""


def once(name):
    """A fault that strikes once, on a cancel."""
    return FaultRule(FAULTS[name], routes={"cancel"}, times=1)


def cancels(name):
    """A fault of every cancel."""
    return FaultRule(FAULTS[name], routes={"cancel"})


def lists(name):
    """A fault of every listing."""
    return FaultRule(FAULTS[name], routes={"list"})


def counts(outcome):
    """A dictionary's numbers, or the error's name."""
    result = outcome.get("result")
    return outcome["error"] if result is None else (result["total_orders"], result["cancelled"], result["failed"])


def flags(outcome):
    """What a batch says of each order, or the error's name."""
    result = outcome.get("result")
    return outcome["error"] if result is None else [item["success"] for item in result]


def word(outcome):
    """The value of a single cancel, or the error's name."""
    result = outcome.get("result")
    return outcome["error"] if result is None else result["result"]


def envelope(outcome):
    """Code and word of `Client.cancel_order`, or the error's name."""
    result = outcome.get("result")
    return outcome["error"] if result is None else (result.get("errno"), (result.get("result") or {}).get("result"))


def rows(outcome):
    """Code and ids of a page, or the error's name."""
    result = outcome.get("result")
    if result is None:
        return outcome["error"]
    return result.get("errno"), [row["orderId"] for row in (result.get("result") or {}).get("list") or ()]


def fill_first(simulator):
    """The first order trades away."""
    simulator.fill(next(iter(simulator.ledger.orders)))


HTTP_ERRORS = ("http_400", "http_401", "http_403", "http_404", "http_500", "http_503", "rate_429")

SAME = [
    # what either client does alike: by the user's client's name, for both
    *(Case(name=f"all of {number}", call=(ALL,), orders=number, left=0) for number in (0, 1, 5, 20, 40, 45)),
    Case(name="all of a market", call=(ALL, {"market_id": 123}), left=0),
    Case(name="all of another market", call=(ALL, {"market_id": 999}), left=5),
    Case(name="all of market 0", call=(ALL, {"market_id": 0}), left=0),
    Case(name="one of a batch of five", call=(BATCH, ["#0"]), left=4),
    Case(name="a batch of all", call=(BATCH, "#*"), orders=25, left=0),
    Case(name="a batch with what is no id", call=(BATCH, [123, None, "", "#0"]), left=4),
    Case(name="an empty batch", call=(BATCH, []), left=5),
    Case(name="a batch that is no list", call=(BATCH, "abc"), left=5),
    Case(name="a page", call=(LIST,), left=5),
    Case(name="a page of three", call=(LIST, {"limit": 3}), left=5),
    Case(name="the second page", call=(LIST, {"limit": 10, "page": 2}), orders=25, left=25),
    Case(name="more rows than a page has", call=(LIST, {"limit": 50}), orders=25, left=25),
    Case(name="a page behind the last", call=(LIST, {"page": 9}), left=5),
    Case(name="a page of a market", call=(LIST, {"market_id": 123}), left=5),
    Case(name="a page of another market", call=(LIST, {"market_id": 999}), left=5),
    Case(name="a page of several statuses", call=(LIST, {"status": "1,2,3"}), before=((ONE, "#0"),), left=4),
    Case(name="a page of cancelled orders", call=(LIST, {"status": "3"}), before=((ONE, "#0"),), left=4),
    Case(name="a page of a status that is none", call=(LIST, {"status": "open"}), left=5),
    Case(name="a refused page, by a code", call=(LIST,), faults=(lists("refused_10999"),), left=5),
    *(Case(name=f"a page and {name}", call=(LIST,), faults=(lists(name),), left=5) for name in HTTP_ERRORS),
    *(Case(name=f"all and {name}", call=(ALL,), faults=(lists(name),), left=5) for name in ("http_401", "http_403")),
    *(Case(name=f"a batch and {name}", call=(BATCH, ["#0", "#1"]), faults=(cancels(name),), left=5) for name in HTTP_ERRORS),
    *(Case(name=f"a cancel and {name}", call=(ONE, "#0"), faults=(cancels(name),), left=5) for name in HTTP_ERRORS),
    Case(name="an id that is a number", call=(ONE, 123), left=5),
    Case(name="a blank id", call=(ONE, ""), left=5),
    Case(name="one", call=(ONE, "#0"), left=4),
    Case(name="one that is slow", call=(ONE, "#0"), faults=(cancels("slow_150ms"),), left=4),
    Case(name="a null list", call=(LIST,), orders=0, faults=(lists("list_null_list"),), left=0),
]

SAME_FOR_CLIENT = [
    Case(name="an order", call=("get_order_by_id", "#0"), left=5),
    Case(name="an order that has traded", call=("get_order_by_id", "#0"), prepare=fill_first, left=4),
    Case(name="an order that was cancelled", call=("get_order_by_id", "#0"), before=((ONE, "#0"),), left=4),
    Case(name="an order that is none", call=("get_order_by_id", "no-such-order"), left=5),
    Case(name="an order by a number", call=("get_order_by_id", 123), left=5),
    Case(name="an order that is none, by a code", call=("get_order_by_id", "x"), rules={"unknown_read": "errno"}, left=5),
    Case(name="an order and HTTP 500", call=("get_order_by_id", "#0"), faults=("http_500",), left=5),
    Case(name="all and a code on page 1", call=(ALL,), faults=(lists("refused_10999"),), left=5),
]

TAKEN_FOR_SUCCESS = (
    "result_false", "refused_10999", "refused_10403", "refused_11002", "code_refused_10999", "null_result", "empty_result",
    "empty_object", "null_body", "status_204",
)  # fmt: skip
"""Answers that cancel nothing, and that the official clients call success."""

STRICT = ("list_numeric_price", "list_status_text", "list_total_text")


def different(row, name, call, *, theirs, ours, view, kinds=("builder", "client"), **parts):
    """A case for each of these clients."""
    return [
        (kind, Case(name=f"{row}: {name}", call=call, differs=row, theirs=theirs, ours=ours, view=view, **parts))
        for kind in kinds
    ]


DIFFERENT = [
    *(
        each
        for name in TAKEN_FOR_SUCCESS
        for each in (
            *different("refused-cancel", f"a batch and {name}", (BATCH, ["#0", "#1"]), faults=(cancels(name),), left=5,
                       view=flags, theirs=[True, True], ours=[False, False], is_false=True),
        )
    ),
    *(
        each
        for name, ours in (
            ("result_false", "ApiException"), ("refused_10999", "ApiException"), ("refused_10403", "ForbiddenException"),
            ("refused_11002", "UnauthorizedException"), ("null_result", "ApiException"), ("status_204", "ApiException"),
        )
        for each in different("refused-cancel", f"one and {name}", (ONE, "#0"), faults=(cancels(name),), left=5, view=word,
                              theirs=True, ours=ours, kinds=("builder",), is_false=True)
    ),
    *different("refused-cancel", "one that has traded", (ONE, "#0"), prepare=fill_first, left=4, view=word,
               theirs=True, ours="ApiException", kinds=("builder",)),
    *different("refused-cancel", "a batch with one that has traded", (BATCH, ["#0", "#1"]), prepare=fill_first, left=3,
               view=flags, theirs=[True, True], ours=[False, True]),
    *different("refused-cancel", "an order that is none", (BATCH, ["no-such-order"]), left=5, view=flags,
               theirs=[True], ours=[False]),
    *different("code-of-a-refusal", "result false", (ONE, "#0"), faults=(cancels("result_false"),), left=5, view=envelope,
               theirs=(0, False), ours=(-1, False), kinds=("client",)),
    *different("code-of-a-refusal", "one that has traded", (ONE, "#0"), prepare=fill_first, left=4, view=envelope,
               theirs=(0, False), ours=(-1, False), kinds=("client",)),
    *different("code-of-a-refusal", "null result", (ONE, "#0"), faults=(cancels("null_result"),), left=5, view=envelope,
               theirs=(0, None), ours=(-1, False), kinds=("client",)),
    *different("code-of-a-refusal", "a code", (ONE, "#0"), faults=(cancels("refused_10999"),), left=5, view=envelope,
               theirs=(10999, None), ours=(10999, False), kinds=("client",)),
    *different("side", "buys", (ALL, {"side": 0}), orders=10, left=5, view=counts,
               theirs=(0, 0, 0), ours=(5, 5, 0), kinds=("builder",), is_false=True),
    *different("side", "buys", (ALL, {"side": 0}), orders=10, left=5, view=counts,
               theirs=(10, 10, 0), ours=(5, 5, 0), kinds=("client",)),
    *different("doubtful-side", "no side", (ALL, {"side": 1}), faults=(lists("list_missing_side"),), orders=4, left=2,
               view=counts, theirs=(1, 1, 0), ours=(3, 2, 1), kinds=("builder",), rules={"list_order": "oldest"}),
    *different("failed-listing", "a code on page 1", (ALL,), faults=("list_errno_page_1",), orders=45, left=45, view=counts,
               theirs=(0, 0, 0), ours="ApiException", kinds=("builder",), is_false=True),
    *different("failed-listing", "a null result on page 1", (ALL,), faults=("list_null_result_page_1",), orders=45, left=45,
               view=counts, theirs=(0, 0, 0), ours="ApiException", kinds=("builder",), is_false=True),
    *different("failed-listing", "a code on page 2", (ALL,), faults=("list_errno_page_2",), orders=45, left=0, view=counts,
               theirs=(20, 20, 0), ours=(45, 45, 0), kinds=("builder",), is_false=True),
    *different("failed-listing", "a code on page 2", (ALL,), faults=("list_errno_page_2",), orders=45, left=0, view=counts,
               theirs="OpenApiError", ours=(45, 45, 0), kinds=("client",)),
    *different("short-page", "pages of ten", (ALL,), rules={"page_cap": 10}, orders=45, left=0, view=counts,
               theirs=(10, 10, 0), ours=(45, 45, 0), is_false=True),
    *different("moving-listing", "an order fills", (ALL,), faults=("list_drift_fill",), orders=45, left=0, view=counts,
               theirs=(44, 44, 0), ours=(45, 44, 1), is_false=True),
    *different("moving-listing", "an order appears", (ALL,), faults=("list_drift_newcomer",), orders=45, left=0, view=counts,
               theirs=(46, 46, 0), ours=(46, 46, 0), is_false=True),
    *different("endless-listing", "every page is page 1", (ALL,), faults=("list_page_ignored",), orders=45, left=0, view=counts,
               theirs=(2000, 2000, 0), ours=(45, 45, 0), is_false=True, kinds=("client",)),
    *different("endless-listing", "2,050 orders", (ALL,), orders=2050, left=0, view=counts,
               theirs=(2000, 2000, 0), ours=(2050, 2050, 0), kinds=("client",), is_false=True),
    *(
        each
        for name in STRICT
        for each in different("strict-types", name, (ALL,), faults=(lists(name),), left=0, view=counts,
                              theirs="ValidationError", ours=(5, 5, 0), kinds=("builder",))
    ),
    *(
        each
        for name in STRICT
        for each in different("strict-types", name, (ALL,), faults=(lists(name),), left=0, view=counts,
                              theirs="OpenApiError", ours=(5, 5, 0), kinds=("client",))
    ),
    *different("same-id-twice", "a batch", (BATCH, ["#0", "#1", "#0"]), left=3,
               view=lambda outcome: [item["result"]["result"]["result"] for item in outcome["result"]],
               theirs=[True, True, False], ours=[True, True, True], kinds=("client",)),
    *different("false-acknowledgement", "all", (ALL,), faults=("acknowledged_not_done",), left=5, view=counts,
               theirs=(5, 5, 0), ours=(5, 0, 5), is_false=True),
    *different("listing-without-status", "http_500", (ALL,), faults=(lists("http_500"),), left=5,
               view=lambda outcome: (outcome["error"], outcome["status"]),
               theirs=("ServiceException", 500), ours=("ApiException", None), kinds=("builder",)),
    *different("code-dialect", "a page", (LIST,), rules={"dialect": "code"}, orders=0, left=0, view=rows,
               theirs=(None, []), ours=(0, [])),
    *different("page-without-rows", "a null result", (LIST,), faults=(lists("null_result"),), left=5, view=rows,
               theirs=(0, []), ours="ApiException"),
    *different("order-under-another-name", "result.data", ("get_order_by_id", "#0"), faults=("read_data",), left=5,
               view=lambda outcome: sorted(outcome["result"]["result"].get("orderData", {})) != [],
               theirs=False, ours=True, kinds=("client",)),
    *different("lost-answer", "a dropped connection", (ONE, "#0"), faults=(once("drop"),), left=4, view=word,
               theirs="ProtocolError", ours=True, kinds=("builder",)),
    *different("lost-answer", "a dropped connection after the cancel", (ONE, "#0"), faults=(once("drop_after"),), left=4,
               view=word, theirs="ProtocolError", ours=True, kinds=("builder",)),
    *different("lost-answer", "in a batch", (BATCH, ["#0", "#1"]), faults=(once("drop_body_after"),), left=3, view=flags,
               theirs=[False, True], ours=[True, True]),
    *different("lost-answer", "never an answer", (ONE, "#0"), faults=("drop",), left=5, view=word,
               theirs="ProtocolError", ours="ApiException", kinds=("builder",)),
    *different("busy-venue", "503, once", (ONE, "#0"), faults=(once("http_503"),), left=4, view=word,
               theirs="ServiceException", ours=True, kinds=("builder",)),
    *different("busy-venue", "429, once", (BATCH, ["#0", "#1"]), faults=(once("rate_429"),), left=3, view=flags,
               theirs=[False, True], ours=[True, True]),
    *different("unreadable-answer", "HTML with HTTP 200", (ONE, "#0"), faults=(cancels("html_200_after"),), left=4, view=word,
               theirs="ValidationError", ours=True, kinds=("builder",)),
    *different("redirect", "to another listener", (ONE, "#0"), faults=("redirect_307",), left=5, view=word,
               theirs="MaxRetryError", ours="ApiException", kinds=("builder",)),
    *different("wrong-types", "a number as status", (LIST, {"status": 1}), left=5, view=rows,
               theirs="ValidationError", ours="InvalidParamError", kinds=("builder",)),
    *different("wrong-types", "no market", (LIST, {"market_id": None}), orders=0, left=0, view=rows,
               theirs="TypeError", ours=(0, []), kinds=("builder",)),
    *different("wrong-types", "a market below 0", (ALL, {"market_id": -5}), left=5, view=counts,
               theirs=(5, 5, 0), ours="InvalidParamError"),
]  # fmt: skip


@pytest.fixture
def anyio_backend():
    """Real sockets need the plain loop."""
    return "asyncio"


@pytest.fixture(scope="module")
def vendor():
    """The official clients' process."""
    with driver(PYTHON, HERE / "opinion_driver.py") as process:
        yield process


def simulated(case):
    """The case's scene: equal whenever it is made."""
    rules = [each if isinstance(each, FaultRule) else FaultRule(FAULTS[each]) for each in case.faults]
    simulator = OpinionSimulator(seed=1, rules=OpinionRules(**{"quota": None, **case.rules}), faults=FaultPlan(rules))
    simulator.add_account("alice", orders=case.orders)
    if case.prepare is not None:
        case.prepare(simulator)
    return simulator


def taken_apart(call, kind, simulator):
    """Method, arguments and options of a call of this client, with the user's key where it takes one."""
    method, *args = call
    options = dict(args.pop()) if args and isinstance(args[-1], dict) else {}
    args = filled_in(args, list(simulator.ledger.orders))
    if kind == "builder":
        return OF_BUILDER[method], [simulator.account("alice").api_key, *args], options
    return method, args, options


async def played_officially(case, kind, process):
    """What the official client says at the end of the script, and what is open then."""
    simulator = simulated(case)
    key = simulator.builder_key if kind == "builder" else simulator.account("alice").api_key
    async with serve(simulator) as server:
        for call in (*case.before, case.call):
            method, args, options = taken_apart(call, kind, simulator)
            about = {"client": kind, "base_url": server.base_url, "key": key, "method": method, "args": args, "options": options}
            came = await asked(process, about)
    return came, simulator


async def played(case, kind):
    """The same for ours."""
    simulator = simulated(case)
    async with serve(simulator) as server:
        settings = {"limits": None, "retry": QUICK, "timeout_s": 5.0}
        if kind == "builder":
            client = BuilderClient(server.base_url, simulator.builder_key, 56, **settings)
        else:
            client = Client(server.base_url, simulator.account("alice").api_key, 56, **settings)
        with client:
            for call in (*case.before, case.call):
                method, args, options = taken_apart(call, kind, simulator)
                if "side" in options:
                    options["side"] = OrderSide(options["side"])
                came = await outcome_of(lambda m=method, a=args, o=options: getattr(client, m)(*a, **o))
    return came, simulator


def called_cancelled(outcome, case, simulator):
    """The ids that an outcome calls cancelled."""
    result = outcome.get("result")
    items = result if isinstance(result, list) else (result or {}).get("results")
    if items is not None:
        return [item["order_id"] for item in items if item["success"]]
    _, args, _ = taken_apart(case.call, "client", simulator)
    if case.call[0] != ONE or result is None:
        return []
    inner = result.get("result")
    return args if inner is True or (isinstance(inner, dict) and inner.get("result") is True) else []


def lies(outcome, case, simulator):
    """Those of them that are open in truth."""
    return sorted(set(called_cancelled(outcome, case, simulator)) & set(simulator.ledger.open_ids()))


BOTH = [("builder", case) for case in SAME if case.call[0] in OF_BUILDER] + [("client", case) for case in SAME + SAME_FOR_CLIENT]


@pytest.mark.parametrize(("kind", "case"), BOTH, ids=[f"{kind}, {case.name}" for kind, case in BOTH])
async def test_the_same_comes_back(kind, case, vendor):
    """The official client and ours give back the same: equal values, or an error that the same handler catches."""
    theirs, their_venue = await played_officially(case, kind, vendor)
    ours, our_venue = await played(case, kind)

    assert same(theirs, ours), (without_words(theirs), without_words(ours))
    assert [] == lies(ours, case, our_venue)
    assert case.left == len(our_venue.ledger.open_ids()) == len(their_venue.ledger.open_ids())


@pytest.mark.parametrize(("kind", "case"), DIFFERENT, ids=[f"{kind}, {case.name}" for kind, case in DIFFERENT])
async def test_a_difference_is_the_one_that_the_table_tells(kind, case, vendor):
    """The official client says what it always says, ours what is so; and what is so stands in the ledger."""
    theirs, their_venue = await played_officially(case, kind, vendor)
    ours, our_venue = await played(case, kind)

    assert case.theirs == case.view(theirs)
    assert case.ours == case.view(ours)
    assert [] == lies(ours, case, our_venue)
    assert case.left == len(our_venue.ledger.open_ids())
    if case.is_false:
        assert their_venue.ledger.open_ids()


async def test_a_duplicate_is_sent_once(vendor):
    """The official client posts an id as often as it is given; ours once, and answers as often."""
    case = Case(name="", call=(BATCH, ["#0", "#0", "#0"]))
    posts = []
    for _, simulator in (await played_officially(case, "builder", vendor), await played(case, "builder")):
        posts.append(Counter(request.route for request in simulator.ledger.requests)["cancel"])

    assert [3, 1] == posts


def test_a_private_key_is_not_needed():
    """The official `Client` cannot be made without a wallet's key and a Safe's address; ours needs the user's key alone."""
    Client("http://127.0.0.1:9", "user-api-key", 56).close()


ALONE = {"no-wallet": test_a_private_key_is_not_needed}
"""Rows of the table that have a test of their own."""
