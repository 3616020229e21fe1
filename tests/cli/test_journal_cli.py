"""The journal from the command line: where runs are recorded, what is said of it, and what can be looked up afterwards."""

import json
import re
import shlex
import sqlite3
import stat
import time
from pathlib import Path

import pytest

NO_LIMITS = ("--no-limits", "--accounts", 2, "--orders", 7)
PASSWORD = "pa55word-of-nobody"
TOLD = re.compile(r"Recorded: run ([0-9a-f]{12}) in (.+), last seal ([\w-]{43})")


def recorded(ran):
    """The run's id, its journal and its last seal, as the command has said on stderr."""
    (line,) = [line for line in ran.err.splitlines() if line.startswith("Recorded: ")]
    return TOLD.fullmatch(line).groups()


def change(path, statement, *values):
    """Change a journal behind everybody's back."""
    connection = sqlite3.connect(path, timeout=10)
    changed = connection.execute(statement, values).rowcount
    connection.commit()
    connection.close()
    return changed


@pytest.fixture
def journal(state):
    """Where runs are recorded unless something else is said."""
    return state / "cancel-engine" / "journal.db"


# --- where


def test_a_run_is_recorded_without_being_asked(cli, simulate, journal):
    """Without an option a run is recorded in the state folder, for its owner alone, and one line says where."""
    venue = simulate(*NO_LIMITS)
    ran = cli("cancel-all", *venue.use, "--yes", "--json")
    run_id, where, seal = recorded(ran)

    assert (0, []) == (ran.code, ran.said)
    assert (ran.document["run_id"], str(journal)) == (run_id, where)
    assert [0o700, 0o600] == [stat.S_IMODE(path.stat().st_mode) for path in (journal.parent, journal)]
    assert 0 == cli("runs", "verify", run_id, "--seal", seal).code


def test_cancels_by_id_are_recorded_too(cli, simulate):
    """`cancel` writes its run down, and `runs` says what it was."""
    venue = simulate(*NO_LIMITS)
    first = cli("orders", *venue.use, "--json").document["accounts"]["account-1"]["orders"][0]["order_id"]
    ran = cli("cancel", first, "no-such-order", *venue.use, "--only", "account-1")

    assert recorded(ran)[0] in cli("runs").out
    assert "cancel of 2 orders" in " ".join(cli("runs", "--json").out.split()) or "2 orders" in cli("runs").out
    assert {"cancelled": 1, "not_found": 1} == cli("runs", "--json").document["runs"][0]["by_outcome"]


@pytest.mark.parametrize(
    "arguments",
    [("cancel-all", "--dry-run"), ("cancel", "an-id", "--only", "account-1", "--dry-run"), ("orders",)],
    ids=["dry run", "dry run of ids", "orders"],
)
def test_what_cancels_nothing_is_not_recorded(cli, standing, state, arguments):
    """A dry run and a listing leave no journal behind, and neither does the simulator that they ask."""
    assert cli(*arguments, *standing.use).code == 0
    assert [] == list(state.iterdir())


@pytest.mark.parametrize("arguments", [("drill", "--seed", 3), ("demo", "--seed", 3)], ids=["drill", "demo"])
def test_what_is_played_is_not_recorded(process, state, arguments):
    """A drill and the demo leave no journal behind."""
    assert process(*arguments, "--json").code in (0, 1)
    assert [] == list(state.iterdir())


def test_no_record_is_kept_for_whom_wants_none(cli, simulate, state):
    """With --no-journal nothing is written and nothing is said of it, whatever the environment names."""
    venue = simulate(*NO_LIMITS)
    ran = cli("cancel-all", *venue.use, "--yes", "--json", "--no-journal")

    assert (0, "", []) == (ran.code, ran.err, list(state.iterdir()))


