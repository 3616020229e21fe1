"""The synchronous clients over real sockets: as fast as the engine, from any thread, and gone without a trace at the end."""

import asyncio
import gc
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, IntEnum
from pathlib import Path
from types import SimpleNamespace

import pytest
from loopback.served import served
from support import everything_told, simulated, simulated_polymarket

from engine import ConfigError, Journal, Outcome, Retry, Side
from engine.compat.opinion import (
    ApiException,
    BuilderClient,
    Client,
    ClosedError,
    ForbiddenException,
    InvalidParamError,
    OpenApiError,
    OrderSide,
    UnauthorizedException,
)
from engine.compat.polymarket import ApiCreds, ClobClient, PolyApiException, PolyException
from engine.simulator import FaultRule, lies
from engine.simulator.opinion import FAULTS
from engine.simulator.polymarket import FAULTS as POLYMARKET_FAULTS
from engine.venues.opinion import PUBLISHED
from engine.venues.polymarket import PolymarketKey

ROOT = Path(__file__).parent.parent.parent
WALLET = "0x" + "11" * 32
"""A private key that everybody knows."""

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "compat.md").read_text("utf-8"), re.DOTALL)
"""The examples."""

QUICK = Retry(cancels=2, reads=2, listings=2, sweeps=1, first_wait_s=0.01, longest_wait_s=0.02, longest_outage_s=0.3)


def builder(base_url, **options):
    """A builder's client without limits."""
    return BuilderClient(base_url, "builder-key", 56, **{"limits": None, "retry": QUICK, **options})


def key_of(simulator, name="alice"):
    """The user's key."""
    return simulator.account(name).api_key


def clob(base_url, simulator, **options):
    """A client of the simulated Polymarket."""
    known = simulator.account("alice")
    creds = ApiCreds(known.api_key, known.secret, known.passphrase)
    return ClobClient(base_url, 137, creds=creds, address=known.address, **{"limits": None, "retry": QUICK, **options})


def polymarket(**rules):
    """A simulated Polymarket on the real clock."""
    return simulated_polymarket(epoch_s=time.time(), buckets="off", **rules)


# --- speed


@pytest.mark.parametrize("method", ["batch", "all"])
def test_200_cancels_run_side_by_side(method):
    """200 cancels at a venue that takes 50 ms take under a tenth of what they would one after another, at the best of 3."""
    simulator = simulated(quota=None, latency_s=0.05)
    took_s = []
    with served(simulator) as base_url, builder(base_url) as client:
        client.get_user_orders(key_of(simulator))  # the connection and the imports are not what is measured
        while len(took_s) < 3 and min(took_s, default=10.0) >= 1.0:  # others may use the machine as well
            ids = [simulator.place("alice") for _ in range(200)]
            began_s = time.monotonic()
            if method == "batch":
                answer = client.cancel_orders_batch_for_user(key_of(simulator), ids)
            else:
                answer = client.cancel_all_orders_for_user(key_of(simulator))["results"]
            took_s.append(time.monotonic() - began_s)
            assert 200 == sum(item["success"] for item in answer)

    assert set() == simulator.ledger.open_ids()
    assert 10 < 200 * 0.05 / min(took_s), took_s


def test_all_threads_together_keep_one_limit():
    """Several threads with one key send no more in any second than the venue allows it, and lose no cancel."""
    simulator = simulated(orders=24, quota=15)
    with served(simulator) as base_url, builder(base_url, limits=PUBLISHED) as client, ThreadPoolExecutor(4) as threads:
        ids = list(simulator.ledger.orders)
        parts = [ids[place::4] for place in range(4)]
        answers = list(threads.map(lambda part: client.cancel_orders_batch_for_user(key_of(simulator), part), parts))

    assert 24 == sum(item["success"] for answer in answers for item in answer)
    assert parts == [[item["order_id"] for item in answer] for answer in answers]
    assert 15 >= simulator.ledger.most_in_window("alice", 1.0)
    assert 0 == simulator.ledger.refused_for_pace()


