"""The real client talks to the venue's own address and to no other, and takes nothing from its surroundings along."""

import pytest
from loopback.rough_server import HONEST, KEY, answer, fate, request_to, rough_server

from engine.venues.base import HttpRequest
from engine.venues.http import HttpTransport

pytestmark = pytest.mark.anyio

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def serve(peer):
    """Every connection is served as a good server would."""
    return peer.serve()


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("address", ["http://{}/order", "https://{}/order", "//{}/order", "http://user:pass@{}/order"])
@pytest.mark.parametrize("method", ["POST", "DELETE", "GET"])
async def test_a_redirect_is_an_answer_and_not_followed(status, address, method):
    """To another port or another scheme, no connection is made; the answer is the redirect."""
    async with rough_server(serve) as other:
        host = other.base_url.removeprefix("http://")

        async def redirect(peer):
            await peer.request()
            await peer.say(answer(b"", f"Location: {address.format(host)}", f"Refresh: 0; {address.format(host)}", status=status))

        async with rough_server(redirect) as server:
            transport = HttpTransport()
            assert (status, b"") == await fate(transport, request_to(server, method=method))
            await transport.aclose()

    assert (1, 0) == (len(server.requests), other.connections)


async def test_no_proxy_and_no_password_is_taken_from_the_surroundings(monkeypatch, tmp_path):
    """Variables that name a proxy, and a .netrc with a password for the host, change nothing."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\ndefault login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    async with rough_server(serve) as proxy, rough_server(serve) as server:
        for variable in PROXIES:
            monkeypatch.setenv(variable, proxy.base_url)
        for variable in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(variable, raising=False)
        transport = HttpTransport()
        assert (200, HONEST) == await fate(transport, request_to(server))
        await transport.aclose()

    assert 0 == proxy.connections
    assert b"authorization" not in server.requests[0].lower()


async def test_no_cookie_is_kept():
    """What a server would have remembered is never brought back to it."""

    async def script(peer):
        await peer.request()
        await peer.say(answer(HONEST, "Set-Cookie: session=1; Path=/", "Set-Cookie: other=2; Max-Age=9999"))

    async with rough_server(script) as server:
        transport = HttpTransport()
        for _ in range(3):
            assert (200, HONEST) == await fate(transport, request_to(server))
        await transport.aclose()

    assert 3 == len(server.requests)
    assert not any(b"cookie" in request.lower() for request in server.requests)


async def test_a_request_leaves_with_its_own_headers_and_few_more():
    """Nothing that tells of the machine or its user goes along with the key."""
    async with rough_server(serve) as server:
        transport = HttpTransport()
        await fate(transport, request_to(server, method="DELETE"))
        await transport.aclose()
    lines = server.requests[0].decode().split("\r\n")

    assert "DELETE /order HTTP/1.1" == lines[0]
    assert {
        f"Host: {server.base_url.removeprefix('http://')}",
        f"apikey: {KEY}",
        "Accept: */*",
        "Accept-Encoding: identity",
        "User-Agent: cancel-engine",
        "Content-Length: 0",
    } >= set(filter(None, lines[1:]))


@pytest.mark.parametrize("host", ["no-such-host.invalid", f"{'a' * 64}.invalid", "a..invalid"])
async def test_a_name_that_leads_nowhere_was_not_sent(host):
    """A name that nobody knows, or that cannot be one, is an error before anything is sent."""
    transport = HttpTransport()
    code, sent = await fate(transport, HttpRequest(method="POST", url=f"https://{host}/order", headers={"apikey": KEY}))
    await transport.aclose()

    assert code in {"dns", "no_connection"}
    assert not sent


async def test_where_nobody_listens_nothing_was_sent():
    """A refused connection is `no_connection`, and the transport works once somebody listens."""
    async with rough_server(serve) as server:
        pass
    transport = HttpTransport()
    for method in ("POST", "DELETE"):
        assert ("no_connection", False) == await fate(transport, request_to(server, method=method))
    async with rough_server(serve) as server:
        assert (200, HONEST) == await fate(transport, request_to(server))
        await transport.aclose()
