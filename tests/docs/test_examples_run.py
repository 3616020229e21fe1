"""Every example in the documents runs as it stands, against simulated venues: Python in this process, commands in a shell.

What is put in is what a reader would put in: addresses, keys, ids, a free port, a smaller number where a large one takes long.
A new document needs nothing here.
"""

import ast
import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from documents import DOCUMENTS, ROOT, blocks, commands
from loopback.served import served
from support import simulated, simulated_polymarket

from engine import CancelEngine, CancelSummary, Journal, RunReport, Side
from engine.simulator import lies
from engine.venues.polymarket import Polymarket, PolymarketKey

PATIENCE_S = 180
WALLET = "0x" + "11" * 32
"""A private key that everybody knows."""

TEXTS = {name: path.read_text("utf-8") for name, path in DOCUMENTS.items()}
IN_PYTHON = [
    name for name, text in TEXTS.items() if name not in ("docs/typing.md", "docs/tutorial.md") and blocks(text, "python")
]
"""Documents with Python in them; test_types.py has the types, and the tutorial's is a file that its commands run."""
IN_A_SHELL = [name for name, text in TEXTS.items() if any(commands(block) for block in blocks(text, "console"))]


def opinion_with_orders(**rules):
    """An Opinion with alice, who has known ids and the example's key, and bob."""
    simulator = simulated(quota=None, **rules)
    simulator.add_account("bob", api_key="another-key", orders=4)
    for order_id in ("order-id", "id-1", "id-2"):
        simulator.add_order("alice", order_id=order_id)
    simulator.add_order("alice", side=Side.SELL)
    return simulator


def polymarket_with_orders(**rules):
    """A Polymarket with alice, and with bob, whose wallet everybody knows."""
    simulator = simulated_polymarket(orders=30, epoch_s=time.time(), **rules)
    simulator.add_account("bob", orders=6, private_key=WALLET)
    return simulator


# --- Python


def put_in(source, opinion_url, polymarket_url, opinion, polymarket):
    """The example with addresses and keys of the simulators."""
    known, market = polymarket.account("alice"), next(iter(polymarket.ledger.orders_of("bob").values())).market
    parts = {
        "https://openapi.opinion.trade": opinion_url, "https://clob.polymarket.com": polymarket_url,
        "user-api-key": opinion.account("alice").api_key, "0xprivate-key": WALLET, "0xcondition-id": market,
        '"0xaddress"': f'"{known.address}"', '"api-key"': f'"{known.api_key}"', '"secret"': f'"{known.secret}"',
        '"passphrase"': f'"{known.passphrase}"', "derive(private_key)": f"derive(private_key, base_url={polymarket_url!r})",
        "start_http_server(9464": "server, _ = start_http_server(0",
    }  # fmt: skip
    for example, real in parts.items():
        source = source.replace(example, real)
    for venue, url in (("Opinion", opinion_url), ("Polymarket", polymarket_url)):
        source = re.sub(rf"(?<![\w.]){venue}\((?=\)|limits|tier)", f"{venue}({url!r}, ", source)
    return source


