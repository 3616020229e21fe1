"""What was measured, as values: rows, the text that shows them, and the exponent of a growth. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

SCHEMA = "cancel-engine/benchmarks/1"

BEGIN, END = "<!-- benchmarks: written by `make bench`, not by hand -->", "<!-- /benchmarks -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure.

    Attributes:
        group: Which benchmark, such as `overhead`.
        name: What was done.
        value: The figure; None where it could not be measured, and `note` says why.
        unit: What it counts, such as "x the hand-written loop": a ratio within one run where there is something to compare with.
        spread: The least and the most of the repeats; None where there was one.
        repeats: How many there were.
        least: What the figure should reach, or None.
        most: What it should stay under, or None.
        figures: What it was made of, by name and unit.
        note: What else has to be known.
        is_head: Whether the README shows it.
    """

    group: str
    name: str
    value: float | None
    unit: str
    spread: tuple[float, float] | None = None
    repeats: int = 1
    least: float | None = None
    most: float | None = None
    figures: Mapping[str, float | int | str] = field(default_factory=dict)
    note: str = ""
    is_head: bool = False

    @property
    def is_met(self) -> bool | None:
        """Whether the figure is where it should be; None where nothing is asked of it, or nothing was measured."""
        if self.value is None or (self.least is None and self.most is None):
            return None
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    @property
    def target(self) -> str:
        """What is asked of it, in words."""
        if self.least is not None:
            return f"at least {shown(self.least)}"
        return "" if self.most is None else f"at most {shown(self.most)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All rows of one run of the benchmarks, with where and when."""

    date: str
    size: str
    machine: Mapping[str, str]
    rows: tuple[Row, ...]

    def of(self, group: str) -> tuple[Row, ...]:
        """The rows of one benchmark."""
        return tuple(row for row in self.rows if row.group == group)

    def to_json(self) -> str:
        """The document that `from_json` reads."""
        document = {"schema": SCHEMA, "date": self.date, "size": self.size, "machine": dict(self.machine)}
        return json.dumps(document | {"rows": [asdict(row) for row in self.rows]}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Results:
        """The results that `to_json` wrote.

        Raises:
            ValueError: it is another document.
        """
        document: dict[str, Any] = json.loads(text)
        if document.get("schema") != SCHEMA:
            raise ValueError(f"not a document of {SCHEMA}")
        rows = [each | {"spread": tuple(each["spread"]) if each["spread"] else None} for each in document["rows"]]
        return cls(
            date=document["date"], size=document["size"], machine=document["machine"], rows=tuple(Row(**each) for each in rows)
        )


# --- arithmetic


def compared(mine: Sequence[float], theirs: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """The median of the ratios of pairs, with the least and the most of them.

    Raises:
        ValueError: the two are not equally many, or none.
    """
    ratios = [one / other for one, other in zip(mine, theirs, strict=True)]
    if not ratios:
        raise ValueError("nothing to compare")
    return median(ratios), (min(ratios), max(ratios))


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The k of cost = c * size ** k that fits best, by least squares of the logarithms: 1 is growth in step.

    Raises:
        ValueError: fewer than two different sizes, or a figure that is not positive.
    """
    if len(set(sizes)) < 2 or min(*sizes, *costs) <= 0:
        raise ValueError("a growth needs two sizes, and figures above nothing")
    xs, ys = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    beside = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True))
    return beside / sum((x - x_mean) ** 2 for x in xs)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed, by the nearest rank.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


# --- text


def shown(value: float | str | None) -> str:
    """A figure with three significant digits; whole thousands with commas."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if value and abs(value) < 1000:
        digits = max(0, 2 - math.floor(math.log10(abs(value))))
        return f"{value:.{digits}f}" if isinstance(value, float) else str(value)
    return f"{value:,.0f}"


def _spread(row: Row) -> str:
    return "" if row.spread is None else f"{shown(row.spread[0])} to {shown(row.spread[1])} of {row.repeats}"


def _verdict(row: Row) -> str:
    return {True: "yes", False: "**no**", None: ""}[row.is_met]


def _figures(row: Row) -> str:
    parts = [f"{name} {shown(value)}" for name, value in row.figures.items()]
    return "; ".join([*parts, row.note] if row.note else parts)


def text_table(rows: Iterable[Row]) -> str:
    """The rows for a terminal, a heading for each benchmark."""
    lines: list[str] = []
    group = None
    for row in rows:
        if row.group != group:
            group = row.group
            lines += ["", group]
        verdict = {True: "ok ", False: "NO ", None: "   "}[row.is_met]
        target = f", asked {row.target}" if row.target else ""
        spread = f" ({_spread(row)})" if row.spread else ""
        lines.append(f"  {verdict}{row.name}: {shown(row.value)} {row.unit}{spread}{target}")
        if details := _figures(row):
            lines.append(f"       {details}")
    return "\n".join(lines).lstrip("\n")


def markdown_table(rows: Iterable[Row], *, with_figures: bool) -> str:
    """The rows as a table of Markdown."""
    names = ["", "figure", "spread", "asked", "met"] + (["made of"] if with_figures else [])
    lines = [f"| {' | '.join(names)} |".replace("|  |", "| |", 1), "| --- " * len(names) + "|"]
    for row in rows:
        figure = f"{shown(row.value)} {row.unit}"
        if row.note and not with_figures:  # that somebody was fast and left orders open is no figure without that
            figure += f"; {row.note}"
        cells = [row.name, figure, _spread(row), row.target, _verdict(row)]
        cells += [_figures(row)] if with_figures else []
        lines.append("| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |")
    return "\n".join(lines)


def _origin(results: Results) -> str:
    """Where and when, in a sentence."""
    command = "make bench FULL=1" if results.size == "full" else "make bench"
    machine = ", ".join(f"{name} {value}" if name != "machine" else value for name, value in results.machine.items())
    return f"Measured on {results.date} with `{command} WRITE=1` on {machine}."


def readme_block(results: Results, plot: str) -> str:
    """What stands in the README between its markers, these included."""
    rows = [row for row in results.rows if row.is_head]
    picture = f"![How long other clients take, and cancels a second against aiohttp by hand and bare sockets]({plot})"
    words = f"""{_origin(results)}
Ratios are medians of runs that took turns within one run of the command. Every row, and what it is made of, stands in
[docs/benchmarks.md](docs/benchmarks.md)."""
    lines = [BEGIN, picture, "", markdown_table(rows, with_figures=False), "", words, END]
    return "\n".join(lines)


def with_block(readme: str, block: str) -> str:
    """The README with this block between its markers.

    Raises:
        ValueError: the markers are not there.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the README has no place for the benchmarks")
    return before + block + after


HEADINGS = {
    "pace": (
        "Pace",
        "The least time that the quota allows, with the round trips that no client can avoid, over the time taken.",
    ),
    "overhead": (
        "Overhead",
        """The engine with everything on and the venue's limits lifted, against an aiohttp loop as one writes it by hand (a
semaphore, gather, `json=`), both with warm connections to the same venue, which is one protocol in a process of its own.""",
    ),
    "limit": (
        "Limit",
        "The same against bare sockets that write prepared bytes: how far all of Python's layers are from the machine.",
    ),
    "peers": (
        "Peers",
        """What else takes orders off these books, with one key, every client with one read behind it. Orders that are named are
all known and open. *Left open* is what the venue's book says afterwards, whatever was reported. After a cancel-all the engine has
also listed until nothing was left; the others have not.""",
    ),
    "latency": ("Latency", "From the call to the first byte at the venue, and what the engine adds to a request."),
    "scale": ("Scale", "How time, CPU and memory grow with accounts and orders: 1 is growth in step with them."),
    "core": ("Core", "What single steps cost; the fastest of some rounds. To see a regression, not to compare machines."),
    "journal": ("Journal", "What it costs to write the run down as it happens."),
}
"""Heading and first sentence of each benchmark, in the order in which they stand."""


def document(results: Results, plots: Mapping[str, str]) -> str:
    """The whole of docs/benchmarks.md; `plots` gives the picture of a benchmark where there is one."""
    words = """Figures of one machine and one day; ratios travel better. Runs that are compared take turns; a ratio is the median
over such pairs, with the least and the most beside it. Everything runs over loopback, and is bounded in number and time."""
    lines = ["# Benchmarks", "", f"{_origin(results)} Written by that command, not by hand.", "", words]
    for group, (heading, sentence) in HEADINGS.items():
        rows = results.of(group)
        if not rows:
            continue
        lines += ["", f"## {heading}", "", sentence, ""]
        if group in plots:
            lines += [f"![{heading}]({plots[group]})", ""]
        lines.append(markdown_table(rows, with_figures=True))
    return "\n".join(lines) + "\n"
