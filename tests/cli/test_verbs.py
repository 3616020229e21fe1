"""What the verbs do at a venue that answers, over real HTTP."""

import re
import subprocess
import sys

import pytest

NO_LIMITS = ("--no-limits", "--accounts", 2, "--orders", 23)


def test_cancel_all_takes_everything_off(cli, simulate):
    """Cancelling all of two accounts leaves nothing, exits with 0, and ends with a sentence that says so."""
    venue = simulate(*NO_LIMITS)
    ran = cli("cancel-all", *venue.use, "--yes")
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "All 46 orders in scope are off the book; verified by a later listing."
    assert "account-2" in ran.out
    assert cli("orders", *venue.use, "--json").document["total"] == 0


def test_cancel_all_tells_programs(cli, simulate):
    """With --json stdout holds the report of all accounts, and stderr no more than where the run was recorded."""
    venue = simulate(*NO_LIMITS)
    ran = cli("cancel-all", *venue.use, "--yes", "--json")
    assert (ran.code, ran.said) == (0, [])
    report = ran.document
    assert (report["total_orders"], report["cancelled"], report["at_risk"]) == (46, 46, 0)
    assert list(report["accounts"]) == ["account-1", "account-2"]
    assert [result["index"] for result in report["accounts"]["account-1"]["results"]] == list(range(23))


def test_one_account_is_reported_like_many(cli, simulate):
    """The report of one account has the shape of the report of many."""
    venue = simulate(*NO_LIMITS)
    report = cli("cancel-all", *venue.use, "--only", "account-2", "--yes", "--json").document
    assert list(report["accounts"]) == ["account-2"]
    assert report["accounts"]["account-2"]["verified"] is True


def test_a_side_is_respected(cli, simulate):
    """Cancelling the buys leaves every sell where it is."""
    venue = simulate(*NO_LIMITS)
    assert cli("cancel-all", *venue.use, "--side", "BUY", "--yes", "--json").document["total"] == 24
    left = cli("orders", *venue.use, "--json").document
    assert {order["side"] for part in left["accounts"].values() for order in part["orders"]} == {"sell"}
    assert left["total"] == 22


def test_known_ids_are_cancelled(cli, simulate):
    """Cancelling ids prints the documented summary, each id at its place, an unknown one told apart."""
    venue = simulate(*NO_LIMITS)
    listed = cli("orders", *venue.use, "--only", "account-1", "--json").document["accounts"]["account-1"]["orders"]
    first = listed[0]["order_id"]
    ran = cli("cancel", first, "no-such-order", first, *venue.use, "--only", "account-1", "--json")
    assert ran.code == 0
    assert [result["outcome"] for result in ran.document["results"]] == ["cancelled", "not_found", "cancelled"]
    assert (ran.document["total_orders"], ran.document["cancelled"], ran.document["failed"]) == (3, 2, 1)


def test_known_ids_can_be_proved(cli, simulate):
    """With --verify a cancel that is acknowledged and not done is found by the listing afterwards, and the order is at risk."""
    venue = simulate("--no-limits", "--orders", 2, "--fault", "cancels_ignored")
    first = cli("orders", *venue.use, "--json").document["accounts"]["account-1"]["orders"][0]["order_id"]
    assert cli("cancel", first, *venue.use).code == 0
    ran = cli("cancel", first, *venue.use, "--verify")
    assert ran.code == 1
    assert ran.out.splitlines()[-1].startswith("1 of 1 order may still be live")


def test_known_ids_are_told_to_people(cli, simulate):
    """The last line says in one sentence what became of the ids."""
    venue = simulate("--no-limits")
    ran = cli("cancel", "no-such-order", *venue.use)
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "The order does not rest any more: 1 not found."


