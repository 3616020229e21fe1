"""The explained settings files, and what a settings file comes to."""

import re
from pathlib import Path

import pytest

from engine.config import VENUES, open_venue, read_accounts, read_settings
from engine.venues.opinion import OpinionKey
from engine.venues.polymarket import PUBLISHED, TIERS, PolymarketKey

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("venue", VENUES)
def test_the_explained_settings_are_the_ones_that_hold(venue):
    """Every value of a venue's file is the one that holds without it, and no setting is left unexplained."""
    path = CONFIGS / f"{venue}.toml"
    settings = read_settings(path).venue(venue)
    written = re.findall(r"^(?:# )?(\w+) = ", path.read_text("utf-8"), re.MULTILINE)
    assert settings
    assert vars(open_venue(venue, settings)) == vars(open_venue(venue, {}))
    assert sorted(VENUES[venue].settings) == sorted(written)


ENVIRONMENT = {
    "ALICE_KEY": "a",
    "BOB_ADDRESS": "0x" + "a1" * 20,
    "BOB_KEY": "b",
    "BOB_SECRET": "c2VjcmV0",
    "BOB_PASSPHRASE": "words",
}


@pytest.mark.parametrize("form", ["toml", "csv"])
def test_the_example_files_are_the_same_accounts(form):
    """Both forms of the example hold an account of each venue, and every variable that they name is needed."""
    alice, bob = read_accounts(CONFIGS / f"accounts.{form}", environment=ENVIRONMENT)
    assert (alice.name, alice.venue, alice.weight, alice.credentials) == ("alice", "opinion", 1, OpinionKey("a"))
    key = PolymarketKey(ENVIRONMENT["BOB_ADDRESS"], "b", "c2VjcmV0", "words")
    assert (bob.name, bob.venue, bob.weight, bob.credentials) == ("bob", "polymarket", 2, key)


def polymarket(tmp_path, text):
    """Polymarket with these lines of settings."""
    path = tmp_path / "settings.toml"
    path.write_text(f"[venue.polymarket]\n{text}")
    return open_venue("polymarket", read_settings(path).venue("polymarket"))


def test_tokens_can_be_lifted_alone(tmp_path):
    """Without tokens the windows by address stay, and without the windows the tokens."""
    assert polymarket(tmp_path, "keep_tokens = false").limits.tokens is None
    assert PUBLISHED.per_venue == polymarket(tmp_path, "keep_tokens = false").limits.per_venue
    assert () == polymarket(tmp_path, "keep_windows = false").limits.per_venue
    assert PUBLISHED.tokens == polymarket(tmp_path, "keep_windows = false").limits.tokens


def test_a_tier_can_be_chosen(tmp_path):
    """The tier of the settings is the one that every signer begins with."""
    assert TIERS["gold"] == polymarket(tmp_path, 'tier = "Gold"').limits.tokens.default


def test_the_rest_reaches_the_venue(tmp_path):
    """Ids per request, address and timeout are handed on."""
    venue = polymarket(tmp_path, 'most_ids = 7\nstrict_ids = false\nbase_url = "http://127.0.0.1:9"\ntimeout_s = 3\n')
    assert (7, "http://127.0.0.1:9", 3.0, None) == (venue.most_ids, venue.base_url, venue.timeout_s, venue.problem_of("a"))
