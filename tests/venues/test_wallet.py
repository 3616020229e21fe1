"""A wallet's private key: it signs, and it is never shown."""

import subprocess
import sys
import traceback

import pytest

from engine import ConfigError, Secret
from engine.venues import wallet

PRIVATE_KEY = "11" * 32
ORDER_OF_THE_CURVE = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"


@pytest.mark.parametrize("private_key", [PRIVATE_KEY, "0x" + PRIVATE_KEY])
def test_the_address_follows_from_the_private_key(private_key):
    """With or without 0x, the address is the same, in checksum case."""
    assert "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A" == wallet.address_of(Secret.of(private_key))


@pytest.mark.parametrize(
    "private_key",
    [
        None, 5, b"\x11" * 32, "", "0x", "11" * 31, "11" * 33, "0X" + "11" * 32, "11" * 32 + "\n", " " + "11" * 32, "zz" * 32,
        "00" * 32, ORDER_OF_THE_CURVE,
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_private_key_is_refused(private_key):
    """Wrong types, lengths, digits and numbers beyond the curve are a ConfigError, before anything is sent."""
    with pytest.raises(ConfigError, match="private key"):
        wallet.address_of(Secret.of(private_key))


@pytest.mark.parametrize("private_key", ["7e11ca1e" * 8 + "\n", "f" * 56 + "7e11ca1e"])
def test_a_bad_private_key_is_not_shown(private_key):
    """Neither the message nor what it was raised from repeats the key, not even in part."""
    with pytest.raises(ConfigError) as error:
        wallet.address_of(Secret.of(private_key))

    assert "7e11ca1e" not in "".join(traceback.format_exception(error.value))
    assert "7e11ca1e" not in repr(error.value)


def test_importing_the_venues_does_not_import_eth_account():
    """The slow import that lifts the interpreter's bound on recursion waits until something is signed."""
    code = "import sys, engine.venues.opinion, engine.venues.polymarket; print('eth_account' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert (0, "False\n") == (done.returncode, done.stdout)
