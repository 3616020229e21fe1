"""What the benchmarks say of themselves: their arithmetic, their text, their own venue, and the gate against a slower engine."""

import json
import math
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import gate
from benchmarks.books import CANCELLED, NOT_CANCELLED, OpinionBook, PolymarketBook, Shelf, opinion_id, polymarket_id
from benchmarks.memory import HOST, BookTransport
from benchmarks.parsing import Asked, header, take_requests
from benchmarks.rows import (
    BEGIN,
    END,
    HEADINGS,
    Results,
    Row,
    compared,
    document,
    exponent,
    markdown_table,
    percentile,
    readme_block,
    shown,
    text_table,
    with_block,
)
from benchmarks.taking_turns import in_turns
from engine import Account, CancelEngine, Scope
from engine.venues.opinion import Opinion, OpinionKey
from engine.venues.polymarket import Polymarket

ROOT = Path(__file__).parent.parent


# --- what is written in the documents


def kept():
    """The results that are committed."""
    return Results.from_json((ROOT / "benchmarks" / "results" / "kept.json").read_text("utf-8"))


def plots():
    """The pictures of benchmarks that are committed."""
    return {name: f"benchmarks/{name}.svg" for name in HEADINGS if (ROOT / "docs" / "benchmarks" / f"{name}.svg").exists()}


def test_the_readme_says_what_was_measured():
    """The README's figures are those of the kept results, to the letter: nothing in them was typed by hand."""
    readme = (ROOT / "README.md").read_text("utf-8")

    assert with_block(readme, readme_block(kept(), "docs/benchmarks/readme.svg")) == readme


def test_the_document_says_what_was_measured():
    """`docs/benchmarks.md` is written from the kept results, to the letter."""
    assert document(kept(), plots()) == (ROOT / "docs" / "benchmarks.md").read_text("utf-8")


def test_what_is_kept_is_whole():
    """The kept results are of every benchmark, and each plot is there in both formats."""
    names = {path.stem for path in (ROOT / "docs" / "benchmarks").glob("*.svg")}

    assert set(HEADINGS) == {row.group for row in kept().rows}
    assert {"readme", "overhead", "peers", "scale", "pace"} == names
    assert names == {path.stem for path in (ROOT / "docs" / "benchmarks").glob("*.png")}


# --- rows

ROW = Row(
    group="overhead",
    name="a | b",
    value=1.25,
    unit="x the other",
    spread=(1.0, 1.5),
    repeats=3,
    least=1.0,
    figures={"mine": 5_000, "theirs": 4_000.0},
    note="so it is",
    is_head=True,
)
RESULTS = Results(date="2026-01-02", size="full", machine={"machine": "2 cores", "Python": "3.11"}, rows=(ROW,))


def test_results_come_back_as_they_were_kept():
    """What was written as JSON is read as equal values."""
    assert RESULTS == Results.from_json(RESULTS.to_json())


def test_another_document_is_refused():
    """A document of another form is not read as results."""
    with pytest.raises(ValueError, match="not a document"):
        Results.from_json(json.dumps({"schema": "other", "rows": []}))


@pytest.mark.parametrize(
    ("value", "least", "most", "met"),
    [(1.0, 1.0, None, True), (0.9, 1.0, None, False), (1.1, None, 1.0, False), (None, 1.0, None, None), (1.0, None, None, None)],
    ids=["reached", "missed", "above", "not measured", "nothing asked"],
)
def test_a_row_knows_whether_it_is_met(value, least, most, met):
    """What could not be measured is neither met nor missed."""
    assert met is Row(group="core", name="", value=value, unit="", least=least, most=most).is_met


def test_a_table_says_what_was_missed():
    """A figure that is not where it should be stands out in both tables, and a bar in a name breaks no column."""
    missed = Row(group="pace", name="p", value=0.5, unit="of it", least=0.98)

    assert "NO p: 0.500 of it, asked at least 0.980" in text_table([missed])
    assert "| p | 0.500 of it |  | at least 0.980 | **no** |" in markdown_table([missed], with_figures=False)
    assert (
        "| a \\| b | 1.25 x the other | 1.00 to 1.50 of 3 | at least 1.00 | yes | mine 5,000; theirs 4,000; so it is |"
        in markdown_table([ROW], with_figures=True)
    )


