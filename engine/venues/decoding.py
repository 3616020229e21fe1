"""What every venue's wire has in common: addresses that are safe to send keys to, JSON that is safe to parse, values out of it.

Pure. A helper stands here once a second venue needs it; what a venue means by its words stays in that venue's own file.
"""

from __future__ import annotations

import json
import math
import re
from codecs import BOM_UTF8
from datetime import UTC
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

from engine.errors import ConfigError, WireError, shown
from engine.secret import Secret
from engine.venues.base import HttpAnswer

MOST_DIGITS = 40
"""Most digits before or behind the point of a price or size that is believed; prices lie between 0 and 1. A guess."""

MOST_NESTED = 10_000
"""Most opening brackets of a body that is parsed at all; a page of 20 rows has about 25. A guess."""

MOST_DEEP = 100
"""Most brackets inside each other; documented answers have five. A guess."""

MOST_WHOLE_DIGITS = 256
"""Most digits of a whole number that is read: as many as an id may have signs. To read more takes time by their square."""

LONGEST_WORDS = 200
"""Most characters of a venue's own words that get into a report. A guess."""

MOST_SHARED = 4_096
"""Values of one sort that are remembered so as to be kept once. A guess: prices have two or three digits."""


_TOO_LARGE = 10**MOST_WHOLE_DIGITS
_NETLOC = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]:\\^|<>\"%]+)(?::[0-9]*)?")
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_NEITHER_BRACKET_NOR_QUOTE = bytes(sign for sign in range(256) if sign not in b'[]{}"')


