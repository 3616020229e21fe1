"""Promise 8 over whole runs: whatever goes wrong, and whatever the venue repeats, nothing that comes out holds a secret."""

import base64
import csv
import io
import json
import logging
from urllib.parse import quote

import anyio
import pytest
from support import BASE_URL, account_of, engine_for, everything_told, simulated, simulated_polymarket

from engine import Account, CancelEngine, ConfigError, Progress, Retry, Scope, VenueError
from engine.core.table import rows_of
from engine.errors import TransportError
from engine.page import page_of
from engine.simulator import FaultRule, MemoryTransport
from engine.simulator.opinion import FAULTS as OPINION_FAULTS
from engine.simulator.polymarket import FAULTS as POLYMARKET_FAULTS
from engine.venues.base import HttpAnswer
from engine.venues.opinion import Opinion, OpinionKey
from engine.venues.polymarket import Polymarket, PolymarketKey

pytestmark = pytest.mark.anyio

HOUSES = {"opinion": (simulated, OPINION_FAULTS), "polymarket": (simulated_polymarket, POLYMARKET_FAULTS)}
WALLET = "0x" + "5a" * 32


@pytest.fixture
def events(caplog):
    """Everything that anybody logs, at any level."""
    caplog.set_level(logging.DEBUG)
    return caplog


def secrets_of(account):
    """What must not be seen: the texts of an account's key."""
    key = account.credentials
    parts = [key.api_key] if isinstance(key, OpinionKey) else [key.api_key, key.secret, key.passphrase]
    return [part.reveal() for part in parts]


def told_by(report):
    """A report in every form in which it leaves."""
    table = io.StringIO()
    csv.writer(table).writerows(rows_of(report))
    parts = [repr(report), str(report), json.dumps(report.to_dict(), default=str), table.getvalue()]
    return "".join(
        [*parts, page_of(report), *map(repr, report.accounts.values()), *(trouble.text for trouble in report.troubles)]
    )


async def use(engine, account, *, deadline_s):
    """Every call, and all that comes out of them: reports, results, orders, plans, errors with the variables of their frames."""
    told = [repr(engine), repr(vars(engine)), repr(account)]
    progress = Progress()
    ids = []
    try:
        told.append(repr(await engine.plan([account])))
        async for order in engine.open_orders(account):
            ids.append(order.order_id)
            told.append(repr(order))
        told.append(repr(await engine.get_order(account, ids[0])))
    except (VenueError, IndexError) as error:
        told.append(everything_told(error))
    told.append(repr(await engine.cancel_orders(account, [*ids[:2], "no-such-id"], deadline_s=deadline_s, verify=True)))
    async with engine.stream([account], Scope(), deadline_s=deadline_s) as results:
        told += [repr(result) async for result in results]
    told.append(told_by(results.report))
    await engine.mass_cancel([account], deadline_s=deadline_s, progress=progress)
    return "".join([*told, told_by(progress.report())])


def everything(told, events, capfd):
    """What came out, what was logged, with all that a record carries, and what was printed."""
    logged = [f"{record.getMessage()} {vars(record)} {record.exc_text}" for record in events.records]
    return "\n".join([told, *logged, *capfd.readouterr()]).lower()


@pytest.mark.parametrize("house", HOUSES)
@pytest.mark.parametrize("group", range(10))
async def test_no_fault_brings_a_secret_out(house, group, events, capfd):
    """Under each fault of the catalogue, struck every other time, no call, event or error holds a part of the key."""
    make, faults = HOUSES[house]
    for name in sorted(faults)[group::10]:
        simulator = make(orders=3, faults=[FaultRule(faults[name], share=0.5)])
        account = account_of(simulator)
        async with engine_for(simulator, timeout_s=0.5, retry=Retry(cancels=2, reads=2, longest_outage_s=5)) as engine:
            told = everything(await use(engine, account, deadline_s=3), events, capfd)
        events.clear()

        assert "alice" in told
        assert not [secret for secret in secrets_of(account) if secret.lower() in told], name


# --- a venue that repeats what it was sent