def test_orders_are_listed_with_exact_amounts(cli, standing):
    """Listed amounts are texts, so that no digit is lost."""
    ran = cli("orders", *standing.use, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.document["total"] == 75
    part = ran.document["accounts"]["account-1"]
    assert (part["listing_complete"], part["listing_error"]) == (True, None)
    assert re.fullmatch(r"0\.\d+", part["orders"][0]["price"])


def test_orders_are_listed_for_people(cli, standing):
    """The table has every order, and the last line their number."""
    ran = cli("orders", *standing.use, "--only", "account-1,account-3", "--side", "sell")
    assert ran.code == 0
    assert "account-2" not in ran.out
    assert ran.out.splitlines()[-1] == "24 open sell orders in 2 accounts."


def test_a_dry_run_cancels_nothing(cli, standing):
    """A dry run says what would be done and what it takes, and does not do it."""
    ran = cli("cancel-all", *standing.use, "--dry-run", "--json")
    assert (ran.code, ran.document["dry_run"], ran.document["total"]) == (0, True, 75)
    assert ran.document["requests"] > 75
    assert cli("orders", *standing.use, "--json").document["total"] == 75


def test_a_dry_run_for_people(cli, standing):
    """A dry run ends with a sentence that says that no cancel was sent."""
    ran = cli("cancel-all", *standing.use, "--side", "buy", "--dry-run")
    assert ran.code == 0
    assert "would cancel 39 orders in 3 accounts" in ran.out.splitlines()[-1]
    assert "no cancel was sent" in ran.out.splitlines()[-1]


def test_a_dry_run_of_ids_needs_no_venue(cli, standing):
    """A dry run of ids sends nothing at all, so it works where nothing listens."""
    use = ("--accounts", standing.accounts_file, "--only", "account-1", "--base-url", "http://127.0.0.1:9")
    ran = cli("cancel", "a", "b", "a", *use, "--dry-run", "--json")
    assert (ran.code, ran.document["dry_run"]) == (0, True)
    assert ran.document["accounts"]["account-1"]["order_ids"] == ["a", "b"]
    told = cli("cancel", "a", *use, "--dry-run")
    assert "would send 1 cancel request for account-1 to 127.0.0.1:9; nothing was sent." in told.out


def test_an_empty_market_is_not_a_blind_spot(cli, standing):
    """Nothing found is said plainly, with what the venue leaves open, and exits with 0."""
    ran = cli("cancel-all", *standing.use, "--market", "999", "--yes")
    assert ran.code == 0
    words = "Nothing rests in market 999 (the venue does not say whether that market exists)."
    assert ran.out.splitlines()[-1] == words
    listed = cli("orders", *standing.use, "--market", "999")
    assert listed.code == 0
    assert "does not say whether that market exists" in listed.out


BLIND = {
    "nobody listens": (lambda url: "http://127.0.0.1:9", "no connection to 127.0.0.1:9"),
    "TLS to a plain port": (lambda url: url.replace("http:", "https:"), "TLS with 127.0.0.1"),
    "no such host": (lambda url: "https://venue.invalid", "venue.invalid"),
    "a path that is none": (lambda url: f"{url}/elsewhere", "404"),
}


def test_a_venue_that_cannot_be_reached_is_a_blind_spot(started, ended, standing):
    """Where the listing fails, the report says that it could not look, why, and exits with 1."""
    children = {}
    for name, (elsewhere, reason) in BLIND.items():
        use = ("--accounts", standing.accounts_file, "--only", "account-1", "--base-url", elsewhere(standing.base_url))
        children[name] = reason, started("cancel-all", *use, "--yes", "--json")
    for name, (reason, child) in children.items():
        ran = ended(child)
        assert (name, ran.code, ran.document["listing_complete"]) == (name, 1, False)
        assert ran.line.startswith("Could not look at every open order of 1 account")
        assert reason in ran.line


def test_a_bad_key_is_a_blind_spot(cli, standing, monkeypatch):
    """A key that the venue refuses stops the account: exit code 1, and the reason in one line."""
    monkeypatch.setenv("OPINION_API_KEY", "not-a-key-of-anyone")
    ran = cli("cancel-all", "--base-url", standing.base_url, "--yes", "--json")
    assert ran.code == 1
    assert "refuses the key" in ran.line
    assert "not-a-key" not in ran.out + ran.err
    listed = cli("orders", "--base-url", standing.base_url)
    assert listed.code == 1
    assert listed.out.strip().startswith("Could not look at every open order of 1 account")


def test_ids_at_a_venue_that_cannot_be_reached_are_at_risk(cli, standing):
    """Cancels that never left are reported as not sent, and exit with 1."""
    use = ("--accounts", standing.accounts_file, "--only", "account-1", "--base-url", "http://127.0.0.1:9")
    ran = cli("cancel", "some-id", *use, "--deadline", "0.5")
    assert ran.code == 1
    assert "1 not sent" in ran.out
    assert ran.out.splitlines()[-1].startswith("1 of 1 order may still be live: some-id")


def test_the_environment_can_be_the_account(cli, standing, monkeypatch):
    """Without a file, the key in OPINION_API_KEY is the one account, named default."""
    monkeypatch.setenv("OPINION_API_KEY", standing.keys[1])
    ran = cli("orders", "--base-url", standing.base_url, "--json")
    assert (ran.code, ran.document["accounts"]["default"]["listing_complete"]) == (0, True)


def test_both_spellings_of_the_address_work(cli, standing):
    """The address is accepted with /openapi at its end, too."""
    use = ("--accounts", standing.accounts_file, "--base-url", f"{standing.base_url}/openapi/")
    assert cli("orders", *use, "--json").document["total"] == 75


def test_accounts_of_another_venue_are_passed_over(cli, accounts_file, standing):
    """A file may hold accounts of a venue that is not asked for; their keys are not even looked up."""
    path = accounts_file(
        f'[[account]]\nname = "alice"\napi_key = "{standing.keys[0]}"\n'
        '[[account]]\nname = "bob"\nvenue = "polymarket"\naddress = "0x0"\napi_key = "env:NOT_SET"\nsecret = "env:NOT_SET"\n'
    )
    ran = cli("orders", "--venue", "opinion", "--accounts", path, "--base-url", standing.base_url, "--json")
    assert (ran.code, list(ran.document["accounts"])) == (0, ["alice"])


def test_a_deadline_brings_what_is_known(cli, simulate):
    """At the deadline the report comes with what was done by then, and exits with 1."""
    venue = simulate("--accounts", 1, "--orders", 60)
    ran = cli("cancel-all", *venue.use, "--yes", "--json", "--deadline", 1.5)
    assert ran.code == 1
    report = ran.document
    assert 0 < report["cancelled"] < 60
    assert report["elapsed_s"] < 4
    left = cli("orders", *venue.use, "--json").document["total"]
    assert report["cancelled"] <= 60 - left


def test_a_deadline_ends_a_listing(cli, simulate):
    """A listing that takes longer than the deadline is told as incomplete, with what was read."""
    venue = simulate("--orders", 60, "--latency", 600)
    ran = cli("orders", *venue.use, "--json", "--deadline", 1)
    assert ran.code == 1
    assert ran.document["accounts"]["account-1"]["listing_complete"] is False
    assert ran.document["total"] < 60


def test_orders_of_unclear_side_are_told(cli, simulate):
    """Under a side filter, an order whose side is not established is left alone and reported, not dropped."""
    venue = simulate("--no-limits", "--orders", 3, "--fault", "list_side_contradicts")
    listed = cli("orders", *venue.use, "--side", "sell", "--json")
    assert list(listed.document["accounts"]["account-1"]["unclear"].values()) == ["side not established"]
    ran = cli("cancel-all", *venue.use, "--side", "sell", "--yes")
    assert "left alone" in ran.out
    assert "side not established" in ran.out


def test_builder_mode_stops_before_the_allowance(cli, simulate, tmp_path):
    """An allowance in the settings file stops the account before it is overdrawn, and says so."""
    settings = tmp_path / "settings.toml"
    venue = simulate("--no-limits", "--orders", 9)
    settings.write_text(f'[venue.opinion]\nbase_url = "{venue.base_url}"\nallowance_per_day = 4\nrequests_per_s = 100\n')
    ran = cli("cancel-all", "--accounts", venue.accounts_file, "--config", settings, "--yes", "--json")
    assert (ran.code, ran.document["cancelled"], ran.document["at_risk"]) == (1, 4, 5)
    assert "allowance" in ran.line


def test_builder_needs_no_number(cli, standing):
    """--builder is accepted and changes nothing below its 2,000 cancels."""
    assert cli("cancel-all", *standing.use, "--builder", "--dry-run", "--json").document["total"] == 75


@pytest.mark.parametrize(
    "verb",
    [
        "",
        "demo",
        "orders",
        "cancel",
        "cancel-all",
        "resume",
        "runs",
        "runs verify",
        "runs prune",
        "report",
        "keys",
        "keys derive",
        "simulate",
    ],
)
def test_every_verb_explains_itself(cli, verb):
    """--help explains each verb, with an example, and exits with 0."""
    ran = cli(*verb.split(), "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"cancel-engine {verb}".strip() in ran.out
    assert not verb or "\n  Examples:\n" in ran.out


def test_the_version_is_told(cli):
    """--version prints name and version."""
    ran = cli("--version")
    assert re.fullmatch(r"cancel-engine, version \S.*\n", ran.out)


def test_the_front_door_does_not_load_the_command_line():
    """Importing the engine loads neither the command line nor the simulator, and the command line not the simulator."""
    code = (
        "import sys, engine; assert not [m for m in sys.modules if m.startswith(('engine.cli', 'engine.simulator', 'click'))];"
        "import engine.cli; assert not [m for m in sys.modules if m.startswith('engine.simulator')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)
