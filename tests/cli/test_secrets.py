"""No key in any output at any log level; events as lines of JSON on stderr, never on stdout."""

import json

import pytest

FAULTS = {
    "no fault": (),
    "refused": ("--fault", "http_401"),
    "redirect": ("--fault", "redirect_307"),
    "no answer": ("--fault", "drop"),
    "other shapes": ("--fault", "broken_json"),
}


@pytest.mark.parametrize("house", ["opinion", "polymarket"])
@pytest.mark.parametrize("flags", FAULTS.values(), ids=FAULTS)
def test_no_key_in_any_output(cli, simulate, flags, house):
    """Whatever goes wrong, and however much is logged, no key, secret or passphrase is written."""
    venue = simulate("--venue", house, "--orders", 3, "--no-limits", *flags)
    for verb in (("orders", "--json"), ("cancel-all", "--yes"), ("cancel", "0x" + "0" * 64), ("cancel-all", "--dry-run")):
        ran = cli(*verb, *venue.use, "--log-level", "debug", "--deadline", 0.4)
        assert ran.code in (0, 1)
        assert venue.secrets
        assert not [secret for secret in venue.secrets if secret in ran.out + ran.err]


def test_events_are_lines_of_json(cli, simulate):
    """Every event is one JSON object on a line of stderr, with time, level and what happened."""
    venue = simulate("--orders", 3, "--no-limits")
    ran = cli("cancel-all", "--yes", "--json", *venue.use, "--log-level", "debug")
    events = [json.loads(line) for line in ran.err.splitlines()]
    assert {"request", "order settled", "run"} <= {event["event"] for event in events}
    assert all(event["level"] in ("debug", "info") and event["time"] for event in events)
    assert ran.document["cancelled"] == 3


def test_info_has_one_event_for_the_run(cli, simulate):
    """At info level there is one event for the run."""
    venue = simulate("--orders", 3, "--no-limits")
    ran = cli("cancel-all", "--yes", "--json", *venue.use, "--log-level", "info")
    assert json.loads(ran.line)["event"] == "run"


def test_by_default_nothing_is_logged(cli, standing):
    """Without --log-level a good run leaves stderr empty."""
    assert cli("orders", *standing.use, "--json").err == ""
