"""What stands in configs and docs about metrics and events is what the code has: every name, every label, nothing left out."""

import json
import re
from collections import defaultdict
from dataclasses import fields
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree as ET

import pytest
import yaml
from prometheus_client import CollectorRegistry

from engine import events
from engine.cli.live import HEAD
from engine.core.outcome import Outcome
from engine.core.quota import Kind
from engine.core.summary import Fault
from engine.events import RequestResult, RunBegan, RunResult
from engine.metrics import Metrics

ROOT = Path(__file__).parent.parent
DASHBOARD = ROOT / "configs" / "grafana" / "dashboard.json"
ALERTS = ROOT / "configs" / "prometheus" / "alerts.yml"
DOCS = ROOT / "docs" / "observability.md"

OF_THE_TARGET = {"instance", "job"}
"""Labels that Prometheus itself adds to everything that it scrapes."""

VALUES = {
    "outcome": set(Outcome),
    "kind": set(Kind),
    "result": {*RequestResult, *RunResult},
    "fault": set(Fault),
}


def registered():
    """Every series that the exporter makes: its name, and the labels that it has."""
    metrics = Metrics(CollectorRegistry())
    metrics(RunBegan(run_id="1", venues=("opinion",), accounts=1, is_resumed=False))
    found = defaultdict(set)
    for family in metrics.registry.collect():
        child = next(iter(family.samples), None)
        names = {each.name for each in family.samples}
        names |= {f"{family.name}_{end}" for end in ("bucket", "sum", "count")} if family.type == "histogram" else set()
        names |= {f"{family.name}_total"} if family.type == "counter" else set()
        for name in names:
            found[name] |= set(child.labels) if child else set()
    for name in ("request_seconds", "quota_wait_seconds"):  # they have no child before the first request
        for end in ("bucket", "sum", "count"):
            found[f"cancel_engine_{name}_{end}"] |= {"venue", "kind"}
    for name in [each for each in found if each.endswith("_bucket")]:
        found[name] |= {"le"}
    return found


def expressions():
    """Every expression of the dashboard and of the alerts, each with where it stands."""
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        for target in panel["targets"]:
            yield pytest.param(target["expr"], id=f"panel: {panel['title']} {target['refId']}")
    for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]:
        for rule in group["rules"]:
            yield pytest.param(rule["expr"], id=f"alert: {rule['alert']}")


@pytest.mark.parametrize("expression", list(expressions()))
def test_every_metric_and_label_that_is_asked_for_is_there(expression):
    """A name or a label that the exporter does not have would be a panel or an alert that never speaks."""
    known = registered()
    names = re.findall(r"\bcancel_engine_\w+", expression)
    assert names
    assert set() == set(names) - known.keys()
    labels = OF_THE_TARGET | set().union(*(known[name] for name in names))
    grouped = re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", expression)
    assert {each.strip() for text in grouped for each in text.split(",")} <= labels
    for name, chosen in re.findall(r"\b(cancel_engine_\w+)\s*\{([^}]*)\}", expression):
        for label, value in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', chosen):
            assert label in OF_THE_TARGET | known[name]
            assert "$" in value or set(value.split("|")) <= VALUES[label]


@pytest.mark.parametrize("expression", list(expressions()))
def test_every_expression_is_in_balance(expression):
    """Brackets and quotes are closed, and rates are taken of counters alone."""
    assert all(expression.count(one) == expression.count(other) for one, other in ("()", "[]", "{}"))
    assert 0 == expression.count('"') % 2
    rated = re.findall(r"\b(?:rate|increase)\((cancel_engine_\w+)", expression)
    assert [] == [name for name in rated if not name.endswith(("_total", "_bucket", "_sum", "_count"))]


