"""Jobs over many accounts: several venues, accounts from a table, what is left out, limits on what is touched, report files."""

import csv
import io
import json
import signal
import stat
import time

import pytest

from engine import RunReport

KEY = "K9secretK9secretK9"


def as_table(venue):
    """The accounts of a simulator as a table."""
    columns = ("name", "venue", "api_key", "address", "secret", "passphrase")
    return "\n".join([",".join(columns), *(",".join(each.get(column, "") for column in columns) for each in venue.accounts)])


def addresses(tmp_path, *venues):
    """A settings file with the address of each simulator."""
    path = tmp_path / "settings.toml"
    path.write_text("".join(f'[venue.{each.venue}]\nbase_url = "{each.base_url}"\n' for each in venues))
    return path


# --- several venues, and accounts from a table


def test_two_venues_are_one_job(cli, simulate, csv_file, tmp_path):
    """Without --venue every account of the file is used, each at its own venue, in one report."""
    here, there = simulate("--accounts", 2, "--orders", 8), simulate("--venue", "polymarket", "--accounts", 2, "--orders", 30)
    text = as_table(here).replace("account-", "here-") + "\n" + as_table(there).split("\n", 1)[1]
    ran = cli("cancel-all", "--accounts", csv_file(text), "--config", addresses(tmp_path, here, there), "--yes", "--json")
    assert (ran.code, ran.said) == (0, [])
    assert (ran.document["cancelled"], ran.document["at_risk"]) == (76, 0)
    assert [each["venue"] for each in ran.document["accounts"].values()] == ["opinion", "opinion", "polymarket", "polymarket"]
    shown = cli("cancel-all", "--accounts", csv_file(text), "--config", addresses(tmp_path, here, there), "--yes")
    assert shown.code == 0
    assert "polymarket" in shown.out


