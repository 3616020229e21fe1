"""The venue's own Python clients, unmodified, do against the simulator what they do against the venue's documentation.

py-clob-client 0.34.6, py-clob-client-v2 1.2.1 and polymarket-client 0.14.0 run in an environment of their own, made from
`requirements-polymarket.txt` beside this file.
"""

import asyncio
import json
import subprocess
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.simulator import FaultPlan, FaultRule, PolymarketRules, PolymarketSimulator, serve
from engine.simulator.polymarket import FAULTS

HERE = Path(__file__).parent
PYTHON = HERE.parent.parent / ".venv-vendor-polymarket" / "bin" / "python"
CALL_PATIENCE_S = 60
CLIENTS = ("first", "second", "unified")
WALLET = "0x" + "11" * 32
"""A private key that everybody knows."""

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        not PYTHON.exists(), reason="no environment .venv-vendor-polymarket with tests/vendor/requirements-polymarket.txt"
    ),
]


@pytest.fixture
def anyio_backend():
    """Real sockets need the plain loop."""
    return "asyncio"


@pytest.fixture(scope="module")
def vendor():
    """The driver process, started once: its imports take seconds."""
    process = subprocess.Popen(
        [PYTHON, "-I", HERE / "polymarket_driver.py"],
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
    """A served simulator with one account, and the clients pointed at it."""

    def __init__(self, process, simulator, base_url):
        self._process, self.simulator, self._base_url = process, simulator, base_url
        self.account = simulator.account("alice")

    @property
    def open_ids(self):
        """What is open, in a fixed order."""
        return sorted(self.simulator.ledger.open_ids("alice"))

    async def ask(self, client, method, *args, with_creds=True):
        """One call of one client."""
        creds = {"api_key": self.account.api_key, "secret": self.account.secret, "passphrase": self.account.passphrase}
        call = {
            "client": client,
            "method": method,
            "args": args,
            "base_url": self._base_url,
            "private_key": WALLET,
            "address": self.account.address,
            "creds": creds if with_creds else None,
        }
        return json.loads(await asyncio.wait_for(asyncio.to_thread(self._exchange, json.dumps(call)), CALL_PATIENCE_S))

    def _exchange(self, line):
        print(line, file=self._process.stdin, flush=True)
        return self._process.stdout.readline()


@pytest.fixture
def scene(vendor):
    """Serve a venue with these rules and faults, on the real clock."""

    @asynccontextmanager
    async def serving(*, orders=0, faults=(), **rules):
        rules = PolymarketRules(epoch_s=time.time(), buckets="off", **rules)
        simulator = PolymarketSimulator(rules=rules, faults=FaultPlan(tuple(faults)))
        simulator.add_account("alice", orders=orders, private_key=WALLET)
        async with serve(simulator) as server:
            yield Scene(vendor, simulator, server.base_url)

    return serving


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_is_handed_its_key(scene, client):
    """Each client creates or derives a key with its wallet's signature, and gets the one that belongs to the wallet."""
    async with scene() as at:
        told = await at.ask(client, "derive", with_creds=False)

    assert [at.account.api_key, at.account.secret, at.account.passphrase] == told["result"]


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_lists_all_pages(scene, client):
    """Each client walks the pages to their end, and sees every order once."""
    async with scene(orders=25, page_size=10) as at:
        told = await at.ask(client, "list")

    assert at.open_ids == sorted(told["result"])


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_cancels_one_many_and_all(scene, client):
    """Each of the four cancels takes off what it names, and the answer is what the client expects."""
    async with scene(orders=20) as at:
        first, second, third, *_ = at.open_ids
        one = await at.ask(client, "one", first)
        many = await at.ask(client, "many", [second, third, first, "0x" + "9" * 64])
        asset = at.simulator.ledger.orders[at.open_ids[0]].asset
        of_asset = {key for key in at.open_ids if at.simulator.ledger.orders[key].asset == asset}
        market = await at.ask(client, "market", None, asset)
        rest = set(at.open_ids)
        every = await at.ask(client, "all")

    assert [first] == list(one["result"]["canceled"])
    assert {second, third} == set(many["result"]["canceled"])
    assert {first, "0x" + "9" * 64} == set(many["result"]["not_canceled"])
    assert of_asset == set(market["result"]["canceled"])
    assert rest == set(every["result"]["canceled"])
    assert [] == at.open_ids


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_reads_an_order(scene, client):
    """A closed order is shown with its status, and an unknown one is a 404."""
    async with scene(orders=1) as at:
        (order_id,) = at.open_ids
        await at.ask(client, "one", order_id)
        closed = await at.ask(client, "read", order_id)
        unknown = await at.ask(client, "read", "0x" + "9" * 64)

    assert "CANCELED" == closed["result"]
    assert "Order not found" in unknown["text"]


async def test_the_empty_filter_is_refused(scene):
    """What the two older clients send without a filter is refused by default, and cancels everything if the rule says so."""
    async with scene(orders=3) as at:
        for client in ("first", "second"):
            told = await at.ask(client, "market", None, None)
            assert "Invalid order payload" in told["text"]
        assert 3 == len(at.open_ids)
    async with scene(orders=3, empty_filter="everything") as at:
        await at.ask("first", "market", None, None)
        assert [] == at.open_ids


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_batch_too_large_is_refused_whole(scene, client):
    """1,001 ids go out in one request, and none of them is cancelled."""
    async with scene(orders=5) as at:
        told = await at.ask(client, "many", [*at.open_ids, *(f"0x{number:064x}" for number in range(996))])

        assert "Too many orders in payload, max allowed: 1000" in told["text"]
        assert 5 == len(at.open_ids)


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_restart_and_a_refused_pace(scene, client):
    """A 425 in plain text, and a 429 with its headers, reach the client as what they are."""
    faults = [
        FaultRule(FAULTS["restart_425_retry"], routes={"cancel"}, times=1),
        FaultRule(FAULTS["rate_429"], routes={"cancel"}, times=1),
    ]
    async with scene(orders=1, faults=faults) as at:
        restarting = await at.ask(client, "one", at.open_ids[0])
        throttled = await at.ask(client, "one", at.open_ids[0])

    assert (restarting["status"], throttled["status"]) in {(425, 429), (425, None)}
    assert "service not ready" in restarting["text"]
    assert "RateLimitError" == throttled["error"] or "Too Many Requests" in throttled["text"]


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_heartbeat_chain(scene, client):
    """Each beat names the next; a stale one is refused with the one expected."""
    async with scene() as at:
        first = (await at.ask(client, "beat", ""))["result"]
        second = (await at.ask(client, "beat", first))["result"]
        stale = await at.ask(client, "beat", first)

    assert len({first, second}) == 2
    assert "Heartbeat" in stale["text"] or "Heartbeat" in stale["error"]
