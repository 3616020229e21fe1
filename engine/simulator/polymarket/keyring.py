"""The API keys of a simulated Polymarket: who has which, and for which wallet and nonce it was handed out."""

from __future__ import annotations

import base64
import random
import uuid
from dataclasses import dataclass, field

from engine.errors import ConfigError


@dataclass(frozen=True, slots=True)
class PolymarketAccount:
    """One API key of the venue, with the name that stands for it in ledger and rules."""

    name: str
    address: str
    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    passphrase: str = field(repr=False)


@dataclass(slots=True)
class Keyring:
    """All keys; a dead one still has its owner."""

    seed: int
    accounts: dict[str, PolymarketAccount] = field(default_factory=dict, repr=False)
    _by_key: dict[str, PolymarketAccount] = field(default_factory=dict, repr=False)
    _by_wallet: dict[tuple[str, int], PolymarketAccount] = field(default_factory=dict, repr=False)
    _dead: set[str] = field(default_factory=set, repr=False)

    def add(
        self,
        name: str,
        *,
        address: str | None = None,
        api_key: str | None = None,
        secret: str | None = None,
        passphrase: str | None = None,
    ) -> PolymarketAccount:
        """A new key; what is not given is made from seed and name. Each further key of a wallet has the next nonce."""
        if name in self.accounts:
            raise ConfigError(f"there is an account {name!r} already")
        dice = random.Random(f"{self.seed}/key/{name}")
        account = PolymarketAccount(
            name,
            address or f"0x{dice.getrandbits(160):040x}",
            api_key or str(uuid.UUID(int=dice.getrandbits(128), version=4)),
            secret or base64.urlsafe_b64encode(dice.randbytes(32)).decode(),
            passphrase or f"{dice.getrandbits(256):064x}",
        )
        self.accounts[name] = account
        self._by_key[account.api_key] = account
        wallet = account.address.lower()
        nonce = next(number for number in range(len(self.accounts) + 1) if (wallet, number) not in self._by_wallet)
        self._by_wallet[wallet, nonce] = account
        return account

    def owner(self, api_key: str | None) -> PolymarketAccount | None:
        """Whose key it is or was."""
        return self._by_key.get(api_key or "")

    def is_alive(self, account: PolymarketAccount) -> bool:
        """Whether the key still works."""
        return account.name not in self._dead

    def revoke(self, name: str) -> None:
        """Let a key die at once."""
        self._dead.add(self.accounts[name].name)

    def of_wallet(self, address: str, nonce: int) -> PolymarketAccount | None:
        """The key that was handed out for this wallet and nonce."""
        return self._by_wallet.get((address.lower(), nonce))

    def create(self, address: str, nonce: int) -> PolymarketAccount:
        """Hand out a key for a wallet and nonce that have none."""
        account = self.add(f"{address.lower()}/{nonce}", address=address)
        self._by_wallet = {key: value for key, value in self._by_wallet.items() if value is not account}
        self._by_wallet[address.lower(), nonce] = account
        return account

    def keys_of(self, address: str) -> list[str]:
        """Every living key of a wallet."""
        wallet = address.lower()
        return [each.api_key for each in self.accounts.values() if each.address.lower() == wallet and self.is_alive(each)]
