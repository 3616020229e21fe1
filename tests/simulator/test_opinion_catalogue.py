"""Every fault of the catalogue does what it says, in memory and on real sockets of the loopback interface."""

import asyncio
import json
from dataclasses import dataclass

import anyio
import pytest

from engine.errors import TransportError
from engine.simulator import (
    FaultPlan,
    FaultRule,
    Manner,
    MemoryTransport,
    OpinionRules,
    OpinionSimulator,
    new_virtual_clock_loop,
    serve,
)
from engine.simulator.opinion import FAULTS

PATIENCE_S = 4.0
JSON = "application/json"
ACK = b'{"errno":0,"errmsg":"","result":{"result":true}}'
BOTH = ("", "_after")

EXACT = {
    "result_false": (200, JSON, b'{"errno":0,"errmsg":"","result":{"result":false}}'),
    "null_result": (200, JSON, b'{"errno":0,"errmsg":"","result":null}'),
    "empty_result": (200, JSON, b'{"errno":0,"errmsg":"","result":{}}'),
    "empty_object": (200, JSON, b"{}"),
    "null_body": (200, JSON, b"null"),
    "array_body": (200, JSON, b"[]"),
    "bare_true": (200, JSON, b"true"),
    "result_one": (200, JSON, b'{"errno":0,"errmsg":"","result":{"result":1}}'),
    "result_text_true": (200, JSON, b'{"errno":0,"errmsg":"","result":{"result":"true"}}'),
    "result_bare_true": (200, JSON, b'{"errno":0,"errmsg":"","result":true}'),
    "result_array": (200, JSON, b'{"errno":0,"errmsg":"","result":[]}'),
    "result_text": (200, JSON, b'{"errno":0,"errmsg":"","result":""}'),
    "errno_text_zero": (200, JSON, b'{"errno":"0","errmsg":"","result":{"result":true}}'),
    "errno_false": (200, JSON, b'{"errno":false,"errmsg":"","result":{"result":true}}'),
    "empty_body": (200, JSON, b""),
    "broken_json": (200, JSON, b"{not json"),
    "status_201": (201, JSON, ACK),
    "status_202": (202, JSON, ACK),
    "status_204": (204, None, b""),
}
BUSINESS = {"refused": ("errno", "errmsg"), "code_refused": ("code", "msg")}
HTTP_ERRORS = {400: 400, 401: 401, 403: 10403, 404: 404, 408: 408, 500: 500, 502: 502, 503: 503, 504: 504}
RETRY_AFTERS = {
    "rate_429": None,
    "rate_429_retry_1": "1",
    "rate_429_retry_date": "Wed, 21 Oct 2015 07:28:00 GMT",
    "rate_429_retry_absurd": "999999999",
}
NEVER = ("hang", "content_length_large")
BROKEN = ("drop", "drop_headers", "drop_body")


@dataclass(frozen=True)
class Outcome:
    """What a client got: `end` is complete, broken, open or refused."""

    end: str
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    elapsed_s: float = 0.0


def build(routes=("cancel", "list", "read")):
    """One simulator with an account, and two orders, for every fault and route: their faults do not meet."""
    cases = [(fault, route) for fault in FAULTS.values() for route in routes if route in fault.routes]
    rules = [FaultRule(fault, routes={route}, accounts={f"{fault.name} {route}"}) for fault, route in cases]
    simulator = OpinionSimulator(rules=OpinionRules(quota=None), faults=FaultPlan(rules))
    accounts = {(fault.name, route): simulator.add_account(f"{fault.name} {route}", orders=2) for fault, route in cases}
    return simulator, accounts


def asked(pen, simulator, account, route, fault):
    order_id = next(iter(simulator.ledger.orders_of(account.name)))
    page = 1 if fault.pages is None else min(fault.pages)
    return {"cancel": pen.cancel(order_id), "list": pen.list(page), "read": pen.read(order_id)}[route]


def first_state(simulator, account):
    return str(next(iter(simulator.ledger.orders_of(account.name).values())).state)


found_before = {}


def _in_memory(pen):
    if "memory" not in found_before:
        with asyncio.Runner(loop_factory=new_virtual_clock_loop) as runner:
            found_before["memory"] = runner.run(_ask_in_memory(pen))
    return found_before["memory"]