def test_the_block_shows_head_rows_alone():
    """The README gets the rows that are marked for it, with date, machine and command."""
    other = Row(group="overhead", name="not for the README", value=1.0, unit="")
    block = readme_block(Results(date="2026-01-02", size="full", machine={"machine": "2 cores"}, rows=(ROW, other)), "p.svg")

    assert "not for the README" not in block
    assert "Measured on 2026-01-02 with `make bench FULL=1 WRITE=1` on 2 cores." in block
    assert block.startswith(BEGIN)
    assert block.endswith(END)


def test_the_block_goes_between_its_markers():
    """Only what stands between the markers is replaced; without markers nothing is."""
    assert f"a{BEGIN}new{END}b" == with_block(f"a{BEGIN}old{END}b", f"{BEGIN}new{END}")
    with pytest.raises(ValueError, match="no place"):
        with_block("a README", "block")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("text", "text"),
        (12, "12"),
        (0, "0"),
        (0.0, "0"),
        (0.01234, "0.0123"),
        (1.0, "1.00"),
        (99.96, "100.0"),
        (1234.5, "1,234"),
        (-0.5, "-0.500"),
    ],
)
def test_figures_have_three_digits(value, text):
    """A figure shows what it is worth, and no more."""
    assert text == shown(value)


# --- arithmetic


@given(st.floats(-1, 3), st.floats(1e-6, 1e3), st.sets(st.integers(1, 10**6), min_size=2, max_size=6))
def test_the_exponent_of_a_power_is_found(power, factor, sizes):
    """Costs that grow as a power of the size give that power, whatever the factor."""
    ordered = sorted(sizes)

    assert math.isclose(power, exponent(ordered, [factor * size**power for size in ordered]), abs_tol=1e-6, rel_tol=1e-6)


@pytest.mark.parametrize(("sizes", "costs"), [([10], [1.0]), ([10, 10], [1.0, 2.0]), ([1, 10], [0.0, 1.0])])
def test_no_exponent_is_made_up(sizes, costs):
    """One size, or a cost of nothing, gives no exponent."""
    with pytest.raises(ValueError, match="a growth needs"):
        exponent(sizes, costs)


def test_pairs_are_compared_pair_by_pair():
    """The ratio is the median of pairs, not the ratio of medians, with the least and the most of them."""
    assert (2.0, (1.0, 4.0)) == compared([2.0, 4.0, 3.0], [1.0, 1.0, 3.0])
    with pytest.raises(ValueError, match="nothing"):
        compared([], [])


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.99, 4), (0.0, 1), (0.25, 1), (0.75, 3)])
def test_percentiles_are_of_the_nearest_rank(share, value):
    """A percentile is one of the values."""
    assert value == percentile([4, 1, 3, 2], share)


def test_runs_take_turns():
    """Each round runs all of them once, and begins with another one."""
    order = []
    in_turns({name: lambda name=name: order.append(name) for name in "abc"}, 4)

    assert "abcbcacababc" == "".join(order)


# --- the benchmarks' own venue


def request(body, path="/openapi/order/cancel"):
    """One request as aiohttp writes it."""
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\napikey: k7\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@given(st.lists(st.binary(max_size=40), max_size=4), st.data())
def test_requests_are_found_however_they_arrive(bodies, data):
    """Any cut of a stream gives the same requests, each once, in order."""
    stream = b"".join(map(request, bodies))
    cut = data.draw(st.integers(0, len(stream)))
    first, left = take_requests(stream[:cut])
    second, rest = take_requests(left + stream[cut:])

    assert bodies == [asked.body for asked in first + second]
    assert b"" == rest


def test_a_header_is_found_in_any_case():
    """Names of headers are compared in lower case, values come without spaces; what is not there is nothing."""
    ((asked,), _) = take_requests(request(b""))

    assert (b"k7", b"") == (header(asked.head, b"apikey"), header(asked.head, b"poly_api_key"))


@given(st.integers(0, 30), st.lists(st.integers(-2, 32)), st.integers(0, 5), st.integers(0, 8))
def test_a_shelf_holds_what_was_not_taken(orders, taken, offset, rows):
    """Each order can be taken once, and a page shows the open ones from its offset on."""
    shelf = Shelf(orders)
    done = [number for number in taken if shelf.close(number)]
    left = [number for number in range(orders) if number not in taken]

    assert sorted(set(taken) & set(range(orders))) == sorted(done)
    assert left[offset : offset + rows] == shelf.numbers(offset, rows)
    assert len(left) == shelf.open


