"""Metrics from the command line: served while the run goes on, left in a file, and refused in time where they cannot be."""

import os
import socket
import stat
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.cli.metering import Metering
from engine.events import RunBegan

PATIENCE_S = 20.0


def numbers(text):
    """Every sample of a text of metrics: its name and labels to its value."""
    families = text_string_to_metric_families(text)
    return {(each.name, *sorted(each.labels.items())): each.value for family in families for each in family.samples}


def free_port():
    """A port that nobody uses."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def scraped():
    """Read metrics again and again, as long as they are served; all that came, in a list."""
    seen, over = [], threading.Event()
    threads = []

    def start(port):
        def scrape():
            while not over.is_set():
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=1.0) as answer:
                        seen.append(numbers(answer.read().decode()))
                except OSError:
                    pass
                time.sleep(0.05)

        threads.append(threading.Thread(target=scrape, daemon=True))
        threads[0].start()
        return seen

    yield start
    over.set()
    for thread in threads:
        thread.join(PATIENCE_S)


def test_metrics_are_served_while_the_run_goes_on(simulate, process, scraped):
    """A scrape in the middle sees a run under way and orders at risk; afterwards nobody answers there any more."""
    venue, port = simulate("--orders", 40), free_port()
    seen = scraped(port)
    done = process("cancel-all", *venue.use, "--yes", "--json", "--metrics", port)

    assert 0 == done.code, done.err
    assert f"Metrics while this runs: http://127.0.0.1:{port}/metrics" in done.err
    during = [each for each in seen if each[("cancel_engine_runs_in_progress",)] == 1]
    at_risk = [each.get(("cancel_engine_orders_at_risk", ("venue", "opinion")), 0) for each in during]
    assert during
    assert 0 < max(at_risk) <= 40
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=1.0)


@pytest.mark.parametrize("verb", ["cancel-all", "cancel"])
def test_a_file_is_left_for_the_collector(simulate, cli, tmp_path, verb):
    """The file says what the report says, is whole and readable for all, and nothing else is left beside it."""
    venue = simulate("--orders", 7, "--accounts", 1, "--no-limits")
    path = tmp_path / "metrics" / "cancel.prom"
    path.parent.mkdir()
    orders = cli("orders", *venue.use, "--json").document["accounts"]["account-1"]["orders"]
    ids = [order["order_id"] for order in orders] if verb == "cancel" else []
    done = cli(verb, *ids, *venue.use, "--yes", "--json", "--metrics-file", path)
    found = numbers(path.read_text())

    assert 0 == done.code
    assert 7 == found["cancel_engine_orders_total", ("outcome", "cancelled"), ("venue", "opinion")]
    assert (0, 1) == (found[("cancel_engine_runs_in_progress",)], found[("cancel_engine_last_run_clean",)])
    assert [path] == list(path.parent.iterdir())
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IROTH


def test_a_resumed_run_is_measured_too(simulate, cli, tmp_path):
    """`resume` takes the same options, and its file holds the whole run."""
    venue, path = simulate("--orders", 40), tmp_path / "resume.prom"
    assert 1 == cli("cancel-all", *venue.use, "--yes", "--json", "--deadline", "1").code
    done = cli("resume", *venue.use, "--json", "--metrics-file", path)
    found = numbers(path.read_text())

    assert 0 == done.code
    assert 40 == found["cancel_engine_orders_total", ("outcome", "cancelled"), ("venue", "opinion")]


def test_a_killed_run_leaves_a_file_that_says_so(simulate, started, until_sent, tmp_path):
    """A process that is killed in the middle leaves a file in which its run has begun and has not ended."""
    venue, path = simulate("--orders", 60), tmp_path / "killed.prom"
    running = started("cancel-all", *venue.use, "--yes", "--metrics-file", path)
    until_sent()
    running.kill()
    running.wait(PATIENCE_S)

    assert 1 == numbers(path.read_text())[("cancel_engine_runs_in_progress",)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--metrics", "metrics"), "is neither PORT nor HOST:PORT"),
        (("--metrics", "127.0.0.1:70000"), "is neither PORT nor HOST:PORT"),
        (("--metrics", "::1:9464"), "is neither PORT nor HOST:PORT"),
        (("--metrics-file", "metrics.txt"), "node_exporter reads only files that end in .prom"),
        (("--metrics-file", "nowhere/metrics.prom"), "there is no folder nowhere; make it first"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_sent(standing, cli, options, words):
    """A bad address or a bad file: exit code 2, one line that says why, and no order is touched."""
    done = cli("cancel-all", *standing.use, "--yes", *options)

    assert (2, True) == (done.code, words in done.line)
    assert 75 == cli("orders", *standing.use, "--json").document["total"]


def test_a_port_that_is_taken_is_said_before_anything_is_sent(standing, cli):
    """Where another process serves there already, nothing is cancelled unseen."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = cli("cancel-all", *standing.use, "--yes", "--no-journal", "--metrics", taken.getsockname()[1])

    assert (2, True) == (done.code, "cannot be served: Address already in use; nothing was sent" in done.line)
    assert 75 == cli("orders", *standing.use, "--json").document["total"]


def test_a_missing_package_is_said_with_the_way_to_get_it(standing, process, tmp_path):
    """Without the extra, exit code 2 and the pip command, before anything is sent; without the option nobody misses it."""
    folder = tmp_path / "prometheus_client"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise ModuleNotFoundError('no such package', name='prometheus_client')\n")
    without = {"env": os.environ | {"PYTHONPATH": f"{tmp_path}:{Path.cwd()}"}}
    done = process("cancel-all", *standing.use, "--yes", "--metrics-file", tmp_path / "a.prom", **without)
    fine = process("orders", *standing.use, "--json", **without)

    assert (2, True) == (done.code, "pip install 'cancel-engine[metrics]'; nothing was sent" in done.line)
    assert (0, 75) == (fine.code, fine.document["total"])


def test_a_file_that_cannot_be_written_in_the_end_costs_no_report(tmp_path, capsys):
    """Where the folder has gone meanwhile, one line says that there is no file, and nothing is raised."""
    path = tmp_path / "gone" / "cancel.prom"
    with Metering(path=path).opened() as on_event:
        on_event(RunBegan(run_id="1", venues=("opinion",), accounts=1, is_resumed=False))

    assert f"The metrics could not be written to {path}: No such file or directory." in capsys.readouterr().err.replace("\n", "")
