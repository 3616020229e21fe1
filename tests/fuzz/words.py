"""Words that the decoders know, and values that decoders stumble over: what fuzzers and property tests put together."""

from __future__ import annotations

A, B = b"0x" + b"a" * 64, b"0x" + b"b" * 64

NASTY = (
    b"null", b"true", b"false", b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"1e-400", b"0.0", b"-0", b"1.5",
    b"0", b"1", b"-1", b"2", b"3", b"9" * 17, b"9" * 22, b"1" + b"0" * 400, b"9" * 5_000, b"0x" + b"f" * 4_500, b"[]", b"{}",
    b"[[]]", b'{"a":{}}', b'""', b'" "', b'"0"', b'"1"', b'"3"', b'"1e999"', b'"sNaN"', b'"NaN"', b'"Infinity"', b'"1_0"',
    b'"\\ud800"', b'"\\u0000"', b'"\\u001b[2J"', b'"\\u202e"', b'"\xd9\xa1"', b'"\xff"', b'"\xed\xa0\x80"',
    b'"' + b"x" * 300 + b'"', b'"..' + b'"', b'"a/b?c#d"', b"[" * 90 + b"]" * 90, b"\xef\xbb\xbf", b"\x00",
    b"\xff\xfe[\x00]\x00", b"1" * 60 + b"." + b"1" * 60, b"'", b'"', b"\\", b"\r", b"\n", b"=1+1",
)  # fmt: skip
"""Values of a wrong type, beyond every bound, or no values at all."""

_COMMON = (
    b"200", b"204", b"400", b"401", b"403", b"404", b"425", b"429", b"500", b"503", b"retry-after: ", b"location: ",
    b"//[::1", b"\n\n",
)  # fmt: skip

_WORDS = {
    "opinion": (
        *_COMMON, b'"errno"', b'"code"', b'"errmsg"', b'"msg"', b'"result"', b'"list"', b'"total"', b'"orderData"',
        b'"data"', b'"orderId"', b'"transNo"', b'"status"', b'"side"', b'"sideEnum"', b'"price"', b'"orderShares"',
        b'"filledShares"', b'"createdAt"', b'"marketId"', b'"rootMarketId"', b'"outcomeSideEnum"', b'"apiKey"',
        b'"walletAddress"', b'"statusEnum"', b"10607", b"10403", b"11002", b"11009", b"11011",
        b'"a11ee07e-e22f-11f0-9714-0a58a9feac02"',
    ),
    "polymarket": (
        *_COMMON, A, B, A.upper(), b'"canceled"', b'"not_canceled"', b'"notCanceled"', b'"error"', b'"error_msg"', b'"data"',
        b'"next_cursor"', b'"count"', b'"LTE="', b'"MA=="', b'"id"', b'"status"', b'"LIVE"', b'"CANCELED"',
        b'"ORDER_STATUS_MATCHED"', b'"side"', b'"market"', b'"asset_id"', b'"token_id"', b'"price"', b'"original_size"',
        b'"size_matched"', b'"created_at"', b'"time"', b'"timestamp"', b'"tier"', b'"apiKey"', b'"secret"', b'"passphrase"',
        b'"retry_after_seconds"', b"poly-ratelimit-remaining: ", b"poly-ratelimit-reset: ", b"poly-ratelimit-tier: ",
        b'"order already matched"', b'"order not found"', b"too many orders in payload, max allowed: 15",
        b"restricted in your region",
    ),
    "values": (
        b'"a"', b"1", b"\\u", b"e400", b"[", b"{", b"}", b"]", b":", b",", b"\xef\xbb\xbf",
    ),
    "retry_after": (
        b"Thu, 01 Jan 1970 00:16:50 ", b"GMT", b"-0000", b"+2359", b"9999", b"0001", b"Dec", b"Sun", b"12:34:56", b"inf",
        b"nan", b"1e308", b"_", b"-",
    ),
    "base_url": (
        b"https://", b"http://", b"localhost", b"127.0.0.1", b"[::1]", b"[v1.a]", b"@", b":8443", b"/openapi",
        b"user:hunter2hunter2", b"%", b"?", b"#", b"\\", b"99999",
    ),
    "ids": (
        A, B, b"\n", b"yes", b"no", b"123", b"9" * 300, b".", b"/", b"%2e", b"'", b"\xc2\xa0",
    ),
    "secret": (
        b"=", b"==", b"-", b"_", b"+", b"/", b"c2VjcmV0",
    ),
    "accounts_toml": (
        b"[[account]]\n", b"[account]\n", b'name = "alice"\n', b'venue = "opinion"\n', b'venue = "polymarket"\n',
        b'api_key = "env:ALICE_KEY"\n', b"weight = ", b'address = "env:BOB_ADDRESS"\n', b'secret = "env:BOB_SECRET"\n',
        b'passphrase = "env:BOB_PASSPHRASE"\n', b"1979-05-27T07:32:00Z", b"'''", b'"""',
    ),
    "accounts_csv": (
        b"name", b"venue", b"api_key", b"address", b"secret", b"passphrase", b"weight", b",", b'"', b"opinion",
        b"env:ALICE_KEY", b";", b"\r\n",
    ),
    "settings": (
        b"[venue.opinion]\n", b"[venue.polymarket]\n", b"base_url = ", b"timeout_s = ", b"requests_per_s = ",
        b"venue_requests_per_s = ", b"most_ids = ", b"allowance_per_day = ", b"include_group = ", b"open_statuses = [1]\n",
        b"tier = ", b"strict_ids = ", b"keep_tokens = ", b"keep_windows = ", b"both_filters_intersect = ",
        b'"http://127.0.0.1:9"',
    ),
    "demo": (
        b"[[opinion.account]]\n", b"[[opinion.fault]]\n", b"[[polymarket.account]]\n", b"[[polymarket.fault]]\n",
        b'name = "alice"\n', b"orders = ", b"seed = ", b"latency_ms = ", b"latency_jitter_ms = ", b"timeout_s = ",
        b'side = "buy"\n', b'name = "drop_after"\n', b"share = ", b'routes = ["cancel"]\n', b'accounts = ["alice"]\n',
        b"from_request = ", b"times = ", b"times_per_order = ", b'says = "x"\n',
    ),
    "report": (
        b'"schema"', b'"cancel-engine/run-report/1"', b'"run_id"', b'"accounts"', b'"results"', b'"outcome"', b'"cancelled"',
        b'"unknown"', b'"order"', b'"price"', b'"left_orders"', b'"by_outcome"', b'"total"', b'"at_risk"', b'"index"',
        b'"code"', b'"result"', b'"outages"', b'"elapsed_s"', b"1e12", b'"1e-40"',
    ),
}  # fmt: skip


def of(target: str) -> tuple[bytes, ...]:
    """What may come together in this target's input."""
    return (*_WORDS[target], *NASTY)


def escaped(word: bytes) -> str:
    """The word as a fuzzer's dictionary has it."""
    return "".join(f"\\x{each:02x}" for each in word)
