"""What a simulated Polymarket checks: the HMAC of every request, and a wallet's signature where a key is asked for."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from engine.simulator.wire import WireRequest

CLOB_AUTH: Mapping[str, Any] = {
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
}
"""Source: the venue's page "authentication"."""


def is_signed(request: WireRequest, secret: str) -> bool:
    """Whether the signature covers the time, the method, the path as it came, and the very bytes of the body.

    Older clients replace ' by " in the body before they sign it; that is accepted too.
    """
    shown = request.headers.get("poly_signature", "")
    head = f"{request.headers.get('poly_timestamp', '')}{request.method}{request.path}".encode()
    bodies = (request.body, request.body.replace(b"'", b'"'))
    return any(hmac.compare_digest(shown.encode(), _hmac(secret, head + body)) for body in bodies)


def _hmac(secret: str, message: bytes) -> bytes:
    return base64.urlsafe_b64encode(hmac.new(base64.urlsafe_b64decode(secret), message, hashlib.sha256).digest())


def signer_of(request: WireRequest, *, chain_id: int) -> str | None:
    """The address whose wallet signed the request for a key, in lower case; None if the signature is none of its own."""
    # Imported here: it is slow, and only a request for a key needs it.
    from eth_account import Account  # noqa: PLC0415
    from eth_account.messages import encode_typed_data  # noqa: PLC0415

    headers = request.headers
    try:
        message = {
            "address": headers["poly_address"],
            "timestamp": headers["poly_timestamp"],
            "nonce": int(headers["poly_nonce"]),
            "message": "This message attests that I control the given wallet",
        }
        signable = encode_typed_data(
            full_message={
                "domain": {"name": "ClobAuthDomain", "version": "1", "chainId": chain_id},
                "types": dict(CLOB_AUTH),
                "primaryType": "ClobAuth",
                "message": message,
            }
        )
        signer = str(Account.recover_message(signable, signature=headers["poly_signature"])).lower()
    except Exception:  # noqa: BLE001  # whatever cannot be read is no signature
        return None
    return signer if signer == headers["poly_address"].lower() else None


def address_of(private_key: str) -> str:
    """The address of a wallet, in checksum case."""
    from eth_account import Account  # noqa: PLC0415  # see above

    return str(Account.from_key(private_key).address)
