"""The page of a report: it says what the report says, whatever the venue says, and lets nothing in and nothing out."""

import base64
import hashlib
import json
import re
import unicodedata
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import CancelSummary, Fault, OpenOrder, OrderResult, Outage, Outcome, RunReport, Side
from engine.core.plan import Expected
from engine.page import page_of
from engine.page.page import LONGEST_WORDS, MOST_ACCOUNTS, MOST_ORDERS

C, A, F, U, N = Outcome.CANCELLED, Outcome.ALREADY_CANCELLED, Outcome.FILLED, Outcome.UNKNOWN, Outcome.NOT_SENT


class Reader(HTMLParser):
    """Reads a page as a browser would: its elements, its words, the rows of its tables."""

    VOID = frozenset({"meta", "input", "path", "rect", "br", "link"})

    def __init__(self, text):
        super().__init__()
        self.elements, self.words, self.open, self.rows = [], [], [], {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """An element begins."""
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.setdefault(self._table(), []).append([])
        if tag in ("td", "th"):
            self.rows[self._table()][-1].append("")

    def handle_endtag(self, tag):
        """An element ends; it must be the one that is open."""
        if tag not in self.VOID:
            assert tag == self.open[-1][0], (tag, self.open)
            self.open.pop()

    def handle_data(self, data):
        """Words."""
        within = [tag for tag, _ in self.open]
        if "script" not in within and "style" not in within:
            self.words.append(data)
        if "td" in within or "th" in within:
            self.rows[self._table()][-1][-1] += data

    def _table(self):
        return next(attrs.get("class", "").rpartition(" ")[2] for tag, attrs in reversed(self.open) if tag == "table")

    @property
    def text(self):
        """All words, with single blanks."""
        return " ".join("".join(self.words).split())

    def of(self, tag):
        """The attributes of each element of this kind."""
        return [attrs for name, attrs in self.elements if name == tag]


def result_of(index, outcome, *, account="alice", error=None, **more):
    """A result for an order that rests for a price."""
    order = OpenOrder(order_id=f"{account}-{index}", side=Side.BUY, market="7", price=Decimal("0.50"), size=Decimal(10))
    words = None if outcome.is_success else error or "why"
    return OrderResult(
        index=index,
        account=account,
        order_id=f"{account}-{index}",
        outcome=outcome,
        error=words,
        **{"order": order, "sent_s": 0.5, "settled_s": 1.5} | more,
    )


def summary_of(*outcomes, account="alice", **more):
    """A summary with one order for each outcome."""
    results = [result_of(index, outcome, account=account) for index, outcome in enumerate(outcomes)]
    return CancelSummary(account=account, **{"venue": "opinion", "results": results, "verified": True} | more)


def report_of(*summaries, **more):
    """A report of these summaries."""
    return RunReport(run_id="0123456789ab", accounts={each.account: each for each in summaries}, elapsed_s=2.0, **more)


def told(report, **options):
    """The page as it is read."""
    return Reader(page_of(report, **options))


# --- what it says


def test_the_verdict_comes_first():
    """The first heading is the sentence that it was given, or else the judgement that the command line would make."""
    report = report_of(summary_of(C, U))
    words = "1 order may still be live in 1 account: alice 1."

    assert re.search(r"<h1[^>]*><bdi>(.*?)</bdi></h1>", page_of(report))[1] == words
    assert re.search(r"<h1[^>]*><bdi>(.*?)</bdi></h1>", page_of(report, verdict="Another one."))[1] == "Another one."
    assert page_of(report).index("<h1") < page_of(report).index("<h2")


def test_nothing_found_and_could_not_look_are_different_pages():
    """An empty scope is no risk; a listing that failed is, although nothing was found."""
    empty = told(report_of(summary_of()))
    blind = told(report_of(summary_of(listing_complete=False, listing_error="HTTP 502", verified=False)))

    assert "Nothing rests in scope." in empty.text
    assert "Nothing: no account needs a person." in empty.text
    assert "Could not look at every open order of 1 account, so more may be live (alice: HTTP 502)." in blind.text
    assert "no account needs a person" not in blind.text
    assert [False, True] == [
        any("risk" in each.get("class", "").split() for each in page.of("section")) for page in (empty, blind)
    ]


def test_a_run_that_is_not_recorded_says_so_in_the_first_sentence():
    """What the journal does not hold stands in the verdict."""
    assert (
        "The record of this run is INCOMPLETE: the disk is full."
        in told(report_of(summary_of(C), unrecorded="the disk is full")).text
    )


def test_every_account_that_needs_a_person_is_named_with_why_and_what_to_do():
    """Beside each trouble stand its accounts, how much is at risk in each, the venue's words, and the command to run next."""
    stopped = summary_of(U, N, account="dave", fault="refused (401)", fault_code=Fault.CREDENTIALS, verified=False)
    page = told(report_of(summary_of(C), stopped))
    commands = re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", page_of(report_of(summary_of(C), stopped)))

    assert "dave 2 orders may be live refused (401)" in page.text
    assert ["cancel-engine cancel dave-0 dave-1 --venue opinion --accounts accounts.toml --only dave --verify"] == commands


def test_an_outage_that_is_over_is_told_and_asks_for_nothing():
    """It stands under the things that happened, not under those to do."""
    outage = Outage(venue="opinion", began_s=0.1, ended_s=0.9, text="HTTP 502")
    page = told(report_of(summary_of(C), outages=(outage,)))

    assert "Nothing: no account needs a person." in page.text
    assert "Also opinion gave no usable answer to anybody from 0.1 s on until 0.9 s: HTTP 502." in page.text


def test_orders_that_were_not_simply_cancelled_stand_in_a_table_those_at_risk_first():
    """Each with the venue's own words; what may be live first, what was cancelled by somebody else last."""
    rows = told(report_of(summary_of(C, A, F, U, N))).rows["orders"][1:]

    assert [("alice-3", "unknown"), ("alice-4", "not sent"), ("alice-2", "filled"), ("alice-1", "already cancelled")] == [
        (row[0], row[2]) for row in rows
    ]
    assert ["alice-3", "alice", "unknown", "", "why", "buy", "0.50", "5.00", "7", "0", "0.500", "1.500"] == rows[0]


def test_accounts_that_need_a_person_stand_first():
    """The table of accounts begins with them, and holds what was planned beside what was sent."""
    expected = Expected(requests=3, least_s=0.25, per_s=15.0)
    page = told(
        report_of(summary_of(C, account="good", expected=expected, requests=4), summary_of(U, account="bad", verified=False))
    )

    assert ["bad", "good"] == [row[0] for row in page.rows["accounts"][1:]]
    assert ["good", "opinion", "verified", "", "1", "1", "0", "0", "4", "3", "0.0", "0.0", "0.0", "0.2"] == page.rows["accounts"][
        2
    ]


def test_plan_and_actual_stand_side_by_side_and_nothing_is_made_up():
    """Where an account has no plan, as in a report that was kept by an older version, the sum of it is not known."""
    expected = Expected(requests=3, least_s=12.5, per_s=15.0)
    known = told(report_of(summary_of(C, expected=expected, requests=4, elapsed_s=14.0)))
    unknown = told(report_of(summary_of(C, expected=expected), summary_of(C, account="bob")))

    assert ["opinion", "1", "1", "3", "4", "12.5 s", "14.0 s"] == known.rows["plan"][1]
    assert ["opinion", "2", "2", "-", "0", "-"] == unknown.rows["plan"][1][:6]


def test_a_report_that_was_kept_gives_the_same_page():
    """Written down as JSON and loaded back, it says the same, byte for byte."""
    report = report_of(
        summary_of(C, A, F, U, N, waited_s=1.23456, wire_s=0.98765, elapsed_s=1.99996, locked_out_s=2.71828),
        summary_of(C, account="bob", expected=Expected(requests=2, least_s=0.0014999, per_s=1 / 3)),
        started_at=1.7e9,
    )
    loaded = RunReport.from_dict(json.loads(json.dumps(report.to_dict())))

    assert page_of(report) == page_of(loaded) == page_of(report)


def test_a_report_without_an_account_is_a_page_too():
    """Nothing was asked for, and the page says so instead of failing."""
    assert "Nothing rests in scope." in told(RunReport(run_id="", accounts={})).text


# --- what it lets in

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    '"\' onmouseover=alert(1) x="',
    "{{ 7 * 7 }}{% for a in b %}",
    "--><!--",
    "&lt;b&gt;&#60;script&#62;",
    "half \ud800 pair",
    "turned \u202egnorw\u202c and \u200f marks \u2066 isolates",
    "null \0 bell \a escape \x1b[31m delete \x7f",
    "javascript:alert(1)",
    "]]>",
    "",
    " ",
    "\u05e9\u05dc\u05d5\u05dd",
    "\N{ZERO WIDTH JOINER}\N{LINE SEPARATOR}\N{BYTE ORDER MARK}",
]