def test_a_cancel_is_acknowledged_once():
    """The venue of the benchmarks says that it cancelled an order only if it has."""
    book = OpinionBook(2, 3)
    asked = Asked(b"POST", b"/openapi/order/cancel", b"", json.dumps({"orderId": opinion_id(1, 2)}).encode())

    assert [CANCELLED, NOT_CANCELLED, 5] == [book.answer(asked), book.answer(asked), book.open]


@pytest.mark.parametrize("lists", [False, True], ids=["a mass cancel", "by id"])
def test_the_engine_understands_the_other_book(lists):
    """A cancel-all of a book of several pages ends verified and leaves nothing, at the venue of the benchmarks too."""
    book = PolymarketBook(1, 250)

    async def cancel():
        transport = BookTransport(book, latency_s=0.0)
        async with CancelEngine(Polymarket(HOST, limits=None), transport=transport) as engine:
            return await engine.cancel_all(gate.POLYMARKET, Scope(where=lambda _order: True) if lists else Scope())

    summary = anyio.run(cancel)

    assert (250, True, 0) == (summary.cancelled, summary.verified, book.open)
    assert polymarket_id(0, 0) in {result.order_id for result in summary.results}


def test_a_page_behind_the_last_one_is_empty():
    """An empty book lists nothing, and counts nothing."""
    book = OpinionBook(1, 25)
    second = Asked(b"GET", b"/openapi/order?page=2", b"\r\napikey: k0", b"")
    shown_rows = json.loads(book.answer(second).partition(b"\r\n\r\n")[2])["result"]

    async def cancel():
        transport = BookTransport(book, latency_s=0.0)
        async with CancelEngine(Opinion(HOST, limits=None), transport=transport) as engine:
            return await engine.cancel_all(Account("a0", OpinionKey("k0")))

    summary = anyio.run(cancel)

    assert (25, 5) == (shown_rows["total"], len(shown_rows["list"]))
    assert (25, True, 0) == (summary.cancelled, summary.verified, book.open)


# --- the gate


class Costly(Opinion):
    """An Opinion that reads every answer three times."""

    def read_cancel(self, answer, order_ids, *, wall_s):
        """The word on the order, at three times the price."""
        for _ in range(2):
            super().read_cancel(answer, order_ids, wall_s=wall_s)
        return super().read_cancel(answer, order_ids, wall_s=wall_s)


def test_counts_do_not_depend_on_the_machine():
    """What one more order costs comes out nearly the same each time: within a hundredth, where the gate allows three."""
    first, second = (gate.for_one_more(gate.by_id())["calls"] for _ in range(2))

    assert math.isclose(first, second, rel_tol=0.01)


def test_the_gate_sees_what_an_order_has_come_to_cost():
    """Something costly for each order turns the gate red against the engine's own figures of this moment."""
    budget = gate.for_one_more(gate.by_id())
    dearer = gate.for_one_more(gate.by_id(Costly(HOST, limits=None)))

    assert (True, False) == (gate.judged(budget, budget)[0], gate.judged(dearer, budget)[0])


def test_the_gate_wants_a_budget_for_everything():
    """A figure without a budget is dearer than it may be, and one far below its budget is said to be loose."""
    assert (False, ["DEARER new: 1.00, budget 0.00, at most 1.03 x"]) == gate.judged({"new": 1.0}, {})

    is_good, lines = gate.judged({"old": 1.0}, {"old": 2.0})

    assert is_good
    assert lines[0].startswith("loose")
    assert "make budget" in lines[-1]


def test_margins_are_as_wide_as_what_they_are_of():
    """Counts may hardly move, over loopback by a tenth, a ratio of CPU by three quarters; under another Python all may."""
    names = ["a: calls", "a over loopback: calls", "a: CPU of the yardstick's"]

    assert [1.03, 1.1, 1.75] == list(gate.margins(names).values())
    assert [1.25, 1.25, 1.75] == list(gate.margins(names, is_elsewhere=True).values())


def test_every_figure_has_its_budget():
    """The kept budget names exactly what the gate counts."""
    named = {f"{name}: {what}" for name in gate.WORKS for what in gate.COUNTED} | set(gate.FIGURES)

    assert named == set(json.loads(gate.BUDGET.read_text("utf-8"))["figures"])