# --- threads and loops


def test_several_users_from_several_threads():
    """Each thread gets what became of its own user's orders, and none waits for another's."""
    simulator = simulated(orders=0, quota=None, latency_s=0.02)
    names = [f"user{number}" for number in range(8)]
    for number, name in enumerate(names):
        simulator.add_account(name, orders=10 + number)
    with served(simulator) as base_url, builder(base_url) as client, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda name: client.cancel_all_orders_for_user(key_of(simulator, name)), names))

    assert [10 + number for number in range(8)] == [answer["cancelled"] for answer in answers]
    assert [] == [lie for answer in answers for lie in lies(answer.summary, simulator.ledger) if "is said to be" in lie]
    assert set() == simulator.ledger.open_ids()


def test_where_a_loop_is_running():
    """In a coroutine the call blocks, as the official client's does, and gives the same."""
    simulator = simulated(orders=5, quota=None)

    async def caller():
        with builder(base_url) as client:
            return client.cancel_all_orders_for_user(key_of(simulator))

    with served(simulator) as base_url:
        assert 5 == asyncio.run(caller())["cancelled"]


def test_one_client_in_one_loop_after_another():
    """A client does not belong to the loop in which it was first called."""
    simulator = simulated(orders=2, quota=None)
    first, second = simulator.ledger.orders
    with served(simulator) as base_url, builder(base_url) as client:

        async def cancel(order_id):
            return client.cancel_order_for_user(key_of(simulator), order_id)

        assert {"result": True} == asyncio.run(cancel(first)) == asyncio.run(cancel(second))


# --- the end


def test_closing_again_and_calling_afterwards():
    """A client that is closed stays closed, whether it was ever used or not, and says so."""
    simulator = simulated(orders=1, quota=None)
    with served(simulator) as base_url:
        used, unused = builder(base_url), builder(base_url)
        used.get_user_orders(key_of(simulator))
        for client in (used, unused):
            client.close()
            client.close()
            with pytest.raises(ClosedError):
                client.get_user_orders(key_of(simulator))
            with pytest.raises(ClosedError):
                client.cancel_all_orders_for_user(key_of(simulator))

    assert 1 == len(simulator.ledger.requests)


def test_closing_during_a_cancel():
    """A cancel that is under way in another thread comes back soon, and calls nothing cancelled that is open."""
    simulator = simulated(orders=300, quota=None, latency_s=0.2)
    with served(simulator) as base_url, ThreadPoolExecutor(1) as threads:
        client = builder(base_url, in_flight=4)
        future = threads.submit(client.cancel_orders_batch_for_user, key_of(simulator), list(simulator.ledger.orders))
        until_s = time.monotonic() + 10
        while len(simulator.ledger.requests) < 12 and time.monotonic() < until_s:
            time.sleep(0.01)
        began_s = time.monotonic()
        client.close()
        answer = future.result(10)
        took_s = time.monotonic() - began_s

    cancelled = {item["order_id"] for item in answer if item["success"]}
    assert 5 > took_s
    assert 300 == len(answer)
    assert 0 < len(cancelled) < 300
    assert set() == cancelled & simulator.ledger.open_ids()
    assert {"not_sent", "unknown"} >= {item["error"].partition(":")[0] for item in answer if not item["success"]}


def test_closing_during_a_read():
    """A read that is under way in another thread is cut off, and says so."""
    simulator = simulated(orders=1, quota=None, faults=[FaultRule(FAULTS["hang"])])
    with served(simulator) as base_url, ThreadPoolExecutor(1) as threads:
        client = builder(base_url)
        future = threads.submit(client.get_user_orders, key_of(simulator))
        until_s = time.monotonic() + 10
        while not simulator.ledger.requests and time.monotonic() < until_s:
            time.sleep(0.01)
        client.close()
        with pytest.raises(ClosedError):
            future.result(10)