def test_the_environment_names_a_journal(cli, simulate, state, tmp_path, monkeypatch):
    """CANCEL_ENGINE_JOURNAL stands for --journal, and --journal goes before it; env:NAME is taken from the environment."""
    venue = simulate(*NO_LIMITS)
    monkeypatch.setenv("CANCEL_ENGINE_JOURNAL", str(tmp_path / "a.db"))
    monkeypatch.setenv("ANOTHER_PLACE", str(tmp_path / "c.db"))
    places = [
        recorded(cli("cancel-all", *venue.use, "--yes", *option))[1]
        for option in ((), ("--journal", tmp_path / "b.db"), ("--journal", "env:ANOTHER_PLACE"))
    ]

    assert [str(tmp_path / name) for name in ("a.db", "b.db", "c.db")] == places
    assert ([], 1) == (list(state.iterdir()), len(cli("runs", "--json").document["runs"]))


def test_a_home_is_found_where_no_shell_has(cli, simulate, tmp_path, monkeypatch):
    """What a variable says with ~ lies in the home folder, not in a folder of that name."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CANCEL_ENGINE_JOURNAL", "~/mine.db")
    ran = cli("cancel-all", *simulate(*NO_LIMITS).use, "--yes")

    assert (0, str(tmp_path / "home" / "mine.db")) == (ran.code, recorded(ran)[1])


def bad_places(folder):
    """Places that can be no journal's, each with words of the error."""
    (folder / "text").write_text("precious, and no database at all, however long it may be " * 100)
    database = sqlite3.connect(folder / "other.db")
    database.execute("CREATE TABLE precious (value)")
    database.commit()
    database.close()
    return {
        "": "is blank",
        str(folder): "is a folder",
        str(folder / "text"): "no database",
        str(folder / "text" / "journal.db"): "cannot be made",
        str(folder / "other.db"): "holds something else",
        "/dev/null": "no file",
        "a\0b": "cannot be made",
        "env:NOT_SET": "NOT_SET is not set",
        f"env:{PASSWORD}": "no name of an environment variable",
        f"mysql://root:{PASSWORD}@127.0.0.1/x": "mysql: begins no address",
        f"postgresql:root:{PASSWORD}@127.0.0.1/x": "postgresql: begins no address",
        f"postgresql://root:{PASSWORD}@127.0.0.1:9/x": "'127.0.0.1' could not be used",
        "env:THE_SERVER": "'127.0.0.1' could not be used",
    }


def test_a_journal_that_cannot_be_used_is_refused_before_anything_is_sent(cli, standing, tmp_path, monkeypatch):
    """Whatever is wrong with it, it is one line and exit code 2, no password is shown, and no cancel was sent."""
    monkeypatch.setenv("THE_SERVER", f"postgresql://root:{PASSWORD}@127.0.0.1:9/x")
    for place, words in bad_places(tmp_path).items():
        for verb in (("cancel-all", "--yes"), ("cancel", "an-id", "--only", "account-1")):
            ran = cli(*verb, *standing.use, "--journal", place)
            assert (place, 2, "") == (place, ran.code, ran.out)
            assert words in ran.line
            assert PASSWORD not in ran.err
        looked = cli("runs", "--journal", place)
        assert (place, 2, PASSWORD in looked.line) == (place, looked.code, False)
    assert 75 == cli("orders", *standing.use, "--json").document["total"]
    assert (tmp_path / "text").read_text().startswith("precious")


def test_a_state_folder_that_cannot_be_made_names_the_ways_out(cli, standing, state):
    """Where the default place cannot be used, the line says how to name another one and how to do without."""
    (state / "cancel-engine").write_text("a file in the place of the folder")
    ran = cli("cancel-all", *standing.use, "--yes")

    assert (2, "") == (ran.code, ran.out)
    assert "--journal PATH" in ran.line
    assert "--no-journal" in ran.line
    assert 75 == cli("orders", *standing.use, "--json").document["total"]


