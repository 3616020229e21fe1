"""What the wires have in common: anything at all may come in, and nothing but a value or an error of ours comes out."""

import json
import math
import subprocess
import sys
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import ConfigError, WireError
from engine.venues import decoding
from engine.venues.base import HttpAnswer

ANYTHING = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.integers()) | st.just(10**400)
)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_json_value_or_none(body):
    """What Python's own parser takes, numbers that are none aside, is taken; everything else is None."""
    answer = HttpAnswer(status=200, body=body)
    value = decoding.json_value(answer)

    assert (value if isinstance(value, dict) else None) == decoding.json_object(answer)
    if value is not None:
        assert value == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b"NaN",
        b"[Infinity]",
        b'{"a":-Infinity}',
        b"[" * 20_000,
        b'[{"a":' * 9_000,
        b"\xff",
        b"1" * 5000,
        b"1" * 257,
        b'{"a":1,"a":1}',
        b'[{"b":{"a":1,"c":2,"a":3}}]',
        '["a"]'.encode("utf-16"),
        b'["\xed\xa0\x80"]',
    ],
)
def test_what_is_no_json_is_none(body):
    """Numbers that are none, nesting beyond reason, foreign bytes, endless digits and what is said twice are refused."""
    assert decoding.json_value(HttpAnswer(status=200, body=body)) is None


@pytest.mark.parametrize("body", [b"[1]", b"\xef\xbb\xbf[1]", b" [1]\n", b"[" + b"1" * 256 + b"]"])
def test_what_is_json_is_read(body):
    """The mark of UTF-8, white space around and a number of as many digits as an id are no hindrance."""
    assert decoding.json_value(HttpAnswer(status=200, body=body)) is not None


@pytest.mark.parametrize("hidden", [b'"]]]]"', b'"[[[["', rb'"\"]]]]"', rb'"\\"', b'""'])
def test_a_body_is_read_to_its_hundredth_bracket_and_no_deeper(hidden):
    """However texts within it are made up, neither do their brackets count nor do they hide those outside."""
    wide = b"[" + (b"[" + hidden + b"],") * 200
    least, most = (wide + b"[" * depth + hidden + b"]" * depth + b"]" for depth in (99, 100))

    assert decoding.json_value(HttpAnswer(status=200, body=least)) is not None
    assert decoding.json_value(HttpAnswer(status=200, body=most)) is None


def test_a_deep_body_does_not_end_the_process():
    """Where another package has lifted the interpreter's bound on recursion, a thread with a small stack survives any answer."""
    code = """if True:
        import sys, threading
        from engine.venues import decoding
        from engine.venues.base import HttpAnswer
        sys.setrecursionlimit(100_000)
        threading.stack_size(256 * 1024)
        read = lambda: print(decoding.json_value(HttpAnswer(status=200, body=b'[{"a":' * 4_999)))
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert (0, "None\n", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("value", "expected"), [(10**18 - 1, 10**18 - 1), (str(10**18 - 1), 10**18 - 1), (10**18, None), (str(10**18), None)]
)
def test_a_whole_number_has_the_same_bound_as_text_and_as_a_number(value, expected):
    """Eighteen digits are believed in both forms, and no more in either."""
    assert expected == decoding.whole(value)


@pytest.mark.parametrize("number", [10**5_000, -(10**5_000)], ids=["huge", "hugely negative"])
def test_a_number_that_cannot_be_written_is_neither_id_nor_amount(number):
    """The interpreter refuses to write thousands of digits; the helpers say None before it does."""
    assert decoding.text_id(number) is decoding.decimal(number) is decoding.whole(number) is None


def test_a_body_of_many_rows_is_read():
    """The bound on brackets leaves room for pages that are far larger than any known one."""
    rows = [{"id": "x", "associate_trades": []} for _ in range(4_900)]

    assert rows == decoding.json_value(HttpAnswer(status=200, body=json.dumps(rows).encode()))


@given(ANYTHING)
def test_values_are_read_or_none(value):
    """A number, an id or words come out as such, or not at all."""
    number, whole, order_id = decoding.decimal(value), decoding.whole(value), decoding.text_id(value)

    assert number is None or number.is_finite()
    assert whole is None or 0 <= whole < 10**18
    assert order_id is None or (order_id.isprintable() and 0 < len(order_id) <= 256)
    assert decoding.words(value).isprintable()
    assert len(decoding.words(value)) <= 200


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0.57", Decimal("0.57")), (5, Decimal(5)), (0.1, Decimal("0.1")), ("1e50", None), ("x", None), (True, None), (None, None)],
)
def test_a_decimal_is_finite_and_of_sober_size(value, expected):
    """Text and numbers are read exactly; what could cost time or memory is not read."""
    assert expected == decoding.decimal(value)


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("https://evil.example/x", r"evil\.example"),
        ("https://user:pw@evil.example:99/x?k=1", r"evil\.example:99"),
        ("/elsewhere", "somewhere"),
        ("", "somewhere"),
        ("//[::1", "somewhere"),
        ("http://a\u2100b/", "somewhere"),
        ("http://a\x1bb/", r"a\?b"),
    ],
)
def test_a_redirect_is_refused_and_named_by_its_host_alone(location, host):
    """Any location, however broken, is a WireError that shows a host, and neither user, path nor query."""
    with pytest.raises(WireError, match=rf"^the venue redirects to {host} \(HTTP 308\), and redirects are not followed"):
        decoding.refuse_redirect(HttpAnswer(status=308, headers={"location": location}))


@given(st.text(max_size=40))
def test_any_location_is_a_redirect_to_somewhere(location):
    """No text in the header gets another error out than ours."""
    with pytest.raises(WireError):
        decoding.refuse_redirect(HttpAnswer(status=302, headers={"location": location}))


@given(
    st.text(max_size=40)
    | st.sampled_from(["3", "-0", "inf", "Thu, 01 Jan 0001 00:00:00 -0000", "Fri, 31 Dec 9999 23:59:59 -2359", "1e309", "NAN"]),
    st.floats(0, 1e10),
)
def test_any_retry_after_is_seconds_or_none(value, wall_s):
    """Whatever the header holds, nothing negative or endless comes out, and no error."""
    seconds = decoding.seconds_to_wait(value, wall_s=wall_s)

    assert seconds is None or 0 <= seconds < math.inf


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_a_date_without_a_zone_is_one_of_greenwich(monkeypatch, zone):
    """How long to wait does not depend on where this machine stands."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert 10.0 == decoding.seconds_to_wait("Thu, 01 Jan 1970 00:16:50 -0000", wall_s=1000.0)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("segment", [".", "..", "a/b", "a?b", "a#b", "a b", "é", "%2F", ""])
