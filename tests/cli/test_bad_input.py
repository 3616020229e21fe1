"""Every request that cannot be used: one clear line, exit code 2, nothing on stdout, nothing sent."""

import pytest

from engine.config import VENUES

KEY = "k3y0123456789abcdef-secret"
GOOD = f'[[account]]\nname = "alice"\nvenue = "opinion"\napi_key = "{KEY}"\n'
ADDRESS = "0x" + "A1" * 20
SECRET = "c2VjcmV0LW9mLW5vYm9keQ=="
PASSPHRASE = "words-of-nobody"
POLYMARKET = (
    f'[[account]]\nname = "alice"\nvenue = "polymarket"\naddress = "{ADDRESS}"\napi_key = "{KEY}"\n'
    f'secret = "{SECRET}"\npassphrase = "{PASSPHRASE}"\n'
)

FILES = {
    "no TOML": ('[[account]]\nname = "alice"\napi_key "x"\n', "line 3"),
    "empty": ("", "no accounts in it"),
    "only a comment": ("# nothing\n", "no accounts in it"),
    "a list of keys": ('account = ["x"]\n', "[[account]]"),
    "account as text": ('account = "x"\n', "[[account]]"),
    "another table": ('[[acount]]\nname = "alice"\n', "did you mean 'account'?"),
    "key misspelt": (f'[[account]]\nname = "alice"\nvenue = "opinion"\napi_kye = "{KEY}"\n', "did you mean 'api_key'?"),
    "a key of another venue": (f'[[account]]\nname = "alice"\nvenue = "opinion"\nsecret = "{KEY}"\n', "known: api_key"),
    "no name": (f'[[account]]\nvenue = "opinion"\napi_key = "{KEY}"\n', "needs a name"),
    "blank name": (f'[[account]]\nname = " "\nvenue = "opinion"\napi_key = "{KEY}"\n', "needs a name"),
    "name that steers a terminal": (f'[[account]]\nname = "a\\u001b[2J"\nvenue = "opinion"\napi_key = "{KEY}"\n', "printable"),
    "a number for a key": ('[[account]]\nname = "alice"\nvenue = "opinion"\napi_key = 12345678\n', "api_key must be text"),
    "no key": ('[[account]]\nname = "alice"\nvenue = "opinion"\n', 'api_key = "env:NAME"'),
    "blank key": ('[[account]]\nname = "alice"\nvenue = "opinion"\napi_key = ""\n', "not blank"),
    "key with a line end": (f'[[account]]\nname = "alice"\nvenue = "opinion"\napi_key = "{KEY}\\n"\n', "stray line end"),
    "key with a space": (f'[[account]]\nname = "alice"\nvenue = "opinion"\napi_key = "a {KEY}"\n', "without spaces"),
    "key beyond ASCII": (f'[[account]]\nname = "alice"\nvenue = "opinion"\napi_key = "{KEY}é"\n', "printable ASCII"),
    "variable not set": (GOOD.replace(KEY, "env:NOT_SET_HERE"), "NOT_SET_HERE is not set"),
    "key after env:": (GOOD.replace(KEY, f"env:{KEY}"), "no name of an environment variable"),
    "two of one name": (GOOD + GOOD, "two accounts are named 'alice'"),
    "unknown venue": (GOOD.replace("opinion", "opinoin"), "did you mean 'opinion'?"),
    "no address": (GOOD.replace("opinion", "polymarket"), 'address = "env:NAME"'),
    "no address of a signer": (POLYMARKET.replace(ADDRESS, "0x0"), "0x and 40 hex digits"),
    "no passphrase": (POLYMARKET.replace("passphrase", "#", 1), "has no passphrase"),
    "a secret that is none": (POLYMARKET.replace(SECRET, f"{KEY}!"), "must be base64"),
    "a secret with a piece missing": (POLYMARKET.replace(SECRET, "abcde"), "a piece missing"),
    "a passphrase with a space": (POLYMARKET.replace(PASSPHRASE, f"a {KEY}"), "passphrase of a Polymarket key must be printable"),
    "a key misspelt for Polymarket": (POLYMARKET.replace("passphrase", "passphrse", 1), "did you mean 'passphrase'?"),
    "a venue that nobody names": (GOOD.replace('venue = "opinion"', ""), "does not name its venue"),
    "a weight that is none": (GOOD + "weight = 0\n", "weight must be a positive number"),
    "a key for a weight": (GOOD + f'weight = "{KEY}"\n', "weight must be a positive number"),
    "a weight without end": (GOOD + "weight = inf\n", "weight must be a positive number"),
    "a weight beyond measure": (GOOD + f"weight = 1{'0' * 400}\n", "weight must be a positive number"),
    "a flag for a weight": (GOOD + "weight = true\n", "weight must be a positive number"),
    "a key for a venue": (GOOD.replace("opinion", KEY), "unknown venue; known: opinion, polymarket"),
    "no venue among some that have one": (
        GOOD + f'[[account]]\nname = "bob"\napi_key = "{KEY}"\n',
        "'bob' does not name its venue",
    ),
    "no UTF-8": (GOOD.encode() + b"# \xff\n", "not UTF-8 text (line 5)"),
    "UTF-16": (GOOD.encode("utf-16"), "not UTF-8"),
    "a weight of too many digits": (GOOD + f"weight = {'9' * 5_000}\n", "it holds a number that is too long"),
    "a table twice": (f"[{'k' * 5_000}]\n" * 2, "twice (at line 2, column"),
    "a key of many signs": (f"{'k' * 5_000} = 1\n", "unknown key 'kkk"),
    "a name of many signs": (GOOD.replace("alice", "a" * 201), "the name is longer than 200 characters"),
    "a key of many parts": (f"a{'.a' * 201} = 1\n", "line 1 holds more than 200 dots"),
    "nested without end": ("a = " + "[" * 5000, "not valid TOML"),
}


