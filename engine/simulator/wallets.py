"""What a simulated venue checks where a wallet asks for a key: whose signature stands under typed data (EIP-712).

eth-account is imported when a key is asked for, and not before: that is slow, and every other request goes without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DOMAIN_FIELDS = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
]


def has_signed(
    address: str, signature: str, *, domain: Mapping[str, Any], name: str, fields: Mapping[str, str], message: Mapping[str, Any]
) -> bool:
    """Whether the wallet of this address signed this message; `fields` maps the type's fields to their kinds."""
    from eth_account import Account  # noqa: PLC0415  # see above
    from eth_account.messages import encode_typed_data  # noqa: PLC0415  # see above

    types = {"EIP712Domain": DOMAIN_FIELDS, name: [{"name": field, "type": kind} for field, kind in fields.items()]}
    typed = {"domain": dict(domain), "types": types, "primaryType": name, "message": dict(message)}
    try:
        signer = Account.recover_message(encode_typed_data(full_message=typed), signature=signature)
    except Exception:  # noqa: BLE001  # whatever cannot be read is no signature
        return False
    return str(signer).lower() == address.lower()


def address_of(private_key: str) -> str:
    """The address of a wallet, in checksum case."""
    from eth_account import Account  # noqa: PLC0415  # see above

    return str(Account.from_key(private_key).address)