def test_every_legend_and_every_word_of_an_alert_names_a_label_that_is_left():
    """What stands in double braces is a label by which the expression groups, so that it is never shown blank."""
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        for target in panel["targets"]:
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= set(re.findall(r"\w+", target["expr"]))
    known = registered()
    for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]:
        for rule in group["rules"]:
            said = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
            names = re.findall(r"\bcancel_engine_\w+", rule["expr"])
            assert said <= set().union(*(known[name] for name in names)) | OF_THE_TARGET
            assert {"summary", "description"} == rule["annotations"].keys()
            assert rule["labels"]["severity"] in {"page", "warn"}


def test_what_must_not_be_missed_has_an_alert():
    """Orders that may be live, listings that failed, refusals for pace, a lost record, and a run that is not clean."""
    told = {rule["alert"] for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]}

    assert {"OrdersMayStillBeLive", "ListingFailures", "ThrottledTooOften", "JournalLost", "RunNotClean"} <= told


def test_every_metric_is_in_the_dashboard():
    """What is measured is shown; left out is only what a panel shows in another way."""
    shown = set(re.findall(r"\bcancel_engine_\w+", DASHBOARD.read_text("utf-8")))
    families = [family.name for family in Metrics(CollectorRegistry()).registry.collect()]

    assert [
        "cancel_engine_last_run_end_timestamp_seconds", "cancel_engine_outages", "cancel_engine_journal_lost",
    ] == [name for name in families if not shown & {name, f"{name}_total", f"{name}_bucket"}]  # fmt: skip


def test_the_panels_do_not_cover_each_other():
    """Every panel has its place of its own, within the 24 columns."""
    taken = set()
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    for panel in panels:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24
        assert set() == cells & taken
        taken |= cells
    assert len(panels) == len({panel["id"] for panel in panels})


# --- the documentation


def rows(heading):
    """The rows of the table below a heading of the documentation, cell by cell."""
    text = DOCS.read_text("utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_table_of_metrics_is_the_code():
    """Each metric stands there once, with its type, its labels and the words that the exporter serves."""
    metrics = Metrics(CollectorRegistry())
    known = registered()
    expected = []
    for family in metrics.registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = known[name] | known[f"{family.name}_count"] if family.type == "histogram" else known[name]
        shown = ", ".join(f"`{label}`" for label in ("venue", "kind", "outcome", "result", "fault") if label in labels)
        expected.append([f"`{name}`", family.type, shown, family.documentation])

    assert expected == rows("Metrics")


def test_the_table_of_events_is_the_code():
    """Each event stands there once, in the order of the code, with all that it carries and the first line of its docstring."""
    kinds = get_args(events.Event)

    assert [
        [f"`{kind.__name__}`", ", ".join(f"`{field.name}`" for field in fields(kind)), kind.__doc__.splitlines()[0]]
        for kind in kinds
    ] == rows("The hook")


def test_the_example_is_run_as_it_stands(capsys):
    """The example of the hook runs against a simulator, and prints what the text below it says."""
    text = DOCS.read_text("utf-8")
    code = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)
    exec(compile(code[1], str(DOCS), "exec"), {"__name__": "__main__"})

    assert code[2] == capsys.readouterr().out


# --- pictures


@pytest.mark.parametrize("columns", [80, 200])
def test_the_pictures_of_the_terminal_are_those_of_the_code(columns):
    """A picture has the words of today's live view, is shown in the documentation, and asks no network for anything."""
    path = ROOT / "docs" / "images" / f"terminal-{columns}.svg"
    root = ET.parse(path).getroot()
    words = " ".join(
        "".join(node.itertext()).replace("\xa0", " ").strip() for node in root.iter("{http://www.w3.org/2000/svg}text")
    )

    assert [] == [head for head in HEAD if head not in words]
    assert "accounts done" in words
    assert "at risk): bad key: the venue refuses the key" in words
    assert f"(images/{path.name})" in (ROOT / "docs" / "terminal.md").read_text("utf-8")
    assert "url(http" not in path.read_text("utf-8").replace('"', "").replace("'", "")
