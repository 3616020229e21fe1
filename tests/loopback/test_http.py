"""The real client against real servers on 127.0.0.1: pooling, TLS, redirects, broken answers, and what may have been sent."""

import asyncio
import gc
import ssl

import anyio
import pytest
import trustme
from support import account_of, lies, simulated

from engine import CancelEngine, ConfigError, Outcome, Retry, TransportError, VenueError
from engine.simulator import FaultRule, serve
from engine.simulator.opinion import FAULTS
from engine.venues.base import HttpRequest
from engine.venues.http import MOST_BYTES, HttpTransport
from engine.venues.opinion import Opinion

pytestmark = pytest.mark.anyio

QUICK = Retry(first_wait_s=0.01, longest_wait_s=0.02)


def engine_at(server, *, limits=None, timeout_s=2.0, retry=QUICK, **options):
    """An engine over HTTP."""
    return CancelEngine(Opinion(server.base_url, limits=limits, timeout_s=timeout_s), retry=retry, **options)


async def test_a_cancel_all_over_http():
    """45 orders come off over real HTTP, on a few pooled connections; how fast is told under the virtual clock alone."""
    simulator = simulated(orders=45, latency_s=0.02)
    async with serve(simulator) as server, CancelEngine(Opinion(server.base_url)) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert (45, True, True) == (summary.cancelled, summary.listing_complete, summary.verified)
    assert len(simulator.ledger.connections()) <= 16


@pytest.mark.parametrize("suffix", ["", "/", "/openapi", "/openapi/"])
async def test_both_spellings_of_the_address_reach_the_venue(suffix):
    """The address works with and without `/openapi`."""
    simulator = simulated(orders=1)
    async with serve(simulator) as server, CancelEngine(Opinion(server.base_url + suffix)) as engine:
        assert (await engine.cancel_all(account_of(simulator))).verified


HARMLESS = [
    "drop",
    "drop_after",
    "drop_headers",
    "drop_headers_after",
    "drop_body",
    "drop_body_after",
    "content_length_large_after",
    "content_length_small",
    "content_length_small_after",
    "html_200_after",
    "html_502",
    "empty_body_after",
    "status_204_after",
    "slow_body",
    "text_plain",
    "octet_stream",
    "broken_json_after",
    "result_false",
    "rate_429_retry_0",
    "http_503_after",
    "nested_json_after",
    "redirect_307_after",
    "hang_after",
]


@pytest.mark.parametrize("name", HARMLESS)
async def test_a_broken_answer_on_a_real_socket_is_no_lie(name):
    """Each first cancel of an order goes wrong on the wire, and still each order ends as the ledger says."""
    simulator = simulated(orders=6, quota=None, faults=[FaultRule(FAULTS[name], routes={"cancel"}, times_per_order=1)])
    async with serve(simulator) as server, engine_at(server, timeout_s=0.5) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert [] == lies(summary, simulator.ledger)
    assert (0, True) == (summary.at_risk, summary.verified)


async def test_an_answer_too_large_is_cut_off():
    """A body of many MiB is not read to its end, and proves nothing."""
    simulator = simulated(orders=1, quota=None, faults=[FaultRule(FAULTS["giant_body"], routes={"cancel"}, times_per_order=1)])
    async with serve(simulator) as server, engine_at(server) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert Outcome.ALREADY_CANCELLED is summary.results[0].outcome
    assert MOST_BYTES < 10 * 2**20


async def test_the_key_never_follows_a_redirect():
    """A redirect to another listener is an error that names it; nothing, and so no key, arrives there."""
    simulator = simulated(orders=2, quota=None, faults=[FaultRule(FAULTS["redirect_307"])])
    async with serve(simulator) as server, engine_at(server) as engine:
        summary = await engine.cancel_all(account_of(simulator), deadline_s=10)
        assert [] == server.redirect_target.received

    assert "redirects to 127.0.0.1" in summary.fault
    assert not summary.listing_complete


async def test_a_refused_connection_was_not_sent():
    """Nothing listening: the orders are not sent, and the account says why."""
    simulator = simulated(orders=1)
    async with serve(simulator) as server:
        pass
    async with engine_at(server) as engine:
        summary = await engine.cancel_orders(account_of(simulator), ["a", "b"])

    assert {Outcome.NOT_SENT: 2} == summary.by_outcome
    assert "no connection to 127.0.0.1" in summary.fault


async def test_a_name_that_cannot_be_resolved_was_not_sent():
    """No such host: said in words, and nothing was sent."""
    transport = HttpTransport()
    with pytest.raises(TransportError, match="cannot be resolved") as error:
        await transport.send(HttpRequest(method="GET", url="https://no-such-host.invalid/"), on_sent=lambda: pytest.fail("left"))
    await transport.aclose()

    assert not error.value.sent


