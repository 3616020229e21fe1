"""The real client against answers that no server should give.

Each ends as one error that says whether the request may have arrived, in bounded time and memory, and the next request works.
"""

import asyncio
import gzip
import socket
import threading
import time
import tracemalloc
import zlib
from contextlib import contextmanager

import anyio
import pytest
from loopback.rough_server import (
    AT_ONCE_S,
    BODY,
    CLOSE,
    HONEST,
    RESET,
    SHORT_S,
    SOON,
    STALL,
    answer,
    fate,
    repeats,
    request_to,
    rough_server,
    says,
    server_side,
    trusting,
    under_fire,
)

from engine.venues.base import HttpRequest
from engine.venues.http import MOST_BYTES, HttpTransport

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


BROKEN = {
    "reset_before_reading": says(RESET, reads="nothing"),
    "reset_after_the_head": says(RESET, reads="head"),
    "reset_after_the_request": says(RESET),
    "reset_in_the_status_line": says(b"HTTP/1.1 2", SOON, RESET),
    "reset_in_the_headers": says(OK + b"Content-Le", SOON, RESET),
    "reset_in_the_body": says(answer(BODY)[:-9], SOON, RESET),
    "reset_in_a_chunk": says(CHUNKED + b"24\r\n{", SOON, RESET),
    "closed_after_the_head": says(CLOSE, reads="head"),
    "closed_after_the_request": says(CLOSE),
    "closed_in_the_status_line": says(b"HTTP/1.1 2", CLOSE),
    "closed_in_the_headers": says(OK + b"Content-Le", CLOSE),
    "closed_in_the_body": says(answer(BODY)[:-9], CLOSE),
    "closed_before_the_last_chunk": says(CHUNKED + b"2\r\n{}\r\n", CLOSE),
    "closed_after_a_100": says(b"HTTP/1.1 100 Continue\r\n\r\n", CLOSE),
    "one_huge_header": says(OK + b"X: " + b"a" * 2**20 + b"\r\nContent-Length: 2\r\n\r\n{}"),
    "thousands_of_headers": says(OK + b"".join(b"X-%d: a\r\n" % i for i in range(5_000)) + b"Content-Length: 2\r\n\r\n{}"),
    "an_endless_status_line": repeats(b"HTTP/1.1 200 ", b"O" * 2**16),
    "an_endless_header": repeats(OK + b"X: ", b"a" * 2**16),
    "endless_headers": repeats(OK, b"X-Y: aaaaa\r\n" * 1_000),
    "endless_trailers": repeats(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-Y: aaaaa\r\n" * 1_000),
    "a_negative_length": says(OK + b"Content-Length: -2\r\n\r\n{}"),
    "a_length_in_words": says(OK + b"Content-Length: two\r\n\r\n{}"),
    "a_length_with_a_sign": says(OK + b"Content-Length: +2\r\n\r\n{}"),
    "a_length_beyond_all_numbers": says(OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n{}"),
    "two_lengths": says(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"),
    "two_equal_lengths": says(OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
    "a_list_of_lengths": says(OK + b"Content-Length: 2, 2\r\n\r\n{}"),
    "a_length_and_chunks": says(OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    "a_length_too_small": says(OK + b"Content-Length: 2\r\n\r\n" + BODY),
    "a_length_too_large": says(OK + b"Content-Length: 99\r\n\r\n" + BODY, CLOSE),
    "a_chunk_without_a_size": says(CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    "a_chunk_larger_than_said": says(CHUNKED + b"1\r\n{}\r\n0\r\n\r\n"),
    "a_chunk_of_a_negative_size": says(CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n"),
    "a_chunk_beyond_all_numbers": says(CHUNKED + b"f" * 18 + b"\r\n{}\r\n0\r\n\r\n"),
    "a_body_on_204": says(b"HTTP/1.1 204 No Content\r\nContent-Length: 36\r\n\r\n" + BODY),
    "a_body_on_304": says(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 36\r\n\r\n" + BODY),
    "garbage": says(b"\x00\xff\x13 garbage\r\n\r\n"),
    "another_protocol": says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "a_tls_alert": says(b"\x15\x03\x01\x00\x02\x02\x28", CLOSE),
    "http_0_9": says(BODY, CLOSE),
    "a_version_that_is_none": says(b"HTTP/3.7 200 OK\r\nContent-Length: 36\r\n\r\n" + BODY),
    "a_status_of_two_digits": says(b"HTTP/1.1 99 OK\r\nContent-Length: 36\r\n\r\n" + BODY),
    "a_status_of_four_digits": says(b"HTTP/1.1 2000 OK\r\nContent-Length: 36\r\n\r\n" + BODY),
    "a_header_that_is_none": says(OK + b"what\r\nContent-Length: 36\r\n\r\n" + BODY),
    "a_zero_byte_in_a_header": says(OK + b"X: \x00\r\nContent-Length: 36\r\n\r\n" + BODY),
    "garbage_behind_the_answer": says(answer(BODY) + b"garbage\r\n\r\n"),
    "no_gzip_at_all": says(answer(BODY, "Content-Encoding: gzip")),
    "an_encoding_that_nobody_has": says(answer(BODY, "Content-Encoding: zstd")),
}


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_answer_ends_at_once_as_one_that_may_have_acted(name, method):
    """What breaks after the request began to leave is `broken` and sent, was sent once, and harms no later request."""
    async with under_fire(BROKEN[name]) as (server, transport):
        assert ("broken", True) == await fate(transport, request_to(server, method=method))
        assert len(server.requests) <= 1
        assert 1 == server.connections


ENDLESS = {
    "stalls_before_reading": says(STALL, reads="nothing"),
    "stalls_after_the_head": says(STALL, reads="head"),
    "stalls_after_the_request": says(STALL),
    "stalls_in_the_status_line": says(b"HTTP/1.1 2", STALL),
    "stalls_in_the_headers": says(OK + b"Content-Le", STALL),
    "stalls_before_the_body": says(answer(BODY)[: -len(BODY)], STALL),
    "stalls_in_the_body": says(answer(BODY)[:-9], STALL),
    "stalls_without_a_length": says(OK + b"\r\n" + BODY, STALL),
    "stalls_before_the_last_chunk": says(CHUNKED + b"2\r\n{}\r\n", STALL),
    "a_length_that_never_comes": says(OK + b"Content-Length: 99\r\n\r\n" + BODY, STALL),
    "a_transfer_that_nobody_knows": says(OK + b"Transfer-Encoding: gzip\r\n\r\n" + BODY, STALL),
    "endless_100s": repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500),
    "endless_103s": repeats(b"", b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" * 500),
    "endless_line_ends": repeats(b"", b"\r\n" * 1_000),
    "endless_chunks_of_a_byte": repeats(CHUNKED, b"1\r\na\r\n" * 100),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_an_answer_that_never_ends_costs_the_patience_and_no_more(name):
    """The caller's time ends it, the request counts as sent, and the connection is not kept."""
    tracemalloc.start()
    async with under_fire(ENDLESS[name]) as (server, transport):
        began_s = anyio.current_time()
        assert ("timeout", True) == await fate(transport, request_to(server), timeout_s=SHORT_S)
        took_s, (_, most_bytes) = anyio.current_time() - began_s, tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert took_s < 10 * SHORT_S
    assert most_bytes < MOST_BYTES


def bomb():
    """Half a GiB of nothing, in half a MiB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(2**20)) for _ in range(512)) + packer.flush()


TOO_LARGE = {
    "endless_words_on_a_chunk": repeats(CHUNKED + b"1;", b"a" * 2**16),
    "an_endless_body": repeats(OK + b"\r\n", bytes(2**16)),
    "a_body_of_a_hundred_gigabytes": repeats(OK + b"Content-Length: 99999999999\r\n\r\n", bytes(2**16)),
    "endless_chunks": repeats(CHUNKED, b"4000\r\n" + bytes(2**14) + b"\r\n"),
    "a_bomb": says(answer(bomb(), "Content-Encoding: gzip")),
    "a_bomb_in_one_chunk": says(CHUNKED[:-2] + b"Content-Encoding: gzip\r\n\r\n%x\r\n%b" % (2**30, bomb()), STALL),
}


@pytest.mark.parametrize("name", TOO_LARGE)
async def test_an_answer_beyond_the_bound_is_cut_off(name):
    """Neither an endless body nor what unpacks to one is held in memory beyond the bound."""
    tracemalloc.start()
    async with under_fire(TOO_LARGE[name]) as (server, transport):
        assert ("too_large", True) == await fate(transport, request_to(server))
        _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most_bytes < 3 * MOST_BYTES


ODD = {
    "a_100_before": (says(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(BODY)), (200, BODY)),
    "in_one_chunk": (says(CHUNKED + b"24\r\n" + BODY + b"\r\n0\r\n\r\n"), (200, BODY)),
    "in_chunks_of_a_byte": (says(CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"), (200, BODY)),
    "up_to_the_end_of_the_connection": (says(OK + b"\r\n" + BODY, CLOSE), (200, BODY)),
    "http_1_0": (says(b"HTTP/1.0 200 OK\r\n\r\n" + BODY, CLOSE), (200, BODY)),
    "gzip_that_was_not_asked_for": (says(answer(gzip.compress(BODY), "Content-Encoding: gzip")), (200, BODY)),
    "another_protocol_from_here_on": (
        says(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + answer(BODY)),
        (101, b""),
    ),
    "nothing_on_204": (says(b"HTTP/1.1 204 No Content\r\n\r\n"), (204, b"")),
    "a_status_that_nobody_knows": (says(answer(BODY, status="999 What")), (999, BODY)),
    "two_at_once": (says(answer(BODY) + answer(b"forged")), (200, BODY)),
}


@pytest.mark.parametrize("name", ODD)
async def test_an_odd_answer_is_read_as_it_is_meant(name):
    """What HTTP allows, or leaves no doubt about, is an answer; what lies behind it is never the answer to the next request."""
    script, expected = ODD[name]
    async with under_fire(script) as (server, transport):
        assert expected == await fate(transport, request_to(server))
        assert (200, HONEST) == await fate(transport, request_to(server))


async def test_a_slow_answer_is_waited_for():
    """One byte after another makes an answer, if they come in time."""

    async def script(peer):
        await peer.request()
        await peer.drip(answer(BODY), every_s=0.005)

    async with under_fire(script) as (server, transport):
        assert (200, BODY) == await fate(transport, request_to(server), timeout_s=5 * AT_ONCE_S)
    async with under_fire(script) as (server, transport):
        assert ("timeout", True) == await fate(transport, request_to(server), timeout_s=SHORT_S)


@pytest.mark.parametrize("end", ["reset", "close", "stall"])
async def test_an_answer_cut_at_any_byte_is_none(end):
    """Whatever ends it behind any byte, it is never an answer; each request counts as sent, and was sent once."""
    whole = answer(BODY, "Content-Type: application/json")
    ends = {"reset": RESET, "close": CLOSE, "stall": STALL}
    waiting, all_asked = set(range(len(whole))), asyncio.Event()

    async def script(peer):
        seen = await peer.request()
        at = int(seen.split(b" ")[1].removeprefix(b"/"))
        waiting.discard(at)
        if not waiting:
            all_asked.set()
        await says(whole[:at], SOON, ends[end], reads="nothing")(peer)

    fates, patience = {}, [anyio.CancelScope() for _ in whole]

    async def ask(transport, server, at):
        request = request_to(server, method=("POST", "DELETE")[at % 2], path=f"{at}")
        fates[at] = await fate(transport, request, patience=patience[at])

    async with rough_server(script) as server:
        transport = HttpTransport()
        async with anyio.create_task_group() as group:
            for at in range(len(whole)):
                group.start_soon(ask, transport, server, at)
            if end == "stall":
                await all_asked.wait()
                await asyncio.sleep(0.05)  # what is said of the answers gets there
                for scope in patience:
                    scope.cancel()
        await transport.aclose()
        assert await server.are_gone()

    assert dict.fromkeys(range(len(whole)), ("timeout" if end == "stall" else "broken", True)) == fates
    assert len(whole) == len(server.requests)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_a_request_that_is_cancelled_at_any_moment_leaves_nothing_behind(tls):
    """Cancelled after any number of turns of the loop, on a new connection or a kept one, it takes no connection with it."""
    async with under_fire(lambda peer: peer.serve(), tls=server_side() if tls else None, trust=trusting() if tls else None) as (
        server,
        transport,
    ):
        for turns in range(40):
            for _ in range(2):
                task = asyncio.ensure_future(fate(transport, request_to(server)))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
            assert (200, HONEST) == await fate(transport, request_to(server))


@pytest.mark.parametrize("ends", [True, False], ids=["reset", "stall"])
async def test_a_request_that_is_not_read_to_its_end_may_have_arrived(ends):
    """A large request whose server stops reading in the middle is broken, or timed out, and counts as sent."""

    async def script(peer):
        await peer.head()
        if ends:
            peer.reset()
        await asyncio.sleep(2 * SHORT_S)
        await peer.stall()

    async with under_fire(script) as (server, transport):
        seen = await fate(transport, request_to(server, body=bytes(2**20)), timeout_s=SHORT_S)

    assert ("broken" if ends else "timeout", True) == seen


@pytest.mark.parametrize("after_s", [0.0, 0.001, 0.02])
async def test_a_second_answer_is_never_the_answer_to_the_next_request(after_s):
    """Whether it comes at once or while the connection rests, an answer that nobody asked for closes its connection."""

    async def script(peer):
        await peer.request()
        await peer.say(answer(BODY))
        await asyncio.sleep(after_s)
        await peer.say(answer(b"forged"))

    async with under_fire(script) as (server, transport):
        assert (200, BODY) == await fate(transport, request_to(server))
        await anyio.sleep(0.05)
        assert (200, HONEST) == await fate(transport, request_to(server))
        assert 2 == server.connections


async def test_unread_bytes_on_a_resting_connection_are_seen_before_the_next_request():
    """An answer that lies in the socket, not yet looked at by a busy loop, is not taken for the next one either."""
    forge = asyncio.Event()

    async def script(peer):
        await peer.request()
        await peer.say(answer(BODY))
        await forge.wait()
        await peer.say(answer(b"forged"))

    async with under_fire(script) as (server, transport):
        assert (200, BODY) == await fate(transport, request_to(server))
        await anyio.sleep(0.01)
        forge.set()
        await asyncio.sleep(0)  # the server writes, and the client's side of the loop has no turn before the next request
        assert (200, HONEST) == await fate(transport, request_to(server))


@contextmanager
def speaks_first(greeting):
    """A server on a thread of its own that greets its one client; gives its port, and what it hears afterwards."""
    heard = []

    def greet(listener):
        connection, _ = listener.accept()
        with connection:
            connection.sendall(greeting)
            while data := connection.recv(65_536):
                heard.append(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=greet, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1], heard
        thread.join(AT_ONCE_S)


@pytest.mark.parametrize("greeting", [answer(BODY), b"220 ready\r\n", b"H"], ids=["answer", "greeting", "byte"])
async def test_an_answer_before_the_request_is_none(greeting):
    """A server that has spoken first is not asked at all: nothing leaves."""
    with speaks_first(greeting) as (port, heard):
        transport = HttpTransport()
        asyncio.get_running_loop().call_soon(time.sleep, 0.05)  # the loop is busy while the connection and the greeting come
        request = HttpRequest(method="DELETE", url=f"http://127.0.0.1:{port}/order")
        assert ("unasked", False) == await fate(transport, request)
        await transport.aclose()

    assert [] == heard


@pytest.mark.parametrize("method", ["POST", "DELETE", "GET"])
@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_connection_that_ended_while_it_rested_is_not_used(method, end):
    """The next request takes a new connection, and arrives once."""

    async def script(peer):
        await peer.request()
        await peer.say(answer(BODY))
        await asyncio.sleep(0.01)
        getattr(peer, end)()

    async with under_fire(script) as (server, transport):
        assert (200, BODY) == await fate(transport, request_to(server, method=method))
        await anyio.sleep(0.03)
        assert (200, HONEST) == await fate(transport, request_to(server, method=method))
        assert (2, 2) == (len(server.requests), server.connections)


@pytest.mark.parametrize("method", ["POST", "DELETE", "GET"])
@pytest.mark.parametrize("reads", ["nothing", "head", "request"])
@pytest.mark.parametrize("end", [CLOSE, RESET], ids=["close", "reset"])
async def test_a_kept_connection_that_ends_under_a_request_is_no_reason_to_send_it_again(method, reads, end):
    """However much of the request was read, the transport sends nothing twice, and says that it may have arrived."""

    async def script(peer):
        await peer.request()
        await peer.say(answer(BODY))
        seen = await peer.reader.readexactly(1)
        assert method[0].encode() == seen
        await says(end, reads=reads)(peer)

    async with under_fire(script) as (server, transport):
        assert (200, BODY) == await fate(transport, request_to(server, method=method))
        assert ("broken", True) == await fate(transport, request_to(server, method=method))
        assert 1 == server.connections
        assert len(server.requests) <= 2


@pytest.mark.parametrize("method", ["POST", "DELETE", "GET"])
async def test_a_kept_connection_that_ends_leaves_the_others_alone(method):
    """A connection that rests beside the one that broke is used for the next request, and let go in the end."""
    both = asyncio.Barrier(2)

    async def script(peer):
        await peer.request()
        await both.wait()
        await peer.say(answer(BODY))
        await peer.request()
        await says(*([CLOSE] if peer.number == 1 else [answer(BODY)]), reads="nothing")(peer)

    async with rough_server(script) as server:
        transport = HttpTransport()
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(fate, transport, request_to(server))
        fates = [await fate(transport, request_to(server, method=method)) for _ in range(2)]
        await transport.aclose()
        assert await server.are_gone()

    assert {("broken", True), (200, BODY)} == set(fates)
    assert (2, 4) == (server.connections, len(server.requests))


@pytest.mark.parametrize("at", [0, 10, 40, 70])
async def test_giving_up_leaves_no_half_read_connection_behind(at):
    """The rest of an answer that was given up is never read by the next request, though it comes a moment later."""

    async def script(peer):
        await peer.request()
        whole = answer(BODY)
        await peer.say(whole[:at])
        await asyncio.sleep(0.06)
        await peer.say(whole[at:])

    async with under_fire(script) as (server, transport):
        assert ("timeout", True) == await fate(transport, request_to(server), timeout_s=0.03)
        assert (200, HONEST) == await fate(transport, request_to(server))
        await anyio.sleep(0.05)
        assert (200, HONEST) == await fate(transport, request_to(server))
        assert 2 == server.connections