def test_a_path_segment_stays_one(segment):
    """Nothing in it can end it or be taken for a folder."""
    escaped = decoding.path_segment(segment)

    assert not set("/?# ") & set(escaped)
    assert escaped.isascii()
    assert not escaped or escaped.strip(".")


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://clob.polymarket.com", "https://clob.polymarket.com"),
        ("https://clob.polymarket.com///", "https://clob.polymarket.com"),
        ("https://gateway.example:8443/a/b/", "https://gateway.example:8443/a/b"),
        ("http://127.9.9.9:1", "http://127.9.9.9:1"),
        ("http://[::1]", "http://[::1]"),
    ],
)
def test_an_address_loses_its_last_slash_and_nothing_else(base_url, expected):
    """Host, port and path stay; on this machine, plain HTTP will do."""
    assert expected == decoding.checked_base_url(base_url, example="https://example")


@pytest.mark.parametrize("base_url", ["http://127.evil.example.", "http://localhost.evil.example", "http://10.0.0.5"])
def test_plain_http_elsewhere_must_be_asked_for(base_url):
    """A name that only looks like this machine is another machine."""
    with pytest.raises(ConfigError, match="in the clear"):
        decoding.checked_base_url(base_url, example="https://example")

    assert base_url == decoding.checked_base_url(base_url, example="https://example", allow_http=True)


@pytest.mark.parametrize(
    "base_url",
    [
        "http://[::1]evil.example",
        "http://evil.example[::1]",
        "http://localhost\\.evil.example",
        "https://[v1.a]",
        "https://a%00b",
        "https://\u0456.example",
        "https://[",
    ],
)
def test_an_address_that_two_parsers_read_differently_is_refused(base_url):
    """What stands beside the brackets of an address may be the host to another parser, and the transport could not read it."""
    with pytest.raises(ConfigError):
        decoding.checked_base_url(base_url, example="https://example")


@pytest.mark.parametrize(
    "base_url",
    [
        "https://alice:hunter2@host:99999",
        "ftp://alice:hunter2@host",
        "https://alice:hunter2@host/ x",
        "https://alice:hunter2@[::1",
        "https://alice:hunter2@a\u2100b/",
        "https://host:x?key=hunter2",
        "ftp://host#hunter2",
    ],
)
def test_no_refusal_shows_a_secret_of_the_address(base_url):
    """Whatever else is wrong with it, a password or a query is not repeated."""
    with pytest.raises(ConfigError) as caught:
        decoding.checked_base_url(base_url, example="https://example")

    assert "hunter2" not in str(caught.value)


def test_a_long_address_is_cut_in_the_words():
    """A refusal stays on a line or two."""
    with pytest.raises(ConfigError) as caught:
        decoding.checked_base_url("ftp://" + "x" * 100_000, example="https://example")

    assert len(str(caught.value)) < 300
