"""Entry functions of the fuzzers: bytes in, nothing out, an exception if a promise is broken.

Shared by the coverage-guided driver (`drive.py`), the property tests and the replay of the corpus. Deterministic: the same
bytes lead to the same end. An answer of a venue is written like HTTP: status, headers, an empty line, body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import re
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yarl
from fuzz import oracles

from engine import Account, ConfigError, RunReport, Scope, Secret, VenueError
from engine.cli.demo_settings import DemoSettings, read_demo
from engine.config import VENUES, open_venue, read_accounts, read_settings
from engine.config.schema import KEYS, variable_of
from engine.core.listing import Page
from engine.core.order import OpenOrder
from engine.core.outcome import Verdict, Word
from engine.core.request import checked_ids
from engine.core.table import COLUMNS, rows_of
from engine.page import page_of
from engine.venues import decoding
from engine.venues.base import HttpAnswer, Venue
from engine.venues.opinion import Opinion, OpinionKey
from engine.venues.opinion import wire as opinion_wire
from engine.venues.polymarket import Polymarket, PolymarketKey
from engine.venues.polymarket import wire as polymarket_wire
from engine.venues.polymarket.limits import TIERS
from engine.venues.polymarket.signing import decoded_secret, l2_signature

WALL_S = 1_000.0
ADDRESS = "0x" + "1" * 40
OPINION_ID = "a11ee07e-e22f-11f0-9714-0a58a9feac02"
A, B = "0x" + "a" * 64, "0x" + "b" * 64

SETTINGS = {key.kind: path for path, key in KEYS.items()}.values()
"""A setting of each kind."""

LONGEST_ERROR = 1_500
"""Most characters of an error: 200 bytes of a body escaped, 200 of the venue's words, and ours."""

LONGEST_EVIDENCE = 3_000
"""Most characters that one verdict or one order adds to a report."""

_OPINION, _POLYMARKET = Opinion(), Polymarket(strict_ids=False)
_ALICE = Account("alice", OpinionKey("alice-key"))
_BOB = Account("bob", PolymarketKey(ADDRESS, "bob-key", "c2VjcmV0", "passphrase"))


# --- answers