def test_a_forgotten_client_takes_its_thread_along():
    """Once nobody holds the client any more, its thread ends."""
    simulator = simulated(orders=1, quota=None)

    def threads():
        return [thread for thread in threading.enumerate() if thread.name == "cancel-engine"]

    with served(simulator) as base_url:
        client = builder(base_url)
        client.get_user_orders(key_of(simulator))
        assert 1 == len(threads())
        del client
        gc.collect()
        until_s = time.monotonic() + 10
        while threads() and time.monotonic() < until_s:
            time.sleep(0.01)

    assert [] == threads()


USE = """
import sys
from engine.compat.opinion import BuilderClient
client = BuilderClient(sys.argv[1], "builder-key", 56, limits=None)
print(client.cancel_all_orders_for_user(sys.argv[2])["cancelled"], flush=True)
"""
AFTER_ITS_END = """
import atexit, sys
atexit.register(lambda: print(client.cancel_all_orders_for_user(sys.argv[2])["cancelled"]))  # runs last
from engine.compat.opinion import BuilderClient
client = BuilderClient(sys.argv[1], "builder-key", 56, limits=None)
client.get_user_orders(sys.argv[2])
"""
ENDINGS = {
    "forgotten": USE,
    "closed": USE + "client.close()",
    "in a block": USE.replace("client =", "with")
    .replace("limits=None)", "limits=None) as client:")
    .replace("\nprint", "\n    print"),
    "never used": USE.replace("print", "0 and print"),
    "deleted": USE + "del client",
    "in a cycle": USE + "client.itself = client; del client",
    "sys.exit": USE + "sys.exit(0)",
    "in a thread": "import threading, sys\ndef work():\n"
    + USE.replace("\n", "\n    ")
    + "\nthreading.Thread(target=work).start()",
    "in a loop": "import asyncio\nasync def main():\n" + USE.replace("\n", "\n    ") + "\nasyncio.run(main())",
    "first used at exit": USE.replace("print", "import atexit; atexit.register(lambda: print").replace(", flush=True)", "))"),
    "used after its own end": AFTER_ITS_END,
    "held by a module": USE + "import builtins; builtins.kept = client",
}


