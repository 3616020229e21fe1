"""Being handed a key at Opinion by a wallet's signature: in the right order, and nothing shown."""

import json
import traceback

import pytest

from engine import ConfigError, CredentialError, Secret, ThrottledError, TransportError, VenueError, WireError
from engine.venues.base import HttpAnswer
from engine.venues.opinion import OpinionKey, signing

pytestmark = pytest.mark.anyio

PRIVATE_KEY = "0x" + "11" * 32
ADDRESS = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
NOW_S = 1766735464
HANDED_OUT = {"errno": 0, "errmsg": "", "result": {"apiKey": "the-api-key", "walletAddress": ADDRESS.lower()}}
NONE_YET, EXISTS = {"errno": 11010, "errmsg": "no key"}, {"errno": 11009, "errmsg": "key already exists"}


class Desk:
    """The venue's desk: gives these answers in turn, with HTTP 200 unless they say otherwise, and remembers the requests."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    async def send(self, request, *, on_sent):
        """See `Transport`."""
        self.requests.append(request)
        on_sent()
        answer = self.answers.pop(0)
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        return HttpAnswer(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode())

    async def aclose(self):
        """See `Transport`."""


async def derive(desk, private_key=PRIVATE_KEY, **options):
    """A key from this desk, at a wall clock that stands still."""
    return await OpinionKey.derive(private_key, transport=desk, wall_clock=lambda: float(NOW_S), **options)


@pytest.mark.parametrize(
    ("answers", "methods"),
    [
        ([HANDED_OUT], ["GET"]),
        ([NONE_YET, HANDED_OUT], ["GET", "POST"]),
        ([NONE_YET, EXISTS, HANDED_OUT], ["GET", "POST", "GET"]),
        ([{"code": 0, "result": {"apiKey": "the-api-key"}}], ["GET"]),
    ],
    ids=["there is one", "a new one", "made by another meanwhile", "the other dialect"],
)
async def test_the_key_that_exists_is_found_and_else_one_is_made(answers, methods):
    """What changes nothing is asked first; only the documented refusal leads on, and back."""
    desk = Desk(*answers)

    assert OpinionKey("the-api-key") == await derive(desk)
    assert methods == [each.method for each in desk.requests]


async def test_the_requests_are_the_documented_ones():
    """One address, signed anew for each action; only making a key has a body."""
    desk = Desk(NONE_YET, HANDED_OUT)
    await derive(desk, base_url="https://proxy.opinion.trade:8443/openapi")
    json_headers = {"Accept": "application/json", "Content-Type": "application/json"}

    assert {"https://proxy.opinion.trade:8443/openapi/auth/api-key"} == {each.url for each in desk.requests}
    assert [None, b"{}"] == [each.body for each in desk.requests]
    assert [
        signing.key_headers(Secret(PRIVATE_KEY), action=action, timestamp=NOW_S) | json_headers for action in ("get", "create")
    ] == [each.headers for each in desk.requests]


@pytest.mark.parametrize(
    ("answers", "create", "words"),
    [([NONE_YET], False, "has no key for this wallet"), ([NONE_YET, EXISTS, NONE_YET], True, "neither makes a key")],
)
async def test_no_key_is_an_error_in_words(answers, create, words):
    """Nothing is made unasked, and nobody is sent in circles."""
    desk = Desk(*answers)
    with pytest.raises(VenueError, match=words):
        await derive(desk, create=create)

    assert [] == desk.answers


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"errno": 11004, "errmsg": "disabled"}, VenueError),
        ({"errno": 11005, "errmsg": "wallet not registered"}, VenueError),
        ({"errno": 11013, "errmsg": "already used"}, VenueError),
        ({"errno": 11011, "errmsg": "invalid signature"}, CredentialError),
        ({"errno": 11012, "errmsg": "expired"}, CredentialError),
        ({"errno": 11010, "code": 0}, VenueError),
        ((401, b""), CredentialError),
        ((403, {"errno": 10403, "errmsg": "blocked"}), CredentialError),
        ((429, b""), ThrottledError),
        ((500, b""), TransportError),
        ((307, b""), WireError),
        ((400, HANDED_OUT), VenueError),
        ((404, b"<html>"), WireError),
        ({"errno": 0, "result": None}, WireError),
        ({"errno": 0, "result": {"apiKey": 5}}, WireError),
        ({"errno": 0, "result": {"apiKey": ""}}, WireError),
        ({"errno": 0, "result": {"apiKey": "a b"}}, WireError),
        ({"errno": 0, "result": {"apiKey": "ключ"}}, WireError),
        ({"errno": 0, "result": {"apiKey": "k", "walletAddress": "0x" + "1" * 40}}, WireError),
        ({"errno": 0, "result": {"apiKey": "k", "walletAddress": 5}}, WireError),
    ],
)
async def test_any_other_answer_ends_the_asking(answer, expected):
    """No other refusal is taken for "there is none", and no other wallet's key for ours."""
    desk = Desk(answer, HANDED_OUT)
    with pytest.raises(VenueError) as error:
        await derive(desk)

    assert expected is type(error.value)
    assert 1 == len(desk.requests)


@pytest.mark.parametrize(
    "answer",
    [
        {"result": HANDED_OUT["result"]},
        json.dumps(HANDED_OUT).encode()[:-1],
        HANDED_OUT | {"result": {"apiKey": "the-api-key", "walletAddress": "0x"}},
        HANDED_OUT | {"result": {"apiKey": "the-api-key\n"}},
        HANDED_OUT | {"errno": 7},
    ],
)
async def test_no_error_shows_a_secret(answer):
    """Neither the wallet's private key nor what was handed out gets into what a log would show."""
    with pytest.raises(VenueError) as error:
        await derive(Desk(answer))

    shown = "".join(traceback.format_exception(error.value)) + repr(error.value)
    assert [] == [part for part in (PRIVATE_KEY[2:], "the-api-key") if part in shown]


@pytest.mark.parametrize(
    "options", [{"private_key": "0x12"}, {"base_url": "http://openapi.opinion.trade"}, {"timeout_s": -1}], ids=repr
)
async def test_what_cannot_be_used_is_refused_before_anything_is_sent(options):
    """Every argument is checked first."""
    desk = Desk()
    with pytest.raises(ConfigError):
        await derive(desk, **options)

    assert [] == desk.requests