def answer_of(data: bytes) -> HttpAnswer:
    """Status, headers, an empty line, body; what is not there is 200, none and empty."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    digits = re.match(r"[0-9]{1,3}", first)
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return HttpAnswer(status=int(digits[0]) if digits else 200, headers=headers, body=body)


def data_of(answer: HttpAnswer) -> bytes:
    """The bytes that `answer_of` reads as this answer."""
    head = [str(answer.status), *(f"{name}: {value}" for name, value in answer.headers.items())]
    return "\n".join(head).encode("latin-1", "replace") + b"\n\n" + answer.body


def _asked(decode: Callable[[], Any]) -> Any:
    """The value, or None for an error of ours that can be shown to anybody."""
    try:
        return decode()
    except VenueError as error:
        _check_error(error)
        code, wait_s = error.code, getattr(error, "retry_after_s", None)
        assert code is None or type(code) in (int, str)
        assert len(str(code)) <= 300
        assert wait_s is None or (math.isfinite(wait_s) and wait_s >= 0)
        return None


def _check_error(error: Exception) -> None:
    text = str(error)
    assert text
    assert len(text) <= LONGEST_ERROR
    assert text.isprintable()


def _made(make: Callable[[], Any]) -> Any:
    """The value, or a `ConfigError` that can be shown to anybody."""
    try:
        return make()
    except ConfigError as error:
        _check_error(error)
        return error


def _check_verdict(verdict: Verdict) -> None:
    assert isinstance(verdict, Verdict)
    assert verdict.code is None or type(verdict.code) in (int, str)
    assert len(str(verdict.code)) <= 300
    assert verdict.text is None or verdict.text.isprintable()
    assert len(json.dumps([verdict.text, verdict.result])) <= LONGEST_EVIDENCE
    assert all(text.isprintable() for text in oracles.texts_in(verdict.result))


def _check_order(venue: Venue, account: Account, order: OpenOrder) -> None:
    assert isinstance(order, OpenOrder)
    _check_id(order.order_id)
    assert order.order_id == venue.plain_id(order.order_id)
    for text in (order.market, order.group, order.asset):
        assert text is None or (0 < len(text) <= 256 and text.isprintable())
    for number in (order.price, order.size, order.filled, order.notional):
        assert number is None or (number.is_finite() and abs(number) < Decimal(10) ** 85)
    assert order.created_at_ms is None or 0 < order.created_at_ms < 10**22
    assert len(json.dumps(order.to_dict())) <= LONGEST_EVIDENCE
    _check_requests(venue, account, order.order_id)


def _check_id(order_id: str) -> None:
    assert order_id
    assert len(order_id) <= 256
    assert order_id.isprintable()
    assert " " not in order_id


def _check_requests(venue: Venue, account: Account, order_id: str) -> None:
    """An id that was let in names that order in every request, and nothing else."""
    if venue.problem_of(order_id) is None:
        body = venue.cancel_request(account, [order_id], wall_s=WALL_S).body
        assert body is not None
        assert [venue.plain_id(order_id)] == list(json.loads(body).values())
    path = urlsplit(venue.order_request(account, order_id, wall_s=WALL_S).url).path
    assert path.isascii()
    assert path.isprintable()
    assert path.rpartition("/")[2].strip(".")
    assert unquote(path.rpartition("/")[2]) == venue.plain_id(order_id)


def _check_page(venue: Venue, account: Account, answer: HttpAnswer, page: Page, rows: list[Any] | None) -> None:
    assert isinstance(page, Page)
    assert rows is not None
    assert page.rows == len(rows)
    assert page.unreadable >= 0
    assert page.total is None or 0 <= page.total < 10**18
    for order in page.orders[:20]:
        _check_order(venue, account, order)
    if page.next is not None:
        assert len(page.next) <= 512
        assert urlsplit(venue.page_request(account, Scope(), page.next, wall_s=WALL_S).url).query.isprintable()
        _asked(lambda: venue.read_page(answer, page.next or "", wall_s=WALL_S))


_OPINION_STATES: Mapping[str, Word] = {
    "1": Word.OPEN,
    "2": Word.FILLED,
    "3": Word.ALREADY_CANCELLED,
    "4": Word.EXPIRED,
    "5": Word.EXPIRED,
}


_ORDER_IDS = re.compile(r'"(?:orderId|transNo)"\s*:\s*"?([!-!#-~]{1,256}?)"?[\s,}]')


def opinion(data: bytes) -> None:
    """Every decoder of Opinion's, through the port and beside it."""
    answer = answer_of(data)
    status, body = answer.status, answer.body
    verdicts = _asked(lambda: _OPINION.read_cancel(answer, [OPINION_ID], wall_s=WALL_S))
    is_acknowledged = oracles.opinion_acknowledges(status, body)
    if verdicts is not None:
        assert [OPINION_ID] == list(verdicts)
        verdict = verdicts[OPINION_ID]
        _check_verdict(verdict)
        assert verdict.word in (Word.CANCELLED, Word.UNSETTLED)
        assert is_acknowledged or verdict.word is not Word.CANCELLED
    if is_acknowledged and oracles.is_sober(body):
        assert verdicts is not None
        assert verdicts[OPINION_ID].word is Word.CANCELLED

    rows = oracles.opinion_rows(status, body)
    page = _asked(lambda: _OPINION.read_page(answer, "1", wall_s=WALL_S))
    if page is not None:
        _check_page(_OPINION, _ALICE, answer, page, rows)
        assert page.next == ("2" if rows else None)
    elif rows is not None:
        assert not oracles.is_sober(body)

    for order_id in {OPINION_ID, *_ORDER_IDS.findall(body.decode("latin-1"))[:2]}:
        verdict = _asked(lambda order_id=order_id: _OPINION.read_order(answer, order_id, wall_s=WALL_S))
        if verdict is not None:
            _check_verdict(verdict)
            _check_opinion_read(answer, order_id, verdict)
    key = _asked(lambda: opinion_wire.read_key(answer, ADDRESS, wall_s=WALL_S))
    assert key is None or isinstance(OpinionKey(key), OpinionKey)
    assert _OPINION.feedback(answer) is None


def _check_opinion_read(answer: HttpAnswer, order_id: str, verdict: Verdict) -> None:
    assert verdict.word is not Word.CANCELLED
    value = oracles.strict_json(answer.body)
    if verdict.word is Word.NOT_FOUND:
        assert all(type(code) is int and code in (404, 10607) for code in oracles.opinion_codes(value))
        assert oracles.opinion_codes(value)
    elif verdict.word is not Word.UNSETTLED:
        shown = oracles.opinion_shows(answer.status, answer.body, order_id)
        assert _OPINION_STATES[str(int(shown))] is verdict.word
    if verdict.order is not None:
        assert order_id == verdict.order.order_id
        _check_order(_OPINION, _ALICE, verdict.order)


