"""Polymarket's signatures, pinned to values that the official clients and an independent computation agree on."""

import json
from pathlib import Path

import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st
from support import revealed

from engine import ConfigError, Secret
from engine.venues.polymarket import PolymarketKey, signing

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text("utf-8"))
KEY = VECTORS["key"]
ADDRESS, PRIVATE_KEY = KEY["address"], KEY["private_key"]
SECRET = VECTORS["secrets"]["urlsafe"]


def key(**changes):
    """The key of the vectors, with changes."""
    return PolymarketKey(**({name: KEY[name] for name in ("address", "api_key", "passphrase")} | {"secret": SECRET} | changes))


def named(vector):
    """A vector's name, for the report."""
    return vector["name"]


@pytest.mark.parametrize("vector", VECTORS["hmac"], ids=named)
def test_a_request_is_signed_as_the_official_clients_sign_it(vector):
    """Timestamp, method, path and the exact bytes of the body make the documented signature."""
    body = None if vector["body"] is None else vector["body"].encode()
    signature = signing.l2_signature(
        Secret(VECTORS["secrets"][vector["secret"]]),
        timestamp=vector["timestamp"],
        method=vector["method"],
        path=vector["path"],
        body=body,
    )

    assert vector["signature"] == signature.reveal()


def test_no_quote_is_rewritten_before_signing():
    """What is signed is what is sent, also where the older clients would sign something else."""
    vector = next(each for each in VECTORS["hmac"] if "rewritten_by_older_clients" in each)
    older = vector["rewritten_by_older_clients"]
    rewritten = signing.l2_signature(
        Secret(SECRET), timestamp=vector["timestamp"], method="DELETE", path="/orders", body=older["body"].encode()
    )

    assert older["signature"] == rewritten.reveal() != vector["signature"]


@pytest.mark.parametrize(("name", "secret"), VECTORS["same_secret"]["forms"].items())
def test_a_secret_may_be_written_in_either_alphabet_and_without_padding(name, secret):
    """All forms of base64 are one secret, and sign alike."""
    assert bytes.fromhex(VECTORS["same_secret"]["hex"]) == signing.decoded_secret(Secret(secret)), name
    assert Secret(VECTORS["headers"]["l2_cancel_all"]["POLY_SIGNATURE"]) == signing.l2_signature(
        Secret(secret), timestamp=1700000000, method="DELETE", path="/cancel-all"
    )


@given(st.binary(min_size=1, max_size=80), st.sampled_from(["+/", "-_"]), st.booleans())
def test_every_secret_survives_its_writing(secret, alphabet, padded):
    """Whatever its bytes, a secret decodes to them from either alphabet, padded or not."""
    text = signing.base64.b64encode(secret, alphabet.encode()).decode()

    assert secret == signing.decoded_secret(Secret(text if padded else text.rstrip("=")))


def test_the_headers_are_the_documented_five():
    """Names, order of case and values of the official header sets."""
    body = b'{"orderID":"0x38a73eed1e6d177545e9ab027abddfb7e08dbe975fa777123b1752d203d6ac88"}'

    assert VECTORS["headers"]["l2_cancel_order"] == revealed(
        signing.l2_headers(key(), timestamp=1700000000, method="DELETE", path="/order", body=body)
    )
    assert VECTORS["headers"]["l2_cancel_all"] == revealed(
        signing.l2_headers(key(), timestamp=1700000000, method="DELETE", path="/cancel-all")
    )


@pytest.mark.parametrize("vector", VECTORS["l1"], ids=named)
@pytest.mark.parametrize("prefix", ["0x", ""], ids=["prefixed", "bare"])
def test_a_wallet_signs_for_a_key_as_the_official_clients_do(vector, prefix):
    """The typed data, its two hashes, its digest and the signature are the documented ones."""
    signable = encode_typed_data(
        full_message=signing.clob_auth(ADDRESS, timestamp=vector["timestamp"], nonce=vector["nonce"], chain_id=vector["chain_id"])
    )
    headers = signing.l1_headers(
        Secret(prefix + PRIVATE_KEY.removeprefix("0x")),
        timestamp=vector["timestamp"],
        nonce=vector["nonce"],
        chain_id=vector["chain_id"],
    )

    assert vector["domain_separator"] == "0x" + signable.header.hex()
    assert vector["struct_hash"] == "0x" + signable.body.hex()
    assert vector["digest"] == "0x" + keccak(b"\x19\x01" + signable.header + signable.body).hex()
    assert {
        "POLY_ADDRESS": ADDRESS,
        "POLY_SIGNATURE": vector["signature"],
        "POLY_TIMESTAMP": str(vector["timestamp"]),
        "POLY_NONCE": str(vector["nonce"]),
    } == revealed(headers)


def test_the_typed_data_is_the_documented_one():
    """Domain, types, primary type and message, and with them the hashes of the two types."""
    data = signing.clob_auth(ADDRESS, timestamp=1700000000, nonce=0, chain_id=137)

    assert VECTORS["typed_data"] == data
    for name, expected in VECTORS["type_hashes"].items():
        fields = ",".join(" ".join((each["type"], each["name"])) for each in data["types"][name])
        assert expected == "0x" + keccak(text=f"{name}({fields})").hex()


def test_a_wallets_headers_are_the_documented_four():
    """Names and values of the official header set; the address is in checksum case."""
    assert VECTORS["headers"]["l1_polygon_nonce0"] == revealed(
        signing.l1_headers(Secret(PRIVATE_KEY.upper()[2:]), timestamp=1700000000)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"address": None}, {"address": ""}, {"address": ADDRESS[2:]}, {"address": ADDRESS + "0"}, {"address": ADDRESS + "\n"},
        {"address": "0x" + "g" * 40}, {"api_key": ""}, {"api_key": None}, {"api_key": "a b"}, {"api_key": "a\n"},
        {"api_key": "ключ"}, {"passphrase": ""}, {"passphrase": 5}, {"passphrase": " x"}, {"passphrase": "x\x00"},
        {"secret": None}, {"secret": ""}, {"secret": "="}, {"secret": "QUJD "}, {"secret": "\nQUJD"}, {"secret": "QU JD"},
        {"secret": "QUJDR"}, {"secret": "QUJD==="}, {"secret": "QU=JD"}, {"secret": "QUJ€"},
    ],
    ids=repr,
)  # fmt: skip
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(changes):
    """Each part is checked, and no message repeats a part."""
    with pytest.raises(ConfigError) as error:
        key(**changes)

    shown = str(error.value)
    assert [] == [value for value in (*changes.values(), KEY["api_key"], KEY["passphrase"], SECRET) if repr(value) in shown]


@pytest.mark.parametrize("name", ["address", "api_key", "secret", "passphrase"])
def test_a_part_with_a_stray_line_end_is_not_shown(name):
    """The commonest mistake, a line end that was copied along, does not put the part into a message."""
    with pytest.raises(ConfigError) as error:
        key(**{name: "TELLTALE\n"})

    assert "TELLTALE" not in str(error.value)


def test_no_part_of_a_key_but_its_address_is_in_its_repr():
    """The repr names the signer, and neither key, secret nor passphrase."""
    assert f"PolymarketKey(address={ADDRESS!r})" == repr(key())
    assert repr(key()) == str(key())