def checked_base_url(base_url: str, *, example: str, allow_http: bool = False) -> str:
    """The address without a slash at its end; `example` is one that can be used.

    Raises:
        ConfigError: it is no http(s) address of a host, carries a user, a query or a fragment, or would send the key in the
            clear to another machine.
    """
    if not isinstance(base_url, str) or not base_url.strip():
        raise ConfigError(f"base_url is empty; use {example}")
    # A password, or a key in a query, is not shown.
    quoted = "an address with a user, a query or a fragment" if set("@?#") & set(base_url) else shown(base_url)
    if base_url != base_url.strip() or not base_url.isprintable() or " " in base_url:
        raise ConfigError(f"base_url holds white space or control characters: {quoted}")
    if not base_url.isascii():
        raise ConfigError(f"base_url must be ASCII, foreign letters of a host as xn--… and others as %…: {quoted}")
    try:
        parts = urlsplit(base_url)
        host_is_good = (parts.port is None or 0 < parts.port < 65536) and _is_host(parts.netloc, parts.hostname)
    except ValueError as error:
        raise ConfigError(f"base_url is no address: {quoted}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"base_url must look like {example}, not {quoted}")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ConfigError("base_url must carry no user, password, query or fragment; keys go into the account's credentials")
    if not host_is_good:
        raise ConfigError(f"base_url must look like {example}, not {quoted}")
    if parts.scheme == "http" and not allow_http and not _is_loopback(parts.hostname):
        raise ConfigError(f"base_url {quoted} would send keys in the clear; use https:// (http:// is for this machine only)")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _is_host(netloc: str, host: str | None) -> bool:
    """Whether all of it is one host and its port: parsers disagree about text beside brackets."""
    if netloc.startswith("["):
        IPv6Address(host or "")
    return _NETLOC.fullmatch(netloc) is not None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False  # a name, and be it 127.example


def is_printable_ascii(secret: Secret) -> bool:
    """Whether a header can carry it as it is."""
    text = secret.reveal()
    return text.isascii() and text.isprintable() and " " not in text


def path_segment(order_id: str) -> str:
    """Escape one path segment; dots alone would be taken for a folder, and so are escaped too."""
    return quote(order_id, safe="") if order_id.strip(".") else order_id.replace(".", "%2E")


def seconds_to_wait(value: str | None, *, wall_s: float) -> float | None:
    """Seconds that a `Retry-After` asks for, from its number or its date; None where it says nothing that can be used.

    A date without a zone is one of Greenwich, as every date of HTTP is.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - wall_s
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def refuse_redirect(answer: HttpAnswer) -> NoReturn:
    """Redirects are not followed: a signature, or a key, would go where the venue is not.

    Raises:
        WireError: always.
    """
    try:
        host = words(urlsplit(answer.headers.get("location", "")).netloc.rpartition("@")[2]) or "somewhere"
    except ValueError:
        host = "somewhere"
    raise WireError(
        f"the venue redirects to {host} (HTTP {answer.status}), and redirects are not followed; check base_url",
        status=answer.status,
        code=f"http_{answer.status}",
    )


def wire_error(answer: HttpAnswer, what: str) -> WireError:
    """An error that says what is missing, and shows how the answer begins."""
    begin = answer.body[:200].decode("utf-8", "replace")
    return WireError(f"{what}: HTTP {answer.status}, {begin!r}", status=answer.status, code="bad_answer")


def json_object(answer: HttpAnswer) -> dict[str, Any] | None:
    """The body, if it is a JSON object."""
    value = json_value(answer)
    return value if isinstance(value, dict) else None


def json_value(answer: HttpAnswer) -> Any:
    """The body, if it is JSON in UTF-8 that says nothing twice; None for anything else.

    Of two values under one name nobody can say which one is meant, so that a body with both would be believed for either.
    """
    body = answer.body
    # The parser recurses, and other packages may have lifted the interpreter's bound on that: a deep body would end the process.
    brackets = body.count(b"[") + body.count(b"{")
    if brackets > MOST_NESTED or (brackets > MOST_DEEP and _depth(body) > MOST_DEEP):
        return None
    try:
        return _JSON.decode(body.removeprefix(BOM_UTF8).decode())
    except (ValueError, RecursionError):
        return None


def _depth(body: bytes) -> int:
    """How many brackets stand inside each other, up to where the body stops being JSON; those within texts do not count."""
    bare = _ESCAPE.sub(b"", body) if b"\\" in body else body
    # Texts without brackets become two quotes, and go; to take away two quotes never turns inside into outside.
    deepest = depth = 0
    is_text = False
    for sign in bare.translate(None, _NEITHER_BRACKET_NOR_QUOTE).replace(b'""', b"").decode():
        if sign == '"':
            is_text = not is_text
        elif not is_text:
            depth += 1 if sign in "[{" else -1
            deepest = max(deepest, depth)
            if depth < 0 or depth > MOST_DEEP:
                break
    return deepest


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _whole_number(digits: str) -> int:
    if len(digits) > MOST_WHOLE_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name stands twice")
    return fields


_JSON = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_whole_number, object_pairs_hook=_object)


def words(value: object) -> str:
    """A venue's words, cut to a length that fits a report, without what could steer a terminal; nothing where it is no text."""
    return "".join(sign if sign.isprintable() else "?" for sign in value[:LONGEST_WORDS]) if isinstance(value, str) else ""


def text_id(value: object) -> str | None:
    """An id, from text or a whole number; None for anything that could not be sent back as one."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _TOO_LARGE:
        value = str(value)
    if not isinstance(value, str) or not value or len(value) > 256 or not value.isprintable() or " " in value:
        return None
    return value


def whole(value: object) -> int | None:
    """A whole number that is not negative, from a number or its decimal text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18 else None


def decimal(value: object) -> Decimal | None:
    """A finite decimal, from text or a number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if len(value) > 80 if isinstance(value, str) else abs(value) >= _TOO_LARGE:
        return None
    return _decimal(str(value))


@lru_cache(maxsize=MOST_SHARED)
def _decimal(text: str) -> Decimal | None:
    """Prices and sizes repeat: equal ones are one object, because a million orders are kept at a time."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= MOST_DIGITS else None


@lru_cache(maxsize=MOST_SHARED)
def shared(text: str | None) -> str | None:
    """The same text, as the one object that stands for it wherever it repeats: ids of markets and assets do."""
    return text
