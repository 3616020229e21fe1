"""What a simulated Polymarket checks: the HMAC of every request, and a wallet's signature where a key is asked for."""

from __future__ import annotations

import base64
import hashlib
import hmac

from engine.simulator.wallets import has_signed
from engine.simulator.wire import WireRequest

ATTESTATION = "This message attests that I control the given wallet"
CLOB_AUTH = {"address": "address", "timestamp": "string", "nonce": "uint256", "message": "string"}
"""Fields of the type that is signed. Source: the venue's page "authentication"."""


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
    headers = request.headers
    address, nonce = headers.get("poly_address", ""), headers.get("poly_nonce", "")
    if not nonce.isascii() or not nonce.isdigit():
        return None
    message = {
        "address": address,
        "timestamp": headers.get("poly_timestamp", ""),
        "nonce": int(nonce),
        "message": ATTESTATION,
    }
    domain = {"name": "ClobAuthDomain", "version": "1", "chainId": chain_id}
    signature = headers.get("poly_signature", "")
    is_own = has_signed(address, signature, domain=domain, name="ClobAuth", fields=CLOB_AUTH, message=message)
    return address.lower() if is_own else None
