"""Which accounts, at which venues, and which of their orders: both forms of file, several venues, what is left out."""

import pytest

from engine import ConfigError
from engine.config import read_accounts

KEY = "k3y0123456789abcdef-secret"
HEADER = "name,venue,api_key,address,secret,passphrase,weight\n"
ADDRESS = "0x" + "A1" * 20


# --- several venues


def test_one_job_takes_both_venues(cli, both):
    """Without --venue all accounts of the file are used, each at its own venue, under one report in the order of the file."""
    venues = both("--accounts", 2, "--orders", 12)
    ran = cli("cancel-all", *venues.use, "--yes", "--json")
    assert (ran.code, ran.document["cancelled"], ran.document["listing_complete"]) == (0, 48, True)
    assert list(ran.document["accounts"]) == ["opinion-1", "opinion-2", "polymarket-1", "polymarket-2"]
    assert {venue: cli("orders", *venue.use, "--json").document["total"] for venue in (venues.opinion, venues.polymarket)} == {
        venues.opinion: 0,
        venues.polymarket: 0,
    }


def test_a_venue_restricts_the_job(cli, both):
    """With --venue only the accounts of that venue are touched."""
    venues = both("--orders", 5)
    ran = cli("cancel-all", *venues.use, "--venue", "polymarket", "--yes", "--json")
    assert (ran.code, list(ran.document["accounts"])) == (0, ["polymarket-1"])
    assert cli("orders", *venues.use, "--json").document["total"] == 5


def test_orders_of_both_venues_are_listed(cli, both):
    """`orders` lists every account at its own venue, and a dry run plans so."""
    venues = both("--orders", 5)
    assert cli("orders", *venues.use, "--json").document["total"] == 10
    plan = cli("cancel-all", *venues.use, "--dry-run", "--json").document
    kinds = {name: part["tactic"]["kind"] for name, part in plan["accounts"].items()}
    assert (plan["total"], kinds) == (10, {"opinion-1": "cancel_one", "polymarket-1": "cancel_all"})
    assert cli("cancel", "some-id", *venues.use, "--only", "opinion-1", "--dry-run").code == 0


CONDITIONS = {
    "a number for a market": (("--market", "123"), "a market of Polymarket is a condition id"),
    "a condition id for a market": (("--market", "0x" + "1" * 64), "a market of Opinion is a positive number"),
    "a word for an asset": (("--asset", "yes"), "an asset of Polymarket is a token id"),
    "an address": (
        ("--base-url", "http://127.0.0.1:9"),
        "--base-url is one venue's, and the accounts are for opinion and polymarket; choose one with --venue",
    ),
    "builder mode": (("--builder",), "--builder is one venue's"),
}


