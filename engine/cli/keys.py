"""`cancel-engine keys derive`: be handed an API key for a wallet, and keep it in an accounts file.

The private key comes from where it is kept or from a hidden prompt, never from the command line, where every process of the
machine could read it. Nothing that is printed holds a secret.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import anyio
import click

from engine.cli.accounts import json_option, venues_begun
from engine.cli.accounts_file import in_toml, new_private_file
from engine.cli.output import AT_RISK, CLEAN, clean, print_json, print_sentence, stderr_console, stdout_console
from engine.cli.settings import Configured, settings_now, settings_options
from engine.config import DEFAULT_NAME, VENUES, check_name, check_venue, is_variable
from engine.config.secrets import Places, Unshown, is_reference, look_up
from engine.errors import ConfigError, VenueError
from engine.secret import Secret
from engine.venues.wallet import address_of

_LIKE_A_KEY = re.compile(r"[0-9A-F]{64}")


@click.group("keys", short_help="Be handed an API key for a wallet.")
def keys() -> None:
    """Be handed an API key for a wallet.

    \b
    Examples:
      cancel-engine keys derive --venue polymarket --out accounts.toml
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart


@keys.command("derive", cls=Configured, short_help="Obtain the API key of a wallet, and write an accounts file.")
@click.option("--venue", metavar="|".join(VENUES), required=True, shell_complete=venues_begun, help="Whose key.")
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), required=True, help="The accounts file to write; a new one."
)
@click.option("--name", metavar="NAME", default=DEFAULT_NAME, show_default=True, help="The account's name in that file.")
@click.option("--base-url", metavar="URL", help="The venue's address; its production one if left out.")
@click.option(
    "--private-key-env",
    "variable",
    metavar="NAME",
    help=f"The environment variable that holds the private key; {' or '.join(kind.private_key for kind in VENUES.values())} "
    "if left out.",
)
@click.option(
    "--private-key-from",
    "reference",
    metavar="PLACE",
    help="Where else the private key is: file:PATH, keyring:NAME or vault:NAME, as in an accounts file.",
)
@click.option("--chain-id", metavar="N", type=int, help="Polymarket: 137, production, if left out; 80002 is its test chain.")
@click.option("--nonce", metavar="N", type=int, help="Polymarket: which of the wallet's keys; 0 if left out.")
@settings_options
@json_option
def derive(
    *,
    venue: str,
    out: Path,
    name: str,
    base_url: str | None,
    variable: str | None,
    reference: str | None,
    as_json: bool,
    **chain: int | None,
) -> int:
    """Obtain the API key of a wallet: the one that exists, or else a new one. Writes a new accounts file for its owner alone.

    The private key is read from where it is kept, or asked for at a terminal. It signs one message, and is neither sent, stored
    nor shown.

    \b
    Examples:
      cancel-engine keys derive --venue polymarket --out accounts.toml --name alice
      cancel-engine keys derive --venue opinion --out accounts.toml --private-key-env ALICE_WALLET --json
      cancel-engine keys derive --venue opinion --out accounts.toml --private-key-from keyring:alice
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    check_venue(venue)
    check_name("--name", name)
    options = _options(venue, base_url or settings_now().venue(venue).get("base_url"), chain)
    private_key = _private_key(venue, variable) if reference is None else _private_key_from(Secret(reference), variable)
    try:
        address = address_of(private_key)
        # The file comes first: a key that cannot be kept must not be asked for.
        with new_private_file(out) as file:
            credentials = anyio.run(_derive, venue, private_key, options)
            kept = {key: getattr(credentials, key) for key in VENUES[venue].variables}
            file.write(in_toml([{"name": name, "venue": venue, **kept}]))
    except VenueError as error:
        print_sentence(stderr_console(), f"cancel-engine: no key was stored: {error}")
        return AT_RISK
    if as_json:
        print_json({"accounts_file": str(out), "name": name, "venue": venue, "address": address})
    else:
        words = f"The key of {address} for {venue} is stored in {out} as {name}; only you can read that file."
        print_sentence(stdout_console(), words)
    return CLEAN


def _options(venue: str, base_url: str | None, chain: dict[str, int | None]) -> dict[str, Any]:
    """What `derive` is told beside the private key; what is left out is the venue's default."""
    given = {name: number for name, number in chain.items() if number is not None}
    if given and not VENUES[venue].has_chain:
        raise ConfigError(f"venue {venue} knows neither --chain-id nor --nonce")
    return given if base_url is None else {**given, "base_url": base_url}


async def _derive(venue: str, private_key: Secret, options: dict[str, Any]) -> Any:
    return await VENUES[venue].derive(private_key, **options)


def _private_key_from(reference: Secret, variable: str | None) -> Secret:
    """The private key from where a reference says.

    Raises:
        ConfigError: it is none, or there is nothing there.
    """
    if variable is not None:
        raise ConfigError("--private-key-env and --private-key-from contradict each other: leave one out")
    if not is_reference(reference):
        # It may be the key itself, so it is not shown.
        raise ConfigError("--private-key-from must begin with env:, file:, keyring: or vault:")
    settings = settings_now()
    places = Places(environment=Unshown(os.environ), service=settings["secrets.keyring_service"], vault=settings["secrets.vault"])
    return look_up(reference, places, where="--private-key-from", key="private key")


def _private_key(venue: str, variable: str | None) -> Secret:
    """The private key, from the environment or from whoever sits at the terminal.

    Raises:
        ConfigError: it is in neither.
    """
    if variable is not None and (not is_variable(variable) or _LIKE_A_KEY.fullmatch(variable)):
        # It may be the key itself, so it is not shown.
        raise ConfigError("what follows --private-key-env is no name of an environment variable (capitals, digits, underscores)")
    chosen = variable or VENUES[venue].private_key
    if chosen in os.environ:
        return Secret(os.environ[chosen])
    if variable is not None:
        raise ConfigError(f"the environment variable {clean(chosen)} is not set")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(f"no private key: set the environment variable {chosen}; without a terminal it cannot be asked for")
    return Secret(click.prompt(f"Private key of the wallet at {venue} (it is not shown)", hide_input=True, err=True).strip())