def hostile(text):
    """A report in which every word that is not ours is this one."""
    name = text if text.strip() else "alice"
    order = OpenOrder(
        order_id=text, side=Side.BUY, market=text, asset=text, group=text, price=Decimal("1E-39"), size=Decimal("1E+39")
    )
    results = [
        OrderResult(
            index=0, account=name, order_id=text, outcome=U, code=text, error=text, order=order, sent_s=0.1, settled_s=0.2
        ),
        OrderResult(
            index=1, account=name, order_id=text, outcome=A, result={text: [text, float("nan")]}, sent_s=0.1, settled_s=0.2
        ),
    ]
    summary = CancelSummary(
        account=name, venue=text, results=results, listing_complete=False, listing_error=text, fault=text, verified=False
    )
    outage = Outage(venue=text, began_s=0.0, ended_s=None, text=text)
    return RunReport(
        run_id=text,
        accounts={name: summary},
        stop=text,
        outages=(outage,),
        reason=text,
        requested_by=text,
        unrecorded=text,
        started_at=1e300,
    )


PLAIN = Reader(page_of(hostile("plain"), table="a.csv", document="a.json"))


def check_harmless(text):
    """The page has the elements of a page without hostile words, can be written, and holds nothing that steers or reorders."""
    written = page_of(hostile(text), verdict=text, table="a.csv", document="a.json")
    written.encode("utf-8")
    page = Reader(written)
    # An empty word leaves its element out; an unusable id leaves a command out. None adds an element of another kind.
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in PLAIN.elements}
    assert {name for _, attrs in page.elements for name in attrs} <= {name for _, attrs in PLAIN.elements for name in attrs}
    assert 1 == len(page.of("script")) == len(page.of("style"))
    assert {"a.csv", "a.json"} == {attrs["href"] for attrs in page.of("a")}
    assert set() == {sign for sign in written if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - {"\n"}


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_word_of_a_venue_does_anything(text):
    """Whatever a venue, a caller or an id says is text: no element, no attribute, no mark that turns what is around it."""
    check_harmless(text)


@given(st.text(max_size=40))
def test_no_word_at_all_does_anything(text):
    """The same for any text, half characters included."""
    check_harmless(text)


def test_the_words_themselves_are_shown():
    """Escaping loses nothing: a tag that a venue answered is read as it was written."""
    assert "<script>alert(1)</script>" in told(hostile("<script>alert(1)</script>")).text


def test_a_command_names_no_hostile_account():
    """What a shell or the command line would take for something else is in no command."""
    names = ["a,b", "-x", "two\nlines", "right\u202eleft", "$(touch x)"]
    commands = {
        name: re.findall(r"<code>(cancel-engine .*?)</code>", page_of(report_of(summary_of(U, account=name, verified=False))))
        for name in names
    }

    assert [[], [], [], []] == [commands[name] for name in names[:4]]
    assert all("--only &#39;$(touch x)&#39;" in each for each in commands["$(touch x)"])
    assert commands["$(touch x)"]


# --- what it loads


def test_the_page_needs_nothing_and_allows_nothing():
    """One style and one script of its own, which its policy names by their sums; no address, no handler, no inline style."""
    written = page_of(report_of(summary_of(C, U)))
    page = Reader(written)
    (policy,) = [each["content"] for each in page.of("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    sums = {
        kind: base64.b64encode(
            hashlib.sha256(re.search(f"<{kind}>(.*?)</{kind}>", written, re.DOTALL)[1].encode()).digest()
        ).decode()
        for kind in ("style", "script")
    }
    names = {name for _, attrs in page.elements for name in attrs}

    assert policy == (
        f"default-src 'none'; style-src 'sha256-{sums['style']}'; script-src 'sha256-{sums['script']}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert set() == names & {"src", "srcset", "style", "action", "href"}
    assert [] == [name for name in names if name.startswith("on")]
    assert [] == re.findall(r"https?:|url\(|@import|//[a-z]", re.sub(r"<script>.*?</script>", "", written, flags=re.DOTALL))


# --- how large it gets


def test_a_run_of_very_many_orders_gives_a_page_of_bounded_size():
    """So many rows and no more, those that may be live first; what is not shown is counted, and the file that has it is named."""
    words = "the venue said this at some length. " * 50
    many = [
        CancelSummary(
            account=f"account-{number}",
            venue="opinion",
            results=[
                result_of(index, U if number == 699 else F, account=f"account-{number}", error=words) for index in range(20)
            ],
            listing_complete=number % 2 == 0,
            listing_error=words,
            verified=False,
        )
        for number in range(700)
    ]
    written = page_of(report_of(*many), table="run.csv")
    page = Reader(written)

    assert (MOST_ACCOUNTS, MOST_ORDERS) == (len(page.rows["accounts"]) - 1, len(page.rows["orders"]) - 1)
    assert ["unknown"] * 20 == [row[2] for row in page.rows["orders"][1:21]]
    assert (
        "200 accounts more not shown here, those that need a person least; run.csv has every order of all of them." in page.text
    )
    assert "13,000 orders more not shown here; run.csv has all of them." in page.text
    assert LONGEST_WORDS == max(len(row[4]) for row in page.rows["orders"])
    assert 2_000_000 > len(written)


times = st.none() | st.floats(-1e12, 1e12) | st.floats(0, 100)
amounts = st.none() | st.decimals(0, 10**40, places=0) | st.decimals(0, 1, places=40)
bounds = st.none() | st.just(0.0) | st.floats(0, 1e12)
expectations = st.none() | st.builds(
    Expected,
    requests=st.integers(0, 10**12),
    least_s=st.floats(0, 1e12),
    per_s=bounds,
    burst=st.integers(0, 10**9),
    shared_per_s=bounds,
)


@given(
    st.lists(st.tuples(st.sampled_from(Outcome), times, times, amounts, amounts), max_size=8), expectations, st.floats(0, 1e12)
)
def test_any_figures_give_a_page(rows, expected, elapsed_s):
    """Whatever numbers a report may hold, however large, there is a page, and every line and bar on it can be drawn."""
    results = [
        OrderResult(
            index=index,
            account="a",
            order_id=str(index),
            outcome=outcome,
            sent_s=sent_s,
            settled_s=settled_s,
            order=OpenOrder(order_id=str(index), price=price, size=size),
        )
        for index, (outcome, sent_s, settled_s, price, size) in enumerate(rows)
    ]
    summary = CancelSummary(account="a", venue="v", results=results, expected=expected, elapsed_s=elapsed_s, waited_s=elapsed_s)
    page = told(RunReport(run_id="run", accounts={"a": summary}, elapsed_s=elapsed_s))
    drawn = [value for tag in ("path", "rect") for attrs in page.of(tag) for name, value in attrs.items() if name != "class"]

    assert [] == [value for value in drawn if re.search(r"nan|inf|none", value, re.IGNORECASE)]
    assert all(float(attrs["width"]) >= 0 and float(attrs["height"]) >= 0 for attrs in page.of("rect"))
