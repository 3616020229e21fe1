"""Every decoder under the largest input of the worst kinds. Run as a program of its own, so that it can be bounded from outside.

    python tests/fuzz/sizes.py answers|files

Prints a line for each kind, last the peak of its memory in MiB. Nothing here looks at a clock: the caller bounds the processor's
time, and a decoder that takes the square of its input never comes to an end.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from engine import EngineError, RunReport, Scope, Secret
from engine.cli.demo_settings import read_demo
from engine.config import MOST_BYTES, read_accounts, read_settings
from engine.core.request import checked_ids
from engine.venues import decoding
from engine.venues.base import HttpAnswer
from engine.venues.http import MOST_BYTES as LARGEST_ANSWER
from engine.venues.opinion import Opinion, OpinionKey
from engine.venues.opinion import wire as opinion_wire
from engine.venues.polymarket import Polymarket
from engine.venues.polymarket import wire as polymarket_wire
from engine.venues.polymarket.signing import decoded_secret

MIB = 1024 * 1024
ADDRESS = "0x" + "1" * 40
A = "0x" + "a" * 64


def _say(what: object) -> None:
    sys.stdout.write(f"{what}\n")


def filled(begin: bytes, again: bytes, end: bytes = b"") -> Callable[[int], bytes]:
    """Makes a body of so many bytes: something at its beginning, something again and again, something at its end."""
    return lambda size: begin + again * ((size - len(begin) - len(end)) // len(again)) + end


def _ids(size: int) -> bytes:
    return json.dumps({"canceled": [f"0x{number:064x}" for number in range(size // 70)], "not_canceled": {}}).encode()


def _reasons(size: int) -> bytes:
    return json.dumps({"canceled": [A], "not_canceled": {f"0x{number:064x}": "x" for number in range(size // 75)}}).encode()


BODIES = {
    "brackets": filled(b"", b"["),
    "objects": filled(b"", b'{"a":'),
    "brackets behind texts that close them": filled(b"", b'["]",'),
    "an endless text": filled(b'"', b"a"),
    "escapes": filled(b'["', b"\\u0000", b'"]'),
    "escapes of half a pair": filled(b'"', b"\\ud800", b'"'),
    "backslashes": filled(b'["', b"\\", b'"]'),
    "texts": filled(b"[", b'"ab",', b'""]'),
    "a text of brackets": filled(b'[[["', b"[]{}]", b'"' + b"]]]"),
    "closing brackets in a text": filled(b"[" * 200 + b'"', b"]", b'"'),
    "digits": filled(b"", b"9"),
    "digits in an answer": filled(b'{"errno":', b"9", b"}"),
    "digits behind a minus": filled(b"[-", b"9", b"]"),
    "digits behind a point": filled(b"[1.", b"9", b"]"),
    "digits of an exponent": filled(b"[1e", b"9", b"]"),
    "numbers": filled(b"[", b"1234,", b"1]"),
    "white space": filled(b"", b" "),
    "marks": filled(b"", b"\xef\xbb\xbf"),
    "no UTF-8": filled(b'["', b"\xff", b'"]'),
    "rows that are none": filled(b'{"errno":0,"result":{"list":[', b"0,", b"0]}}"),
    "null rows": filled(b'{"next_cursor":"LTE=","data":[', b"null,", b"null]}"),
    "one long word": filled(b'{"error":"', b"!a", b'"}'),
    "white space in a reason": filled(b'{"canceled":[],"not_canceled":{"' + A.encode() + b'":"', b" ", b'"}}'),
    "an endless cursor": filled(b'{"data":[],"next_cursor":"', b"A", b'"}'),
    "ids": _ids,
    "reasons": _reasons,
}


def _decoders() -> Iterator[Callable[[HttpAnswer], object]]:
    opinion, polymarket = Opinion(), Polymarket()
    yield lambda answer: opinion.read_cancel(answer, ["x"], wall_s=0.0)
    yield lambda answer: opinion.read_page(answer, "1", wall_s=0.0)
    yield lambda answer: opinion.read_order(answer, "x", wall_s=0.0)
    yield lambda answer: opinion_wire.read_key(answer, ADDRESS, wall_s=0.0)
    yield lambda answer: polymarket.read_cancel(answer, [A], wall_s=0.0)
    yield lambda answer: polymarket.read_mass(answer, wall_s=0.0)
    yield lambda answer: polymarket.read_page(answer, "MA==", wall_s=0.0)
    yield lambda answer: polymarket.read_order(answer, A, wall_s=0.0)
    yield polymarket.read_time
    yield polymarket.read_tier
    yield lambda answer: polymarket_wire.read_key(answer, ADDRESS, wall_s=0.0)
    yield polymarket.feedback


def answers() -> None:
    """Each decoder under half a MiB of everything, and the two that may say "cancelled" under the largest answer there is."""
    # What other packages do to the interpreter: with both bounds gone, only the decoders' own are left.
    sys.set_int_max_str_digits(0)
    sys.setrecursionlimit(100_000)
    decoders = list(_decoders())
    for name, make in BODIES.items():
        for size, status, chosen in (
            (MIB // 2, 200, decoders),
            (MIB // 2, 400, decoders),
            (LARGEST_ANSWER, 200, [decoders[0], decoders[4]]),
        ):
            body = make(size)
            for decode in chosen:
                with suppress(EngineError):
                    decode(HttpAnswer(status=status, body=body))
        _say(name)
    for text in ("9" * MIB, "1 " * MIB, "Thu, " * MIB, ":" * MIB, "(" * MIB, "a-" * MIB, "\\" * MIB):
        decoding.seconds_to_wait(text, wall_s=0.0)
        with suppress(EngineError):
            decoding.checked_base_url("https://" + text, example="https://example")
    _say("headers and addresses")


FILES = {
    "brackets": filled(b"a = ", b"["),
    "tables in each other": filled(b"a = ", b"{a="),
    "a key of many parts": filled(b"a", b".a", b" = 1"),
    "a table of many parts": filled(b"[a", b".a", b"]"),
    "many keys of many parts": filled(b"", b"[account" + b".a" * 190 + b"]\n"),
    "one long key": filled(b"", b"a", b" = 1"),
    "one long name": filled(b'[[account]]\nname = "', b"a", b'"\n'),
    "one long venue": filled(b'[[account]]\nname = "a"\nvenue = "', b"opinion", b'"\n'),
    "escapes": filled(b'a = "', b"\\u0041", b'"'),
    "an endless text": filled(b'a = """', b"a\n"),
    "digits": filled(b"a = ", b"9"),
    "hex digits": filled(b"[venue.opinion]\nrequests_per_s = 0x", b"f"),
    "a comment": filled(b"#", b"#"),
    "line ends": filled(b"", b"\r\n"),
    "commas": filled(b"", b","),
    "quotes": filled(b"", b'"'),
    "cells": filled(b"name,venue\n", b'"a",'),
}


