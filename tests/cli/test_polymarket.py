"""The verbs at Polymarket, over real HTTP: mass cancels and their price, many ids in one request, ids of 66 characters."""

import re

import pytest

ACCOUNT = ("--only", "account-1")
HOUSE = ("--venue", "polymarket")


def orders_of(cli, venue, *options):
    """The open orders of the first account."""
    return cli("orders", *venue.use, *ACCOUNT, *options, "--json").document["accounts"]["account-1"]["orders"]


def test_everything_goes_with_one_request(cli, simulate):
    """A whole account comes off with one request; table and verdict say how long no further cancel is admitted."""
    venue = simulate(*HOUSE, "--orders", 300)
    ran = cli("cancel-all", *venue.use, "--yes")
    assert ran.code == 0
    last = ran.out.splitlines()[-1]
    assert last.startswith("All 300 orders in scope are off the book; verified by a later listing. Until its tokens are back")
    assert re.search(r"no further cancel: account-1 2\.\d s\.$", last)
    assert re.search(r"account-1: locked out: no cancel is admitted for another 2\.\d s", " ".join(ran.out.split()))
    assert re.search(r"^account-1 +300 +300 .* verified +[2-4] ", ran.out, re.MULTILINE)


def test_programs_are_told_of_the_lock_out(cli, simulate):
    """With --json the report of the account has the seconds, and the next cancel is admitted after them, not refused."""
    venue = simulate(*HOUSE, "--orders", 150)
    report = cli("cancel-all", *venue.use, "--yes", "--json").document
    assert 0.2 < report["accounts"]["account-1"]["locked_out_s"] < 0.5
    assert report["accounts"]["account-1"]["is_uncounted"] is False


def test_a_side_goes_by_id(cli, simulate):
    """The venue has no cancel of a side, so the buys go by id, the sells stay, and nothing is charged afterwards."""
    venue = simulate(*HOUSE, "--orders", 60)
    report = cli("cancel-all", *venue.use, "--side", "buy", "--yes", "--json").document
    assert (report["cancelled"], report["accounts"]["account-1"]["left"]) == (30, {"out of scope": 30})
    assert {order["side"] for order in orders_of(cli, venue)} == {"sell"}


@pytest.mark.parametrize("condition", ["market", "asset"])
def test_a_market_or_an_asset_is_a_scope(cli, simulate, condition):
    """A condition id, or a token id, limits what is cancelled to what it names."""
    venue = simulate(*HOUSE, "--orders", 8)
    before = orders_of(cli, venue)
    chosen = before[0][condition]
    report = cli("cancel-all", *venue.use, f"--{condition}", chosen, "--yes", "--json").document
    assert report["cancelled"] == sum(order[condition] == chosen for order in before) > 0
    assert [order["order_id"] for order in orders_of(cli, venue)] == [
        order["order_id"] for order in before if order[condition] != chosen
    ]


def test_listing_first_and_priorities_are_obeyed(cli, simulate):
    """With --priority largest all are listed, and the most valuable go first; --list-first counts a mass cancel beforehand."""
    venue = simulate(*HOUSE, "--orders", 320)
    value = {each["order_id"]: float(each["price"]) * float(each["size"]) for each in orders_of(cli, venue)}
    ran = cli("cancel-all", *venue.use, "--side", "sell", "--priority", "LARGEST", "--yes", "--json")
    sent = {value[result["order_id"]]: result["sent_s"] for result in ran.document["accounts"]["account-1"]["results"]}
    assert (ran.code, ran.document["cancelled"]) == (0, 160)
    first = [worth for worth, sent_s in sent.items() if sent_s == min(sent.values())]
    assert len(first) >= 100
    assert min(first) >= max(worth for worth in sent if worth not in first)
    listed = cli("cancel-all", *venue.use, "--list-first", "--yes", "--json")
    assert (listed.code, listed.document["cancelled"], listed.document["accounts"]["account-1"]["requests"]) == (0, 160, 4)


def test_a_dry_run_tells_the_tactic(cli, resting):
    """A dry run says how it would be done, with how many requests and tokens, what that costs afterwards, and for which tier."""
    ran = cli("cancel-all", *resting.use, "--dry-run")
    assert ran.code == 0
    text = " ".join(ran.out.split())
    how = "one cancel-all cancels exactly the scope; it is admitted for 1 token, and 130 more are charged afterwards"
    assert f"account-1, account-2: {how} (counted with the tier standard)" in text
    assert re.search(r"would cancel 260 orders in 2 accounts with \d requests and 262 tokens, in 0 s at the least", text)
    assert "and then no cancel for up to 0.1 s; no cancel was sent." in text
    assert max(len(line) for line in ran.out.splitlines() if line.startswith("account-1 ")) <= 80


def test_a_dry_run_tells_programs_the_tactic(cli, resting):
    """With --json the plan of each account holds its tactic, its tier, and what it costs."""
    document = cli("cancel-all", *resting.use, "--side", "sell", "--dry-run", "--json").document
    part = document["accounts"]["account-1"]
    assert (document["dry_run"], document["total"], document["tokens"]) == (True, 130, 130)
    assert (part["tier"], part["tactic"]["kind"], part["tactic"]["tokens"], part["tactic"]["locked_out_s"]) == (
        "standard",
        "cancel_many",
        65,
        0.0,
    )


