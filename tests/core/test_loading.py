"""A report that was written down loads back as it was, and what is no report, or was changed since, is refused."""

import copy
import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Belongs, CancelSummary, ConfigError, Fault, OpenOrder, OrderResult, Outage, Outcome, RunReport, Side
from engine.core.outcome import rounded
from engine.core.table import COLUMNS, harmless, rows_of

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text(encoding="utf-8"))

texts = st.text(max_size=12) | st.sampled_from(["=1+1", "-1", "@a", "\tx"])
exact_times = st.none() | st.floats(0, 1e5)
times = exact_times.map(rounded)
money = st.none() | st.decimals(0, 1_000_000, places=4)
orders = st.builds(
    OpenOrder,
    order_id=texts,
    side=st.none() | st.sampled_from(Side),
    market=st.none() | texts,
    asset=st.none() | texts,
    price=money,
    size=money,
    filled=money,
    created_at_ms=st.none() | st.integers(0, 10**13),
)


@st.composite
def summaries(draw, name, times):
    """A summary with anything in it."""
    results = []
    for index in range(draw(st.integers(0, 6))):
        outcome = draw(st.sampled_from(Outcome))
        evidence = {"result": draw(st.none() | st.just({"result": True}))} if outcome.is_success else {"error": draw(texts)}
        results.append(
            OrderResult(
                index=index,
                account=name,
                order_id=draw(texts),
                outcome=outcome,
                code=draw(st.none() | st.integers() | texts),
                attempts=draw(st.integers(0, 9)),
                sent_s=draw(times),
                settled_s=draw(times),
                order=draw(st.none() | orders),
                **evidence,
            )
        )
    return CancelSummary(
        account=name,
        venue=draw(texts),
        results=results,
        listing_complete=draw(st.booleans()),
        listing_error=draw(st.none() | texts),
        verified=draw(st.none() | st.booleans()),
        fault=draw(st.none() | texts),
        fault_code=draw(st.none() | st.sampled_from(Fault)),
        left=draw(st.dictionaries(texts, st.sampled_from(Belongs), max_size=3)),
        is_uncounted=draw(st.booleans()),
        requests=draw(st.integers(0, 99)),
        waited_s=draw(times.filter(lambda value: value is not None)),
        wire_s=draw(times.filter(lambda value: value is not None)),
        elapsed_s=2.5,
    )


@st.composite
def reports(draw, times=times):
    """A report with anything in it."""
    names = draw(st.lists(texts, unique=True, max_size=3))
    outage = Outage(venue="opinion", began_s=1.5, ended_s=draw(times), text=draw(texts), probes=3)
    return RunReport(
        run_id=draw(texts),
        accounts={name: draw(summaries(name, times)) for name in names},
        started_at=draw(st.none() | st.floats(0, 2e9)),
        stop=draw(st.none() | texts),
        outages=draw(st.sampled_from([(), (outage,)])),
        elapsed_s=3.25,
    )


@given(reports())
def test_a_report_loads_back_as_it_was(report):
    """Through JSON and back, nothing is lost and nothing is added."""
    written = json.loads(json.dumps(report.to_dict()))

    loaded = RunReport.from_dict(written)

    assert report == loaded
    assert written == json.loads(json.dumps(loaded.to_dict()))


@given(reports(exact_times))
def test_a_loaded_report_says_the_same_figures(report):
    """Times are written to the millisecond; percentiles, sums and curve come out the same from those as from the exact ones."""
    told = json.loads(json.dumps(report.to_dict()))

    assert told == json.loads(json.dumps(RunReport.from_dict(told).to_dict()))


def test_a_loaded_report_rounds_as_the_written_one_did():
    """A second between two times is a second after loading, although the rounded times lie further apart."""
    result = OrderResult(index=0, account="a", order_id="x", outcome=Outcome.CANCELLED, sent_s=1.0004, settled_s=2.0006)
    summary = CancelSummary(account="a", results=[result])
    report = RunReport(run_id="run", accounts={"a": summary})
    told = RunReport.from_dict(report.to_dict()).to_dict()

    assert {"p50": 1.001, "p95": 1.001, "p99": 1.001} == told["request_s"] == report.to_dict()["request_s"]


def test_waits_too_short_to_write_down_add_up_to_nothing():
    """A thousand accounts that waited for a third of a millisecond each waited for nothing, before and after loading."""
    names = [str(number) for number in range(1_000)]
    accounts = {name: CancelSummary(account=name, waited_s=0.0003, wire_s=0.0003) for name in names}
    report = RunReport(run_id="run", accounts=accounts)

    assert (0.0, 0.0) == (report.waited_s, report.wire_s)


