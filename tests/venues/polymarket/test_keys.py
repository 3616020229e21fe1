"""Being handed a Polymarket key: in the right order, with a clock that is put right once, and nothing shown."""

import json
import traceback

import pytest

from engine import ConfigError, CredentialError, Secret, ThrottledError, TransportError, VenueError, WireError
from engine.errors import UnavailableError
from engine.venues.base import HttpAnswer, HttpRequest
from engine.venues.polymarket import PolymarketKey, signing

pytestmark = pytest.mark.anyio

PRIVATE_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
NOW_S = 1700000000
KEY = PolymarketKey(ADDRESS, "the-api-key", "c2VjcmV0LWJ5dGVz", "the-passphrase")
PARTS = {"apiKey": "the-api-key", "secret": "c2VjcmV0LWJ5dGVz", "passphrase": "the-passphrase"}

DERIVE, CREATE, TIME = "GET /auth/derive-api-key", "POST /auth/api-key", "GET /time"
NONE_YET, USED = (400, {"error": "Could not derive api key!"}), (400, {"error": "Could not create api key"})
REFUSED, HANDED_OUT = (401, {"error": "Invalid L1 Request headers"}), (200, PARTS)


class Desk:
    """The venue's desk: gives these answers in turn, and remembers what it was asked. An answer may be an error to raise."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests: list[HttpRequest] = []
        self.closed = False

    async def send(self, request, *, on_sent):
        """See `Transport`."""
        self.requests.append(request)
        on_sent()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        return HttpAnswer(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode())

    async def aclose(self):
        """See `Transport`."""
        self.closed = True

    @property
    def asked(self):
        """Method and path of each request."""
        return [f"{each.method} {each.url.removeprefix('https://clob.polymarket.com')}" for each in self.requests]


async def derive(desk, private_key=PRIVATE_KEY, **options):
    """A key from this desk, at a wall clock that stands still."""
    return await PolymarketKey.derive(private_key, transport=desk, wall_clock=lambda: float(NOW_S), **options)


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([HANDED_OUT], [DERIVE]),
        ([NONE_YET, HANDED_OUT], [DERIVE, CREATE]),
        ([NONE_YET, USED, HANDED_OUT], [DERIVE, CREATE, DERIVE]),
        ([NONE_YET, (201, PARTS)], [DERIVE, CREATE]),
    ],
    ids=["there is one", "a new one", "made by another meanwhile", "created"],
)
async def test_the_key_that_exists_is_found_and_else_one_is_made(answers, asked):
    """What changes nothing is asked first; only the documented refusal leads on, and back."""
    desk = Desk(*answers)

    assert KEY == await derive(desk)
    assert asked == desk.asked
    assert not desk.closed


async def test_no_key_is_made_unasked():
    """`create=False` only asks for the one that exists."""
    desk = Desk(NONE_YET)
    with pytest.raises(VenueError, match="has no key for this wallet and nonce"):
        await derive(desk, create=False)

    assert [DERIVE] == desk.asked


async def test_a_desk_that_sends_us_in_circles_is_left():
    """Neither made nor found is an error, after three questions."""
    desk = Desk(NONE_YET, USED, NONE_YET)
    with pytest.raises(VenueError, match="neither makes a key"):
        await derive(desk)

    assert [DERIVE, CREATE, DERIVE] == desk.asked


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((400, {"error": "something else"}), VenueError),
        ((400, b"<html>"), WireError),
        ((403, b"<html>"), TransportError),
        ((404, b"<html>"), WireError),
        ((307, b""), WireError),
        ((425, b"service not ready"), UnavailableError),
        ((429, b""), ThrottledError),
        ((500, b""), TransportError),
        ((200, {}), WireError),
        (TransportError("lost", sent=True), TransportError),
    ],
)
async def test_any_other_answer_ends_the_asking(answer, expected):
    """No other refusal is taken for "there is none": nothing is made after it."""
    desk = Desk(answer, HANDED_OUT)
    with pytest.raises(VenueError) as error:
        await derive(desk)

    assert expected is type(error.value)
    assert [DERIVE] == desk.asked


@pytest.mark.parametrize("venue_s", [NOW_S + 90, NOW_S - 90])
async def test_a_wrong_clock_is_put_right_once(venue_s):
    """After a refusal the venue's clock is read, and everything from then on is signed by it."""
    desk = Desk(REFUSED, (200, str(venue_s).encode()), NONE_YET, HANDED_OUT)

    assert KEY == await derive(desk)
    assert [DERIVE, TIME, DERIVE, CREATE] == desk.asked
    assert [str(NOW_S), str(venue_s), str(venue_s)] == [each.headers["POLY_TIMESTAMP"] for each in desk.requests if each.headers]
    assert {} == desk.requests[1].headers


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([REFUSED, (200, str(NOW_S + 1).encode())], [DERIVE, TIME]),
        ([REFUSED, (200, b"<html>")], [DERIVE, TIME]),
        ([REFUSED, (500, b"")], [DERIVE, TIME]),
        ([REFUSED, TransportError("lost", sent=True)], [DERIVE, TIME]),
        ([REFUSED, (200, str(NOW_S + 90).encode()), REFUSED], [DERIVE, TIME, DERIVE]),
        ([REFUSED, (200, str(NOW_S + 90).encode()), NONE_YET, REFUSED], [DERIVE, TIME, DERIVE, CREATE]),
        ([(403, {"error": "geoblock"})], [DERIVE]),
    ],
    ids=["right clock", "no clock", "broken clock", "lost clock", "still refused", "refused later", "the place"],
)
async def test_a_refusal_that_no_clock_explains_stands(answers, asked):
    """The clock is read once at most, and a signature that is refused by the venue's own time is refused."""
    desk = Desk(*answers)
    with pytest.raises(CredentialError):
        await derive(desk)

    assert asked == desk.asked


