"""Polymarket's credentials, and what they sign. Pure: the time is an argument, and only `derive` waits, elsewhere.

Two kinds of signature:

- L1, by the wallet's private key, over typed data: only to be handed a key (`l1_headers`).
- L2, by the key's secret, over `timestamp + METHOD + path + body`: everything else (`l2_headers`). The path is the venue's own,
  without host and without query; the body is the exact bytes that are sent, or nothing.

Source: packages py-clob-client 0.34.6 (`signing/hmac.py`, `signing/eip712.py`, `headers/headers.py`), py-clob-client-v2 1.2.1 and
polymarket-client 0.14.0, which agree byte for byte; docs.polymarket.com trading/manage-orders and api-reference/authentication
(read 2026-11-20). The older two replace ' by " in a body before they sign it, the newest does not: no body of ours holds one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.errors import ConfigError
from engine.secret import Secret
from engine.venues.base import Transport
from engine.venues.decoding import is_printable_ascii
from engine.venues.wallet import address_of, sign_typed_data

PRODUCTION = "https://clob.polymarket.com"
"""Source: `docs.polymarket.com/api-spec/clob-openapi.yaml` (read 2026-11-20)."""

POLYGON = 137
"""The production chain; 80002 is Amoy, a test chain. Source: py-clob-client 0.34.6, `constants.py`."""

ATTESTATION = "This message attests that I control the given wallet"
"""Signed to be handed a key. Source: py-clob-client 0.34.6, `signing/eip712.py`."""

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


@dataclass(frozen=True, slots=True, init=False)
class PolymarketKey:
    """The API key of one signer, as the venue handed it out. All but the address is given as text, and held as a `Secret`.

    Attributes:
        address: Address of the signer, never that of a proxy or deposit wallet.
        api_key: The key's UUID.
        secret: Base64, in either alphabet, with or without its padding.
        passphrase: As handed out.

    Raises:
        ConfigError: a part cannot be one. The message shows none.
    """

    address: str
    api_key: Secret = field(repr=False)
    secret: Secret = field(repr=False)
    passphrase: Secret = field(repr=False)

    def __init__(self, address: str, api_key: str | Secret, secret: str | Secret, passphrase: str | Secret) -> None:
        object.__setattr__(self, "address", address)  # first, so that even one half made has a repr
        # From here on no variable shows one of them.
        api_key, secret, passphrase = Secret.of(api_key), Secret.of(secret), Secret.of(passphrase)
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
            raise ConfigError("the address of a Polymarket key must be 0x and 40 hex digits: the signer's, not a proxy wallet's")
        for name, value in (("api_key", api_key), ("passphrase", passphrase)):
            if not value.reveal():
                raise ConfigError(f"the {name} of a Polymarket key must be text that is not blank")
            if not is_printable_ascii(value):
                raise ConfigError(f"the {name} of a Polymarket key must be printable ASCII without spaces; check for a line end")
        decoded_secret(secret)
        for name, value in (("api_key", api_key), ("secret", secret), ("passphrase", passphrase)):
            object.__setattr__(self, name, value)

    @classmethod
    async def derive(
        cls,
        private_key: str | Secret,
        *,
        base_url: str = PRODUCTION,
        chain_id: int = POLYGON,
        nonce: int = 0,
        create: bool = True,
        transport: Transport | None = None,
        timeout_s: float = 10.0,
        wall_clock: Callable[[], float] | None = None,
        allow_http: bool = False,
    ) -> PolymarketKey:
        """The key that belongs to this wallet and nonce: the one that exists, or else a new one.

        The private key signs, and does not leave this process. Where the venue refuses the signature and its clock shows another
        time than ours, it is signed once more by that.

        Args:
            private_key: 64 hex digits, with or without 0x.
            base_url: The venue's address.
            chain_id: 137 for production, 80002 for the test chain.
            nonce: Each names another key of the same wallet.
            create: Whether to have a new key made if there is none.
            transport: Carries the requests, and is left open; one of its own unless given.
            timeout_s: Bound of one request, answer included; at most five are sent.
            wall_clock: Unix time in seconds; `time.time` unless given.
            allow_http: Lets `base_url` be `http://` for another machine.

        Raises:
            ConfigError: an argument cannot be used.
            CredentialError: the venue refuses the signature, also by its own clock; or this place.
            VenueError: no key came back, and why: a `TransportError` if asking again may help. A key that may have been made
                without its answer arriving is found by asking again.
        """
        from engine.venues.polymarket import keys  # noqa: PLC0415  # it waits, and whoever only signs must not

        private_key = Secret.of(private_key)
        return await keys.derive(
            private_key,
            base_url=base_url,
            chain_id=chain_id,
            nonce=nonce,
            create=create,
            transport=transport,
            timeout_s=timeout_s,
            wall_clock=wall_clock,
            allow_http=allow_http,
        )


def decoded_secret(secret: Secret) -> bytes:
    """The bytes behind a secret, from either alphabet of base64, with or without padding.

    Raises:
        ConfigError: it is no base64. The message does not show it.
    """
    if not _BASE64.fullmatch(secret.reveal()):
        raise ConfigError("the secret of a Polymarket key must be base64 text; check for stray white space")
    if len(secret.reveal().rstrip("=")) % 4 == 1:
        raise ConfigError("the secret of a Polymarket key is base64 with a piece missing")
    bare = secret.reveal().rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(bare + "=" * (-len(bare) % 4))


def l2_signature(secret: Secret, *, timestamp: int, method: str, path: str, body: bytes | None = None) -> Secret:
    """The signature of one request.

    Args:
        secret: The key's secret.
        timestamp: Unix seconds, as in the headers.
        method: In capitals.
        path: As sent, without host and without query.
        body: The exact bytes that are sent, or None.
    """
    message = f"{timestamp}{method}{path}".encode() + (body or b"")
    digest = hmac.new(decoded_secret(secret), message, hashlib.sha256).digest()
    return Secret(base64.urlsafe_b64encode(digest).decode())


def l2_headers(
    key: PolymarketKey, *, timestamp: int, method: str, path: str, body: bytes | None = None
) -> dict[str, str | Secret]:
    """The five headers of one request; see `l2_signature`."""
    return {
        "POLY_ADDRESS": key.address,
        "POLY_SIGNATURE": l2_signature(key.secret, timestamp=timestamp, method=method, path=path, body=body),
        "POLY_TIMESTAMP": str(timestamp),
        "POLY_API_KEY": key.api_key,
        "POLY_PASSPHRASE": key.passphrase,
    }


def clob_auth(address: str, *, timestamp: int, nonce: int, chain_id: int) -> dict[str, Any]:
    """The typed data by which a wallet asks for a key."""
    return {
        "domain": {"name": "ClobAuthDomain", "version": "1", "chainId": chain_id},
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
            ],
            "ClobAuth": [
                {"name": "address", "type": "address"},
                {"name": "timestamp", "type": "string"},
                {"name": "nonce", "type": "uint256"},
                {"name": "message", "type": "string"},
            ],
        },
        "primaryType": "ClobAuth",
        "message": {"address": address, "timestamp": str(timestamp), "nonce": nonce, "message": ATTESTATION},
    }


def l1_headers(private_key: Secret, *, timestamp: int, nonce: int = 0, chain_id: int = POLYGON) -> dict[str, str | Secret]:
    """The four headers by which a wallet asks for a key; the address is in checksum case.

    Raises:
        ConfigError: it is no private key. The message does not show it.
    """
    address = address_of(private_key)
    return {
        "POLY_ADDRESS": address,
        "POLY_SIGNATURE": sign_typed_data(private_key, clob_auth(address, timestamp=timestamp, nonce=nonce, chain_id=chain_id)),
        "POLY_TIMESTAMP": str(timestamp),
        "POLY_NONCE": str(nonce),
    }