@pytest.mark.parametrize(
    "change",
    [
        {"run_id": ["x" * 10_000] * 10_000},
        {"accounts": "x" * 10_000},
        {"cancelled": 10**4_000},
        {"cancelled": 10**5_000},
        {"by_outcome": 10**5_000},
        {"left": {"a": 10**5_000}},
        {"accounts": {"\x1b[2J" * 10_000: None}},
        {"accounts": {10**5_000: None}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_refusal_quotes_no_more_than_a_line(change):
    """A hostile document cannot fill the terminal of whoever reads why it was refused."""
    with pytest.raises(ConfigError) as caught:
        RunReport.from_dict(written() | change)

    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


def test_a_word_that_is_none_is_quoted_on_one_line():
    """However long an unknown outcome is, the place of it stands first."""
    document = written()
    document["accounts"]["alice"]["results"][0]["outcome"] = "x" * 10_000

    with pytest.raises(ConfigError, match=r"^report\.accounts\.alice\.results\[0\]\.outcome: 'x{100}") as caught:
        RunReport.from_dict(document)

    assert len(str(caught.value)) < 300


@given(reports())
def test_every_report_keeps_to_the_documented_schema(report):
    """What is written validates against docs/report.schema.json, which demands every documented field."""
    jsonschema.validate(json.loads(json.dumps(report.to_dict())), SCHEMA)


def written():
    """A small report as it is written down."""
    order = OpenOrder(order_id="b", side=Side.BUY, market="7")
    results = [
        OrderResult(index=0, account="alice", order_id="a", outcome=Outcome.CANCELLED, result={"result": True}, settled_s=1.0),
        OrderResult(index=1, account="alice", order_id="b", outcome=Outcome.UNKNOWN, error="lost", order=order),
    ]
    outage = Outage(venue="opinion", began_s=0.0, ended_s=1.0, text="HTTP 502")
    summary = CancelSummary(
        account="alice", venue="opinion", results=results, listing_complete=False, verified=False, left={"x": Belongs.OUT}
    )
    return json.loads(json.dumps(RunReport(run_id="run", accounts={"alice": summary}, outages=(outage,)).to_dict()))


ALICE = ("accounts", "alice")

CHANGES = {
    "another form": (("schema",), "cancel-engine/run-report/2", "report.schema"),
    "a count that is too high": (("cancelled",), 2, "report.cancelled: says 2, and the results come to 1"),
    "a risk made smaller": ((*ALICE, "at_risk"), 0, "report.accounts.alice.at_risk: says 0, and the results come to 1"),
    "an outcome made better": ((*ALICE, "results", 1, "outcome"), "cancelled", "results[1]: its index, account and success"),
    "an unknown outcome": ((*ALICE, "results", 1, "outcome"), "gone", "results[1].outcome: 'gone' is not a valid Outcome"),
    "a place swapped": ((*ALICE, "results", 0, "index"), 1, "results[0]: its index"),
    "another's name": ((*ALICE, "account"), "bob", "alice.account: is not the name"),
    "no list": ((*ALICE, "results"), {}, "results: must be a list, not dict"),
    "no object": ((*ALICE, "results", 0), 7, "results[0]: must be an object, not int"),
    "text for a number": (("elapsed_s",), "1", "report.elapsed_s: must be a number of seconds, not '1'"),
    "not a finite number": (("elapsed_s",), float("inf"), "report.elapsed_s: must be a number of seconds, not inf"),
    "a number for text": (("run_id",), 7, "report.run_id: must be text, not 7"),
    "a negative count": ((*ALICE, "requests"), -1, "alice.requests: must be a whole number of at least 0"),
    "a flag that is none": ((*ALICE, "verified"), "yes", "alice.verified: must be true or false"),
    "a code that is none": ((*ALICE, "results", 1, "code"), [], "results[1].code: must be a number or text"),
    "no decimal": ((*ALICE, "results", 1, "order", "price"), "much", "order.price: must be a decimal number as text"),
    "no finite decimal": ((*ALICE, "results", 1, "order", "price"), "NaN", "order.price: must be an amount that can be"),
    "an amount beyond all sums": (
        (*ALICE, "results", 1, "order", "size"),
        "1e999999",
        "order.size: must be an amount that can be",
    ),
    "a number beyond all numbers": (("elapsed_s",), 10**400, "report.elapsed_s: must be a number of seconds, not 1000"),
    "outcomes that are not the results'": ((*ALICE, "by_outcome"), {"cancelled": 2}, "alice.by_outcome: says {'cancelled': 2}"),
    "what was left made less": (("left",), {}, "report.left: says {}, and the results come to {'out of scope': 1}"),
    "a listing made complete": (("listing_complete",), True, "report.listing_complete: says True"),
    "an outcome of no kind": (("by_outcome",), None, "report.by_outcome: says None"),
    "a count beyond all programs": ((*ALICE, "requests"), 10**18, "alice.requests: must be a whole number of at least 0"),
    "a code beyond all programs": ((*ALICE, "results", 1, "code"), -(10**256), "results[1].code: must be a number or text"),
    "an amount of many digits": (
        (*ALICE, "results", 1, "order", "price"),
        "0." + "1" * 99,
        "order.price: must be an amount that",
    ),
    "a reason nobody knows": ((*ALICE, "left_orders", "x"), "why", "left_orders.x: 'why' is not a valid Belongs"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_report_that_was_changed_is_refused(what):
    """Each of these changes is found, and the place is named."""
    path, value, words = CHANGES[what]
    document = written()
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value

    with pytest.raises(ConfigError) as caught:
        RunReport.from_dict(document)

    assert words in str(caught.value)


@pytest.mark.parametrize("document", [None, [], "text", 7, {}, {"schema": None}])
def test_what_is_no_report_is_refused(document):
    """Anything else is one clear error."""
    with pytest.raises(ConfigError, match=r"^report"):
        RunReport.from_dict(document)


def test_a_field_that_is_missing_is_named():
    """Every field is demanded but the derived ones."""
    document = written()
    for name in ("run_id", "accounts", "stop", "outages", "elapsed_s", "total", "started_at"):
        broken = copy.deepcopy(document)
        del broken[name]
        with pytest.raises(ConfigError, match=rf"^report\.{name}: is missing$"):
            RunReport.from_dict(broken)


# --- the table


@given(reports())
def test_the_table_has_one_row_for_each_order_and_survives_csv(report):
    """As many rows as orders, each of the columns that are documented; what a CSV reader gets is what was written."""
    rows = list(rows_of(report))
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)

    assert report.total == len(rows)
    assert {len(COLUMNS)} >= {len(row) for row in rows}
    assert [list(row) for row in rows] == list(csv.reader(io.StringIO(file.getvalue(), newline="")))
    assert [result.order_id for result in report.results] == [row[4].removeprefix("'") for row in rows] or any(
        result.order_id.startswith("'") for result in report.results
    )


def test_a_row_says_what_the_result_says():
    """The columns of one order, in their order."""
    (_, row) = rows_of(RunReport.from_dict(written()))

    assert {
        "run_id": "run", "venue": "opinion", "account": "alice", "index": "1", "order_id": "b", "outcome": "unknown",
        "success": "false", "may_be_live": "true", "code": "", "error": "lost", "attempts": "0", "sent_s": "", "settled_s": "",
        "market": "7", "asset": "", "side": "buy", "price": "", "size": "", "filled": "", "notional": "",
    } == dict(zip(COLUMNS, row, strict=True))  # fmt: skip


def test_numbers_stay_numbers_in_the_table():
    """A code of -1 and an amount below nothing are numbers to a spreadsheet; the same as a venue's text is not run."""
    order = OpenOrder(order_id="-1", side=Side.SELL, market="-1", price=Decimal("0.50"), size=Decimal(2), filled=Decimal(3))
    result = OrderResult(index=0, account="-1", order_id="-1", outcome=Outcome.REJECTED, code=-1, error="-1", order=order)
    report = RunReport(run_id="-1", accounts={"-1": CancelSummary(account="-1", venue="-1", results=[result])})
    told = dict(zip(COLUMNS, next(rows_of(report)), strict=True))

    assert {name for name in COLUMNS if told[name] == "'-1"} == {"run_id", "venue", "account", "order_id", "error", "market"}
    assert ("-1", "sell", "0.50", "-0.50") == (told["code"], told["side"], told["price"], told["notional"])


@given(reports())
def test_no_cell_of_the_table_is_run(report):
    """A cell that begins like a formula is a number."""
    risky = [cell for row in rows_of(report) for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]

    # Nothing, for less than nothing, is a zero with a minus before it.
    assert [] == [cell for cell in risky if not Decimal(cell) <= 0]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_text_of_a_venue_becomes_a_formula(text):
    """What a spreadsheet would run has an apostrophe before it; anything else stays as it is."""
    assert f"'{text}" == harmless(text)
    assert "plain=1" == harmless("plain=1")