@pytest.mark.parametrize(
    "options",
    [
        ("--no-journal", "--journal", "x"),
        ("--no-journal", "--journal-required"),
        ("--reason", ""),
        ("--requested-by", "a\x1b[2Jb"),
    ],
    ids=["both", "required and none", "a blank reason", "a name that steers"],
)
def test_what_contradicts_itself_is_refused(cli, standing, options):
    """Options that cannot hold together, and causes that are no line of text, are one line and exit code 2."""
    ran = cli("cancel-all", *standing.use, "--yes", *options)
    assert (2, "") == (ran.code, ran.out)
    assert options[0] in ran.line or options[-1] in ran.line
    assert "\x1b" not in ran.err


def test_who_asked_and_why_is_written_down(cli, simulate):
    """--reason and --requested-by stand in the report and in the list of runs, a reason of FIX 2675 with number and words."""
    venue = simulate(*NO_LIMITS)
    ran = cli("cancel-all", *venue.use, "--yes", "--json", "--reason", "5", "--requested-by", "the desk")
    listed = cli("runs")

    assert ("emergency action (FIX 2675=5)", "the desk") == (ran.document["reason"], ran.document["requested_by"])
    assert "by the desk" in " ".join(listed.out.split())


def test_nobody_has_to_listen(cli, simulate, started):
    """Where stderr is closed, what is said of the record is lost, and the document is not."""
    venue = simulate(*NO_LIMITS)
    child = started("cancel-all", *venue.use, "--yes", "--json")
    child.stderr.close()
    document = json.loads(child.stdout.read())

    assert (0, 14) == (child.wait(20), document["cancelled"])
    assert 0 == cli("runs", "verify", document["run_id"]).code


# --- a record that is lost on the way


class Holding:
    """Holds a journal, so that nobody else can write it."""

    def __init__(self, path):
        self.connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        self.connection.execute("BEGIN IMMEDIATE")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()


def test_a_run_goes_on_without_its_record_and_says_so_loudly(cli, simulate, started, ended, journal):
    """Where the journal cannot be written any more, the orders still come off the book; stderr and verdict say so."""
    venue = simulate("--orders", 45)
    child = started("cancel-all", *venue.use, "--yes")
    child.stderr.readline()
    with Holding(journal):
        ran = ended(child)

    assert 0 == ran.code
    assert "is INCOMPLETE" in ran.out.splitlines()[-1]
    assert [line for line in ran.err.splitlines() if line.startswith("The record of run ") and "is INCOMPLETE" in line]
    assert "Recorded:" not in ran.err
    assert 0 == cli("orders", *venue.use, "--json").document["total"]


def test_a_run_stops_without_its_record_where_that_is_required(cli, simulate, started, ended, journal, until_sent):
    """With --journal-required nothing more is sent then, and the exit code is 1."""
    venue = simulate("--orders", 60)
    child = started("cancel-all", *venue.use, "--yes", "--json", "--journal-required")
    until_sent()
    with Holding(journal):
        ran = ended(child)

    assert (1, True) == (ran.code, "is INCOMPLETE" in ran.err)
    assert ran.document["unrecorded"]
    assert 0 < cli("orders", *venue.use, "--json").document["total"] < 60


# --- looking back


def test_a_report_is_what_the_run_has_printed(cli, simulate, tmp_path):
    """`report` prints the same document as the run did, byte for byte, writes the same files, and exits with the same code."""
    venue = simulate("--accounts", 2, "--orders", 30, "--fault", "drop_after:0.05", "--fault", "http_503:0.05")
    ids = [order["order_id"] for order in cli("orders", *venue.use, "--json").document["accounts"]["account-1"]["orders"]]
    calls = [
        ("cancel", ids[0], "no-such-order", ids[0], "--only", "account-1", "--verify"),
        ("cancel-all", "--yes", "--only", "account-1", "--side", "buy", "--keep", ids[3], "--reason", "emergency action"),
        ("cancel-all", "--yes", "--deadline", 1.0),
        ("cancel-all", "--yes", "--report", tmp_path / "then"),
    ]
    for call in calls:
        ran = cli(*call, *venue.use, "--json")
        run_id = recorded(ran)[0]
        again = cli("report", run_id, "--json", "--report", tmp_path / "now")
        assert (call, ran.code, ran.out) == (call, again.code, again.out)
        people = cli("report", run_id[:6])
        assert (call, ran.code) == (call, people.code)
    for ending in ("json", "csv", "html"):
        assert (tmp_path / "then" / f"{run_id}.{ending}").read_bytes() == (tmp_path / "now" / f"{run_id}.{ending}").read_bytes()