def ended(script, *args, flags=("-W", "error")):
    """A process that ran the script to its end."""
    return subprocess.run(
        [sys.executable, *flags, "-c", script, *args],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_interpreter_ends_in_silence(ending):
    """However a process ends that used a client, it ends at once, with its own code, and without a word or a warning."""
    simulator = simulated(orders=3, quota=None)
    with served(simulator) as base_url:
        began_s = time.monotonic()
        by_name = base_url.replace("127.0.0.1", "localhost")  # a name is looked up on threads of the loop's own
        done = ended(ENDINGS[ending], by_name, key_of(simulator))

    assert (0, "") == (done.returncode, done.stderr)
    assert ("" if ending == "never used" else "3\n") == done.stdout
    assert 20 > time.monotonic() - began_s


def test_an_error_of_the_callers_own_ends_the_process_as_it_would():
    """A client that was not closed adds nothing to the traceback of an error that ends the process."""
    simulator = simulated(orders=1, quota=None)
    with served(simulator) as base_url:
        done = ended(USE + "raise SystemExit('enough')", base_url, key_of(simulator))

    assert (1, "enough\n") == (done.returncode, done.stderr)


@pytest.mark.parametrize("closes", [False, True])
def test_ctrl_c_stops_the_cancel_and_says_what_was_done(closes):
    """Ctrl-C in a cancel ends it soon, with a note on what is cancelled by then, and nothing more is sent."""
    simulator = simulated(orders=400, quota=None, latency_s=0.2)
    script = USE.replace("limits=None", "limits=None, in_flight=4")
    if closes:
        script = script.replace("print(", "try:\n    print(") + "finally:\n    client.close()"
    with served(simulator) as base_url:
        child = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", script, base_url, key_of(simulator)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with child:
            until_s = time.monotonic() + 30
            while len(simulator.ledger.requests) < 12 and time.monotonic() < until_s:
                time.sleep(0.01)
            began_s = time.monotonic()
            child.send_signal(signal.SIGINT)
            said, error = child.communicate(timeout=30)
            took_s = time.monotonic() - began_s
        open_ids = len(simulator.ledger.open_ids())
        time.sleep(0.5)

    assert 5 > took_s
    assert "" == said
    assert error.rstrip().splitlines()[-2:][0] == "KeyboardInterrupt"
    note = error.rstrip().splitlines()[-1]
    assert note.startswith("stopped: ")
    assert 400 - open_ids >= int(note.split()[1]) > 0
    assert open_ids == len(simulator.ledger.open_ids()) > 300
    assert "Warning" not in error


FORKING = """
import os, sys
from engine.compat.opinion import BuilderClient
client = BuilderClient(sys.argv[1], "builder-key", 56, limits=None)
key, first, second, third = sys.argv[2:]
print(client.cancel_order_for_user(key, first), flush=True)
child = os.fork()
if child == 0:
    print(client.cancel_order_for_user(key, second), flush=True)
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), client.cancel_order_for_user(key, third), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_gets_an_engine_of_its_own():
    """A client works on in a process that was forked off, and in its parent as well."""
    simulator = simulated(orders=3, quota=None)
    with served(simulator) as base_url:
        done = ended(FORKING, base_url, key_of(simulator), *simulator.ledger.orders, flags=("-W", "ignore"))

    assert ["{'result': True}", "{'result': True}", "7 {'result': True}"] == done.stdout.splitlines(), done.stderr
    assert "" == done.stderr
    assert set() == simulator.ledger.open_ids()


# --- bounds, and what is not known


def test_a_deadline_bounds_a_call_and_nothing_unknown_is_success():
    """At a venue that never answers, each shape says by the deadline that the order's fate is unknown."""
    simulator = simulated(orders=2, quota=None, faults=[FaultRule(FAULTS["hang"])])
    first, second = simulator.ledger.orders
    with served(simulator) as base_url, builder(base_url, deadline_s=0.4) as client:
        began_s = time.monotonic()
        with pytest.raises(ApiException) as of_one:
            client.cancel_order_for_user(key_of(simulator), first)
        batch = client.cancel_orders_batch_for_user(key_of(simulator), [first, second])
        with pytest.raises(ApiException) as of_all:
            client.cancel_all_orders_for_user(key_of(simulator))
        with pytest.raises(ApiException) as of_reading:
            client.get_user_orders(key_of(simulator))
        took_s = time.monotonic() - began_s
        user = Client(base_url, key_of(simulator), 56, limits=None, retry=QUICK, deadline_s=0.4)
        with user, pytest.raises(OpenApiError) as of_user:
            user.cancel_order(first)

    assert 10 > took_s
    assert Outcome.UNKNOWN is of_one.value.outcome is of_user.value.outcome
    assert [False, False] == [item["success"] for item in batch]
    assert ["unknown", "unknown"] == [item["error"].partition(":")[0] for item in batch]
    assert not of_all.value.summary.listing_complete
    assert of_reading.value.status is None


def test_unknown_in_the_shape_of_polymarket():
    """A cancel without an answer is raised where nothing else is known, and a reason beside what is known."""
    unanswered = FaultRule(POLYMARKET_FAULTS["hang"], routes={"cancel", "cancel_many", "list", "read"})
    simulator = polymarket(faults=[unanswered])
    order_id = simulator.add_order("alice")
    with served(simulator) as base_url, clob(base_url, simulator, deadline_s=0.4) as client:
        with pytest.raises(PolyApiException) as of_one:
            client.cancel(order_id)
        with pytest.raises(PolyApiException) as of_many:
            client.cancel_orders([order_id, "no-id"])
        with pytest.raises(PolyApiException) as of_listing:
            client.get_orders()

    assert Outcome.UNKNOWN is of_one.value.outcome
    assert {Outcome.UNKNOWN: 1, Outcome.NOT_SENT: 1} == of_many.value.summary.by_outcome
    assert of_one.value.status_code is of_many.value.status_code is of_listing.value.status_code is None


def test_unknown_beside_what_is_known():
    """In a batch of which some is known, what is unknown is among those not cancelled."""
    lost = FaultRule(POLYMARKET_FAULTS["drop"], routes={"cancel", "cancel_many"})
    good, bad = f"0x{1:064x}", f"0x{2:064x}"
    simulator = polymarket(faults=[lost, FaultRule(POLYMARKET_FAULTS["http_500"], routes={"read"}, order_ids={bad})])
    for order_id in (good, bad):
        simulator.add_order("alice", order_id=order_id)
    simulator.cancel_elsewhere(good)
    with served(simulator) as base_url, clob(base_url, simulator) as client:
        answer = client.cancel_orders([bad, good])

    assert [good] == answer["canceled"]
    assert [bad] == list(answer["not_canceled"])
    assert answer["not_canceled"][bad].startswith("unknown: ")


def test_a_record_is_kept(tmp_path):
    """With a journal, what a client cancelled stands in it."""
    simulator = simulated(orders=3, quota=None)
    with served(simulator) as base_url, builder(base_url, journal=Journal.open(str(tmp_path / "journal.db"))) as client:
        assert 3 == client.cancel_all_orders_for_user(key_of(simulator))["cancelled"]
    with Journal.open(str(tmp_path / "journal.db")) as journal:
        (run,) = journal.runs()
        assert 3 == journal.report(run.run_id).cancelled


# --- shapes of others


class OthersSide(IntEnum):
    """An enumeration like the official one."""

    BUY = 0
    SELL = 1


class PlainSide(Enum):
    """One whose members are no numbers."""

    BUY = 0
    SELL = 1


@pytest.mark.parametrize("sell", [OrderSide.SELL, OthersSide.SELL, PlainSide.SELL, Side.SELL, 1])
def test_a_side_is_known_by_its_shape(sell):
    """Any enumeration's member with the official value, the value, and the engine's own word name a side."""
    simulator = simulated(orders=4, quota=None)
    with served(simulator) as base_url, builder(base_url) as client:
        answer = client.cancel_all_orders_for_user(key_of(simulator), side=sell)

    assert 2 == answer["cancelled"] == answer["total_orders"]
    assert {Side.BUY} == {simulator.ledger.orders[order_id].side for order_id in simulator.ledger.open_ids()}


@pytest.mark.parametrize("side", ["BUY", 2, -1, True, 0.0, object()])
def test_what_is_no_side_is_refused(side):
    """A side that nobody can tell cancels nothing."""
    simulator = simulated(orders=2, quota=None)
    with served(simulator) as base_url, builder(base_url) as client, pytest.raises(InvalidParamError):
        client.cancel_all_orders_for_user(key_of(simulator), side=side)

    assert [] == simulator.ledger.requests


def test_credentials_are_known_by_their_shape():
    """Anything with the three official attributes is credentials, and so is the engine's own key; they can be set later."""
    simulator = polymarket()
    known = simulator.account("alice")
    for _ in range(4):
        simulator.add_order("alice")
    shapes = [
        ApiCreds(known.api_key, known.secret, known.passphrase),
        SimpleNamespace(api_key=known.api_key, api_secret=known.secret, api_passphrase=known.passphrase),
        PolymarketKey(known.address, known.api_key, known.secret, known.passphrase),
    ]
    with served(simulator) as base_url:
        for creds in shapes:
            with ClobClient(base_url, 137, creds=creds, address=known.address, limits=None) as client:
                assert 4 == len(client.get_orders())
        with ClobClient(base_url, 137, address=known.address, limits=None) as client:
            with pytest.raises(PolyException, match="credentials"):
                client.cancel_all()
            client.set_api_creds(shapes[1])
            assert 4 == len(client.cancel_all()["canceled"])
        with ClobClient(base_url, creds=shapes[2], limits=None) as client:
            assert known.address == client.get_address()
            assert {"canceled": [], "not_canceled": {}} == client.cancel_all()


def test_more_arguments_by_position():
    """The arguments of either official client are taken by position, down to the last."""
    creds = ApiCreds("key", "c2VjcmV0", "pass")
    ClobClient("http://127.0.0.1:9", 137, WALLET, creds, 1, "0x1", None, 300.0).close()
    ClobClient("http://127.0.0.1:9/", 137, WALLET, creds, 1, "0x1", None, True, False, 0).close()
    BuilderClient("http://127.0.0.1:9", "builder-key", 56, "http://rpc", False, None).close()
    Client("http://127.0.0.1:9", "key", 56, "http://rpc", "0x1", "0x2", None, None, None, 1, 2, 3).close()


@pytest.mark.parametrize(
    "make",
    [
        lambda: BuilderClient("http://127.0.0.1:9", "builder-key", 1),
        lambda: BuilderClient("", "builder-key", 56),
        lambda: BuilderClient("http://venue.example", "builder-key", 56),
        lambda: BuilderClient("http://127.0.0.1:9", "builder-key", 56, deadline_s=0),
        lambda: Client("http://127.0.0.1:9", "", 56),
        lambda: Client("http://127.0.0.1:9", "a key", 56),
        lambda: Client("http://127.0.0.1:9", "key"),
    ],
)
def test_a_client_of_opinion_that_cannot_be(make):
    """What is wrong with the arguments is said at once, as an `InvalidParamError`."""
    with pytest.raises(InvalidParamError):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ClobClient("", 137),
        lambda: ClobClient("http://127.0.0.1:9", 137, "no key"),
        lambda: ClobClient("http://127.0.0.1:9", 137, WALLET, ApiCreds("key", "?", "pass")),
        lambda: ClobClient("http://127.0.0.1:9", 137, WALLET, SimpleNamespace(api_key="key")),
        lambda: ClobClient("http://127.0.0.1:9", 137, WALLET, deadline_s=-1),
    ],
)
def test_a_client_of_polymarket_that_cannot_be(make):
    """What is wrong with the arguments is said at once, as a `PolyException`."""
    with pytest.raises(PolyException):
        make()