_POLYMARKET_STATES: Mapping[str, Word] = {
    "LIVE": Word.OPEN,
    "DELAYED": Word.PENDING,
    "MATCHED": Word.FILLED,
    "CANCELED": Word.ALREADY_CANCELLED,
    "CANCELED_MARKET_RESOLVED": Word.EXPIRED,
    "INVALID": Word.EXPIRED,
}
_HEX_IDS = re.compile(rb"0[xX][0-9a-fA-F]{64}")


def polymarket(data: bytes) -> None:
    """Every decoder of Polymarket's, through the port and beside it."""
    answer = answer_of(data)
    status, body = answer.status, answer.body
    asked = list(dict.fromkeys([A, B, *(found.decode() for found in _HEX_IDS.findall(body)[:8])]))
    verdicts = _asked(lambda: _POLYMARKET.read_cancel(answer, asked, wall_s=WALL_S))
    said = _asked(lambda: _POLYMARKET.read_mass(answer, wall_s=WALL_S))
    mass = None if said is None else said.orders
    assert (verdicts is None) == (mass is None)
    assert verdicts is None or asked == list(verdicts)
    for order_id, verdict in [*(verdicts or {}).items(), *(mass or {}).items()]:
        _check_verdict(verdict)
        _check_id(order_id)
        assert verdict.word is not Word.OPEN
        is_acknowledged = oracles.polymarket_acknowledges(status, body, order_id)
        assert is_acknowledged or verdict.word is not Word.CANCELLED
        assert verdict.word is Word.CANCELLED or not is_acknowledged
    for order_id in mass or {}:
        assert order_id == _POLYMARKET.plain_id(order_id)
    if oracles.is_sober(body) and any(oracles.polymarket_acknowledges(status, body, order_id) for order_id in asked):
        assert verdicts is not None

    rows, mark = oracles.polymarket_rows(status, body)
    page = _asked(lambda: _POLYMARKET.read_page(answer, polymarket_wire.FIRST_PAGE, wall_s=WALL_S))
    if page is not None:
        _check_page(_POLYMARKET, _BOB, answer, page, rows)
        assert (page.next is None) == (mark == "LTE=" or (mark in (None, "") and not rows))

    for order_id in asked[:3]:
        verdict = _asked(lambda order_id=order_id: _POLYMARKET.read_order(answer, order_id, wall_s=WALL_S))
        if verdict is not None:
            _check_verdict(verdict)
            _check_polymarket_read(answer, order_id, verdict)
    _check_polymarket_beside(answer)


def _check_polymarket_read(answer: HttpAnswer, order_id: str, verdict: Verdict) -> None:
    assert verdict.word is not Word.CANCELLED
    if verdict.word is Word.NOT_FOUND:
        assert 404 == answer.status
        assert isinstance(oracles.strict_json(answer.body), dict)
    elif verdict.word is not Word.UNSETTLED:
        shown = oracles.polymarket_shows(answer.status, answer.body, order_id)
        assert _POLYMARKET_STATES[str(shown)] is verdict.word
    if verdict.order is not None:
        assert oracles.same_id(order_id, verdict.order.order_id)
        _check_order(_POLYMARKET, _BOB, verdict.order)


def _check_polymarket_beside(answer: HttpAnswer) -> None:
    time_s = _asked(lambda: _POLYMARKET.read_time(answer))
    assert time_s is None or 10**9 <= time_s < 10**10
    tier = _asked(lambda: _POLYMARKET.read_tier(answer))
    assert tier is None or tier in TIERS
    key = _asked(lambda: polymarket_wire.read_key(answer, ADDRESS, wall_s=WALL_S))
    assert key is None or isinstance(key, PolymarketKey)
    told = _POLYMARKET.feedback(answer)
    if told is not None:
        assert 200 <= answer.status < 300 or answer.status == 429
        assert told.remaining is None or math.isfinite(told.remaining)
        assert told.tier is None or (told.tier.isprintable() and len(told.tier) <= 200)


# --- values


def values(data: bytes) -> None:
    """What the wires share: JSON out of a body, and ids, numbers and words out of its values."""
    value = decoding.json_value(HttpAnswer(status=200, body=data))
    strict = oracles.strict_json(data)
    if strict is oracles.NOTHING or oracles.depth_of(strict) > decoding.MOST_DEEP:
        assert value is None
    elif value is not None or oracles.is_sober(data) or oracles.depth_of(strict) >= decoding.MOST_DEEP / 2:
        assert strict == value or re.search(rb"[0-9]{%d}" % oracles.SOBER_DIGITS, data)
    loose: Any = None
    with suppress(ValueError, RecursionError):
        loose = json.loads(data)
    left = [data, data.decode("utf-8", "replace"), data.decode("latin-1"), int.from_bytes(data[:4_000]), loose]
    for _ in range(200):
        if not left:
            break
        each = left.pop()
        left += [*each, *each.values()] if isinstance(each, dict) else each if isinstance(each, list) else []
        _check_value(each)