async def test_the_request_is_the_one_that_the_official_clients_send():
    """Address, nonce and chain go where they belong; there is no body."""
    desk = Desk(HANDED_OUT)
    await derive(desk, PRIVATE_KEY[2:], nonce=23, chain_id=80002)
    expected = signing.l1_headers(Secret(PRIVATE_KEY), timestamp=NOW_S, nonce=23, chain_id=80002)

    assert (expected, None) == (desk.requests[0].headers, desk.requests[0].body)


@pytest.mark.parametrize(
    "options",
    [
        {"private_key": "0x12"}, {"private_key": None}, {"base_url": "http://clob.polymarket.com"}, {"base_url": ""},
        {"chain_id": 0}, {"chain_id": "137"}, {"nonce": -1}, {"nonce": True}, {"nonce": 2**256}, {"timeout_s": 0},
    ],
    ids=repr,
)  # fmt: skip
async def test_what_cannot_be_used_is_refused_before_anything_is_sent(options):
    """Every argument is checked first."""
    desk = Desk()
    with pytest.raises(ConfigError):
        await derive(desk, **options)

    assert [] == desk.requests


async def test_a_number_of_thousands_of_digits_is_told_by_its_size():
    """What the interpreter would not write out does not make the error a different one."""
    with pytest.raises(ConfigError, match="nonce must be a whole number of at least 0, not <a whole number of 16610 bits>"):
        await derive(Desk(), nonce=10**5000)


@pytest.mark.parametrize(
    "answers",
    [
        [(200, PARTS | {"passphrase": None})],
        [(200, PARTS | {"secret": "not base64!"})],
        [(200, json.dumps(PARTS).encode()[:-1])],
        [(400, {"error": "x"})],
        [REFUSED, (200, b"<html>")],
        [TransportError("lost", sent=True)],
    ],
)
async def test_no_error_shows_a_secret(answers):
    """Neither the wallet's private key nor any part of what was handed out gets into what a log would show."""
    with pytest.raises(VenueError) as error:
        await derive(Desk(*answers))

    shown = "".join(traceback.format_exception(error.value)) + repr(error.value)
    assert [] == [part for part in (PRIVATE_KEY[2:], *PARTS.values()) if part in shown]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_real_clock_and_a_transport_of_our_own_are_the_defaults():
    """Without arguments, this machine's time and its network are used: here, a port where nobody listens."""
    with pytest.raises(TransportError) as error:
        await PolymarketKey.derive(PRIVATE_KEY, base_url="http://127.0.0.1:9")

    assert error.value.sent is False
