"""The live view at any width and height, and the plain lines where there is no screen: every line fits, and none jumps."""

import io
import re

import pytest
from rich.console import Console

from engine.cli.live import Lines, Moment, Share, draw, in_time
from engine.core.slots import Tally
from engine.core.summary import Fault
from engine.progress import Concern

WORDS = "the venue refuses the key (code 401): Unauthorized"


def moment(
    accounts=3, venues=("opinion", "polymarket"), *, found=100, settled=40, at_s=12.0, concerns=(), done=(), moves=True, **more
):
    """A moment of a run with so many accounts, spread over the venues; each has so many orders."""
    names = [f"account-{number}" for number in range(accounts)]
    tallies = {name: Tally(found=found, settled=settled, cancelled=settled, at_risk=found - settled) for name in names}
    total = Tally()
    for tally in tallies.values():
        total.add(tally)
    at = {name: venues[number % len(venues)] for number, name in enumerate(names)}
    shares = {venue: Share() for venue in dict.fromkeys(at.values())}
    for name, venue in at.items():
        shares[venue].orders.add(tallies[name])
        shares[venue].accounts += 1
        shares[venue].done += name in done
    for venue, share in shares.items() if moves else ():
        share.rate_per_s, share.least_left_s = {"opinion": (15.0, 240.0)}.get(venue, (1_234.0, 3.0))
    told = {
        "accounts": tallies,
        "venues": at,
        "shares": shares,
        "done": frozenset(done),
        "stopped": frozenset(concerns),
        "concerns": {name: Concern(Fault.CREDENTIALS, WORDS) for name in concerns},
        "total": total,
        "rate_per_s": 95.0,
        "elapsed_s": at_s,
        "least_left_s": 240.0,
        "away": (),
        "is_stopping": False,
    }
    return Moment(**told | more)


def shown(at, *, columns=80, lines=24):
    """The lines that a terminal of this size shows."""
    console = Console(file=io.StringIO(), width=columns, height=lines, highlight=False, markup=False, emoji=False)
    console.print(draw(at, console.size))
    return console.file.getvalue().rstrip("\n").split("\n")


WIDEST = {"accounts": 60, "found": 1_234_567, "settled": 999_999, "concerns": ["account-3", "account-8"]}


@pytest.mark.parametrize("columns", [80, 100, 120, 200])
@pytest.mark.parametrize("told", [{}, {"accounts": 1}, {"accounts": 0}, WIDEST], ids=["few", "one", "none", "many"])
def test_no_line_is_wider_than_the_terminal(columns, told):
    """From eighty columns on every line fits, and no number is cut, however large the run."""
    at = moment(**told)
    lines = shown(at, columns=columns)

    assert max(map(len, lines)) <= columns
    sums = [f"{at.total.found:,}", f"{at.total.cancelled:,}"] if at.accounts else []
    assert [] == [number for number in sums if number not in "\n".join(lines)]


@pytest.mark.parametrize("columns", [20, 30, 40, 50, 60, 70])
def test_no_number_is_cut_on_a_narrow_terminal(columns):
    """Where there is no room for a column it is left out: every number that stands in the table is one of the run's."""
    at = moment(3, found=12_345, settled=11_111)
    lines = shown(at, columns=columns)
    rows = [line for line in lines if "opinion" in line or "polymarket" in line or "account-" in line]
    true = {"24,690", "12,345", "22,222", "11,111", "2,468", "1,234", "0", "15.0", "240", "3", "4"}

    assert max(map(len, lines)) <= columns
    assert true >= {word for line in rows for word in re.findall(r"(?<![\w/-])[\d,.]+(?![\w/])", line)}
    assert bool(rows) == (columns > 25)


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("accounts", [1, 3, 10, 11, 5_000])
def test_nothing_jumps_while_the_numbers_move(columns, accounts):
    """From one moment to the next the same lines stand in the same places, and the columns where they were."""
    before = shown(moment(accounts, settled=0, at_s=1.0, moves=False, least_left_s=0.0), columns=columns)
    after = shown(moment(accounts, settled=77, at_s=98.0), columns=columns)

    assert len(before) == len(after)
    assert before[0] == after[0]
    assert [line.split()[0] for line in before[:-3]] == [line.split()[0] for line in after[:-3]]
    assert before[-3].index("% of") - after[-3].index("% of") in (0, -1)


def test_few_accounts_have_a_row_each_below_their_venue():
    """As many accounts as the terminal has room for stand below their venue with what they are at; of more, the venues alone."""
    few = shown(moment(4, concerns=["account-2"], done=["account-1", "account-2"]))
    rows = [line.split()[:3] for line in few[2:8]]

    assert [
        ["opinion", "1/2", "done"],
        ["account-0", "working", "100"],
        ["account-2", "bad", "key"],
        ["polymarket", "1/2", "done"],
        ["account-1", "done", "100"],
        ["account-3", "working", "100"],
    ] == rows
    assert [] == [line for line in shown(moment(11)) if "account-" in line]
    assert [] == [line for line in shown(moment(8), lines=16) if "account-" in line]
    assert 30 == len([line for line in shown(moment(30), lines=50) if "account-" in line])


