"""Wrong answers of Opinion, as constants: refusals, shapes, HTTP errors. The bytes are the point; nothing is computed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from engine.simulator.connections import constant, foreign_type, in_both_orders, redirect
from engine.simulator.faults import Fault, Rewrite
from engine.simulator.opinion.envelope import JSON_TYPE, RefusedError, envelope, json_reply, refusal
from engine.simulator.wire import Ask, Reply

HTML = "text/html"
GIANT_BYTES = 16 * 1024 * 1024
NESTING = 200_000

REFUSALS = {
    10999: "some unknown code",
    10403: "API is not available to persons located in the United States, China, or restricted jurisdictions",
    11002: "invalid API key",
    10014: "Please enable trading first",
    10607: "order not found",
    401: "Unauthorized",
    429: "Too Many Requests",
}
"""Refusals with HTTP 200. 10999 stands for any code never seen; the others are the venue's, or said to be."""

CANCEL_SHAPES = {
    "result_false": b'{"errno":0,"errmsg":"","result":{"result":false}}',
    "result_one": b'{"errno":0,"errmsg":"","result":{"result":1}}',
    "result_text_true": b'{"errno":0,"errmsg":"","result":{"result":"true"}}',
    "result_null_inside": b'{"errno":0,"errmsg":"","result":{"result":null}}',
    "errno_text_zero": b'{"errno":"0","errmsg":"","result":{"result":true}}',
    "errno_false": b'{"errno":false,"errmsg":"","result":{"result":true}}',
    "errno_float": b'{"errno":0.0,"errmsg":"","result":{"result":true}}',
    "errno_null": b'{"errno":null,"errmsg":"","result":{"result":true}}',
    "errno_missing": b'{"errmsg":"","result":{"result":true}}',
    "errno_and_code_disagree": b'{"errno":0,"code":10999,"errmsg":"","msg":"refused","result":{"result":true}}',
}
SHAPES = {
    "null_result": b'{"errno":0,"errmsg":"","result":null}',
    "empty_result": b'{"errno":0,"errmsg":"","result":{}}',
    "missing_result": b'{"errno":0,"errmsg":""}',
    "empty_object": b"{}",
    "null_body": b"null",
    "array_body": b"[]",
    "bare_true": b"true",
    "result_bare_true": b'{"errno":0,"errmsg":"","result":true}',
    "result_array": b'{"errno":0,"errmsg":"","result":[]}',
    "result_text": b'{"errno":0,"errmsg":"","result":""}',
    "empty_body": b"",
    "broken_json": b"{not json",
    "broken_text": b'{"errno":0,"errmsg":"\xff\xfe","result":{"result":true}}',
}
PAGES = {
    200: "OK",
    429: "429 Too Many Requests",
    502: "502 Bad Gateway",
    503: "503 Service Unavailable",
    504: "504 Gateway Time-out",
}
ENVELOPES = {
    400: (400, "bad request"),
    401: (401, "Unauthorized"),
    403: (10403, REFUSALS[10403]),
    404: (404, "not found"),
    408: (408, "request timeout"),
    409: (409, "conflict"),
    425: (425, "too early"),
    500: (500, "internal error"),
    502: (502, "bad gateway"),
    503: (503, "service unavailable"),
    504: (504, "gateway time-out"),
}
RETRY_AFTERS = {
    "": None,
    "_retry_0": "0",
    "_retry_1": "1",
    "_retry_2": "2",
    "_retry_date": "Wed, 21 Oct 2015 07:28:00 GMT",
    "_retry_far_date": "Fri, 31 Dec 2100 23:59:59 GMT",
    "_retry_absurd": "999999999",
    "_retry_negative": "-5",
    "_retry_text": "soon",
}


def answer_faults(routes: frozenset[str], changing: frozenset[str]) -> Iterator[Fault]:
    """Every wrong answer that does not depend on the honest one."""
    for name, says, reply in _constants():
        yield from in_both_orders(name, says, routes=routes, changing=changing, rewrite=constant(reply))
    for name, body in CANCEL_SHAPES.items():
        reply, only = _json_bytes(body), frozenset({"cancel"})
        yield from in_both_orders(name, f"200 {body!r}", routes=only, changing=only, rewrite=constant(reply))
    yield from in_both_orders("redirect_307", "307 to another listener", routes=routes, changing=changing, rewrite=redirect)
    for name, says, rewrite in (
        ("nested_json", f"200, {NESTING} lists inside each other", _nested),
        ("status_201", "201 with the honest body", _with_status(201)),
        ("status_202", "202 with the honest body", _with_status(202)),
        ("status_204", "204 without a body", _with_status(204)),
    ):
        yield from in_both_orders(name, says, routes=routes, changing=changing, rewrite=rewrite)


def honest_faults(routes: frozenset[str]) -> Iterator[Fault]:
    """The honest answer in an unusual dress; what was asked is done."""
    for name, content_type in (("text_plain", "text/plain"), ("octet_stream", "application/octet-stream")):
        yield Fault(name=name, says=f"honest JSON as {content_type}", routes=routes, rewrite=foreign_type(content_type))
    yield Fault(name="giant_body", says=f"honest JSON behind {GIANT_BYTES} blanks", routes=routes, rewrite=_giant)


def _constants() -> Iterator[tuple[str, str, Reply]]:
    for code, message in REFUSALS.items():
        refused = RefusedError(code, message)
        yield f"refused_{code}", f"200, errno {code}", refusal("errno", refused)
        yield f"code_refused_{code}", f"200, code {code} in the code/msg dialect", refusal("code", refused)
    for name, body in SHAPES.items():
        yield name, f"200 {body!r}", _json_bytes(body)
    for status, words in PAGES.items():
        yield f"html_{status}", f"{status}, an HTML page", _page(status, words)
    for status, (code, message) in ENVELOPES.items():
        refused = RefusedError(code, message, status=status)
        yield f"http_{status}", f"{status} with errno {code}", refusal("errno", refused)
    for suffix, value in RETRY_AFTERS.items():
        yield f"rate_429{suffix}", f"429, Retry-After: {value}", _too_fast(value)


def _json_bytes(body: bytes) -> Reply:
    return Reply(status=200, headers={"Content-Type": JSON_TYPE}, body=body)


def _page(status: int, words: str) -> Reply:
    body = f"<html><head><title>{words}</title></head><body><h1>{words}</h1></body></html>"
    return Reply(status=status, headers={"Content-Type": HTML}, body=body.encode())


def _too_fast(retry_after: str | None) -> Reply:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return json_reply(envelope("errno", 429, REFUSALS[429], None), status=429, headers=headers)


def _nested(_honest: Reply, _ask: Ask) -> Reply:
    return _json_bytes(b'{"errno":0,"errmsg":"","result":' + b"[" * NESTING + b"]" * NESTING + b"}")


def _with_status(status: int) -> Rewrite:
    def rewrite(honest: Reply, _ask: Ask) -> Reply:
        if status == 204:
            return Reply(status=204)
        return Reply(status=status, headers=honest.headers, body=honest.body)

    return rewrite


def _giant(honest: Reply, _ask: Ask) -> Reply:
    return Reply(status=honest.status, headers=honest.headers, body=_blanks() + honest.body)


@cache
def _blanks() -> bytes:
    return b" " * GIANT_BYTES