def test_a_recorded_run_can_be_made_a_page(cli, simulate, tmp_path, monkeypatch):
    """`report --format html` writes the page into this folder, never over another one, and prints what it always prints."""
    venue = simulate(*NO_LIMITS)
    ran = cli("cancel-all", *venue.use, "--yes")
    run_id = recorded(ran)[0]
    monkeypatch.chdir(tmp_path)
    page = tmp_path / f"{run_id}.html"
    again = cli("report", run_id, "--format", "html")
    text = page.read_text("utf-8")
    third = cli("report", run_id, "--format", "html", "--json")

    assert (0, ran.out, [f"Report: {page}"]) == (again.code, again.out, again.said)
    assert "All 14 orders in scope are off the book" in text
    assert not [secret for secret in venue.secrets if secret in text]
    assert (1, text, run_id) == (third.code, page.read_text("utf-8"), third.document["run_id"])
    assert "The page could not be written into" in third.line


def test_json_is_a_format_of_a_report(cli, simulate):
    """`--format json` prints what `--json` does, and the two are not to contradict each other."""
    venue = simulate(*NO_LIMITS)
    run_id = recorded(cli("cancel-all", *venue.use, "--yes"))[0]

    assert cli("report", run_id, "--json").out == cli("report", run_id, "--format", "json").out
    assert cli("report", run_id, "--json").out == cli("report", run_id, "--format", "json", "--json").out
    assert 2 == cli("report", run_id, "--format", "text", "--json").code


@pytest.mark.parametrize("house", ["opinion", "polymarket"])
def test_a_report_for_people_is_the_same_too(cli, simulate, house):
    """The tables and the verdict are those of the run."""
    venue = simulate("--venue", house, "--accounts", 2, "--orders", 25, "--no-limits")
    ran = cli("cancel-all", *venue.use, "--yes")
    again = cli("report", recorded(ran)[0])

    assert (0, ran.out, "") == (again.code, again.out, again.err)


def test_runs_are_listed_newest_first(cli, simulate, journal):
    """`runs` tells each run's state, scope, counts and cause, the newest first, and says how many it leaves out."""
    venue = simulate(*NO_LIMITS)
    for side in ("buy", "sell"):
        assert 0 == cli("cancel-all", *venue.use, "--yes", "--side", side, "--requested-by", f"desk of {side}s").code
    newest, oldest = cli("runs", "--json").document["runs"]

    assert ("buy", "sell") == (oldest["scope"]["side"], newest["scope"]["side"])
    assert ("finished", 2, 2, 0) == tuple(newest[key] for key in ("state", "accounts", "accounts_done", "at_risk"))
    short = cli("runs", "--limit", 1)
    assert (True, False) == (newest["run_id"] in short.out, oldest["run_id"] in short.out)
    assert f"2 runs in {journal}. 1 older run not shown; --limit shows more." == short.out.splitlines()[-1]
    assert 1 == cli("runs", "--limit", 1, "--json").document["more"]


@pytest.mark.parametrize("columns", [80, 200])
def test_runs_fit_on_a_terminal(cli, simulate, terminal, columns):
    """On a narrow and on a wide terminal no line is longer than the terminal, and the run's id stands in one piece."""
    venue = simulate(*NO_LIMITS)
    run_id = recorded(cli("cancel-all", *venue.use, "--yes", "--market", "123", "--reason", "a long sentence " * 20))[0]
    shown = terminal("runs", columns=columns)

    assert 0 == shown.end()
    assert run_id in shown.text
    assert columns >= max(len(line) for line in shown.text.splitlines())