def test_the_accounts_in_trouble_are_named_with_the_reason_once():
    """Three names for each reason and the number of the others; where most is at risk comes first."""
    at = moment(20, concerns=[f"account-{number}" for number in range(5, 10)])
    at.concerns["account-12"] = Concern(None, "not listed to the end: HTTP 502")
    at.accounts["account-12"] = Tally(found=0)
    lines = shown(at, columns=120)

    assert lines[-2:] == [
        f"account-5, account-6, account-7 and 2 more (300 at risk): bad key: {WORDS}",
        "account-12: not listed to the end: HTTP 502",
    ]


def test_the_time_left_is_told_by_venue_and_in_all():
    """The countdown is what the limits leave no way around: at each venue, and for the run the longest of them."""
    lines = shown(moment(20))

    assert lines[2].endswith(" 15.0   4 min 0 s")
    assert lines[3].endswith("1,234         3 s")
    assert "12 s, 0 of 20 accounts done, 4 min 0 s left or more" == lines[-2]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"is_stopping": True}, "0 of 3 accounts done, stopping"),
        ({"away": ("opinion",)}, "0 of 3 accounts done, waiting for opinion to answer"),
        ({"least_left_s": 0.0}, "0 of 3 accounts done"),
    ],
)
def test_what_a_run_waits_for_is_said(told, words):
    """A stop, and a venue that is away, stand where the countdown would; the venue's own row says it too."""
    lines = shown(moment(**told))

    assert f"12 s, {words}" == lines[-2]
    assert ("away" in told) == bool(re.search(r"opinion +away", "\n".join(lines)))


def test_before_there_is_anything_to_count():
    """While nothing is known the view says what is being done, and shows no empty table."""
    assert ["looking for open orders"] == [line.strip(" ━") for line in shown(moment(0))]


def test_a_name_can_neither_steer_the_terminal_nor_break_the_table():
    """A name with control characters is shown without them, and a long one is cut."""
    at = moment(1, venues=("opinion",))
    name = "\x1b[31m" + "long " * 30
    for each in (at.accounts, at.venues):
        each[name] = each.pop("account-0")
    at.concerns[name] = Concern(None, "unverified\x07")
    lines = shown(at)

    assert "\x1b" not in "".join(lines)
    assert "\x07" not in "".join(lines)
    assert max(map(len, lines)) <= 80
    assert any("100" in line for line in lines)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (99.4, "99 s"), (100, "1 min 40 s"), (3_600, "60 min 0 s"), (6_000, "1 h 40 min"), (360_000, "100 h 0 min")],
)
def test_times_are_for_people(seconds, words):
    """Seconds up to a hundred, then minutes, then hours."""
    assert words == in_time(seconds)


class Heard(Lines):
    """Plain lines, kept with the second at which each came."""

    def __init__(self, **options):
        self.file = io.StringIO()
        super().__init__(Console(file=self.file, width=80), is_silent=False, **options)


def test_a_log_gets_a_line_now_and_then():
    """Every second at first, then ever less often: an hour is less than a hundred and fifty lines, and none is broken."""
    heard, times = Heard(), []
    for second in range(3_600):
        before = len(heard.file.getvalue())
        heard.show(moment(at_s=float(second)))
        if len(heard.file.getvalue()) > before:
            times.append(second)
    lines = heard.file.getvalue().splitlines()

    assert [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] == times[:10]
    assert 60 == times[-1] - times[-2]
    assert len(lines) == len(times) < 150
    assert "15 s, 95.0/s, 0 of 3 accounts done, 4 min 0 s left or more: 300 found, 120 cancelled, 0 failed, 180 at risk" in lines


def test_a_log_says_at_once_what_somebody_has_to_know():
    """An account in trouble, a venue that goes away or comes back, and a stop do not wait for the next line, and come once."""
    heard, came = Heard(), []
    for second, more in (
        (400.0, {}),
        (401.0, {}),
        (402.0, {"concerns": ["account-1"]}),
        (403.0, {"concerns": ["account-1", "account-2"]}),
        (404.0, {"concerns": ["account-1", "account-2"], "away": ("opinion",)}),
        (405.0, {"concerns": ["account-1", "account-2"], "away": ("opinion",)}),
        (406.0, {"concerns": ["account-1", "account-2"]}),
        (407.0, {"concerns": ["account-1", "account-2"], "is_stopping": True}),
    ):
        before = len(heard.file.getvalue())
        heard.show(moment(at_s=second, **more))
        came.append(heard.file.getvalue()[before:])

    assert [1, 0, 1, 1, 1, 0, 1, 1] == [text.count("\n") for text in came]
    assert (
        f"look at account-1 (60 at risk): bad key: {WORDS}\n",
        f"look at account-2 (60 at risk): bad key: {WORDS}\n",
    ) == tuple(came[2:4])
    assert "waiting for opinion to answer" in came[4]
    assert "stopping" in came[7]


@pytest.mark.parametrize("columns", [80, 200])
def test_a_whole_run_fits_into_its_terminal(terminal, simulate, columns):
    """The command itself, from the first frame to the last table: no line is wider than the terminal."""
    venue = simulate("--accounts", 12, "--orders", 20)
    screen = terminal("cancel-all", *venue.use, "--yes", columns=columns)

    assert 0 == screen.end()
    assert "12 accounts done" in screen.text
    assert "% of " in screen.text
    assert max(len(line) for line in screen.text.replace("\r", "\n").split("\n")) <= columns