def test_a_tier_of_the_settings_is_counted_with(cli, resting, tmp_path):
    """A dry run of ids asks nobody, so it counts with the tier of the settings, and with requests as large as that allows."""
    path = tmp_path / "settings.toml"
    path.write_text('[venue.polymarket]\ntier = "gold"\n')
    ids = [f"0x{number:064x}" for number in range(300)]
    use = ("--accounts", resting.accounts_file, *ACCOUNT, "--base-url", "http://127.0.0.1:9")
    gold = cli("cancel", *ids, *use, "--config", path, "--dry-run", "--json").document
    standard = cli("cancel", *ids, *use, "--dry-run", "--json").document
    assert (gold["accounts"]["account-1"]["tier"], gold["requests"], gold["least_time_s"]) == ("gold", 1, 0.0)
    assert standard["accounts"]["account-1"]["tier"] == "standard"
    assert (standard["tokens"], standard["least_time_s"]) == (300, 2.25)


def test_a_dry_run_names_ids_that_cannot_be_sent(cli, resting):
    """An id that is none of the venue's would take a whole request with it: the dry run names it, and exits with 1."""
    good = "0x" + "a" * 64
    ran = cli("cancel", good, "not-an-id", *resting.use, *ACCOUNT, "--dry-run", "--json")
    assert ran.code == 1
    assert ran.document["accounts"]["account-1"]["order_ids"] == [good]
    assert list(ran.document["would_not_be_sent"]) == ["not-an-id"]
    assert "1 id would not be sent, such as not-an-id: " in ran.line
    assert cli("cancel", good, "not-an-id", *resting.use, *ACCOUNT, "--dry-run").code == 1
    whole = cli("cancel", good, *resting.use, *ACCOUNT, "--dry-run")
    assert (whole.code, "1 cancel request for account-1" in whole.out) == (0, True)


def test_many_ids_go_in_few_requests(cli, simulate):
    """Known ids are cancelled together; each has its place, and one that is unknown is told apart."""
    venue = simulate(*HOUSE, "--orders", 60)
    ids = [order["order_id"] for order in orders_of(cli, venue)]
    unknown = "0x" + "0" * 64
    document = cli("cancel", *ids, unknown, *venue.use, "--json").document
    assert [result["order_id"] for result in document["results"]] == [*ids, unknown]
    assert [result["outcome"] for result in document["results"]] == ["cancelled"] * 60 + ["not_found"]
    assert document["requests"] < 10


def test_long_ids_are_shown_whole(cli, resting):
    """`orders` shows every order id in one piece at 80 columns, and --json every id of market and asset in full."""
    listed = orders_of(cli, resting)
    shown = cli("orders", *resting.use, *ACCOUNT).out.splitlines()
    assert {order["order_id"] for order in listed} <= {line.strip() for line in shown}
    assert max(map(len, shown)) <= 80
    assert all(re.fullmatch(r"0x[0-9a-f]{64}", order["market"]) and len(order["asset"]) > 60 for order in listed)


def test_the_environment_can_be_the_account(cli, resting, monkeypatch):
    """Without a file, the four variables are the one account, and --venue need not be said."""
    for key, value in resting.accounts[0].items():
        if key not in ("name", "venue"):
            monkeypatch.setenv(f"POLYMARKET_{key.upper()}", value)
    ran = cli("orders", "--base-url", resting.base_url, "--json")
    assert (ran.code, ran.document["accounts"]["default"]["listing_complete"], ran.document["total"]) == (0, True, 130)


def test_a_file_may_hold_both_venues(cli, accounts_file, resting, standing):
    """One accounts file serves both: --venue chooses; one address for both needs that choice."""
    mine = resting.accounts_file.read_text() + standing.accounts_file.read_text().replace("account-", "opinion-")
    path = accounts_file(mine)
    there = cli("orders", "--venue", "polymarket", "--accounts", path, "--base-url", resting.base_url, "--json")
    here = cli("orders", "--venue", "opinion", "--accounts", path, "--base-url", standing.base_url, "--json")
    assert (list(there.document["accounts"]), there.document["total"]) == (["account-1", "account-2"], 260)
    assert list(here.document["accounts"]) == ["opinion-1", "opinion-2", "opinion-3"]
    both = cli("orders", "--accounts", path, "--base-url", standing.base_url)
    assert "--base-url is one venue's" in both.line
    assert "choose one with --venue" in both.line


def test_a_refused_key_is_a_blind_spot(cli, simulate):
    """A key that the venue refuses stops the account: exit code 1, the reason in one line, and no secret in it."""
    venue = simulate(*HOUSE, "--orders", 3, "--fault", "key_dead_401")
    ran = cli("cancel-all", *venue.use, "--yes", "--json")
    assert ran.code == 1
    assert ran.line.startswith("Could not look at every open order of 1 account")
    assert "401" in ran.line
