"""Faults of connections and of HTTP itself, which every venue can suffer. A venue names its routes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from engine.simulator.faults import Fault, Rewrite
from engine.simulator.wire import Ask, Manner, Reply

BROKEN_MANNERS = (
    ("hang", Manner.HANG, "the request is read and never answered"),
    ("drop", Manner.DROP, "the connection is closed without a byte"),
    ("drop_headers", Manner.DROP_HEADERS, "the connection is closed after the headers"),
    ("drop_body", Manner.DROP_BODY, "the connection is closed in the middle of the body"),
    ("content_length_large", Manner.LENGTH_LARGE, "Content-Length names more than is sent; the connection stays open"),
    ("content_length_small", Manner.LENGTH_SMALL, "Content-Length names half of the body that is sent"),
)
DELAYS_S = (("slow_50ms", 0.05), ("slow_150ms", 0.15), ("slow_2s", 2.0), ("slow_45s", 45.0))
"""The last is longer than a client's patience: the venue has acted by then, and nobody hears of it."""
UNREACHABLE = (
    ("refused_connection", Manner.REFUSE, "nothing is listening"),
    ("name_unresolved", Manner.UNRESOLVED, "the host's name leads nowhere"),
    ("tls_failed", Manner.NO_TLS, "the certificate is no good"),
)
BYTE_DELAY_S = 0.005
"""Between the bytes of a slow body: a cancel's answer takes a quarter of a second, a full page about a minute."""


def in_both_orders(
    name: str,
    says: str,
    *,
    routes: frozenset[str],
    changing: frozenset[str],
    manner: Manner = Manner.ANSWER,
    rewrite: Rewrite | None = None,
) -> Iterator[Fault]:
    """The fault before the venue does what was asked, and `<name>_after` it did, for the routes that change anything."""
    yield Fault(name=name, says=f"{says}; nothing is done", routes=routes, acts=False, manner=manner, rewrite=rewrite)
    if routes & changing:
        yield Fault(
            name=f"{name}_after",
            says=f"{says}; what was asked is done",
            routes=routes & changing,
            acts=True,
            manner=manner,
            rewrite=rewrite,
        )


def connection_faults(routes: frozenset[str], changing: frozenset[str]) -> Iterator[Fault]:
    """Every way in which a connection can fail, for these routes."""
    for name, manner, says in BROKEN_MANNERS:
        yield from in_both_orders(name, says, routes=routes, changing=changing, manner=manner)
    for name, manner, says in UNREACHABLE:
        yield Fault(name=name, says=says, routes=routes, acts=False, manner=manner)
    yield from in_both_orders(
        "echoed_headers", "500, and the request's own headers as the message", routes=routes, changing=changing, rewrite=echo
    )
    yield Fault(
        name="slower_each_time", says="a complete answer, each twice as late as the last", routes=routes, delay_s=0.05, slows=True
    )
    yield Fault(
        name="slow_body",
        says="a complete answer, its body one byte at a time",
        routes=routes,
        manner=Manner.DRIP,
        byte_delay_s=BYTE_DELAY_S,
    )
    for name, delay_s in DELAYS_S:
        yield Fault(name=name, says=f"a complete answer {delay_s:g} s late", routes=routes, delay_s=delay_s)


def constant(reply: Reply) -> Rewrite:
    """Always this reply, whatever the honest one was."""
    return lambda _honest, _ask: reply


def foreign_type(content_type: str) -> Rewrite:
    """The honest body under another content type."""
    return lambda honest, _ask: replace(honest, headers={**honest.headers, "Content-Type": content_type})


def echo(_honest: Reply, ask: Ask) -> Reply:
    """A server that shows what it was sent, secrets and all, as debugging servers do."""
    shown = json.dumps({"errno": 500, "error": str(dict(ask.wire.headers)), "errmsg": str(dict(ask.wire.headers))})
    return Reply(status=500, headers={"Content-Type": "application/json"}, body=shown.encode())


def redirect(honest: Reply, ask: Ask) -> Reply:
    """A 307 to the same path at the second listener."""
    return replace(honest, status=307, headers={"Location": ask.redirect_url + ask.wire.path}, body=b"")