async def _ask_in_memory(pen):
    simulator, accounts = build()
    transport = MemoryTransport(simulator)
    found = {}
    for (name, route), account in accounts.items():
        request = asked(pen(account), simulator, account, route, FAULTS[name])
        found[name, route] = (await _send(transport, request), first_state(simulator, account))
    return found


async def _send(transport, request):
    sent = []
    began_s = anyio.current_time()
    with anyio.move_on_after(1000):
        try:
            answer = await transport.send(request, on_sent=lambda: sent.append(True))
        except TransportError as error:
            return Outcome({(True, True): "broken", (False, False): "refused"}[error.sent, bool(sent)], error.status)
        elapsed_s = anyio.current_time() - began_s
        return Outcome("complete", answer.status, tuple(answer.headers.items()), answer.body, elapsed_s)
    return Outcome("open")


def _on_the_wire(pen, raw_client):
    if "wire" not in found_before:
        found_before["wire"] = asyncio.run(_ask_on_the_wire(pen, raw_client))
    return found_before["wire"]


async def _ask_on_the_wire(pen, raw_client):
    """Cancel once under every fault (list or read where it cannot be used for a cancel), all at the same time."""
    simulator, accounts = build()
    once = {}
    for (name, route), account in accounts.items():
        once.setdefault(name, (route, account))
    found = {}
    turns = asyncio.Semaphore(40)

    async def ask(port, name, route, account):
        async with turns:
            client = await raw_client(port)
            request = asked(pen(account, f"http://127.0.0.1:{port}"), simulator, account, route, FAULTS[name])
            seen = await client.exchange(request, patience_s=PATIENCE_S)
            await client.close()
            found[name, route] = (seen, first_state(simulator, account))

    async with serve(simulator) as server, asyncio.TaskGroup() as tasks:
        for name, (route, account) in once.items():
            tasks.create_task(ask(server.port, name, route, account))
    return found


@pytest.fixture
def seen(pen, raw_client):
    """What a cancel under a fault brings, in memory and on the wire, with the order's state afterwards."""

    def look(name, carrier, route="cancel"):
        return (_in_memory(pen) if carrier == "memory" else _on_the_wire(pen, raw_client))[name, route]

    return look


CARRIERS = pytest.mark.parametrize("carrier", ["memory", "wire"])


@CARRIERS
@pytest.mark.parametrize("variant", BOTH)
@pytest.mark.parametrize("name", EXACT)
def test_exact_answers(seen, name, variant, carrier):
    """The fault puts exactly these bytes on the wire, before or after the order is cancelled."""
    answer, state = seen(name + variant, carrier)
    status, content_type, body = EXACT[name]
    headers = dict(answer.headers)
    assert (status, content_type, body) == (answer.status, headers.get("content-type"), answer.body)
    assert state == ("cancelled" if variant else "open")


@CARRIERS
@pytest.mark.parametrize("variant", BOTH)
@pytest.mark.parametrize("code", [10999, 10403, 11002, 10014, 401])
@pytest.mark.parametrize("dialect", BUSINESS)
def test_business_refusals(seen, dialect, code, variant, carrier):
    """A refusal comes with HTTP 200, its code and a null result, whether or not the order is cancelled."""
    answer, state = seen(f"{dialect}_{code}{variant}", carrier)
    body = json.loads(answer.body)
    number, words = BUSINESS[dialect]
    assert (answer.status, body[number], body["result"]) == (200, code, None)
    assert set(body) == {number, words, "result"}
    assert state == ("cancelled" if variant else "open")


@CARRIERS
@pytest.mark.parametrize("variant", BOTH)
@pytest.mark.parametrize("status", HTTP_ERRORS)
def test_http_errors(seen, status, variant, carrier):
    """An HTTP error carries the envelope with its code."""
    answer, state = seen(f"http_{status}{variant}", carrier)
    assert (status, HTTP_ERRORS[status]) == (answer.status, json.loads(answer.body)["errno"])
    assert state == ("cancelled" if variant else "open")


@CARRIERS
@pytest.mark.parametrize("variant", BOTH)
@pytest.mark.parametrize("status", [200, 429, 502, 503, 504])
def test_html_pages(seen, status, variant, carrier):
    """An HTML page comes as text/html under its status."""
    answer, state = seen(f"html_{status}{variant}", carrier)
    headers = dict(answer.headers)
    assert (answer.status, headers["content-type"]) == (status, "text/html")
    assert answer.body.startswith(b"<html>")
    assert status != 504 or b"504 Gateway Time-out" in answer.body
    assert state == ("cancelled" if variant else "open")