@pytest.mark.parametrize(
    "verb",
    [("runs",), ("runs", "verify"), ("runs", "prune", "--older-than", "1d"), ("report", "abcdef"), ("orders", "--run", "abcdef")],
)
def test_looking_back_makes_no_journal(cli, state, tmp_path, verb):
    """Where nothing was recorded, that is one line and exit code 2, and no file is made by looking."""
    for option in ((), ("--journal", tmp_path / "none.db")):
        ran = cli(*verb, *option)
        assert (2, "") == (ran.code, ran.out)
        assert "nothing was recorded there" in ran.line
    assert ([], False) == (list(state.iterdir()), (tmp_path / "none.db").exists())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "too short"),
        ("abc", "too short"),
        ("no-such-run", "no run is called"),
        ("a\x1b[2Jbc", "no run is called"),
        ("%%%%", "no run"),
    ],
)
def test_a_run_that_is_not_there_is_one_line(cli, simulate, given, words):
    """An id that nothing is called, or too little of one, is refused by every verb that takes a run."""
    recorded(cli("cancel-all", *simulate(*NO_LIMITS).use, "--yes"))
    for verb in (("report", given), ("runs", "verify", given), ("orders", "--run", given)):
        ran = cli(*verb)
        assert (2, "") == (ran.code, ran.out)
        assert words in ran.line
        assert "\x1b" not in ran.err


def test_the_beginning_of_an_id_stands_for_one_run(cli, simulate, journal):
    """Four signs are enough where one run begins so; where two do, both are named."""
    venue = simulate(*NO_LIMITS)
    run_id = recorded(cli("cancel-all", *venue.use, "--yes"))[0]
    other = recorded(cli("cancel-all", *venue.use, "--yes"))[0]
    assert 0 == cli("report", run_id[:4]).code
    like = f"{run_id[:5]}{other[5:]}"
    assert 1 == change(journal, "UPDATE run SET run_id = ? WHERE run_id = ?", like, other)
    ran = cli("report", run_id[:4])

    assert 2 == ran.code
    assert run_id in ran.line
    assert like in ran.line


# --- verify


TAMPERINGS = {
    "a fate": "UPDATE entry SET body = replace(body, 'cancelled', 'filled') WHERE body LIKE '%\"cancelled\"%'",
    "an entry gone": "DELETE FROM entry WHERE seq = 9",
    "the end gone": "DELETE FROM entry WHERE kind = 'end'",
    "a time": "UPDATE entry SET at_ms = at_ms + 1 WHERE seq = 3",
    "the table of fates": "UPDATE fate SET outcome = 'rejected' WHERE place = 0",
    "the table of accounts": "UPDATE account SET is_done = 0",
}


@pytest.mark.parametrize("statement", TAMPERINGS.values(), ids=TAMPERINGS)
def test_a_record_that_was_changed_is_found(cli, simulate, journal, statement):
    """Whatever is changed, removed or put in, `runs verify` exits with 1 and says what in sentences, and names the run."""
    venue = simulate(*NO_LIMITS)
    run_id = recorded(cli("cancel-all", *venue.use, "--yes"))[0]
    whole = cli("runs", "verify")
    assert (0, f"Nothing is wrong with 1 record in {journal}.") == (whole.code, whole.out.splitlines()[1])
    assert "only a seal that was kept elsewhere" in whole.out
    assert change(journal, statement)

    told = cli("runs", "verify")
    assert (1, True) == (told.code, f"Run {run_id}" in told.out)
    assert f"1 of 1 record in {journal} is not as written." in told.out.splitlines()
    wrong = cli("runs", "verify", run_id, "--json")
    assert (1, False) == (wrong.code, wrong.document["is_whole"])
    assert wrong.document["runs"][run_id]