def _check_value(value: object) -> None:
    order_id, whole, number = decoding.text_id(value), decoding.whole(value), decoding.decimal(value)
    if order_id is not None:
        _check_id(order_id)
        assert str(value) == order_id
        _check_segment(order_id)
    assert whole is None or (type(whole) is int and 0 <= whole < 10**18 and whole == int(value))
    assert number is None or (number.is_finite() and len(str(number)) <= 100)
    said = decoding.words(value)
    assert said.isprintable()
    assert len(said) <= 200
    assert not said or isinstance(value, str)


def _check_segment(text: str) -> None:
    segment = decoding.path_segment(text)
    assert segment.isascii()
    assert not set("/?#\\ ") & set(segment)
    assert segment.strip(".")
    assert unquote(segment) == text


def retry_after(data: bytes) -> None:
    """A header that says how long to wait."""
    seconds = decoding.seconds_to_wait(data.decode("utf-8", "surrogateescape"), wall_s=WALL_S)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


def base_url(data: bytes) -> None:
    """An address that keys are to be sent to: what is taken is read alike by the client that will send them."""
    text = data.decode("utf-8", "surrogateescape")
    for open_ in (Opinion, Polymarket):
        made = _made(lambda open_=open_: open_(text))
        if isinstance(made, ConfigError):
            password = re.match(r"[a-z]+://[^/?#]*:([^/?#@]{8,})@", text)
            assert (
                password is None
                or text.count(password[1]) > 1
                or password[1] not in str(made).replace("user, password, query or fragment", "")
            )
            continue
        address = made.base_url
        url = yarl.URL(address + "/order", encoded=True)
        assert url.scheme == "https" or (
            url.scheme == "http" and re.fullmatch(r"localhost|127\.[0-9.]+|[0:]*:0*1(%.*)?", url.host)
        )
        assert url.host
        assert urlsplit(text).hostname == url.host.lower()
        assert url.raw_user is None
        assert url.raw_password is None
        assert not url.query_string
        assert url.path.endswith("/order")
        assert open_(address).base_url == address


# --- what callers give


def ids(data: bytes) -> None:
    """Ids, a market and an asset from a caller: used as they are, or refused before anything is sent."""
    texts = data.decode("utf-8", "surrogateescape").split("\n")
    numbers = [int.from_bytes(data[:4_000]), -int.from_bytes(data[:4_000])]
    checked = _made(lambda: checked_ids(texts))
    if not isinstance(checked, ConfigError):
        assert texts == list(checked)
        for order_id in checked:
            _check_id(order_id)
            _check_requests(_OPINION, _ALICE, order_id)
            _check_requests(_POLYMARKET, _BOB, order_id)
    for value in (texts[0], texts[-1], *numbers):
        for condition in ("market", "asset", "side", "order_ids", "except_ids", "where"):
            _check_scope(condition, value)
        _check_scope("order_ids", [value])
    for text in texts:
        problem = Polymarket().problem_of(text)
        assert problem is None or problem.isprintable()


def _check_scope(condition: str, value: Any) -> None:
    scope = _made(lambda: Scope(**{condition: value}))
    if isinstance(scope, ConfigError):
        return
    for venue, account in ((_OPINION, _ALICE), (_POLYMARKET, _BOB)):
        if _made(lambda venue=venue, account=account: venue.check(account, scope)) is None:
            requests = [venue.page_request(account, scope, venue.first_cursor, wall_s=WALL_S)]
            requests += [venue.mass_request(account, scope, kind, wall_s=WALL_S) for kind in venue.mass_cancels(scope)]
            assert all(request.url.isascii() and request.url.isprintable() for request in requests)


def secret(data: bytes) -> None:
    """A secret in base64: its bytes are those that any base64 has, and no error shows it."""
    text = data.decode("utf-8", "surrogateescape")
    hidden = Secret(text)
    key = _made(lambda: decoded_secret(hidden))
    if isinstance(key, ConfigError):
        assert len(text) < 8 or text not in str(key)
        return
    plain = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    assert base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True) == key
    signature = hmac.new(key, b"1DELETE/order{}", hashlib.sha256).digest()
    signed = l2_signature(hidden, timestamp=1, method="DELETE", path="/order", body=b"{}")
    assert base64.urlsafe_b64encode(signature).decode() == signed.reveal()