@pytest.mark.parametrize(("options", "hint"), CONDITIONS.values(), ids=CONDITIONS)
def test_what_one_venue_cannot_use_is_refused_for_all(cli, both, options, hint):
    """A condition that one of the venues cannot use is refused before anything is sent, naming that venue."""
    venues = both("--orders", 1)
    ran = cli("cancel-all", *venues.use, *options, "--yes", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.line


def test_settings_are_read_for_every_venue(cli, both, tmp_path):
    """A bad setting of any venue that is used is refused, and each venue gets its own."""
    venues = both("--orders", 3)
    settings = tmp_path / "more.toml"
    settings.write_text(venues.settings.read_text().replace("[venue.polymarket]", '[venue.polymarket]\ntier = "gold"'))
    use = ("--accounts", venues.accounts_file, "--config", settings)
    plan = cli("cancel-all", *use, "--dry-run", "--json").document
    assert {name: part["tier"] for name, part in plan["accounts"].items()} == {"opinion-1": None, "polymarket-1": "standard"}
    settings.write_text(settings.read_text().replace("gold", "titanium"))
    assert "unknown tier 'titanium'" in cli("cancel-all", *use, "--yes").line


# --- CSV


def test_a_csv_file_is_as_good_as_toml(cli, csv_file, both):
    """A CSV file with a BOM, blank lines, quotes and spaces serves both venues like the TOML file it was made of."""
    venues = both("--orders", 4)
    rows = [{**row, "name": f"{row['venue']}-1"} for row in (*venues.opinion.accounts, *venues.polymarket.accounts)]
    columns = HEADER.strip().split(",")
    lines = [",".join(f' "{row.get(column, "")}"' for column in columns) for row in rows]
    path = csv_file(f"\ufeff\n{HEADER}{lines[0]}\r\n,,,,,,\n\n{lines[1]}", name="Mine.CSV")
    ran = cli("cancel-all", "--accounts", path, "--config", venues.settings, "--yes", "--json")
    assert (ran.code, list(ran.document["accounts"]), ran.document["cancelled"]) == (0, ["opinion-1", "polymarket-1"], 8)


def test_references_weights_and_blank_cells(csv_file):
    """`env:NAME` is looked up, a blank venue is the chosen one, a blank weight is 1, and such a file may be read by all."""
    path = csv_file("name,api_key,venue,weight\na,env:A_KEY,opinion,2.5\nb,env:B_KEY,,\n", mode=0o644)
    found = read_accounts(path, environment={"A_KEY": "a-key", "B_KEY": "b-key"}, venue="opinion")
    assert [(each.name, each.venue, each.weight, each.credentials.api_key.reveal()) for each in found] == [
        ("a", "opinion", 2.5, "a-key"),
        ("b", "opinion", 1, "b-key"),
    ]


def test_a_weight_in_toml_is_a_number(accounts_file):
    """The weight of the TOML form reaches the account."""
    path = accounts_file(f'[[account]]\nname = "a"\nvenue = "opinion"\napi_key = "{KEY}"\nweight = 3\n')
    assert [each.weight for each in read_accounts(path, environment={})] == [3]


BAD_CSV = {
    "empty": ("", "no accounts in it"),
    "only a header": (HEADER, "no accounts in it"),
    "no header": (f"alice,opinion,{KEY}\n", "line 1: column 1 of the header is none of name, venue"),
    "a key first": (f"{KEY},opinion\n", "column 1 of the header is none of"),
    "no column of names": (f"venue,api_key\nopinion,{KEY}\n", "name among them"),
    "misspelt column": (f"name,venue,api_kye\nalice,opinion,{KEY}\n", "; did you mean 'api_key'?"),
    "two columns of one name": (f"name,api_key,api_key\nalice,{KEY},{KEY}\n", "must have each column once"),
    "a column without a name": (f"name,,api_key\nalice,,{KEY}\n", "column 2 of the header is none of"),
    "semicolons": (f"name;venue;api_key\nalice;opinion;{KEY}\n", "separated by commas"),
    "tabs": (f"name\tvenue\tapi_key\nalice\topinion\t{KEY}\n", "separated by commas"),
    "a cell too few": (f"name,venue,api_key\nalice,{KEY}\n", "line 2: has 2 cells, and the header has 3"),
    "a cell too many": (f"name,venue,api_key\n\nalice,opinion,{KEY},x\n", "line 3: has 4 cells"),
    "an open quote": (f'name,venue,api_key\nalice,opinion,"{KEY}\n', "line 2 is not valid CSV: unexpected end of data"),
    "text after a quote": (f'name,venue,api_key\nalice,opinion,"{KEY}"x\n', "line 2 is not valid CSV"),
    "a cell over two lines": (f'name,venue,api_key\nalice,"opi\nnion",{KEY}\n', "line 3: ends a cell that began on another line"),
    "a cell without end": (f"name,venue,api_key\nalice,opinion,{'x' * 200_000}\n", "line 2 is not valid CSV: field larger"),
    "no name": (f"name,venue,api_key\n,opinion,{KEY}\n", "line 2: needs a name"),
    "no venue": (f"name,venue,api_key\nalice,,{KEY}\n", "account 'alice' does not name its venue"),
    "unknown venue": (f"name,venue,api_key\nalice,opinoin,{KEY}\n", "line 2 ('alice'): unknown venue 'opinoin'; did you mean"),
    "a key for a venue": (
        f"name,venue,api_key\nalice,{KEY},opinion\n",
        "line 2 ('alice'): unknown venue; known: opinion, polymarket",
    ),
    "no key": ("name,venue,api_key\nalice,opinion,\n", "account 'alice' has no api_key"),
    "a key of another venue": (
        f"name,venue,api_key,secret\nalice,opinion,{KEY},{KEY}\n",
        "line 2 ('alice'): unknown key 'secret'",
    ),
    "two of one name": (f"name,venue,api_key\nalice,opinion,{KEY}\nalice,opinion,{KEY}\n", "two accounts are named 'alice'"),
    "a word for a weight": (
        f"name,venue,api_key,weight\nalice,opinion,{KEY},{KEY}\n",
        "line 2 ('alice'): weight must be a positive",
    ),
    "a weight below zero": (f"name,venue,api_key,weight\nalice,opinion,{KEY},-1\n", "weight must be a positive number"),
    "a weight that is no number": (f"name,venue,api_key,weight\nalice,opinion,{KEY},nan\n", "weight must be a positive number"),
    "no UTF-8": (b"name,venue,api_key\n\xff,,\n", "not UTF-8 text (line 2)"),
    "TOML": (f'[[account]]\nname = "alice"\napi_key = "{KEY}"\n', "line 1: column 1 of the header"),
    "nothing at all": ("", "no accounts in it"),
    "a header alone": (HEADER, "no accounts in it"),
    "a line without a header": (f"alice,opinion,{KEY}\n", "column 1 of the header is none of name, venue"),
    "a column twice": (f"name,name,api_key\na,b,{KEY}\n", "each column once"),
    "no name column": (f"venue,api_key\nopinion,{KEY}\n", "name among them"),
    "a cell more than the header": (f"name,venue,api_key\na,opinion,{KEY},x\n", "line 2: has 4 cells, and the header has 3"),
    "a cell missing": ("name,venue,api_key\na,opinion\n", "line 2: has 2 cells"),
    "a blank key": ("name,venue,api_key\na,opinion,\n", "account 'a' has no api_key"),
    "twins": (f"name,venue,api_key\na,opinion,{KEY}\na,opinion,{KEY}x\n", "two accounts are named 'a'"),
    "an unknown venue": (
        f"name,venue,api_key\na,opinoin,{KEY}\n",
        "line 2 ('a'): unknown venue 'opinoin'; did you mean 'opinion'",
    ),
    "a weight that is none": (f"name,venue,api_key,weight\na,opinion,{KEY},much\n", "weight must be a positive number"),
    "a quote that never ends": (f'name,venue,api_key\n"a,opinion,{KEY}\n', "is not valid CSV"),
    "bytes that are no text": (b"name,venue,api_key\na,opinion,\xff\n", "not UTF-8"),
}


@pytest.mark.parametrize(("text", "hint"), BAD_CSV.values(), ids=BAD_CSV)
def test_a_bad_csv_file_is_one_line(cli, csv_file, text, hint):
    """A CSV file that cannot be used is refused in one line that names its line, says what to do, and shows no key."""
    ran = cli("cancel-all", "--accounts", csv_file(text), "--yes", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.line
    assert KEY not in ran.line


def test_a_csv_file_with_a_key_belongs_to_its_owner_alone(cli, csv_file):
    """The rule of the TOML form holds for this one, too."""
    ran = cli("orders", "--accounts", csv_file(f"name,venue,api_key\nalice,opinion,{KEY}\n", mode=0o640))
    assert ran.code == 2
    assert "chmod 600" in ran.line
    assert KEY not in ran.line


def test_a_file_beyond_measure_is_refused(csv_file):
    """A file of more than 16 MiB is not taken in."""
    path = csv_file(HEADER + "," * (16 * 1024 * 1024))
    with pytest.raises(ConfigError, match="larger than 16777216 bytes"):
        read_accounts(path, environment={})


# --- accounts left out, orders kept


def test_accounts_are_left_out_by_name(cli, standing):
    """--exclude leaves all but the accounts that it names."""
    ran = cli("orders", *standing.use, "--exclude", "account-2", "--exclude", "account-3", "--json")
    assert list(ran.document["accounts"]) == ["account-1"]


@pytest.mark.parametrize("house", ["opinion", "polymarket"])
def test_kept_orders_stay(cli, simulate, house):
    """Orders of --keep are left alone at either venue, whatever the case of their digits; the rest is proved to be gone."""
    venue = simulate("--venue", house, "--orders", 30, "--no-limits")
    listed = cli("orders", *venue.use, "--json").document["accounts"]["account-1"]["orders"]
    keep = [order["order_id"] for order in listed[:3]]
    spelled = [order_id.replace("a", "A") if house == "polymarket" else order_id for order_id in keep]
    ran = cli("cancel-all", *venue.use, "--keep", f"{spelled[0]},{spelled[1]}", "--keep", spelled[2], "--yes", "--json")
    part = ran.document["accounts"]["account-1"]
    assert (ran.code, ran.document["cancelled"], part["left"], part["verified"]) == (0, 27, {"excluded by id": 3}, True)
    left = cli("orders", *venue.use, "--json").document["accounts"]["account-1"]["orders"]
    assert {order["order_id"] for order in left} == set(keep)


def test_kept_orders_are_no_riddle(cli, simulate):
    """Where only kept orders rest, the sentence says that nothing else does, and calls none of them unclear."""
    venue = simulate("--orders", 2, "--no-limits")
    keep = [order["order_id"] for order in cli("orders", *venue.use, "--json").document["accounts"]["account-1"]["orders"]]
    ran = cli("cancel-all", *venue.use, "--keep", ",".join(keep), "--yes")
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "Nothing rests in scope: there is no open order but the 2 kept."
    assert "left alone" not in ran.out
    listed = cli("orders", *venue.use, "--keep", keep[0], "--json")
    assert (listed.document["total"], listed.document["accounts"]["account-1"]["unclear"]) == (1, {})


def test_ids_of_both_venues_can_be_kept(cli, both):
    """An id to keep is any of the venues'; one that none of them can have keeps nothing, and is refused."""
    venues = both("--orders", 3)
    before = cli("orders", *venues.use, "--json").document["accounts"]
    keep = [part["orders"][0]["order_id"] for part in before.values()]
    report = cli("cancel-all", *venues.use, "--keep", ",".join(keep), "--yes", "--json").document
    assert report["cancelled"] == 4
    after = cli("orders", *venues.use, "--json").document["accounts"]
    assert [order["order_id"] for part in after.values() for order in part["orders"]] == keep
