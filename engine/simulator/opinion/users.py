"""The keys of a simulated Opinion, and its builder's users. Keys live here and nowhere else."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from engine.errors import ConfigError
from engine.simulator.opinion.envelope import RefusedError
from engine.simulator.venue import SimulatedAccount

USER_EXISTS_CODE = 10999
"""Errno for creating a user who exists. Invented: the venue documents that it is an error, and not which."""

KEY_EXISTS_CODE, NO_KEY_CODE = 11009, 11010
"""There is a key already; there is none. Source: ccxt 4.5.90, `prediction/opinion.py`."""


@dataclass(slots=True)
class _Key:
    account: str
    active_from_s: float = 0.0
    is_dead: bool = False


@dataclass(slots=True)
class Users:
    """Who owns which key, and who belongs to which wallet."""

    seed: int
    builder_key: str = field(init=False, repr=False)
    accounts: dict[str, SimulatedAccount] = field(default_factory=dict, repr=False)
    _keys: dict[str, _Key] = field(default_factory=dict, repr=False)
    _wallets: dict[str, str] = field(default_factory=dict)
    _renewals: int = 0

    def __post_init__(self) -> None:
        """Make the builder's key from the seed."""
        self.builder_key = self._make_key("builder")

    def add(self, name: str, *, api_key: str | None, wallet: str | None) -> SimulatedAccount:
        """Take in a user; the key is made from seed and name where none is given."""
        if name in self.accounts:
            raise ConfigError(f"there is an account {name!r} already")
        account = SimulatedAccount(name, api_key or self._make_key(f"user/{name}"))
        self.accounts[name] = account
        self._keys[account.api_key] = _Key(name)
        self._wallets[(wallet or name).lower()] = name
        return account

    def owner(self, api_key: str | None) -> str | None:
        """Whose key it is or was; None for one that was never given out."""
        key = self._keys.get(api_key or "")
        return None if key is None else key.account

    def is_good(self, api_key: str | None, now_s: float) -> bool:
        """Whether the key works at this moment."""
        key = self._keys.get(api_key or "")
        return key is not None and not key.is_dead and now_s >= key.active_from_s

    def revoke(self, name: str) -> None:
        """Let the account's present key die at once."""
        self._keys[self.accounts[name].api_key].is_dead = True

    def regenerate(self, name: str, *, active_from_s: float) -> SimulatedAccount:
        """Give the account a new key; the old one dies at once."""
        self.revoke(name)
        self._renewals += 1
        account = SimulatedAccount(name, self._make_key(f"user/{name}/{self._renewals}"))
        self.accounts[name] = account
        self._keys[account.api_key] = _Key(name, active_from_s)
        return account

    def create(self, wallet: str) -> dict[str, Any]:
        """The builder's route: a new user named after the wallet, with the key, this once."""
        if wallet in self._wallets:
            raise RefusedError(USER_EXISTS_CODE, "user already exists")
        account = self.add(wallet, api_key=None, wallet=wallet)
        return {"apiKey": account.api_key, **self._describe(wallet)}

    def read(self, wallet: str) -> dict[str, Any]:
        """The builder's route: the user, never the key."""
        self.find(wallet)
        return self._describe(wallet)

    def renew(self, wallet: str, *, active_from_s: float) -> dict[str, Any]:
        """The builder's route: a new key for the user of the wallet."""
        account = self.regenerate(self.find(wallet), active_from_s=active_from_s)
        return {"apiKey": account.api_key, **self._describe(wallet)}

    def key_of(self, wallet: str) -> dict[str, Any]:
        """A wallet's own route: its key, if it has one."""
        name = self._wallets.get(wallet)
        if name is None or self._keys[self.accounts[name].api_key].is_dead:
            raise RefusedError(NO_KEY_CODE, "api key not found")
        return {"apiKey": self.accounts[name].api_key, "walletAddress": wallet}

    def create_key(self, wallet: str, *, active_from_s: float) -> dict[str, Any]:
        """A wallet's own route: a key, if it has none."""
        name = self._wallets.get(wallet)
        if name is None:
            account = self.add(wallet, api_key=None, wallet=wallet)
            self._keys[account.api_key].active_from_s = active_from_s
        elif not self._keys[self.accounts[name].api_key].is_dead:
            raise RefusedError(KEY_EXISTS_CODE, "api key already exists")
        else:
            self.regenerate(name, active_from_s=active_from_s)
        return self.key_of(wallet)

    def delete_key(self, wallet: str) -> dict[str, Any]:
        """A wallet's own route: its key dies at once."""
        self.key_of(wallet)
        self.revoke(self._wallets[wallet])
        return {"deleted": True}

    def find(self, wallet: str) -> str:
        """The account of a wallet, given in lower case."""
        name = self._wallets.get(wallet)
        if name is None:
            raise RefusedError(404, "user not found", status=404)
        return name

    def _describe(self, wallet: str) -> dict[str, Any]:
        dice = random.Random(f"{self.seed}/wallet/{wallet}")
        return {
            "walletAddress": wallet,
            "builderName": "simulated-builder",
            "multiSigWallet": f"0x{dice.getrandbits(160):040x}",
            "walletCreationTxHash": f"0x{dice.getrandbits(256):064x}",
            "enableTrading": True,
        }

    def _make_key(self, use: str) -> str:
        return f"{random.Random(f'{self.seed}/key/{use}').getrandbits(192):048x}"
