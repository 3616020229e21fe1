"""The vendor's own Python client, unmodified, does against the simulator what it does against the venue's documentation.

It runs in an environment of its own, made from `requirements-opinion.txt` beside this file.
"""

import asyncio
import json
import subprocess
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.core.order import Side
from engine.simulator import FaultPlan, FaultRule, OpinionRules, OpinionSimulator, serve
from engine.simulator.opinion import FAULTS

HERE = Path(__file__).parent
PYTHON = HERE.parent.parent / ".venv-vendor" / "bin" / "python"
CALL_PATIENCE_S = 120

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not PYTHON.exists(), reason="no environment .venv-vendor with tests/vendor/requirements-opinion.txt"),
]


@pytest.fixture
def anyio_backend():
    """Real sockets need the plain loop."""
    return "asyncio"


@pytest.fixture(scope="module")
def vendor():
    """The driver process, started once: its imports take seconds."""
    process = subprocess.Popen(
        [PYTHON, "-I", HERE / "opinion_driver.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={"NO_PROXY": "*"},
    )
    with process:
        yield process
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


class Scene:
    """A served simulator with one account, and the vendor's two clients pointed at it."""

    def __init__(self, process, simulator, server):
        self._process, self.simulator, self.server = process, simulator, server
        self.base_url = server.base_url
        self.account = simulator.account("alice")

    async def builder(self, method, *args, **options):
        """A call of the builder's client for the user's key."""
        return await self._call("builder", self.simulator.builder_key, method, [self.account.api_key, *args], options)

    async def builder_user(self, method, *args):
        """A call of the builder's client about a wallet."""
        return await self._call("builder", self.simulator.builder_key, method, list(args), {})

    async def client(self, method, *args, **options):
        """A call of the user's client."""
        return await self._call("client", self.account.api_key, method, list(args), options)

    async def cancel_all(self, kind, **options):
        """Cancel everything with either client."""
        if kind == "builder":
            return await self.builder("cancel_all_orders_for_user", **options)
        return await self.client("cancel_all_orders", **options)

    async def _call(self, client, key, method, args, options):
        call = {"client": client, "base_url": self.base_url, "key": key, "method": method, "args": args, "options": options}
        too_long = asyncio.get_running_loop().call_later(CALL_PATIENCE_S, self._process.kill)
        try:
            return await asyncio.to_thread(self._exchange, json.dumps(call))
        finally:
            too_long.cancel()

    def _exchange(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    @property
    def open(self):
        """How many orders are open in truth."""
        return len(self.simulator.ledger.open_ids())

    def routes(self):
        """How many requests of each route arrived."""
        return Counter(request.route for request in self.simulator.ledger.requests)


@pytest.fixture
def scene(vendor):
    """Serve a simulator with so many orders under some rules and faults."""

    @asynccontextmanager
    async def make(orders=0, *faults, side=None, **rules):
        plan = FaultPlan([rule if isinstance(rule, FaultRule) else FaultRule(FAULTS[rule]) for rule in faults])
        simulator = OpinionSimulator(rules=OpinionRules(**{"quota": None, **rules}), faults=plan)
        simulator.add_account("alice", orders=orders, side=side)
        async with serve(simulator) as server:
            yield Scene(vendor, simulator, server)

    return make


def counts(answer):
    result = answer["result"]
    return result["total_orders"], result["cancelled"], result["failed"]


KINDS = pytest.mark.parametrize("kind", ["builder", "client"])


@pytest.mark.parametrize(("kind", "connections"), [("builder", 48), ("client", 1)])
async def test_45_open(scene, kind, connections):
    """45 of 45 are cancelled with 3 lists and 45 posts, over 48 connections or one."""
    async with scene(45) as it:
        assert counts(await it.cancel_all(kind)) == (45, 45, 0)
        assert it.routes() == {"list": 3, "cancel": 45}
        assert len(it.simulator.ledger.connections()) == connections
        assert it.open == 0


@KINDS
async def test_40_open(scene, kind):
    """Two full pages cost a third list, which is empty."""
    async with scene(40) as it:
        assert counts(await it.cancel_all(kind)) == (40, 40, 0)
        assert it.routes() == {"list": 3, "cancel": 40}


@KINDS
async def test_none_open(scene, kind):
    """Nothing open is nothing of nothing."""
    async with scene() as it:
        expected = {"total_orders": 0, "cancelled": 0, "failed": 0, "results": []}
        assert expected == (await it.cancel_all(kind))["result"]


async def test_2050_open(scene):
    """After 100 pages the client stops in silence: 2,000 of 2,050 are cancelled, and it says 2,000 of 2,000."""
    async with scene(2050) as it:
        assert counts(await it.cancel_all("client")) == (2000, 2000, 0)
        assert it.routes() == {"list": 100, "cancel": 2000}
        assert it.open == 50


async def test_errno_on_page_2(scene):
    """The builder's client takes an errno for the end, the user's raises."""
    async with scene(45, "list_errno_page_2") as it:
        assert counts(await it.cancel_all("builder")) == (20, 20, 0)
        assert it.open == 25
    async with scene(45, "list_errno_page_2") as it:
        assert (await it.cancel_all("client"))["error"] == "OpenApiError"
        assert it.open == 45


@pytest.mark.parametrize(
    ("fault", "words"), [("list_errno_page_1", "OpenApiError"), ("list_null_result_page_1", "Invalid list response format")]
)
async def test_nothing_usable_on_page_1(scene, fault, words):
    """For the builder's client nothing was open; the user's raises."""
    async with scene(45, fault) as it:
        assert counts(await it.cancel_all("builder")) == (0, 0, 0)
        answer = await it.cancel_all("client")
        assert words in f"{answer['error']} {answer['text']}"
        assert it.open == 45


@KINDS
async def test_http_500_on_page_2(scene, kind):
    """Both raise, and nothing is cancelled."""
    async with scene(45, "list_http_500_page_2") as it:
        assert "(500)" in (await it.cancel_all(kind))["text"]
        assert it.open == 45


@KINDS
async def test_pages_capped_at_10(scene, kind):
    """A short page is taken for the last: 10 of 45."""
    async with scene(45, page_cap=10) as it:
        assert counts(await it.cancel_all(kind)) == (10, 10, 0)
        assert it.open == 35


@KINDS
async def test_fill_between_pages(scene, kind):
    """One order slips through: 44 of 44, and one is open."""
    async with scene(45, "list_drift_fill") as it:
        assert counts(await it.cancel_all(kind)) == (44, 44, 0)
        assert it.open == 1


@KINDS
async def test_newcomer_between_pages(scene, kind):
    """One id is posted twice, and the newcomer stays open."""
    async with scene(45, "list_drift_newcomer") as it:
        assert counts(await it.cancel_all(kind)) == (46, 46, 0)
        posted = Counter(request.order_id for request in it.simulator.ledger.requests if request.route == "cancel")
        assert sorted(posted.values())[-2:] == [1, 2]
        assert it.open == 1


async def test_page_ignored_in_the_code_dialect(scene):
    """The builder's client posts twenty ids a hundred times, the user's raises."""
    async with scene(45, "list_page_ignored", dialect="code") as it:
        assert (await it.cancel_all("client"))["error"] == "OpenApiError"
        assert counts(await it.cancel_all("builder")) == (2000, 2000, 0)
        posted = Counter(request.order_id for request in it.simulator.ledger.requests if request.route == "cancel")
        assert set(posted.values()) == {100}
        assert len(posted) == 20


@pytest.mark.parametrize(
    ("kind", "side", "left"), [("builder", 0, "5 5"), ("builder", 1, "0 5"), ("client", 0, "0 0"), ("client", 1, "0 5")]
)
async def test_sides(scene, kind, side, left):
    """With 1 for buy, asking for buys (0) cancels nothing or all, and asking for sells (1) cancels the buys."""
    async with scene(10) as it:
        await it.cancel_all(kind, side=side)
        sides = Counter(it.simulator.ledger.orders[order_id].side for order_id in it.simulator.ledger.open_ids())
        assert left == f"{sides[Side.BUY]} {sides[Side.SELL]}"


async def test_list_waits_for_retry_after_once(scene):
    """One 429 with `Retry-After: 2` costs a silent pause and a second list."""
    async with scene(3, FaultRule(FAULTS["rate_429_retry_2"], routes={"list"}, times=1)) as it:
        answer = await it.builder("get_user_orders")
        assert answer["result"]["errno"] == 0
        assert 1.9 <= answer["elapsed_s"] < 4
        assert it.routes() == {"list": 2}


async def test_list_gives_up_after_four(scene):
    """Nothing but 429 brings four lists and an exception."""
    async with scene(3, FaultRule(FAULTS["rate_429_retry_0"], routes={"list"})) as it:
        assert "(429)" in (await it.client("cancel_all_orders"))["text"]
        assert it.routes() == {"list": 4}


@pytest.mark.parametrize(
    ("fault", "status"), [("rate_429", 429), ("rate_429_retry_1", 429), ("html_429", 429), ("http_503", 503)]
)
async def test_cancel_is_not_repeated(scene, fault, status):
    """A cancel that is refused for pace, or by a broken server, is sent once and raises."""
    async with scene(1, fault) as it:
        answer = await it.builder("cancel_order_for_user", "x")
        assert (answer["status"], it.routes()) == (status, {"cancel": 1})


@pytest.mark.parametrize(("method", "requests"), [("cancel_order", 1), ("get_my_orders", 4)])
async def test_dropped_connections(scene, method, requests):
    """A dropped cancel is sent once, a dropped list four times."""
    async with scene(1, "drop") as it:
        assert "error" in await it.client(method, *(["x"] if method == "cancel_order" else []))
        assert sum(it.routes().values()) == requests


async def test_redirect_takes_the_key_along(scene):
    """A redirect is followed to another listener with the key, until the client has had enough."""
    async with scene(1, "redirect_307") as it:
        assert (await it.builder("cancel_order_for_user", "x"))["error"] == "MaxRetryError"
        assert it.server.redirect_target.keys_received == len(it.server.redirect_target.received) == 3


async def test_client_waits_as_long_as_it_is_made_to(scene):
    """There is no timeout: a slow answer is waited for."""
    async with scene(1, FaultRule(FAULTS["slow_2s"], routes={"cancel"})) as it:
        answer = await it.builder("cancel_order_for_user", "x")
        assert answer["result"] == {"result": True}
        assert answer["elapsed_s"] > 1.9


TAKEN_FOR_SUCCESS = [
    "result_false", "refused_10999", "refused_10403", "code_refused_10999", "null_result", "empty_result", "empty_object",
    "null_body", "status_201", "status_202", "status_204", "acknowledged_not_done", "code_dialect", "slow_50ms", "errno_null",
]  # fmt: skip
SEEN_AS_FAILURE = [
    "result_one", "result_text_true", "result_bare_true", "result_array", "result_text", "errno_text_zero", "errno_false",
    "array_body", "empty_body", "html_200", "broken_json", "text_plain", "octet_stream", "http_400", "http_401", "http_403",
    "http_404", "http_500", "http_503", "html_502", "html_504", "rate_429", "rate_429_retry_1", "redirect_307", "drop",
    "drop_headers", "drop_body", "content_length_small",
]  # fmt: skip


@KINDS
async def test_flags_of_a_batch(scene, kind):
    """One id under every kind of answer: the flags are those of the vendor's client, right or wrong."""
    names = TAKEN_FOR_SUCCESS + SEEN_AS_FAILURE
    rules = [FaultRule(FAULTS[name], routes={"cancel"}, order_ids={f"ok-{name}"}) for name in names]
    async with scene(0, *rules) as it:
        for name in names:
            it.simulator.add_order("alice", order_id=f"ok-{name}")
        ids = [f"ok-{name}" for name in names]
        call = it.builder("cancel_orders_batch_for_user", ids) if kind == "builder" else it.client("cancel_orders_batch", ids)
        flags = {item["order_id"].removeprefix("ok-"): item["success"] for item in (await call)["result"]}
    assert {name: name in TAKEN_FOR_SUCCESS for name in names} == flags


async def test_detail_and_list_are_accepted(scene):
    """The vendor's strict models accept rows and details as the simulator writes them."""
    async with scene(3) as it:
        (first, *_) = it.simulator.ledger.orders
        it.simulator.fill(first)
        detail = (await it.client("get_order_by_id", first))["result"]
        assert detail["result"]["orderData"]["statusEnum"] == "Finished"
        assert len(detail["result"]["orderData"]["trades"]) == 1
        page = (await it.client("get_my_orders", status="1,2,3", limit=50))["result"]
        assert page["result"]["total"] == len(page["result"]["list"]) == 3


@pytest.mark.parametrize("name", ["int_order_id", "numeric_price", "status_text", "null_row", "total_text"])
async def test_strict_types_refuse_the_page(scene, name):
    """One value of a wrong type fails the whole page, and nothing is cancelled."""
    async with scene(5, f"list_{name}") as it:
        assert "error" in await it.cancel_all("builder")
        assert it.open == 5


async def test_doubled_prefix_shows(scene):
    """A host that already ends in the prefix runs into a 404."""
    async with scene(1) as it:
        it.base_url += "/openapi"
        answer = await it.client("cancel_order", "x")
        assert answer["status"] == 404


async def test_builder_users(scene):
    """A user is created, read without its key, and given a new key that works while the old one is dead."""
    wallet = "0xABCDEF0000000000000000000000000000000001"
    async with scene() as it:
        created = (await it.builder_user("create_user", wallet))["result"]
        assert created["wallet_address"] == wallet.lower()
        assert (await it.builder_user("create_user", wallet))["error"] == "ApiError"
        assert "apikey" not in (await it.builder_user("get_user", wallet))["result"]
        renewed = (await it.builder_user("regenerate_user_apikey", wallet))["result"]
        assert created["apikey"] != renewed["apikey"] == it.simulator.account(wallet.lower()).api_key
        it.account = it.simulator.account(wallet.lower())
        assert (await it.client("get_my_orders"))["result"]["errno"] == 0