def files() -> None:
    """Each reader of files under a MiB of everything, and the report's loader and the checks of a caller's texts."""
    with tempfile.TemporaryDirectory() as folder:
        for name, make in FILES.items():
            for path in (Path(folder, "a.toml"), Path(folder, "a.csv")):
                path.touch(mode=0o600)
                path.write_bytes(make(MIB))
                assert path.stat().st_size <= MOST_BYTES
                readers = [lambda path=path: read_accounts(path, environment={})]
                if path.suffix == ".toml":
                    readers += [lambda path=path: read_settings(path), lambda path=path: read_demo(path)]
                for read in readers:
                    with suppress(EngineError):
                        read()
            _say(name)
    for text in ("9" * MIB, "a" * MIB, "=" * MIB, "\x1b" * MIB, "0x" + "a" * MIB):
        for check in (
            lambda text: decoded_secret(Secret(text)),
            OpinionKey,
            lambda text: checked_ids([text]),
            lambda text: Scope(market=text),
        ):
            with suppress(EngineError):
                check(text)
        for document in ({"schema": text}, {"schema": "cancel-engine/run-report/1", "run_id": "r", "accounts": {text: {}}}):
            with suppress(EngineError):
                RunReport.from_dict(document)
    _say("texts and reports")


if __name__ == "__main__":
    {"answers": answers, "files": files}[sys.argv[1]]()
    _say(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