@CARRIERS
@pytest.mark.parametrize("name", RETRY_AFTERS)
def test_rate_limit_headers(seen, name, carrier):
    """A 429 has the envelope, and the `Retry-After` that its name says or none."""
    answer, state = seen(name, carrier)
    assert (answer.status, json.loads(answer.body)["errno"]) == (429, 429)
    assert RETRY_AFTERS[name] == dict(answer.headers).get("retry-after")
    assert state == "open"


@CARRIERS
@pytest.mark.parametrize(("name", "content_type"), [("text_plain", "text/plain"), ("octet_stream", "application/octet-stream")])
def test_foreign_content_types(seen, name, content_type, carrier):
    """The honest JSON comes under a foreign content type, and the order is cancelled."""
    answer, state = seen(name, carrier)
    assert (content_type, ACK, "cancelled") == (dict(answer.headers)["content-type"], answer.body, state)


@CARRIERS
@pytest.mark.parametrize("name", ["acknowledged_not_done", "cancels_ignored"])
def test_lies(seen, name, carrier):
    """A true acknowledgement arrives, and the order is still open."""
    answer, state = seen(name, carrier)
    assert (answer.status, answer.body, state) == (200, ACK, "open")


@CARRIERS
def test_code_dialect(seen, carrier):
    """The honest acknowledgement arrives in the code/msg dialect."""
    answer, state = seen("code_dialect", carrier)
    assert (json.loads(answer.body), state) == ({"code": 0, "msg": "success", "result": {"result": True}}, "cancelled")


@CARRIERS
def test_redirect(seen, carrier):
    """A 307 points to the same path at another listener."""
    answer, state = seen("redirect_307", carrier)
    location = dict(answer.headers)["location"]
    assert (answer.status, state) == (307, "open")
    assert location.startswith("http://127.0.0.1:")
    assert location.endswith("/openapi/order/cancel")


@CARRIERS
@pytest.mark.parametrize("variant", BOTH)
@pytest.mark.parametrize("name", NEVER)
def test_hanging(seen, name, variant, carrier):
    """No complete answer ever comes, and the connection stays open."""
    answer, state = seen(name + variant, carrier)
    assert (answer.end, state) == ("open", "cancelled" if variant else "open")


@CARRIERS
@pytest.mark.parametrize("variant", BOTH)
@pytest.mark.parametrize("name", BROKEN)
def test_dropping(seen, name, variant, carrier):
    """The connection ends where the name says: before a byte, after the headers, or within the body."""
    answer, state = seen(name + variant, carrier)
    assert answer.end == ("broken" if carrier == "memory" else "closed")
    assert answer.status == (None if name == "drop" else 200)
    assert state == ("cancelled" if variant else "open")
    if carrier == "wire":
        whole = int(answer.headers.get("content-length", "0"))
        came = len(answer.body)
        assert {"drop": whole == 0, "drop_headers": whole > 0 == came, "drop_body": whole > came > 0}[name]