def test_an_engine_that_cannot_be_is_an_error_of_each_call():
    """What the engine refuses at its beginning is raised by every call, and none hangs."""
    client = BuilderClient("http://127.0.0.1:9", "builder-key", 56, in_flight=0)
    for _ in range(2):
        with pytest.raises(ConfigError):
            client.get_user_orders("key")
    client.close()


@pytest.mark.parametrize(
    ("client", "name"),
    [
        (BuilderClient("http://127.0.0.1:9", "builder-key", 56), "place_order_for_user"),
        (Client("http://127.0.0.1:9", "key", 56), "get_markets"),
        (ClobClient("http://127.0.0.1:9"), "post_order"),
    ],
)
def test_what_is_not_covered_says_what_is(client, name):
    """A method of the official client that is missing is an `AttributeError` that names those that are there."""
    assert not hasattr(client, name)
    with pytest.raises(AttributeError, match=f"has no '{name}': it cancels and reads orders .*cancel.*official client"):
        getattr(client, name)


# --- secrets


def test_no_key_is_shown():
    """No error of a client tells a key to whoever prints it with the variables of its frames, and no repr does."""
    simulator = simulated(orders=1, quota=None)
    secret, wallet, builders = "a-users-secret-key", "0x" + "5e" * 32, "a-builders-secret-key"
    errors = []

    def tried(act):
        with pytest.raises(Exception) as caught:  # noqa: PT011  # whatever it is
            act()
        errors.append(caught.value)

    with served(simulator) as base_url:
        client = BuilderClient(base_url, builders, 56, limits=None, retry=QUICK)
        tried(lambda: client.cancel_order_for_user(secret, "x"))
        tried(lambda: client.cancel_orders_batch_for_user(secret, []))
        tried(lambda: client.cancel_all_orders_for_user(secret))
        tried(lambda: client.cancel_all_orders_for_user(secret, side="no side"))
        tried(lambda: client.get_user_orders(secret))
        tried(lambda: client.get_user_orders(f"{secret} "))
        tried(lambda: BuilderClient(base_url, builders, 1))
        tried(lambda: Client(base_url, secret, 1, private_key=wallet))
        tried(lambda: Client(base_url, f"{secret}\n", 56, private_key=wallet))
        tried(lambda: ClobClient(base_url, 137, wallet, ApiCreds(secret, secret, secret), timeout_s=-1))
        tried(lambda: ClobClient(base_url, 137, wallet, ApiCreds(secret, "?", secret)))
        clob_client = ClobClient(base_url, 137, wallet, ApiCreds(secret, "c2VjcmV0LXNlY3JldA==", "a-pass-phrase"), retry=QUICK)
        tried(clob_client.cancel_all)
        tried(lambda: clob_client.get_order("x"))
        tried(clob_client.derive_api_key)
        told = "\n".join([everything_told(error) for error in errors])
        told += repr(client) + repr(clob_client) + repr(vars(clob_client)) + repr(ApiCreds(secret, secret, secret))
        client.close()
        clob_client.close()

    assert 14 == len(errors)
    for key in (secret, wallet, wallet[2:], builders, "c2VjcmV0LXNlY3JldA==", "a-pass-phrase"):
        assert key not in told


