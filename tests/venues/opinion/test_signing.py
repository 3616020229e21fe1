"""Opinion's signatures by a wallet, pinned to values that eth-account, ccxt 4.5.90 and an independent computation agree on.

The private key is 32 bytes of 0x11.
"""

import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from support import revealed

from engine import Secret
from engine.venues.opinion import signing

PRIVATE_KEY = "0x" + "11" * 32
ADDRESS = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
TIMESTAMP = 1766735464
DOMAIN = "8147e7d4511c83952395dbb2a0a39ce2e2e81832be2d53c3e4635acc2bf80c47"


@pytest.mark.parametrize(
    ("action", "struct_hash", "digest", "signature"),
    [
        (
            "get",
            "fc679e123862fe3dab7e268f6c7dd4cab7034dfb6be7b35494348d4fa4c9e238",
            "100bb92e483d20d644beb40357066b7363dd915ff502056dbc4fbb4baf77130a",
            (
                "c928f7b930ddd3eb4e78cdbd8a8cff33c64ef6a2bc9657fa310fa38985201af7"
                "5f61f3c4d3f01ff1547e2fba2e1444d6527dbdc9a9d4c5256e42186bcc7fe2501c"
            ),
        ),
        (
            "create",
            "b18a6e2c61d7ba55c3f6fb2563068b331bca8e48ffc083d5a1ebf6247a4c163c",
            "0aff27e9baaca30d7a39cdf195c98fe318ef303aa43666a9b7ff21830f14c155",
            (
                "c8a1dfe65fe53ee1cba13dec866f06d316f55b7c1bdbab3e6ed989f3c02acb7b"
                "5a5012caa1e5d1071b3982b88f2ba0bc186161bbcb9b279383aa2326bc51cb331c"
            ),
        ),
        (
            "delete",
            "eecef791994ed354599fe1772502fac9717f3bf3950ab35314af76089711d5ca",
            "e6ec76d40a7d037566b2834b30afb7dcd797a15e34a8954ad8f35c4724883d11",
            (
                "c662721639a01697231e52f65fe55c108f63acedbc1153db68a435104b079e3a"
                "55c3112fcfb67c117d5fd2a78355a5ae757f0c63421cf593d8393d99b45a9a001c"
            ),
        ),
    ],
    ids=["get", "create", "delete"],
)
def test_a_wallet_signs_for_its_key_as_others_do(action, struct_hash, digest, signature):
    """The typed data, its hashes, its digest and the three headers are the documented ones."""
    signable = encode_typed_data(full_message=signing.key_auth(ADDRESS, action=action, timestamp=TIMESTAMP))

    assert (DOMAIN, struct_hash) == (signable.header.hex(), signable.body.hex())
    assert digest == keccak(b"\x19\x01" + signable.header + signable.body).hex()
    assert {
        "OPINION_ADDRESS": ADDRESS,
        "OPINION_SIGNATURE": "0x" + signature,
        "OPINION_TIMESTAMP": str(TIMESTAMP),
    } == revealed(signing.key_headers(Secret(PRIVATE_KEY), action=action, timestamp=TIMESTAMP))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("EIP712Domain", "c2f8787176b8ac6bf7215b4adcc1e069bf4ab82d9ab1df05a57a91d425935b6e"),
        ("OpinionApiKeyAuth", "c6a1fc05e76180a0a3995dc29fb8f11a3c8f98f481e2ab21e3d1475bc73e90be"),
    ],
)
def test_the_types_are_the_documented_ones(name, expected):
    """The hashes of both types, from their names and fields in order."""
    types = signing.key_auth(ADDRESS, action="get", timestamp=TIMESTAMP)["types"]
    fields = ",".join(" ".join((each["type"], each["name"])) for each in types[name])

    assert expected == keccak(text=f"{name}({fields})").hex()