@CARRIERS
def test_short_content_length(seen, carrier):
    """A client that believes `Content-Length` gets half of the body."""
    answer, _ = seen("content_length_small", carrier)
    assert dict(answer.headers)["content-length"] == str(len(ACK) // 2)
    assert answer.body == (ACK[: len(ACK) // 2] if carrier == "memory" else ACK)


def test_refused_connection(seen):
    """In memory no connection comes about; on the wire, where one is there already, it ends without a byte."""
    answer, state = seen("refused_connection", "memory")
    assert (answer.end, state) == ("refused", "open")
    answer, state = seen("refused_connection", "wire")
    assert (answer.end, answer.status, state) == ("closed", None, "open")


@CARRIERS
@pytest.mark.parametrize(
    ("name", "least_s"), [("slow_50ms", 0.05), ("slow_150ms", 0.15), ("slow_2s", 2.0), ("slow_body", 0.005 * len(ACK))]
)
def test_slowness(seen, name, least_s, carrier):
    """The honest answer comes whole, and not sooner than its name says."""
    answer, state = seen(name, carrier)
    assert (answer.end, answer.body, state) == ("complete", ACK, "cancelled")
    assert answer.elapsed_s >= least_s
    assert carrier == "wire" or answer.elapsed_s < least_s + 0.01


def test_an_answer_beyond_patience(seen):
    """The venue has acted, and the answer comes when nobody waits for it any more."""
    answer, state = seen("slow_45s", "wire")
    assert (answer.end, answer.status, state) == ("open", None, "cancelled")


@pytest.mark.parametrize("name", ["name_unresolved", "tls_failed"])
def test_what_keeps_a_connection_from_coming_about(seen, name):
    """In memory no connection comes about, for whatever reason, and nothing is done."""
    answer, state = seen(name, "memory")
    assert (answer.end, answer.status, state) == ("refused", None, "open")


@CARRIERS
def test_echoed_headers(seen, carrier):
    """A debugging server shows what it was sent: the key stands in its answer."""
    answer, _ = seen("echoed_headers", carrier)
    assert answer.status == 500
    assert b"apikey" in answer.body.lower()


@CARRIERS
def test_giant_body(seen, carrier):
    """Many megabytes of blanks stand before the honest JSON."""
    answer, state = seen("giant_body", carrier)
    assert len(answer.body) > 16_000_000
    assert (answer.body.strip(), state) == (ACK, "cancelled")


@CARRIERS
def test_nested_json(seen, carrier):
    """Valid JSON, nested deeper than any recursive parser goes: so deep that a test must not parse it."""
    answer, _ = seen("nested_json", carrier)
    assert answer.body == b'{"errno":0,"errmsg":"","result":' + b"[" * 200_000 + b"]" * 200_000 + b"}"


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.delay_s < PATIENCE_S])
def test_memory_agrees_with_the_wire(seen, name):
    """Status, body and the state of the order are the same however the fault is carried, where it is carried in bearable time."""
    route = next(route for route in ("cancel", "list", "read") if route in FAULTS[name].routes)
    (held, held_state), (wired, wired_state) = seen(name, "memory", route), seen(name, "wire", route)
    assert held_state == wired_state
    if FAULTS[name].manner in (Manner.ANSWER, Manner.DRIP):
        assert (held.status, held.end) == (wired.status, wired.end)
        assert strip(held.body) == strip(wired.body)
        assert dict(held.headers).get("content-type") == wired.headers.get("content-type")


def strip(body):
    """Ids and the second listener's address differ between simulators; shapes do not."""
    if b"[" * 1000 in body:
        return body
    try:
        return shape(json.loads(body))
    except ValueError:
        return body


def shape(value):
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value)


@pytest.mark.parametrize(
    ("name", "route"), [(name, route) for name in FAULTS for route in ("list", "read") if route in FAULTS[name].routes]
)
def test_questions_change_nothing(seen, name, route):
    """A fault on a listing or a read leaves the order open, unless it says that something happens meanwhile."""
    _, state = seen(name, "memory", route)
    meanwhile = name.endswith("_meanwhile")
    assert state == (name.split("_")[0] if meanwhile else "open")


def test_every_fault_describes_itself():
    """Every fault says what goes over the wire and has at least one route."""
    assert all(fault.says and fault.routes and fault.name == name for name, fault in FAULTS.items())


# Listings and reads, with enough orders for their pages.


def listing(pen, name, *, page=1, orders=45):
    simulator = OpinionSimulator(rules=OpinionRules(quota=None), faults=FaultPlan([FaultRule(FAULTS[name])]))
    alice = simulator.add_account("alice", orders=orders)
    reply = simulator.receive(pen(alice).list(page), now_s=0)
    return simulator, reply.status, json.loads(reply.body)


@pytest.mark.parametrize("page", [1, 2])
@pytest.mark.parametrize(("name", "status", "errno"), [("errno", 200, 10999), ("http_500", 500, 500), ("http_429", 429, 429)])
def test_errors_on_a_page(pen, name, status, errno, page):
    """Only the page that the name says fails."""
    fault = f"list_{name}_page_{page}"
    assert listing(pen, fault, page=page)[1:] == (status, {"errno": errno, "errmsg": any_text, "result": None})
    assert listing(pen, fault, page=3 - page)[2]["errno"] == 0


class AnyText:
    def __eq__(self, other):
        return isinstance(other, str)

    __hash__ = None


any_text = AnyText()