async def test_tls_is_verified():
    """A certificate that nobody vouches for, or for another host, ends the connection before the key is sent."""
    authority = trustme.CA()
    for name, trusted in (("127.0.0.1", False), ("other.example", True)):
        server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(server_side)
        client_side = ssl.create_default_context()
        if trusted:
            authority.configure_trust(client_side)
        simulator = simulated(orders=1)
        async with serve(simulator, ssl_context=server_side) as server:
            transport = HttpTransport(tls=client_side)
            async with engine_at(server, transport=transport) as engine:
                summary = await engine.cancel_all(account_of(simulator))
            await transport.aclose()
        assert "TLS with 127.0.0.1" in summary.fault
        assert [] == simulator.ledger.requests


async def test_tls_is_verified_unless_told_anything():
    """The transport that an engine opens for itself asks the system's authorities, none of which vouches for this certificate."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(server_side)
    simulator = simulated(orders=1)
    async with serve(simulator, ssl_context=server_side) as server, engine_at(server) as engine:
        summary = await engine.cancel_all(account_of(simulator))

    assert "TLS with 127.0.0.1" in summary.fault
    assert [] == simulator.ledger.requests


async def test_tls_works_with_a_trusted_certificate():
    """Over TLS the same run comes to its end, on pooled connections."""
    authority = trustme.CA()
    server_side, client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    authority.configure_trust(client_side)
    simulator = simulated(orders=25, quota=None)
    transport = HttpTransport(tls=client_side)
    async with serve(simulator, ssl_context=server_side) as server:
        async with engine_at(server, transport=transport, in_flight=4) as engine:
            summary = await engine.cancel_all(account_of(simulator))
        await transport.aclose()

    assert summary.verified
    assert len(simulator.ledger.connections()) <= 5


def test_tls_that_does_not_verify_is_refused():
    """A context that checks nothing is a ConfigError."""
    careless = ssl.create_default_context()
    careless.check_hostname = False
    with pytest.raises(ConfigError):
        HttpTransport(tls=careless)


async def test_a_server_that_never_answers_ends_at_the_timeout():
    """A hanging venue costs the request's own bound, and the order stays unknown or is read."""
    simulator = simulated(orders=1, quota=None, faults=[FaultRule(FAULTS["hang"])])
    async with (
        serve(simulator) as server,
        engine_at(server, timeout_s=0.1, retry=Retry(cancels=1, reads=1, listings=1)) as engine,
    ):
        result = await engine.cancel_order(account_of(simulator), *simulator.ledger.open_ids())

    assert (Outcome.UNKNOWN, "timeout") == (result.outcome, result.code)


async def test_an_idle_connection_that_the_server_closed_is_no_harm():
    """A second call after the server closed the idle connections works."""
    simulator = simulated(orders=2, quota=None)
    first, second = sorted(simulator.ledger.open_ids())
    async with serve(simulator) as server, engine_at(server) as engine:
        await engine.cancel_order(account_of(simulator), first)
        async with serve(simulator, port=0):
            pass
        result = await engine.cancel_order(account_of(simulator), second)

    assert result.success


async def test_open_orders_and_get_order_over_http():
    """The reading calls work over HTTP too, and a refused key raises."""
    simulator = simulated(orders=25, quota=None)
    async with serve(simulator) as server, engine_at(server) as engine:
        orders = [order async for order in engine.open_orders(account_of(simulator))]
        one = await engine.get_order(account_of(simulator), orders[3].order_id)
        alice = account_of(simulator)
        simulator.revoke_key("alice")
        with pytest.raises(VenueError, match="refuses the key"):
            await engine.get_order(alice, orders[3].order_id)

    assert (25, orders[3]) == (len(orders), one)


async def test_nothing_is_left_behind():
    """After the engine is closed, no connection and no task is left."""
    simulator = simulated(orders=30, quota=None)
    async with serve(simulator) as server:
        async with engine_at(server) as engine:
            await engine.cancel_all(account_of(simulator))
        await anyio.sleep(0.05)
    gc.collect()

    names = [task.name for task in anyio.get_running_tasks() if "engine" in (task.name or "") or "aiohttp" in (task.name or "")]
    assert [] == names


@pytest.mark.parametrize("method", ["DELETE", "GET", "POST"])
async def test_a_request_is_never_sent_twice_by_the_transport(method):
    """When a kept connection breaks under a request, it is reported as lost, and not sent again behind our back."""
    received = []

    async def serve_one_and_break(reader, writer):
        while await reader.readuntil(b"\r\n\r\n"):
            received.append(method)
            if len(received) > 1:
                break
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve_one_and_break, "127.0.0.1", 0)
    transport = HttpTransport()
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/order"
        await transport.send(HttpRequest(method=method, url=url), on_sent=lambda: None)
        with pytest.raises(TransportError) as lost:
            await transport.send(HttpRequest(method=method, url=url), on_sent=lambda: None)
        await transport.aclose()

    assert lost.value.sent
    assert [method] * 2 == received