WRITINGS = {
    "as it is": str,
    "in capitals": str.upper,
    "for a URL": lambda text: quote(text, safe=""),
    "sign by sign": lambda text: "".join(f"%{ord(sign):02X}" for sign in text),
    "for JSON, sign by sign": lambda text: "".join(f"\\u{ord(sign):04x}" for sign in text),
    "in hex": lambda text: text.encode().hex(),
    "in base64": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "in base64 of a header": lambda text: base64.urlsafe_b64encode(f"Authorization: {text} ".encode()).decode(),
}
ANSWERS = {
    "an error of Opinion's": lambda text: HttpAnswer(status=200, body=f'{{"errno":7,"errmsg":"{text}","result":null}}'.encode()),
    "a bad key": lambda text: HttpAnswer(status=401, body=f'{{"error":"{text}","errmsg":"{text}"}}'.encode()),
    "a bad request": lambda text: HttpAnswer(status=400, body=f'{{"error":"{text}","code":"{text}"}}'.encode()),
    "a forbidden place": lambda text: HttpAnswer(status=403, body=f'{{"error":"address banned {text}"}}'.encode()),
    "too fast": lambda text: HttpAnswer(status=429, headers={"retry-after": text}, body=f'{{"error":"{text}"}}'.encode()),
    "a page of HTML": lambda text: HttpAnswer(status=500, body=f"<h1>{text}</h1>".encode()),
    "a redirect": lambda text: HttpAnswer(status=307, headers={"location": f"https://{text}.test/?{text}"}),
    "no shape": lambda text: HttpAnswer(status=200, body=f'["{text}"]'.encode()),
    "reasons": lambda text: HttpAnswer(status=200, body=f'{{"canceled":[],"not_canceled":{{"no-such-id":"{text}"}}}}'.encode()),
    "a row": lambda text: HttpAnswer(
        status=200,
        body=json.dumps(
            {"errno": 0, "result": {"list": [{"orderId": text, "status": 1, "outcomeSideEnum": text}], "total": 1}}
            | {"data": [{"id": text, "status": "LIVE", "market": text, "asset_id": text}], "next_cursor": "LTE="}
        ).encode(),
    ),
    "a broken connection": lambda text: TransportError(f"400, message: bad header {text!r}", sent=True, code="broken"),
}


class Parrot:
    """A venue that repeats all that it was sent, and all that it knows of the key; every other time, if it can do else."""

    def __init__(self, transport, known, write, answer):
        self._transport = transport
        self._known, self._write, self._answer = known, write, answer
        self._turn = 0
        self.repeated = set()

    async def send(self, request, *, on_sent):
        """See `Transport`."""
        self._turn += 1
        if self._transport is not None and self._turn % 2:
            return await self._transport.send(request, on_sent=on_sent)
        on_sent()
        await anyio.sleep(0.01)
        texts = {*self._known, *(secret.reveal() for secret in request.secrets)}
        self.repeated |= texts
        answer = self._answer(" ".join(map(self._write, sorted(texts))))
        if isinstance(answer, TransportError):
            raise answer
        return answer

    async def aclose(self):
        """See `Transport`."""


@pytest.mark.parametrize("house", HOUSES)
@pytest.mark.parametrize("write", WRITINGS.values(), ids=WRITINGS)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_a_venue_that_repeats_the_key_does_not_bring_it_out(house, write, answer, events, capfd):
    """Keys, secrets, passphrases and signatures, in any writing, in bodies, headers and broken connections: none gets through."""
    simulator = HOUSES[house][0](orders=3)
    account = account_of(simulator)
    parrot = Parrot(MemoryTransport(simulator), secrets_of(account), write, answer)
    venue = (Opinion if house == "opinion" else Polymarket)(BASE_URL, timeout_s=0.5)
    clock = {"wall_clock": lambda: simulator.rules.epoch_s + anyio.current_time()} if house == "polymarket" else {}
    async with CancelEngine(venue, transport=parrot, retry=Retry(cancels=2, reads=2, longest_outage_s=5), **clock) as engine:
        told = everything(await use(engine, account, deadline_s=3), events, capfd)

    assert len(parrot.repeated) >= (1 if house == "opinion" else 4)  # with signatures, where there are any
    assert "alice" in told
    for text in parrot.repeated:
        assert text.lower() not in told
        assert write(text).lower() not in told