def test_a_builder_job_over_two_venues_is_refused(cli, simulate, csv_file):
    """--builder is one venue's, so it needs --venue where the accounts are for two."""
    here, there = simulate("--orders", 1), simulate("--venue", "polymarket", "--orders", 1)
    text = as_table(here).replace("account-", "here-") + "\n" + as_table(there).split("\n", 1)[1]
    ran = cli("cancel-all", "--accounts", csv_file(text), "--builder", "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert "--builder is one venue's" in ran.line


def test_a_condition_of_one_venue_is_refused_for_the_other(cli, simulate, csv_file, tmp_path):
    """What one of the venues cannot use is refused before anything is sent, with the account that it is wrong for."""
    here, there = simulate("--orders", 1), simulate("--venue", "polymarket", "--orders", 1)
    text = as_table(here).replace("account-", "here-") + "\n" + as_table(there).split("\n", 1)[1]
    settings = addresses(tmp_path, here, there)
    ran = cli("cancel-all", "--accounts", csv_file(text), "--config", settings, "--asset", "yes", "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert "account 'account-1', for polymarket" in ran.line


def test_a_table_with_keys_is_for_its_owner_alone(cli, csv_file):
    """As with a TOML file, a key in a file that others may read is refused; a reference is not."""
    ran = cli("orders", "--accounts", csv_file(f"name,venue,api_key\na,opinion,{KEY}\n", mode=0o644))
    assert "chmod 600" in ran.line
    ran = cli("orders", "--accounts", csv_file("name,venue,api_key\na,opinion,env:NOT_SET\n", mode=0o644))
    assert "the environment variable NOT_SET is not set" in ran.line


def test_blank_lines_spaces_and_a_byte_order_mark_are_no_trouble(cli, simulate, csv_file):
    """What spreadsheets write is read."""
    venue = simulate("--orders", 2, "--no-limits")
    text = "\ufeffname, venue ,api_key,weight\r\n\r\n account-1 ,opinion, " + venue.keys[0] + " ,2.5\r\n,,,\r\n"
    ran = cli("orders", "--accounts", csv_file(text, name="Mine.CSV"), "--base-url", venue.base_url, "--json")
    assert (ran.code, ran.document["total"]) == (0, 2)


# --- what is left out


def test_excluded_accounts_are_left_alone(cli, simulate):
    """--exclude leaves accounts out by name; the others are done."""
    venue = simulate("--accounts", 3, "--orders", 4, "--no-limits")
    ran = cli("cancel-all", *venue.use, "--exclude", "account-2", "--yes", "--json")
    assert (ran.code, list(ran.document["accounts"])) == (0, ["account-1", "account-3"])
    assert cli("orders", *venue.use, "--json").document["total"] == 4


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (("--exclude", "nobody"), "no account is named 'nobody'; there are: account-1"),
        (("--exclude", ","), "--exclude names no account"),
        (("--only", "account-1", "--exclude", "account-1"), "both chosen and left out"),
        (("--exclude", "account-1,account-2,account-3"), "every account is left out"),
        (("--keep", ","), "--keep names no order"),
        (("--keep", "a b"), "white space"),
        (("--settle", "0"), "--settle must be a positive number"),
        (("--max-orders", "0"), "--max-orders"),
        (("--max-accounts", "many"), "--max-accounts"),
        (("--max-notional", "much"), "is no number"),
        (("--max-notional", "-1"), "no positive number"),
        (("--max-notional", "nan"), "no positive number"),
        (("--report", "/dev/null/reports"), "cannot write reports into"),
    ],
)
def test_a_bad_choice_is_one_line(cli, standing, options, hint):
    """An option that cannot be used is one line, exit code 2, and nothing is sent."""
    ran = cli("cancel-all", *standing.use, *options, "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.line


@pytest.mark.parametrize("venue", ["opinion", "polymarket"])
def test_orders_that_are_kept_stay(cli, simulate, venue):
    """--keep leaves these orders alone, whatever the spelling of the id, and the run is clean all the same."""
    there = simulate("--venue", venue, "--orders", 6, "--no-limits")
    listed = [order["order_id"] for order in cli("orders", *there.use, "--json").document["accounts"]["account-1"]["orders"]]
    kept = listed[2].upper().replace("0X", "0x") if venue == "polymarket" else listed[2]
    ran = cli("cancel-all", *there.use, "--keep", kept, "--yes", "--json")
    account = ran.document["accounts"]["account-1"]
    assert (ran.code, account["cancelled"], account["verified"]) == (0, 5, True)
    assert account["left_orders"] == {listed[2]: "excluded by id"}
    left = cli("orders", *there.use, "--json").document["accounts"]["account-1"]["orders"]
    assert [order["order_id"] for order in left] == [listed[2]]


# --- limits on what is touched


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (("--max-accounts", "2"), "the job touches 3 accounts, more than --max-accounts 2 allows"),
        (("--max-orders", "74"), "the job touches 75 orders, more than --max-orders 74 allows"),
        (("--max-notional", "10.5"), "in all, more than --max-notional 10.5 allows"),
    ],
)
def test_a_job_that_is_too_large_is_refused(cli, standing, options, hint):
    """Without a terminal nobody can confirm it, and --yes does not: exit code 2, and every order still rests."""
    ran = cli("cancel-all", *standing.use, *options, "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.line
    assert cli("orders", *standing.use, "--json").document["total"] == 75


def test_a_job_within_its_limits_goes_on(cli, simulate):
    """What stays within every limit is done without a further question."""
    venue = simulate("--accounts", 2, "--orders", 5, "--no-limits")
    ran = cli(
        "cancel-all", *venue.use, "--yes", "--json", "--max-accounts", 2, "--max-orders", 10, "--max-notional", 100_000
    )  # fmt: skip
    assert (ran.code, ran.document["cancelled"]) == (0, 10)


def test_what_cannot_be_counted_is_refused(cli, simulate):
    """Where an account cannot be listed, a limit on orders cannot be checked, and nothing is cancelled."""
    venue = simulate("--accounts", 2, "--orders", 5, "--fault", "key_dead_401")
    ran = cli("cancel-all", *venue.use, "--yes", "--max-orders", 10)
    assert (ran.code, ran.out) == (2, "")
    assert "--max-orders cannot be checked: the open orders of 2 accounts were not listed to the end" in ran.line


def test_the_look_before_the_job_counts_against_the_same_limit(cli, simulate):
    """The plan's requests and the job's together never exceed the venue's limit: it refuses none of them."""
    venue = simulate("--orders", 20)
    ran = cli("cancel-all", *venue.use, "--yes", "--json", "--max-orders", 50)
    assert (ran.code, ran.document["cancelled"]) == (0, 20)
    assert ran.document["elapsed_s"] > 1.0


def test_ctrl_c_during_the_look_sends_nothing(cli, simulate, started, ended):
    """A signal while the orders are counted ends the command with 130, and every order still rests."""
    venue = simulate("--orders", 400, "--latency", 400)
    child = started("cancel-all", *venue.use, "--yes", "--max-orders", 500, "--deadline", 60)
    time.sleep(2.5)
    child.send_signal(signal.SIGINT)
    ran = ended(child)
    assert (ran.code, ran.out) == (130, "")
    assert "interrupted" in ran.err
    assert cli("orders", *venue.use, "--json").document["total"] == 400


# --- report files


def test_report_files_hold_what_was_told(cli, simulate, tmp_path):
    """--report writes the report as JSON, which loads back, as CSV, a row for each order, and as a page, for the owner alone."""
    venue = simulate("--accounts", 2, "--orders", 5, "--no-limits")
    folder = tmp_path / "new" / "reports"
    ran = cli("cancel-all", *venue.use, "--yes", "--json", "--report", folder)
    assert ran.code == 0
    files = [folder / f"{ran.document['run_id']}.{ending}" for ending in ("csv", "html", "json")]
    as_csv, as_page, as_json = files
    assert sorted(folder.iterdir()) == files
    assert json.loads(as_json.read_text()) == ran.document
    assert RunReport.from_dict(json.loads(as_json.read_text())).cancelled == 10
    rows = list(csv.DictReader(io.StringIO(as_csv.read_text(), newline="")))
    assert [row["outcome"] for row in rows] == ["cancelled"] * 10
    assert {row["account"] for row in rows} == {"account-1", "account-2"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert f"Report: {as_page}, {as_json} and {as_csv}" in ran.line
    assert "All 10 orders in scope are off the book; verified by a later listing." in as_page.read_text()
    assert all(f'href="{path.name}"' in as_page.read_text() for path in (as_json, as_csv))
    assert not [secret for path in files for secret in venue.secrets if secret in path.read_text()]


def test_known_ids_can_be_reported_too(cli, simulate, tmp_path):
    """`cancel --report` writes the same files for the ids it was given."""
    venue = simulate("--orders", 2, "--no-limits")
    ran = cli("cancel", "no-such-order", *venue.use, "--json", "--report", tmp_path / "r")
    (path,) = (tmp_path / "r").glob("*.json")
    report = RunReport.from_dict(json.loads(path.read_text()))
    assert [result.order_id for result in report.results] == ["no-such-order"]
    assert ran.code == 0


def test_a_report_that_cannot_be_written_costs_no_answer(cli, simulate, tmp_path, monkeypatch):
    """Where the folder is gone by the end, the report still goes to stdout, and the exit code says that something is wrong."""
    venue = simulate("--orders", 2, "--no-limits")
    monkeypatch.setattr("os.fsync", refuse)
    ran = cli("cancel-all", *venue.use, "--yes", "--json", "--report", tmp_path / "r")
    assert (ran.code, ran.document["cancelled"]) == (1, 2)
    assert "The report could not be written into" in ran.err
    assert list((tmp_path / "r").iterdir()) == []


def refuse(*_arguments):
    """A disk that is full."""
    raise OSError(28, "No space left on device")
