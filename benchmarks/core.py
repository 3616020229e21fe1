"""Core: what single steps cost, as the fastest of some rounds, in nanoseconds."""

from __future__ import annotations

import timeit
from collections.abc import Callable, Iterator

from benchmarks.books import CANCELLED, OpinionBook, PolymarketBook, opinion_id, polymarket_id
from benchmarks.parsing import Asked
from benchmarks.rows import Row
from engine.core.outcome import Verdict, Word
from engine.core.plan import Means, choose
from engine.core.quota import Send, SendLog, Window
from engine.core.retry import Retry, after_cancel
from engine.core.slots import Slots
from engine.secret import Secret
from engine.venues.base import HttpAnswer
from engine.venues.opinion import wire as opinion
from engine.venues.opinion.limits import PUBLISHED
from engine.venues.polymarket import PolymarketKey
from engine.venues.polymarket import wire as polymarket

BASE_URL = "http://127.0.0.1:9"
IDS = [polymarket_id(0, number) for number in range(1_000)]


def measure(*, is_full: bool) -> Iterator[Row]:
    """Rows of `core`; all of them as multiples of one JSON decode of a cancel's answer, to compare machines."""
    rounds, round_s = (15, 0.2) if is_full else (5, 0.05)
    for name, (step, of) in steps().items():
        timer = timeit.Timer(step)
        number = max(1, int(round_s / max(1e-7, timer.timeit(20) / 20)))
        each = [1e9 * took / number / of for took in timer.repeat(rounds, number)]
        yield Row(
            group="core",
            name=name,
            value=min(each),
            unit="ns",
            spread=(min(each), max(each)),
            repeats=rounds,
            figures={"loops in each": number},
        )


def steps() -> dict[str, tuple[Callable[[], object], int]]:
    """Name to the step, and over how many orders what it takes is divided."""
    retry = Retry()
    verdict = Verdict(word=Word.CANCELLED)
    means = Means(limits=PUBLISHED, most_ids=1)
    key = Secret("k0")
    signer = PolymarketKey(f"0x{'1' * 40}", "k0", "c2VjcmV0", "passphrase")
    cancelled = HttpAnswer(status=200, body=CANCELLED.partition(b"\r\n\r\n")[2])
    page = _answered(OpinionBook(1, 20).answer(Asked(b"GET", b"/openapi/order?page=1", b"\r\napikey: k0", b"")))
    large_page = _answered(PolymarketBook(1, 100).answer(Asked(b"GET", b"/data/orders", b"\r\npoly_api_key: k0", b"")))
    many = _answered(PolymarketBook(1, 1_000).answer(Asked(b"DELETE", b"/cancel-all", b"\r\npoly_api_key: k0", b"")))
    return {
        "plan: choose a tactic for 1,000 orders": (lambda: choose((), 1_000, means), 1),
        "judge: what follows an acknowledged cancel": (
            lambda: after_cancel(verdict, tries=1, was_unseen=False, retry=retry, roll=0.5),
            1,
        ),
        "window: one request through a full window of 15": (_through_a_window(), 1),
        "slots: place an order, one of 1,000": (_place, 1_000),
        "encode: a cancel at Opinion": (lambda: opinion.cancel_request(BASE_URL, key, opinion_id(0, 1)), 1),
        "encode and sign: a cancel at Polymarket": (
            lambda: polymarket.cancel_request(BASE_URL, signer, IDS[:1], wall_s=1_795_000_000.0),
            1,
        ),
        "encode and sign: one id of 1,000 at Polymarket": (
            lambda: polymarket.cancel_request(BASE_URL, signer, IDS, wall_s=1_795_000_000.0),
            1_000,
        ),
        "decode: a cancel's answer at Opinion": (lambda: opinion.read_cancel(cancelled, wall_s=0.0), 1),
        "decode: one row of a page of 20 at Opinion": (
            lambda: opinion.read_page(page, page="1", wall_s=0.0, side_numbers=opinion.SIDES),
            20,
        ),
        "decode: one id of 1,000 in a cancel's answer at Polymarket": (
            lambda: polymarket.read_cancel(many, IDS, wall_s=0.0),
            1_000,
        ),
        "decode: one row of a page of 100 at Polymarket": (
            lambda: polymarket.read_page(large_page, cursor=polymarket.FIRST_PAGE, wall_s=0.0),
            100,
        ),
    }


def _answered(came: bytes) -> HttpAnswer:
    return HttpAnswer(status=200, body=came.partition(b"\r\n\r\n")[2])


def _through_a_window() -> Callable[[], object]:
    log = SendLog(Window(15, 1.0))
    now_s = [0.0]

    def step() -> None:
        now_s[0] = log.free_at(now_s[0] + 0.07)
        log.start()
        send = Send(now_s[0])
        log.left(send)
        send.took_s = 0.05
        log.answered(0.05)

    return step


def _place() -> object:
    slots = Slots()
    for order_id in IDS:
        slots.place(order_id)
    return slots
