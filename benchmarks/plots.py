"""Plots of what was measured, as SVG and PNG. The only file that needs matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.rows import Results, Row

OURS, THEIRS, BARE = "#1b6ca8", "#b8b8b8", "#e0a030"
SETTINGS: Any = {
    "svg.hashsalt": "cancel-engine",  # the same figures give the same file
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(results: Results, folder: Path) -> list[str]:
    """Draw what there are rows for; the names of the pictures, each in both formats."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn: list[str] = []
    with mpl.rc_context(SETTINGS):
        for name, plot in PLOTS.items():
            figure = plot(results)
            if figure is None:
                continue
            for form, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
                figure.savefig(folder / f"{name}.{form}", dpi=120, bbox_inches="tight", metadata=metadata)
            drawn.append(name)
    return drawn


def _number(row: Row, name: str) -> float:
    value = row.figures.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0


def _draw_overhead(axes: Any, results: Results) -> None:
    rows = [row for row in results.of("limit") if "engine/s" in row.figures]
    by_hand = {row.name: _number(row, "by hand/s") for row in results.of("overhead") if "by hand/s" in row.figures}
    names = [row.name.removeprefix("cancels a second, ").replace(" in flight, ", "\n") for row in rows]
    series = (
        ("bare sockets", BARE, [_number(row, "bare/s") for row in rows]),
        ("aiohttp by hand", THEIRS, [by_hand.get(row.name, 0.0) for row in rows]),
        ("engine", OURS, [_number(row, "engine/s") for row in rows]),
    )
    for place, (label, colour, values) in enumerate(series):
        axes.bar([index + 0.27 * (place - 1) for index in range(len(rows))], values, 0.25, label=label, color=colour)
    axes.set_xticks(range(len(rows)), names)
    axes.set_yscale("log")
    axes.set_ylabel("cancels a second, one process")
    axes.set_title("one request for each order, connections warm")
    axes.legend(frameon=False, ncols=3, loc="upper left", fontsize=7)
    axes.margins(y=0.25)


def _peer_rows(results: Results) -> list[Row]:
    return [row for row in results.of("peers") if row.value is not None and "1,000 cancels, 50 ms" in row.name]


def _draw_peers(axes: Any, rows: Sequence[Row]) -> None:
    names = [row.name.split(", 1,000")[0].replace(" (", "\n(") for row in rows]
    for place, (label, colour, key) in enumerate((("engine", OURS, "engine s"), ("peer", THEIRS, "peer s"))):
        places = [index + 0.2 - 0.4 * place for index in range(len(rows))]
        bars = axes.barh(places, [_number(row, key) for row in rows], 0.38, label=label, color=colour)
        axes.bar_label(bars, fmt="%.2f s", padding=2, fontsize=7)
    axes.set_yticks(range(len(rows)), names)
    axes.set_xscale("log")
    axes.set_xlabel("seconds for 1,000 cancels of one key, venue of 50 ms, no limits")
    axes.set_title("what else takes orders off these books")
    axes.legend(frameon=False)
    axes.margins(x=0.2)


def _draw_scale(axes: Any, results: Results) -> None:
    for what, colour in (("virtual clock", OURS), ("loopback", BARE)):
        rows = [row for row in results.of("scale") if row.unit.startswith("µs") and row.name.endswith(what)]
        points = sorted((_total(row), _number(row, "CPU s")) for row in rows)
        axes.plot([x for x, _ in points], [y for _, y in points], "o", color=colour, label=what, markersize=4)
        if points:
            x, y = points[-1]
            axes.plot([100, x], [y * 100 / x, y], "-", color=colour, linewidth=0.6)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("orders of one run")
    axes.set_ylabel("CPU, seconds")
    axes.set_title("growth; the lines are growth in step")
    axes.legend(frameon=False)


def _total(row: Row) -> int:
    """Orders of a run, from a name such as `100 accounts of 10 orders, loopback`."""
    accounts, rest = row.name.replace(",", "").split(" accounts of ")
    return int(accounts) * int(rest.split(" orders")[0])


def _readme(results: Results) -> Figure | None:
    peers = _peer_rows(results)
    if not peers or not results.of("limit"):
        return None
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_peers(left, peers)
    _draw_overhead(right, results)
    return figure


def _overhead(results: Results) -> Figure | None:
    if not results.of("limit"):
        return None
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    _draw_overhead(figure.subplots(), results)
    return figure


def _peers(results: Results) -> Figure | None:
    rows = _peer_rows(results)
    if not rows:
        return None
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    _draw_peers(figure.subplots(), rows)
    return figure


def _scale(results: Results) -> Figure | None:
    if not results.of("scale"):
        return None
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    _draw_scale(figure.subplots(), results)
    return figure


def _pace(results: Results) -> Figure | None:
    rows = [row for row in results.of("pace") if row.value is not None and "least s" in row.figures][::-1]
    if not rows:
        return None
    figure = Figure(figsize=(8, 0.4 * len(rows) + 1), layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(rows)), [row.value or 0.0 for row in rows], color=OURS)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.axvline(0.98, color="black", linewidth=0.6)
    axes.set_xlim(0.8, 1.01)
    axes.set_xlabel("least time there is, over the time taken")
    return figure


PLOTS: dict[str, Callable[[Results], Figure | None]] = {
    "readme": _readme,
    "overhead": _overhead,
    "peers": _peers,
    "scale": _scale,
    "pace": _pace,
}