@pytest.mark.parametrize("derive", [OpinionKey.derive, PolymarketKey.derive], ids=["opinion", "polymarket"])
@pytest.mark.parametrize("write", WRITINGS.values(), ids=WRITINGS)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_a_desk_that_repeats_the_signature_does_not_bring_it_out(derive, write, answer):
    """Being handed a key, too: neither the private key nor the signature is in the error, nor in a variable of its frames."""
    parrot = Parrot(None, [], write, answer)
    with pytest.raises(VenueError) as caught:
        await derive(WALLET, base_url=BASE_URL, transport=parrot, wall_clock=lambda: 1.7e9, create=False)
    told = everything_told(caught.value).lower()

    assert parrot.repeated
    for text in (*parrot.repeated, WALLET, WALLET[2:]):
        assert text.lower() not in told
        assert write(text).lower() not in told


HANDED_OUT = {
    "opinion": {"errno": 0, "result": {"apiKey": "k3y-0f-n0b0dy", "walletAddress": "0x0"}},
    "opinion, another code": {"errno": 5, "errmsg": "no", "result": {"apiKey": "k3y-0f-n0b0dy"}},
    "opinion, no code": {"apiKey": "k3y-0f-n0b0dy", "result": {"apiKey": "k3y-0f-n0b0dy"}},
    "polymarket": {"apiKey": "k3y-0f-n0b0dy", "secret": "k3y-0f-n0b0dy!", "passphrase": "k3y-0f-n0b0dy"},
    "polymarket, half": {"apiKey": "k3y-0f-n0b0dy", "passphrase": "k3y-0f-n0b0dy"},
}


@pytest.mark.parametrize("status", [200, 400, 401, 404, 500])
@pytest.mark.parametrize("name", HANDED_OUT)
async def test_a_key_that_is_handed_out_and_cannot_be_used_is_not_shown(name, status):
    """A new key that is no good is in no error, and in no variable of its frames."""
    derive = OpinionKey.derive if name.startswith("opinion") else PolymarketKey.derive
    parrot = Parrot(None, [], str, lambda _: HttpAnswer(status=status, body=json.dumps(HANDED_OUT[name]).encode()))
    with pytest.raises(VenueError) as caught:
        await derive(WALLET, base_url=BASE_URL, transport=parrot, wall_clock=lambda: 1.7e9, create=False)

    assert "k3y-0f" not in everything_told(caught.value)


BAD_KEYS = {
    "Opinion, a line end": lambda: OpinionKey("k3y-0f-n0b0dy\n"),
    "Opinion, bytes": lambda: OpinionKey(b"k3y-0f-n0b0dy"),
    "Polymarket, no address": lambda: PolymarketKey("0x0", "k3y-0f-n0b0dy", "k3y-0f-n0b0dy", "k3y-0f-n0b0dy"),
    "Polymarket, no base64": lambda: PolymarketKey("0x" + "0" * 40, "k3y-0f-n0b0dy", "k3y-0f-n0b0dy!", "k3y-0f-n0b0dy"),
    "Polymarket, a piece missing": lambda: PolymarketKey("0x" + "0" * 40, "k3y-0f-n0b0dy", "k3y-0f-n0b0dyAAAA", "words"),
    "Polymarket, a space": lambda: PolymarketKey("0x" + "0" * 40, "k3y-0f-n0b0dy", "c2VjcmV0", "k3y-0f-n0b0dy k3y"),
    "no venue of its own": lambda: Opinion().check(Account("a", PolymarketKey("0x" + "0" * 40, "k3y-0f-", "c2VjcmV0", "k3y-0f"))),
}


@pytest.mark.parametrize("make", BAD_KEYS.values(), ids=BAD_KEYS)
async def test_a_key_that_cannot_be_one_is_in_no_variable(make):
    """What refuses a key shows it neither in words nor in the variables of its frames."""
    with pytest.raises(ConfigError, match=r"Polymarket|Opinion") as caught:
        make()

    assert "k3y-0f" not in everything_told(caught.value)


@pytest.mark.parametrize("derive", [OpinionKey.derive, PolymarketKey.derive], ids=["opinion", "polymarket"])
@pytest.mark.parametrize("wallet", ["f" * 56 + "7e11ca1e", "7e11ca1e" * 8 + "\n", "7e11ca1e", b"7e11ca1e" * 8], ids=repr)
async def test_a_private_key_that_cannot_be_one_is_in_no_variable(derive, wallet):
    """Nor does what refuses a private key, whoever found out that it is none."""
    with pytest.raises(ConfigError, match="private key") as caught:
        await derive(wallet, base_url=BASE_URL, transport=Parrot(None, [], str, None))

    assert "7e11ca1e" not in everything_told(caught.value)