@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        ("key_dead_401", UnauthorizedException, 401),
        ("key_dead_11002", UnauthorizedException, 401),
        ("refused_10403", ForbiddenException, 403),
    ],
)
def test_a_refused_key_is_told_from_a_blocked_place(fault, kind, status):
    """Whether by HTTP or by a code of its own, a venue that refuses the key or the place is raised as just that."""
    simulator = simulated(orders=2, quota=None, faults=[FaultRule(FAULTS[fault])])
    with served(simulator) as base_url, builder(base_url) as client:
        for act in (
            lambda: client.cancel_order_for_user(key_of(simulator), next(iter(simulator.ledger.orders))),
            lambda: client.cancel_all_orders_for_user(key_of(simulator)),
        ):
            with pytest.raises(kind) as caught:
                act()
            assert status == caught.value.status


# --- the document


def test_the_examples_run(capsys):
    """Each block of docs/compat.md does what it says, with the address of a simulator and its keys put in."""
    opinion, clob_venue = simulated(orders=4, quota=None), simulated_polymarket(epoch_s=time.time())
    clob_venue.add_account("bob", orders=6, private_key=WALLET)
    market = next(iter(clob_venue.ledger.orders.values())).market
    first, second = BLOCKS
    with served(opinion) as base_url:
        source = first.replace("https://openapi.opinion.trade", base_url).replace("user-api-key", key_of(opinion))
        exec(compile(source, "compat.md", "exec"), {})
    with served(clob_venue) as base_url:
        source = second.replace("https://clob.polymarket.com", base_url)
        exec(compile(source.replace("0xprivate-key", WALLET).replace("0xcondition-id", market), "compat.md", "exec"), {})

    told = capsys.readouterr().out.splitlines()
    assert ["2 of 2 cancelled, 0 not", "0 orders are open"] == [told[0], told[-1]]
    assert 2 == len(opinion.ledger.open_ids())
    assert set() == clob_venue.ledger.open_ids("bob")