PAGES = {
    "list_null_list": lambda result: result == {"total": 45, "list": None},
    "list_missing_list": lambda result: result == {"total": 45},
    "list_empty_with_total": lambda result: result == {"total": 45, "list": []},
    "list_total_small": lambda result: result["total"] == 22 and len(result["list"]) == 20,
    "list_total_large": lambda result: result["total"] == 50 and len(result["list"]) == 20,
    "list_total_text": lambda result: result["total"] == "45",
    "list_total_missing": lambda result: set(result) == {"list"},
    "list_null_row": lambda result: result["list"][0] is None and len(result["list"]) == 20,
    "list_truncated": lambda result: len(result["list"]) == 10 and result["total"] == 45,
    "list_cap_10": lambda result: len(result["list"]) == 10 and result["total"] == 45,
    "list_first_row_twice": lambda result: result["list"][0] == result["list"][1] and len(result["list"]) == 21,
}
ROWS = {
    "int_order_id": lambda row: type(row["orderId"]) is int,
    "null_order_id": lambda row: row["orderId"] is None,
    "missing_order_id": lambda row: "orderId" not in row,
    "numeric_price": lambda row: type(row["price"]) is float,
    "missing_side_enum": lambda row: "sideEnum" not in row and row["side"] in (1, 2),
    "missing_side": lambda row: not {"side", "sideEnum"} & set(row),
    "side_contradicts": lambda row: (row["side"], row["sideEnum"]) in ((1, "Sell"), (2, "Buy")),
    "side_unknown": lambda row: (row["side"], row["sideEnum"]) == (7, "Split"),
    "status_6": lambda row: row["status"] == 6,
    "status_7": lambda row: row["status"] == 7,
    "status_word": lambda row: (row["status"], row["statusEnum"]) == (1, "Matching"),
    "status_text": lambda row: row["status"] == "1",
}


@pytest.mark.parametrize("name", PAGES)
def test_wrong_pages(pen, name):
    """The page is wrong in the one way that its name says."""
    assert PAGES[name](listing(pen, name)[2]["result"])


@pytest.mark.parametrize("name", ROWS)
def test_wrong_rows(pen, name):
    """The first row is wrong in the one way that its name says, the second is sound; the same for a read."""
    first, second, *_ = listing(pen, f"list_{name}")[2]["result"]["list"]
    assert ROWS[name](first)
    assert not ROWS[name](second)
    assert ROWS[name](reading(pen, f"read_{name}")["orderData"])


def test_page_ignored(pen):
    """Whatever page is asked, page 1 comes."""
    assert listing(pen, "list_page_ignored", page=3)[2] == listing(pen, "list_page_ignored", page=1)[2]


@pytest.mark.parametrize(("name", "still_open", "seen_twice"), [("list_drift_fill", 44, 0), ("list_drift_newcomer", 46, 1)])
def test_drift(pen, name, still_open, seen_twice):
    """The market moves just before page 2: one open order is on no page."""
    simulator = OpinionSimulator(rules=OpinionRules(quota=None), faults=FaultPlan([FaultRule(FAULTS[name])]))
    alice = simulator.add_account("alice", orders=45)
    ids = []
    for page in (1, 2, 3):
        rows = json.loads(simulator.receive(pen(alice).list(page), now_s=0).body)["result"]["list"]
        ids += [row["orderId"] for row in rows]
    left = simulator.ledger.open_ids()
    assert (len(left), len(left - set(ids)), len(ids) - len(set(ids))) == (still_open, 1, seen_twice)


def reading(pen, name, *, cancelled=False):
    simulator = OpinionSimulator(faults=FaultPlan([FaultRule(FAULTS[name], routes={"read"})]))
    alice = simulator.add_account("alice", orders=1)
    (order_id,) = simulator.ledger.orders
    if cancelled:
        simulator.cancel_elsewhere(order_id)
    return json.loads(simulator.receive(pen(alice).read(order_id), now_s=0).body)["result"]


def test_reads_after_a_cancel(pen):
    """A read can still say pending, name another order, carry null, or put the order under `data`."""
    assert reading(pen, "read_still_pending", cancelled=True)["orderData"]["status"] == 1
    assert reading(pen, "read_data", cancelled=True)["data"]["status"] == 3
    assert reading(pen, "read_null") == {"orderData": None}
    assert reading(pen, "read_other_order")["orderData"]["orderId"].startswith("00000000")


@pytest.mark.parametrize(("name", "state"), [("filled", 2), ("expired", 4), ("cancelled", 3)])
def test_finishing_meanwhile(pen, name, state):
    """The order is gone by the time the request is looked at, and the answer is honest."""
    assert reading(pen, f"{name}_meanwhile")["orderData"]["status"] == state
