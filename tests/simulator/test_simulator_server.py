"""The simulated venue on real sockets of the loopback interface, on the wall clock."""

import asyncio
import gc
import json
import ssl
import time

import pytest
import trustme

from engine.errors import ConfigError
from engine.simulator import FaultPlan, FaultRule, OpinionRules, OpinionSimulator, serve
from engine.simulator.opinion import FAULTS

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    """Real sockets need the plain loop."""
    return "asyncio"


def build(fault=None, **rules):
    plan = FaultPlan([FaultRule(FAULTS[fault])]) if fault else FaultPlan()
    simulator = OpinionSimulator(rules=OpinionRules(**{"quota": None, **rules}), faults=plan)
    return simulator, simulator.add_account("alice", orders=3)


async def test_keep_alive_and_connection_numbers(pen, raw_client):
    """Requests of one connection share its number; the next connection has the next."""
    simulator, alice = build()
    async with serve(simulator) as server:
        write = pen(alice, server.base_url)
        first, second = await raw_client(server.port), await raw_client(server.port)
        for client in (first, first, second, first):
            assert (await client.exchange(write.list())).status == 200
        await first.close()
        await second.close()
    assert [request.connection for request in simulator.ledger.requests] == [1, 1, 2, 1]


async def test_same_bytes_as_in_memory(pen, raw_client):
    """Headers, body and escaped path reach the venue over the wire as they do in memory."""
    simulator, alice = build()
    simulator.add_order("alice", order_id="a/b c?d")
    async with serve(simulator) as server:
        client = await raw_client(server.port)
        for request in (pen(alice, server.base_url).read("a/b c?d"), pen(alice, server.base_url).cancel("a/b c?d")):
            seen = await client.exchange(request)
            assert (seen.status, seen.headers["content-type"], json.loads(seen.body)["errno"]) == (200, "application/json", 0)
        await client.close()
    assert simulator.ledger.state_of("a/b c?d") == "cancelled"


async def test_doubled_prefix_is_a_404(pen, raw_client):
    """A base address that already has the prefix shows as a 404 in the envelope."""
    simulator, alice = build()
    async with serve(simulator) as server:
        client = await raw_client(server.port)
        seen = await client.exchange(pen(alice, server.base_url + "/openapi").list())
        await client.close()
    assert (seen.status, json.loads(seen.body)["errno"]) == (404, 404)


async def test_time_begins_with_the_server(pen, raw_client):
    """Simulated seconds count from the start of the server, so that a script's times mean the same as in memory."""
    simulator, alice = build(latency_s=0.1)
    simulator.at(0.15, lambda: simulator.fill(next(iter(simulator.ledger.orders))))
    async with serve(simulator) as server:
        client = await raw_client(server.port)
        totals = [
            json.loads((await client.exchange(pen(alice, server.base_url).list())).body)["result"]["total"] for _ in range(3)
        ]
        await client.close()
    assert (totals[0], totals[-1]) == (3, 2)
    assert 0.05 <= simulator.ledger.requests[0].time_s < 5


@pytest.mark.parametrize("fault", [None, "hang", "content_length_large", "slow_body", "slow_2s", "drop", "drop_body"])
async def test_stops_cleanly_and_soon(pen, raw_client, fault):
    """With a request under way, stopping takes under two seconds, leaves no task behind and ends the connection."""
    simulator, alice = build(fault)
    before = asyncio.all_tasks()
    async with serve(simulator) as server:
        client = await raw_client(server.port)
        asking = asyncio.create_task(client.exchange(pen(alice, server.base_url).list()))
        await asyncio.sleep(0.05)
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 2
    await asking
    await client.close()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before
    with pytest.raises(OSError, match="Connect"):
        await raw_client(server.port)
    gc.collect()


async def test_client_that_leaves_ends_the_work(pen, raw_client):
    """A hanging request whose client hangs up leaves no task behind, and what was sent still arrives."""
    simulator, alice = build("hang_after", latency_s=0.1)
    order_id = next(iter(simulator.ledger.orders))
    async with serve(simulator) as server:
        before = asyncio.all_tasks()
        client = await raw_client(server.port)
        await client.exchange(pen(alice, server.base_url).cancel(order_id), patience_s=0.02)
        await client.close()
        async with asyncio.timeout(3):
            while simulator.ledger.state_of(order_id) == "open" or len(asyncio.all_tasks()) > len(before):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_redirect_target_records_keys(pen, raw_client):
    """The second listener knows whether a request that follows the redirect brings the key, and redirects it again."""
    simulator, alice = build("redirect_307")
    async with serve(simulator) as server:
        client = await raw_client(server.port)
        seen = await client.exchange(pen(alice, server.base_url).cancel("x"))
        await client.close()
        target = server.redirect_target
        assert seen.headers["location"] == target.base_url + "/openapi/order/cancel"
        for api_key in (alice.api_key, None):
            follower = await raw_client(int(target.base_url.rsplit(":", 1)[1]))
            request = pen(alice, target.base_url).cancel("x")
            if api_key is None:
                request.headers.pop("apikey")
            assert (await follower.exchange(request)).status == 307
            await follower.close()
    assert [followed.brought_key for followed in target.received] == [True, False]
    assert (target.keys_received, target.received[0].method) == (1, "POST")


async def test_tls():
    """With a certificate the venue speaks TLS, and says so in its address."""
    authority = trustme.CA()
    server_side, client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    authority.configure_trust(client_side)
    simulator, alice = build()
    async with serve(simulator, ssl_context=server_side) as server:
        assert server.base_url == f"https://127.0.0.1:{server.port}"
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=client_side)
        writer.write(f"GET /openapi/order HTTP/1.1\r\nHost: x\r\napikey: {alice.api_key}\r\nConnection: close\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.org", ""])
async def test_only_loopback(host):
    """A simulator never listens where another machine could reach it."""
    with pytest.raises(ConfigError, match="loopback"):
        async with serve(build()[0], host=host):
            pass


async def test_taken_port_is_an_error():
    """A port that cannot be had is an error, and nothing keeps listening."""
    async with serve(build()[0]) as server:
        with pytest.raises(OSError, match="in use"):
            async with serve(build()[0], port=server.port):
                pass


async def test_many_clients_at_once(pen, raw_client):
    """A hundred connections at once get a hundred answers."""
    simulator, alice = build(latency_s=0.01)
    async with serve(simulator) as server:

        async def ask():
            client = await raw_client(server.port)
            seen = await client.exchange(pen(alice, server.base_url).list())
            await client.close()
            return seen.status

        assert await asyncio.gather(*(ask() for _ in range(100))) == [200] * 100
    assert len(simulator.ledger.connections()) == 100