# --- files


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Gone with the process."""
    return tempfile.TemporaryDirectory(prefix="fuzz-")


def _file(name: str, data: bytes) -> Path:
    path = Path(_folder().name) / name
    if not path.exists():
        path.touch(mode=0o600)
    path.write_bytes(data)
    return path


def _read(path: Path, read: Callable[[], Any]) -> Any:
    """The value, or None for a `ConfigError` that can be shown to anybody; the path in it is the caller's own."""
    try:
        return read()
    except ConfigError as error:
        _check_error(ConfigError(str(error).replace(str(path), path.name)))
        _check_no_key(path.read_bytes(), str(error))
        return None


def _check_no_key(data: bytes, text: str) -> None:
    """No error shows what stands as a key in the accounts file that it is about."""
    entries: Any = []
    with suppress(ValueError, RecursionError):
        entries = tomllib.loads(data.decode()).get("account", [])
    for entry in entries if isinstance(entries, list) else []:
        for name in ("api_key", "secret", "passphrase"):
            value = entry.get(name) if isinstance(entry, dict) else None
            if isinstance(value, str) and len(value) >= 12 and not value.startswith("env:"):
                assert value not in text or data.count(value.encode()) > 1


ENVIRONMENT = {
    "ALICE_KEY": "alice-key",
    "BOB_ADDRESS": ADDRESS,
    "BOB_KEY": "bob-key",
    "BOB_SECRET": "c2VjcmV0",
    "BOB_PASSPHRASE": "passphrase",
    "BLANK": "",
}


def _accounts(path: Path) -> None:
    for venue in (None, "opinion"):
        accounts = _read(path, lambda venue=venue: read_accounts(path, environment=ENVIRONMENT, venue=venue))
        if accounts is None:
            continue
        assert accounts
        assert len({account.name for account in accounts}) == len(accounts)
        for account in accounts:
            assert account.name.strip()
            assert account.name.isprintable()
            assert account.venue in VENUES
            assert venue in (None, account.venue)
            assert type(account.credentials) is {"opinion": OpinionKey, "polymarket": PolymarketKey}[str(account.venue)]
            assert 0 < account.weight < math.inf


def accounts_toml(data: bytes) -> None:
    """An accounts file in TOML."""
    _accounts(_file("accounts.toml", data))


def accounts_csv(data: bytes) -> None:
    """An accounts file in CSV."""
    _accounts(_file("accounts.csv", data))


def settings(data: bytes) -> None:
    """A settings file, the venues that it describes, and the same bytes as the text of a variable or of an option."""
    path = _file("settings.toml", data)
    found = _read(path, lambda: read_settings(path))
    if found is not None:
        assert found.bounds
        assert all(each.where.isprintable() for each in found.values.values())
    text = data.decode("utf-8", "replace")
    for name in SETTINGS:
        _read(path, lambda name=name: read_settings(None, given=[f"{name}={text}"]))
        _read(path, lambda name=name: read_settings(None, environment={variable_of(name): text}))
    _read(path, lambda: read_settings(None, given=[text]))
    for name in VENUES if found is not None else ():
        venue = _read(path, lambda name=name: open_venue(name, found.venue(name)))
        if venue is not None:
            assert 0 < venue.timeout_s < math.inf
            assert repr(venue).isprintable()
            assert venue.page_request(_ALICE if name == "opinion" else _BOB, Scope(), venue.first_cursor, wall_s=WALL_S).url


def demo(data: bytes) -> None:
    """What the demo shows, from a file."""
    path = _file("demo.toml", data)
    found = _read(path, lambda: read_demo(path))
    if found is not None:
        assert isinstance(found, DemoSettings)
        assert any(stage.accounts for stage in found.stages.values())


# --- reports


def report(data: bytes) -> None:
    """A report that was written down: loaded as it is, or refused; what is loaded can be written and loaded again."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return
    loaded = _made(lambda: RunReport.from_dict(document))
    if isinstance(loaded, ConfigError):
        return
    assert loaded.total == loaded.cancelled + loaded.failed == document["total"]
    assert loaded.at_risk == document["at_risk"] <= loaded.failed
    told = loaded.to_dict()
    again = RunReport.from_dict(told)
    assert again.to_dict() == told
    assert json.loads(json.dumps(told)) == told
    assert {len(COLUMNS)} >= {len(row) for row in rows_of(again)}
    page = page_of(loaded)
    assert page == page_of(again)
    page.encode("utf-8")


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    each.__name__: each
    for each in (
        opinion, polymarket, values, retry_after, base_url, ids, secret, accounts_toml, accounts_csv, settings, demo, report,
    )
}  # fmt: skip
"""Name to entry function; the corpus has a folder for each."""