@pytest.mark.parametrize(("text", "hint"), FILES.values(), ids=FILES)
@pytest.mark.parametrize("verb", [("orders",), ("cancel-all", "--yes"), ("cancel", "some-id")], ids=lambda verb: verb[0])
def test_a_bad_accounts_file_is_one_line(cli, accounts_file, verb, text, hint):
    """An accounts file that cannot be used is named in one line that shows no key."""
    ran = cli(*verb, "--accounts", accounts_file(text), "--json")
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.line
    assert len(ran.line) < 1_000
    assert not [secret for secret in (KEY, SECRET, PASSPHRASE) if secret in ran.line]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666], ids=oct)
def test_a_file_with_a_key_belongs_to_its_owner_alone(cli, accounts_file, mode):
    """A file that holds a key and that others may read or write is refused, with the command that mends it."""
    path = accounts_file(GOOD, mode)
    ran = cli("cancel-all", "--accounts", path, "--yes", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert f"chmod 600 {path}" in ran.line
    assert KEY not in ran.line


@pytest.mark.parametrize("literal", ["api_key", "secret", "passphrase"])
def test_each_secret_of_a_key_belongs_to_its_owner_alone(cli, accounts_file, literal):
    """One secret in clear among references is enough to refuse a file that others may read."""
    values = {key: f"env:{key.upper()}" for key in ("api_key", "secret", "passphrase")} | {literal: SECRET}
    keys = "".join(f'{key} = "{value}"\n' for key, value in values.items())
    path = accounts_file(f'[[account]]\nname = "alice"\nvenue = "polymarket"\naddress = "{ADDRESS}"\n{keys}', 0o640)
    ran = cli("orders", "--accounts", path, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "chmod 600" in ran.line
    assert SECRET not in ran.line


def test_an_address_is_no_secret(cli, accounts_file):
    """A file with an address in clear and references otherwise may be read by all: only the variables are missing."""
    keys = "".join(f'{key} = "env:NOT_SET_HERE"\n' for key in ("api_key", "secret", "passphrase"))
    path = accounts_file(f'[[account]]\nname = "alice"\nvenue = "polymarket"\naddress = "{ADDRESS}"\n{keys}', 0o644)
    assert "NOT_SET_HERE is not set" in cli("orders", "--accounts", path).line


def test_a_key_is_not_sent_to_another_venue(cli, accounts_file):
    """An account that names no venue, and has more keys than the venue asked for knows, may be another venue's: refused."""
    path = accounts_file(POLYMARKET.replace('venue = "polymarket"\n', ""))
    ran = cli("orders", "--venue", "opinion", "--accounts", path, "--base-url", "http://127.0.0.1:9", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "account 'alice', for opinion: unknown key 'address'" in ran.line


def test_a_file_of_references_may_be_read_by_all(cli, accounts_file, monkeypatch, standing):
    """A file without keys in it may be readable by others."""
    monkeypatch.setenv("ALICE_KEY", standing.keys[0])
    path = accounts_file(GOOD.replace(KEY, "env:ALICE_KEY"), 0o644)
    assert cli("orders", "--accounts", path, "--base-url", standing.base_url).code == 0


@pytest.mark.parametrize(
    ("name", "words"), [("nowhere.toml", "No such file"), (".", "Is a directory")], ids=["missing", "folder"]
)
def test_a_path_without_a_file(cli, tmp_path, name, words):
    """A missing file and a folder are named as what they are."""
    ran = cli("orders", "--accounts", tmp_path / name)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.line


def test_without_accounts_both_ways_are_named(cli):
    """Without accounts, the line names the option and the variable."""
    ran = cli("orders", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "--accounts FILE" in ran.line
    assert "OPINION_API_KEY" in ran.line


def test_an_account_that_is_not_whole_names_what_is_missing(cli, monkeypatch):
    """With some of Polymarket's variables set, the line names the others, and no value."""
    monkeypatch.setenv("POLYMARKET_SECRET", SECRET)
    monkeypatch.setenv("POLYMARKET_ADDRESS", ADDRESS)
    ran = cli("orders", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "(not set: POLYMARKET_API_KEY, POLYMARKET_PASSPHRASE)" in ran.line
    assert SECRET not in ran.line


def test_accounts_of_two_venues_are_not_guessed_between(cli, monkeypatch):
    """With the keys of both venues in the environment, --venue has to say which."""
    for kind in VENUES.values():
        for variable in kind.variables.values():
            monkeypatch.setenv(variable, KEY)
    ran = cli("cancel-all", "--yes", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "each of opinion, polymarket; choose one with --venue" in ran.line
    assert KEY not in ran.line


def test_only_names_that_exist(cli, standing):
    """A name that no account has is answered with the names that there are."""
    ran = cli("orders", *standing.use, "--only", "account-1,zoe", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "'zoe'" in ran.line
    assert "account-1, account-2, account-3" in ran.line


@pytest.mark.parametrize(
    ("base_url", "hint"),
    [
        ("http://example.com", "https://"),
        ("ftp://127.0.0.1", "must look like"),
        ("nonsense", "must look like"),
        ("", "empty"),
        ("https://user:pass@example.com", "no user"),
        ("https://example.com/openapi/openapi", "twice"),
        ("https://example.com:99999", "no address"),
        ("https://exa mple.com", "white space"),
    ],
)
def test_a_bad_address_is_one_line(cli, standing, base_url, hint):
    """An address that cannot be used is refused before anything is sent."""
    ran = cli("cancel-all", "--accounts", standing.accounts_file, "--base-url", base_url, "--yes", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.line


USAGE = {
    "unknown verb": (("cancle",), "No such command"),
    "unknown option": (("orders", "--markt", "1"), "No such option"),
    "no ids": (("cancel",), "Missing argument"),
    "unknown side": (("orders", "--side", "up"), "'up' is not one of"),
    "deadline is no number": (("orders", "--deadline", "soon"), "not a valid float"),
    "unknown venue": (("orders", "--venue", "opinoin"), "unknown venue 'opinoin'"),
    "Polymarket without keys": (("cancel-all", "--venue", "polymarket"), "POLYMARKET_ADDRESS, POLYMARKET_API_KEY"),
    "unknown priority": (("cancel-all", "--priority", "smallest"), "'smallest' is not one of 'largest', 'oldest'"),
    "unknown fault": (("simulate", "--fault", "hangg"), "near ones: hang, hang_after"),
    "fault far from all": (("simulate", "--fault", "zzzzzz"), "there is no fault 'zzzzzz'"),
    "share above one": (("simulate", "--fault", "hang:2"), "from 0 to 1"),
    "share is no number": (("simulate", "--fault", "hang:often"), "from 0 to 1"),
    "share is not a number": (("simulate", "--fault", "hang:nan"), "from 0 to 1"),
    "port out of range": (("simulate", "--port", "70000"), "range"),
    "too many orders": (("simulate", "--accounts", "1000", "--orders", "100000"), "more than"),
    "unknown simulated venue": (("simulate", "--venue", "polymarkt"), "cannot be simulated"),
    "a fault of the other venue": (("simulate", "--venue", "polymarket", "--fault", "result_false"), "there is no fault"),
    "demo without its file": (("demo", "--config", "nowhere.toml"), "No such file"),
}


@pytest.mark.parametrize(("arguments", "hint"), USAGE.values(), ids=USAGE)
def test_a_bad_command_line_is_one_line(cli, arguments, hint):
    """A command line that cannot be used is one line on stderr, exit code 2, and nothing on stdout."""
    ran = cli(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.line


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (("--deadline", "-1"), "--deadline must be a positive number"),
        (("--deadline", "nan"), "--deadline must be a positive number"),
        (("--market", "abc"), "a market of Opinion is a positive number"),
        (("--market", " "), "market must be an id"),
        (("--asset", "maybe"), "'yes' or 'no'"),
        (("--only", ","), "--only names no account"),
        (("--exclude", ","), "--exclude names no account"),
        (("--exclude", "account-9"), "no account is named 'account-9'; there are: account-1, account-2, account-3"),
        (("--only", "account-1", "--exclude", "account-1"), "'account-1' is both chosen and left out"),
        (("--exclude", "account-1,account-2", "--exclude", "account-3"), "every account is left out"),
        (("--keep", " , "), "--keep names no order"),
        (("--keep", "a b"), "order id at index 0 holds white space"),
        (("--max-accounts", "0"), "'--max-accounts': 0 is not in the range"),
        (("--max-orders", "-3"), "'--max-orders': -3 is not in the range"),
        (("--max-orders", "many"), "'--max-orders': 'many' is not a valid integer"),
        (("--max-notional", "0"), "'0' is no positive number"),
        (("--max-notional", "much"), "'much' is no number"),
        (("--max-notional", "nan"), "'nan' is no positive number"),
        (("--max-notional", "1e999999"), "is no positive number"),
        (("--settle", "0"), "--settle must be a positive number of seconds"),
        (("--settle", "inf"), "--settle must be a positive number of seconds"),
        (("--report", "/dev/null/reports", "--yes"), "/dev/null/reports"),
    ],
)
def test_a_bad_condition_is_one_line(cli, standing, options, hint):
    """A condition that the venue cannot use is refused before anybody is asked or anything is sent."""
    ran = cli("cancel-all", *standing.use, *options, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.line


@pytest.mark.parametrize("order_id", ["", " ", "a b", "a\nb", "x" * 300])
def test_a_bad_id_is_one_line(cli, standing, order_id):
    """An id that cannot be one is refused before anything is sent."""
    ran = cli("cancel", "good", order_id, *standing.use, "--only", "account-1", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "order id at index 1" in ran.line


def test_ids_need_their_account(cli, standing):
    """With several accounts, cancelling ids asks for the one that they belong to."""
    ran = cli("cancel", "some-id", *standing.use, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "--only NAME" in ran.line
    assert "account-2" in ran.line


SETTINGS = {
    "misspelt": ("[venue.opinion]\ntimeout = 3\n", "did you mean 'timeout_s'?"),
    "wrong kind": ('[venue.opinion]\ntimeout_s = "3"\n', "timeout_s must be a positive number of seconds"),
    "a flag for a count": ("[venue.opinion]\nrequests_per_s = true\n", "requests_per_s must be a whole number of at least 1"),
    "beyond measure": (f"[venue.opinion]\ntimeout_s = 1{'0' * 400}\n", "timeout_s must be a positive number of seconds"),
    "zero": ("[venue.opinion]\nallowance_per_day = 0\n", "allowance_per_day must be a whole number of at least 1"),
    "unknown venue": ("[venue.opinoin]\n", "did you mean 'opinion'?"),
    "unknown table": ("[engine]\n", "unknown key 'engine'"),
    "no table": ("venue = 3\n", "must be a table"),
    "a number for a tier": ("[venue.polymarket]\ntier = 7\n", "tier must be text in quotes"),
    "a word for a flag": ('[venue.polymarket]\nkeep_tokens = "no"\n', "keep_tokens must be true or false"),
    "misspelt for Polymarket": ("[venue.polymarket]\nkeep_token = false\n", "did you mean 'keep_tokens'?"),
    "bad address": ('[venue.opinion]\nbase_url = "http://example.com"\n', "in the clear"),
}


@pytest.mark.parametrize(("text", "hint"), SETTINGS.values(), ids=SETTINGS)
def test_a_bad_settings_file_is_one_line(cli, standing, tmp_path, text, hint):
    """A settings file that cannot be used is one line that names the key, and the nearest one."""
    path = tmp_path / "settings.toml"
    path.write_text(text)
    ran = cli("orders", "--accounts", standing.accounts_file, "--config", path, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.line


POLYMARKET_SETTINGS = {
    "unknown tier": ('tier = "titanium"\n', "unknown tier 'titanium'; known: standard, copper"),
    "a tier without tokens": ('tier = "gold"\nkeep_tokens = false\n', "needs limits that count tokens"),
    "bad address": ('base_url = "http://example.com"\n', "https://"),
}


@pytest.mark.parametrize(("text", "hint"), POLYMARKET_SETTINGS.values(), ids=POLYMARKET_SETTINGS)
def test_bad_settings_of_polymarket_are_one_line(cli, accounts_file, tmp_path, text, hint):
    """What Polymarket itself refuses in its settings is one line, before anything is sent."""
    path = tmp_path / "settings.toml"
    path.write_text(f"[venue.polymarket]\n{text}")
    ran = cli("orders", "--accounts", accounts_file(POLYMARKET), "--config", path, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.line


POLYMARKET_CONDITIONS = {
    "a market that is none": (("--market", "123"), "market"),
    "a word for an asset": (("--asset", "yes"), "an asset of Polymarket is a token id"),
    "builder mode": (("--builder",), "venue polymarket has no builder mode"),
    "an id to keep that is none": (("--keep", "0x12"), "--keep 0x12 would keep nothing: an order id of Polymarket is 0x and 64"),
}


@pytest.mark.parametrize(("options", "hint"), POLYMARKET_CONDITIONS.values(), ids=POLYMARKET_CONDITIONS)
def test_a_condition_of_the_other_venue_is_one_line(cli, accounts_file, options, hint):
    """What only Opinion understands is refused for Polymarket, before anybody is asked or anything is sent."""
    ran = cli("cancel-all", "--accounts", accounts_file(POLYMARKET), *options, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert hint in ran.line


def test_without_a_terminal_yes_is_needed(process, standing):
    """Without a terminal nothing can be confirmed, so cancelling everything needs --yes."""
    ran = process("cancel-all", *standing.use, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "--yes" in ran.line
