"""What a wallet signs to be handed its own key at Opinion. Pure: the time is an argument. Cancelling needs no signature.

Source: developer guide, opinion-open-api/auth, and ccxt 4.5.90 `prediction/opinion.py` lines 1418-1500 and 1981-2020 (read
2026-11-20).
"""

from __future__ import annotations

from typing import Any

from engine.secret import Secret
from engine.venues.wallet import address_of, sign_typed_data

CHAIN_ID = 56
"""BNB Chain, the only one the venue accepts. Source: opinion-clob-sdk 0.7.0, `sdk.py` line 32."""


def key_auth(address: str, *, action: str, timestamp: int) -> dict[str, Any]:
    """The typed data for one action on the wallet's key: `get`, `create` or `delete`."""
    return {
        "domain": {"name": "Opinion OpenAPI", "version": "1", "chainId": CHAIN_ID},
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
            ],
            "OpinionApiKeyAuth": [
                {"name": "walletAddress", "type": "address"},
                {"name": "action", "type": "string"},
                {"name": "timestamp", "type": "string"},
            ],
        },
        "primaryType": "OpinionApiKeyAuth",
        "message": {"walletAddress": address, "action": action, "timestamp": str(timestamp)},
    }


def key_headers(private_key: Secret, *, action: str, timestamp: int) -> dict[str, str | Secret]:
    """The three headers for that action; good for five minutes from the timestamp, in Unix seconds.

    Raises:
        ConfigError: it is no private key. The message does not show it.
    """
    address = address_of(private_key)
    return {
        "OPINION_ADDRESS": address,
        "OPINION_SIGNATURE": sign_typed_data(private_key, key_auth(address, action=action, timestamp=timestamp)),
        "OPINION_TIMESTAMP": str(timestamp),
    }