def test_a_seal_that_was_kept_elsewhere_is_compared(cli, simulate):
    """Another seal than the record's last one is wrong, and needs a run that it is of."""
    venue = simulate(*NO_LIMITS)
    run_id, _, seal = recorded(cli("cancel-all", *venue.use, "--yes"))

    assert 0 == cli("runs", "verify", run_id, "--seal", seal).code
    assert 1 == cli("runs", "verify", run_id, "--seal", seal[::-1]).code
    assert 1 == cli("runs", "verify", run_id, "--seal", "").code
    assert 2 == cli("runs", "verify", "--seal", seal).code


# --- prune


def aged(journal, run_id, days):
    """Let the run have begun so long ago."""
    assert 1 == change(journal, "UPDATE run SET began_ms = began_ms - ? WHERE run_id = ?", days * 86_400_000, run_id)


def test_old_runs_are_deleted_and_young_ones_stay(cli, simulate, journal):
    """`runs prune` deletes what began longer ago, says which, and needs --yes where nobody can be asked."""
    venue = simulate(*NO_LIMITS)
    old, young = (recorded(cli("cancel-all", *venue.use, "--yes"))[0] for _ in range(2))
    aged(journal, old, days=91)
    refused = cli("runs", "prune", "--older-than", "90d")
    assert (2, True) == (refused.code, "--yes" in refused.line)
    assert "Deleted nothing" in cli("runs", "prune", "--older-than", "14w").out
    ran = cli("runs", "prune", "--older-than", "90D", "--yes")

    assert (0, old) == (ran.code, ran.out.splitlines()[0])
    assert ran.out.splitlines()[-1].startswith("Deleted 1 run that began before ")
    assert [young] == [run["run_id"] for run in cli("runs", "--json").document["runs"]]
    gone = cli("runs", "prune", "--older-than", "90d", "--yes", "--json").document
    assert ([], 1) == (gone["deleted"], gone["left"])


def test_a_run_under_way_is_never_deleted(cli, simulate, started, ended, journal):
    """However old it looks, a run whose process lives stays, and comes to its end."""
    venue = simulate("--orders", 45)
    child = started("cancel-all", *venue.use, "--yes", "--json")
    while '"running"' not in cli("runs", "--json").out:
        time.sleep(0.1)
    (run,) = cli("runs", "--json").document["runs"]
    aged(journal, run["run_id"], days=91)
    ran = cli("runs", "prune", "--older-than", "1d", "--yes")

    assert (0, "running") == (ran.code, run["state"])
    assert "Deleted nothing" in ran.out
    assert 0 == ended(child).code


@pytest.mark.parametrize(("typed", "left"), [("y\n", 0), ("\n", 1), ("no\n", 1)], ids=["y", "enter", "no"])
def test_pruning_asks_at_a_terminal(cli, simulate, terminal, journal, typed, left):
    """At a terminal it says how many runs it is about, and deletes them only for a yes."""
    run_id = recorded(cli("cancel-all", *simulate(*NO_LIMITS).use, "--yes"))[0]
    aged(journal, run_id, days=91)
    shown = terminal("runs", "prune", "--older-than", "90d")
    shown.read_until("[y/N]")
    shown.type(typed)

    assert (0 if left == 0 else 2) == shown.end()
    assert "1 run in " in shown.text
    assert left == len(cli("runs", "--json").document["runs"])


@pytest.mark.parametrize("age", ["", "90", "d", "0d", "-5d", "1.5d", "9y", "99999999999d", "٣d", "1d 2d"])
def test_an_age_that_is_none_deletes_nothing(cli, simulate, age):
    """What is no number of hours, days or weeks is one line and exit code 2."""
    recorded(cli("cancel-all", *simulate(*NO_LIMITS).use, "--yes"))
    ran = cli("runs", "prune", f"--older-than={age}", "--yes")

    assert (2, True) == (ran.code, "no age" in ran.line)
    assert 1 == len(cli("runs", "--json").document["runs"])


