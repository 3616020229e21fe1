"""A wallet's private key, and what it signs: typed data, by which a venue hands out keys. The only file that imports eth-account.

eth-account is imported when something is to be signed, and not before: that takes half a second, and it lifts the interpreter's
bound on recursion. No message shows a private key. Pure: the same key signs the same data alike (RFC 6979).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from engine.errors import ConfigError
from engine.secret import Secret

_PRIVATE_KEY = re.compile(r"(?:0x)?[0-9a-fA-F]{64}")


def address_of(private_key: Secret) -> str:
    """The wallet's address, in checksum case.

    Raises:
        ConfigError: it is no private key. The message does not show it.
    """
    address: str = _account(private_key).address
    return address


def sign_typed_data(private_key: Secret, typed_data: Mapping[str, Any]) -> Secret:
    """The signature of EIP-712 data: 0x and 65 bytes in hex, the last of them 27 or 28.

    Raises:
        ConfigError: it is no private key. The message does not show it.
    """
    signed = _account(private_key).sign_typed_data(full_message=dict(typed_data))
    return Secret("0x" + bytes(signed.signature).hex())


def _account(private_key: Secret) -> Any:
    if not _PRIVATE_KEY.fullmatch(private_key.reveal()):
        raise ConfigError("a private key must be 64 hex digits as text, with or without 0x; check for stray white space")
    from eth_account import Account  # noqa: PLC0415  # see the top of the file

    with suppress(Exception):  # whatever it raises may show the key, and so may its frames
        return Account.from_key(private_key.reveal())
    raise ConfigError("the private key is outside the range of the curve: none of a wallet is")