def run(source, where, names):
    """Run a block, which may wait at its top level."""
    code = compile(source, where, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    waits = eval(code, names)
    if waits is not None:

        async def wait():
            await waits

        asyncio.run(asyncio.wait_for(wait(), PATIENCE_S))


def summaries(values):
    """All summaries among these values, also those in reports and in what the synchronous clients give back."""
    for value in values:
        summary = getattr(value, "summary", value)
        if isinstance(summary, CancelSummary):
            yield summary
        if isinstance(value, RunReport):
            yield from value.accounts.values()


@pytest.mark.parametrize("name", IN_PYTHON)
def test_python_in_a_document_runs(name, tmp_path, monkeypatch):
    """Each block runs after those before it, tells no lie, and one that cancels leaves no buy order of its account's."""
    monkeypatch.chdir(tmp_path)
    Path("accounts.toml").write_text('[[account]]\nname = "alice"\nvenue = "opinion"\napi_key = "vault:alice"\n', "utf-8")
    vault = SimpleNamespace(read=lambda _: {"value": "a-key"})
    names = {
        "your_client": vault, "private_key": WALLET, "CancelEngine": CancelEngine, "Polymarket": Polymarket,
        "PolymarketKey": PolymarketKey,
    }  # fmt: skip
    for block in blocks(TEXTS[name], "python"):
        if block.source is not None:
            continue  # test_links.py holds it to the file, and the tests of the examples run that
        opinion, polymarket = opinion_with_orders(), polymarket_with_orders()
        before = dict(names)
        with served(opinion) as opinion_url, served(polymarket) as polymarket_url:
            run(put_in(block.text, opinion_url, polymarket_url, opinion, polymarket), f"{name}:{block.line}", names)
        new = [value for key, value in names.items() if value is not before.get(key)]
        if "start_http_server(9464" in block.text:
            names["server"].shutdown()
            names["server"].server_close()

        books = [simulator.ledger for simulator in (opinion, polymarket)]
        off = {(book, order.account) for book in books for order in book.orders.values() if order.order_id not in book.open_ids()}
        left = [order for book, account in off for order in book.open_orders(account).values() if order.side is Side.BUY]
        if re.search(r"\.(cancel|mass_cancel)\w*\(", block.text) and "OpinionSimulator" not in block.text:
            assert off, f"{name}:{block.line} cancels nothing"
        assert [] == left, f"{name}:{block.line}"
        for summary in summaries(new):
            ledger = polymarket.ledger if summary.venue == "polymarket" else opinion.ledger
            assert [] == [lie for lie in lies(summary, ledger) if "is said to be" in lie], f"{name}:{block.line}"


def test_a_block_that_is_wrong_would_be_found():
    """A block that raises, at its top level or while it waits, is not passed over."""
    for source in ("await anyio.sleep(0)\nassert False", "assert False"):
        with pytest.raises(AssertionError):
            run(f"import anyio\n{source}", "here", {})


# --- commands


@pytest.fixture
def shell(tmp_path):
    """Run a script in an empty folder; gives what each command printed, in its order."""

    def play(script, **more):
        mine = {key: value for key, value in os.environ.items() if not key.startswith(("CANCEL_ENGINE", "OPINION", "POLYMARKET"))}
        program = tmp_path / ".bin" / "cancel-engine"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m engine "$@"\n', "utf-8")
        program.chmod(0o700)
        python = program.with_name("python3")
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', "utf-8")
        python.chmod(0o700)
        path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
        state = {"XDG_STATE_HOME": str(tmp_path / ".state"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "80"}
        process = subprocess.Popen(
            ["bash", "-c", script], cwd=tmp_path, env={**mine, **state, "PATH": path, **more}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            return process.communicate(timeout=PATIENCE_S)[0]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)  # the shell of this test and what it has begun, which have a session of their own
                process.communicate()

    return play


MARK = "=== ended with"


def script_of(steps):
    """A script that says after each command what its exit code was."""
    return "".join(f"{command}\necho '{MARK}' $?\n" for command in steps)


def ended(out, steps):
    """What each command printed; all have to end with 0."""
    parts = re.split(rf"{MARK} (\d+)\n", out)
    codes = [int(code) for code in parts[1::2]]
    assert [0] * len(steps) == codes, "\n".join(f"{step}: {told}" for step, told in zip(steps, parts[::2], strict=False))
    return parts[::2]


def signs(line):
    """The words of a line, without what differs from time to time: times, ids, how many requests a table has, and its rules."""
    line = re.sub(r"verified +[0-9]+", "verified #", line.replace("─", ""))
    line = re.sub(r" \([^()]* already cancelled\)", "", line)  # how many had arrived before a process was killed
    return re.sub(r"[0-9a-f]{12,}|[0-9]+[.][0-9]+(?= s)|(?<=127.0.0.1:)[0-9]+", "#", line).split()


def free_port():
    """A port that nobody uses."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def typed(command, run_id, order_id):
    """The command as a reader types it here."""
    command = re.sub(r"\bID\b", order_id, command).replace("0123", run_id)
    if "cancel-all" in command and not re.search(r"--yes|--dry-run", command.partition("#")[0]):
        command = command.replace("cancel-all", "cancel-all --yes")
    parts = {
        "cancel-engine simulate": "timeout --preserve-status --signal=TERM 3 cancel-engine simulate",
        "--out accounts.toml": "--out derived.toml", "10.0.0.5:9464": f"127.0.0.1:{free_port()}",
        "--metrics 9464": f"--metrics {free_port()}", "/var/lib/node_exporter/": "./", "--runs 2000": "--runs 5",
        "python -m pytest": f"cd {ROOT} && {sys.executable} -m pytest --collect-only",
    }  # fmt: skip
    for example, real in parts.items():
        command = command.replace(example, real)
    return re.sub(r"^make ", f"make --dry-run --directory {ROOT} ", command)


@pytest.mark.parametrize("name", [name for name in IN_A_SHELL if name != "docs/tutorial.md"])
def test_commands_in_a_document_run(name, shell, tmp_path):
    """Each command ends with 0 where the accounts are there, the venues answer, and a run was cut off before its end."""
    opinion, polymarket = opinion_with_orders(latency_s=0.05), polymarket_with_orders(latency_s=0.05)
    for _ in range(40):
        opinion.place("alice")
    known = polymarket.account("bob")
    (tmp_path / "accounts.csv").write_text(
        f"name,venue,api_key,address,secret,passphrase\nalice,opinion,{opinion.account('alice').api_key},,,\n"
        f"bob,polymarket,{known.api_key},{known.address},{known.secret},{known.passphrase}\n",
        "utf-8",
    )
    (tmp_path / "accounts.toml").write_text(
        f'[[account]]\nname = "alice"\nvenue = "opinion"\napi_key = "{opinion.account("alice").api_key}"\n'
        f'[[account]]\nname = "bob"\nvenue = "polymarket"\napi_key = "{known.api_key}"\naddress = "{known.address}"\n'
        f'secret = "{known.secret}"\npassphrase = "{known.passphrase}"\n',
        "utf-8",
    )
    for file in ("accounts.csv", "accounts.toml"):
        (tmp_path / file).chmod(0o600)
    with served(opinion) as opinion_url, served(polymarket) as polymarket_url:
        more = {
            "CANCEL_ENGINE_VENUE_OPINION_BASE_URL": opinion_url, "CANCEL_ENGINE_VENUE_POLYMARKET_BASE_URL": polymarket_url,
            "POLYMARKET_PRIVATE_KEY": WALLET, "CANCEL_ENGINE_JOURNAL": str(tmp_path / "journal.db"),
        }  # fmt: skip
        shell("cancel-engine cancel-all --accounts accounts.toml --yes --deadline 0.6 --set run.in_flight=1", **more)
        with Journal.open(tmp_path / "journal.db") as journal:
            (run_line,) = journal.runs()
            order_id = next(result.order_id for result in journal.report(run_line.run_id).accounts["alice"].results)
        assert "stopped" == run_line.state
        given = [command for block in blocks(TEXTS[name], "console") for command, _ in commands(block)]
        steps = [typed(command, run_line.run_id, order_id) for command in given]
        ended(shell(script_of(steps), **more), steps)


NOT_AGAIN = ("SOURCE=", "python3 -m venv", "venv/bin/pip", ". venv/bin/activate")
"""What installs the engine: it is installed where the tests run, and they use no network."""


def test_the_tutorial_goes_as_it_is_written(shell):
    """From an empty folder every command of the tutorial ends with 0, and prints the lines that the tutorial shows."""
    port, steps, shown = str(free_port()), [], []
    for block in blocks(TEXTS["docs/tutorial.md"], "console", "python"):
        if block.language == "python":
            name = block.text.splitlines()[0].removeprefix("# ")
            steps.append(f"cat > {name} <<'END OF FILE'\n{block.text}END OF FILE")
            shown.append([])
        for command, lines in commands(block) if block.language == "console" else ():
            if not command.startswith(NOT_AGAIN):
                steps.append(command)
                shown.append(lines)
    told = ended(shell(script_of(step.replace("8712", port) for step in steps)), steps)

    for step, lines, out in zip(steps, shown, told, strict=False):
        printed = [signs(line) for line in out.splitlines()]
        assert [] == [line for line in lines if signs(line) not in printed], f"{step}\n{out}"