# --- the story of an order


def test_the_story_of_an_order_tells_everything(cli, simulate):
    """When it was found and as what, when a cancel may have left, what came back and after how long, and how it ended."""
    venue = simulate(*NO_LIMITS)
    ran = cli("cancel-all", *venue.use, "--yes", "--json")
    run_id = recorded(ran)[0]
    order_id = ran.document["accounts"]["account-2"]["results"][3]["order_id"]
    told = cli("orders", "--run", run_id[:5], "--order", order_id)

    assert (0, "") == (told.code, told.err)
    words = [
        "the run begins",
        "the order is found: open",
        "from here on may leave: a cancel of one order",
        "is answered after",
        "the order is settled as cancelled",
        "the run is finished",
    ]
    places = [told.out.index(each) for each in words]
    assert sorted(places) == places
    assert "How it stands in the record: cancelled." == told.out.splitlines()[-1]
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3} +\+\d+\.\d{3} s  the order is settled", told.out, re.MULTILINE)
    assert "account-1" not in told.out


def test_the_story_for_programs(cli, simulate):
    """With --json the events are plain values, each with its time, its orders and its facts."""
    venue = simulate(*NO_LIMITS)
    ran = cli("cancel-all", *venue.use, "--yes", "--json")
    order_id = ran.document["accounts"]["account-1"]["results"][0]["order_id"]
    told = cli("orders", "--run", recorded(ran)[0], "--order", order_id, "--json").document
    fates = [event for event in told["events"] if event["what"] == "fate"]

    assert ["cancelled"] == [each["outcome"] for each in told["orders"]]
    assert ["run", "account"] == [event["what"] for event in told["events"][:2]]
    assert ("cancelled", True) == (fates[-1]["facts"]["outcome"], fates[-1]["facts"]["is_settled"])
    assert {order_id} == {each for event in told["events"] for each in event["orders"]}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fates[-1]["time"])
    everything = cli("orders", "--run", recorded(ran)[0], "--json").document
    assert 14 == len(everything["orders"])
    assert "end" == everything["events"][-1]["what"]


def test_the_story_of_a_run_has_a_line_for_each_order(cli, simulate):
    """Each order stands there with its fate, then every request; of very many the first, and it says so."""
    venue = simulate("--no-limits", "--orders", 130)
    ran = cli("cancel-all", *venue.use, "--yes", "--json")
    told = cli("orders", "--run", recorded(ran)[0])
    results = ran.document["accounts"]["account-1"]["results"]

    assert [True, False] == [results[at]["order_id"] in told.out.split("What was done")[0] for at in (99, 100)]
    assert "The first 100 of 130 orders" in told.out
    begin, end = told.out.split("What was done")[1].split(" more …")
    assert ("the run begins" in begin, "the run is finished" in end) == (True, True)
    assert "130 orders in the record, of which 0 may be live. --json gives all of it" in told.out.splitlines()[-1]


