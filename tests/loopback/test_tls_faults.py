"""The real client against servers that are not whom they say they are, or break in TLS: no key leaves for them."""

import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import anyio
import pytest
import trustme
from loopback.rough_server import (
    AT_ONCE_S,
    BODY,
    CLOSE,
    HONEST,
    HOST,
    KEY,
    RESET,
    SHORT_S,
    SOON,
    STALL,
    answer,
    fate,
    request_to,
    rough_server,
    says,
    server_side,
    trusting,
    under_fire,
)

from engine.venues.base import HttpRequest
from engine.venues.http import CONNECT_S, HttpTransport

pytestmark = pytest.mark.anyio


def signed_by_itself(folder):
    """What a server shows whose certificate is its own authority."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(folder / "certificate")
    authority.private_key_pem.write_to_path(folder / "key")
    context.load_cert_chain(folder / "certificate", folder / "key")
    return context


@asynccontextmanager
async def trusting_transport():
    """A transport that believes our authority, and must work in the end."""
    transport = HttpTransport(tls=trusting())
    try:
        yield transport
        async with rough_server(lambda peer: peer.serve(), tls=server_side()) as good:
            assert (200, HONEST) == await fate(transport, request_to(good))
    finally:
        await transport.aclose()


BAD_CERTIFICATES = {
    "signed_by_itself": signed_by_itself,
    "signed_by_another": lambda _: server_side(authority=trustme.CA()),
    "of_another_host": lambda _: server_side("other.example"),
    "of_a_name_that_only_looks_like_it": lambda _: server_side("127.0.0.1.example", "127.0.0.2"),
    "expired": lambda _: server_side(
        HOST, not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=datetime(2021, 1, 1, tzinfo=UTC)
    ),
    "of_the_future": lambda _: server_side(
        HOST, not_before=datetime(2090, 1, 1, tzinfo=UTC), not_after=datetime(2091, 1, 1, tzinfo=UTC)
    ),
}


@pytest.mark.parametrize("name", BAD_CERTIFICATES)
async def test_a_bad_certificate_ends_before_the_key_is_sent(name, tmp_path):
    """It is `tls`, nothing was sent, and the server gets no request, again and again."""
    async with (
        rough_server(lambda peer: peer.serve(), tls=BAD_CERTIFICATES[name](tmp_path)) as server,
        trusting_transport() as transport,
    ):
        for method in ("POST", "DELETE"):
            assert ("tls", False) == await fate(transport, request_to(server, method=method))

    assert [] == server.requests


BROKEN_HANDSHAKES = {
    "http_in_the_clear": ([answer(BODY)], "tls"),
    "garbage": ([b"\x00\xff\x13 garbage" * 10], "tls"),
    "an_alert": ([b"\x15\x03\x03\x00\x02\x02\x28"], "tls"),
    "half_a_hello": ([b"\x16\x03\x03\x00\x7a\x02\x00", CLOSE], "no_connection"),
    "closed": ([CLOSE], "no_connection"),
    "reset": ([RESET], "no_connection"),
    "stalled": ([STALL], "timeout"),
    "stalled_in_the_hello": ([b"\x16\x03\x03\x00\x7a\x02\x00", STALL], "timeout"),
}


@pytest.mark.parametrize("name", BROKEN_HANDSHAKES)
async def test_a_broken_handshake_sends_nothing(name):
    """Whatever a server does instead of a handshake, nothing was sent, and the key is not among what it heard."""
    parts, code = BROKEN_HANDSHAKES[name]
    heard = []

    async def script(peer):
        heard.append(await peer.reader.read(65_536))
        await says(*parts, reads="nothing")(peer)
        while data := await peer.reader.read(65_536):
            heard.append(data)

    async with rough_server(script) as server, trusting_transport() as transport:
        request = HttpRequest(method="POST", url=server.base_url.replace("http:", "https:"), headers={"apikey": KEY}, body=b"{}")
        assert (code, False) == await fate(transport, request, timeout_s=SHORT_S if code == "timeout" else AT_ONCE_S)
        assert await server.are_gone()

    assert heard
    assert KEY.encode() not in b"".join(heard)


async def test_a_handshake_that_stalls_has_a_bound_of_its_own():
    """Also where the caller waits longer, no connection takes more than `CONNECT_S` to stand, and no slot is lost to it."""
    async with (
        rough_server(says(STALL, reads="nothing")) as server,
        trusting_transport() as transport,
    ):
        request = HttpRequest(method="POST", url=server.base_url.replace("http:", "https:"), headers={"apikey": KEY}, body=b"{}")
        began_s = anyio.current_time()
        assert ("no_connection", False) == await fate(transport, request, timeout_s=3 * CONNECT_S)
        assert CONNECT_S <= anyio.current_time() - began_s < 1.5 * CONNECT_S
        assert await server.are_gone()


BREAKS_LATER = {
    "reset_after_the_head": says(RESET, reads="head"),
    "reset_after_the_request": says(RESET),
    "closed_after_the_request": says(CLOSE),
    "reset_in_the_headers": says(answer(BODY)[:20], SOON, RESET),
    "reset_in_the_body": says(answer(BODY)[:-9], SOON, RESET),
    "closed_in_the_body": says(answer(BODY)[:-9], CLOSE),
}


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("name", BREAKS_LATER)
async def test_what_breaks_after_the_handshake_may_have_arrived(name, method):
    """Inside TLS as without it: broken, sent, sent once, and the transport goes on."""
    async with under_fire(BREAKS_LATER[name], tls=server_side(), trust=trusting()) as (server, transport):
        assert ("broken", True) == await fate(transport, request_to(server, method=method))
        assert 1 == server.connections


@pytest.mark.parametrize("at", [0, 20, 60])
async def test_what_stalls_after_the_handshake_may_have_arrived(at):
    """A stall inside TLS costs the caller's patience, and leaves no connection behind."""
    async with under_fire(says(answer(BODY)[:at], STALL), tls=server_side(), trust=trusting()) as (server, transport):
        assert ("timeout", True) == await fate(transport, request_to(server), timeout_s=3 * SHORT_S)


async def test_a_second_answer_inside_tls_is_never_the_answer_to_the_next_request():
    """What comes unasked on a resting connection closes it, inside TLS too."""
    script = says(answer(BODY), SOON, answer(b"forged"))
    async with under_fire(script, tls=server_side(), trust=trusting()) as (server, transport):
        assert (200, BODY) == await fate(transport, request_to(server))
        await anyio.sleep(0.03)
        assert (200, HONEST) == await fate(transport, request_to(server))
        assert 2 == server.connections