def test_an_order_of_several_accounts_is_told_for_each(cli, simulate, accounts_file):
    """Two accounts with one key list the same orders: the id is told under each, or under the one that is chosen."""
    venue = simulate("--no-limits", "--orders", 3)
    text = venue.accounts_file.read_text()
    path = accounts_file(text + text.replace("account-1", "twin"))
    ran = cli("cancel-all", "--accounts", path, *venue.use[2:], "--yes", "--json")
    run_id, order_id = recorded(ran)[0], ran.document["accounts"]["twin"]["results"][0]["order_id"]
    told = cli("orders", "--run", run_id, "--order", order_id)
    one = cli("orders", "--run", run_id, "--order", order_id, "--only", "twin")

    assert 2 == told.out.count(f"Order {order_id} of ")
    assert "account-1: " in told.out.splitlines()[-1]
    assert (1, True) == (one.out.count(f"Order {order_id} of "), f"Order {order_id} of twin" in one.out)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--order", "never-seen"), "was never in run"),
        (("--order", "a\x1b[2Jb"), "was never in run"),
        (("--order", ""), "was never in run"),
        (("--only", "nobody"), "has no account 'nobody'"),
        (("--only", "a,b"), "one account"),
        (("--market", "5"), "--market says nothing about a recorded run"),
        (("--accounts", "x"), "--accounts says nothing about a recorded run"),
        (("--deadline", "5"), "--deadline says nothing about a recorded run"),
    ],
)
def test_a_story_that_cannot_be_told_is_one_line(cli, simulate, options, words):
    """An order or account that was never in the run, and options that mean a venue, are refused in one line."""
    run_id = recorded(cli("cancel-all", *simulate(*NO_LIMITS).use, "--yes"))[0]
    ran = cli("orders", "--run", run_id, *options)

    assert (2, "") == (ran.code, ran.out)
    assert words in ran.line
    assert "\x1b" not in ran.err


@pytest.mark.parametrize("option", ["--order", "--journal"])
def test_a_listing_takes_no_option_of_a_story(cli, standing, option):
    """Without --run, what belongs to it is refused."""
    ran = cli("orders", *standing.use, option, "x")
    assert (2, True) == (ran.code, f"{option} goes with --run" in ran.line)


def test_what_a_venue_has_said_cannot_steer_a_terminal(cli, simulate, journal):
    """Foreign text in a record is cleaned wherever it is printed."""
    venue = simulate(*NO_LIMITS)
    run_id = recorded(cli("cancel-all", *venue.use, "--yes"))[0]
    evil = json.dumps("\x1b[2Jevil")[1:-1]
    assert change(journal, "UPDATE entry SET body = replace(body, 'account-1', ?) WHERE kind IN ('account', 'summary')", evil)
    assert change(journal, "UPDATE entry SET body = replace(body, '\"reason\":null', ?) WHERE kind = 'run'", f'"reason":"{evil}"')
    assert change(journal, "UPDATE account SET name = 'x' || char(27) || '[2J' WHERE account = 1")
    for verb in (
        ("runs",),
        ("report", run_id),
        ("orders", "--run", run_id),
        ("runs", "verify"),
        ("orders", "--run", run_id, "--only", "no"),
    ):
        ran = cli(*verb)
        assert (verb, False) == (verb, "\x1b" in ran.out + ran.err)


def test_no_key_is_in_a_journal_or_in_what_is_told_of_it(cli, simulate, journal):
    """Neither the file nor any verb that looks back shows a key, a secret or a passphrase."""
    for house in ("opinion", "polymarket"):
        venue = simulate("--venue", house, "--orders", 3, "--no-limits", "--accounts", 2)
        run_id = recorded(cli("cancel-all", *venue.use, "--yes"))[0]
        told = "".join(
            cli(*verb).out for verb in (("runs", "--json"), ("report", run_id, "--json"), ("orders", "--run", run_id, "--json"))
        )
        held = b"".join(path.read_bytes() for path in Path(journal.parent).iterdir())
        assert [] == [secret for secret in venue.secrets if secret in told or secret.encode() in held]


def test_the_line_to_go_on_with_can_be_typed(cli, simulate, tmp_path):
    """A run that the deadline stopped says how to go on, and that line does, wherever it was recorded."""
    venue = simulate("--orders", 40)
    place = tmp_path / "a place" / "of its own.db"
    ran = cli("cancel-all", *venue.use, "--yes", "--deadline", 1, "--journal", place)
    (line,) = [line for line in ran.err.splitlines() if line.startswith("To go on with it")]
    again = cli(*shlex.split(line.partition(": cancel-engine ")[2]), *venue.use)

    assert (1, 0) == (ran.code, again.code)
    assert 0 == cli("orders", *venue.use, "--json").document["total"]
