"""Run benchmarks, show the table, and keep what was measured.

python -m benchmarks                        all of them, small: a few minutes
python -m benchmarks overhead latency       some of them
python -m benchmarks --full --write         the figures of the README and of docs/benchmarks.md, with their plots
python -m benchmarks --render               write these again from what was measured last
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.rows import HEADINGS, Results, Row, document, readme_block, text_table, with_block

ROOT = Path(__file__).parent.parent
KEPT = ROOT / "benchmarks" / "results" / "full.json"
SMALL = ROOT / "benchmarks" / "results" / "small.json"
PLOTS = "docs/benchmarks"
README_PLOT = f"{PLOTS}/readme.svg"

MODULES = ("core", "overhead", "latency", "pace", "peers", "scale", "journal")
"""Each measures the rows of its own name; `overhead` also those of `limit`."""


def measured(names: list[str], *, is_full: bool) -> Iterator[Row]:
    """The rows of these benchmarks as they come."""
    for name in names:
        began_s = time.perf_counter()
        measure: Callable[..., Iterator[Row]] = importlib.import_module(f"benchmarks.{name}").measure
        for row in measure(is_full=is_full):
            print(f"{row.group}: {row.name}: {row.value} {row.unit}", file=sys.stderr, flush=True)
            yield row
        print(f"{name} took {time.perf_counter() - began_s:.0f} s", file=sys.stderr, flush=True)


def in_order(rows: list[Row]) -> tuple[Row, ...]:
    """The rows, benchmark by benchmark as the document has them."""
    groups = list(HEADINGS)
    return tuple(sorted(rows, key=lambda row: groups.index(row.group)))


def merged(old: Results | None, new: Results) -> Results:
    """The new results, with the old rows of benchmarks that were not run."""
    if old is None:
        return new
    run = {row.group for row in new.rows}
    kept = [row for row in old.rows if row.group not in run]
    return Results(date=new.date, size=new.size, machine=new.machine, rows=in_order([*kept, *new.rows]))


def write(results: Results) -> None:
    """Bring README, document and plots in line with what was measured."""
    from benchmarks.plots import draw  # noqa: PLC0415  # matplotlib is needed for nothing else

    names = draw(results, ROOT / PLOTS)
    readme = ROOT / "README.md"
    readme.write_text(with_block(readme.read_text("utf-8"), readme_block(results, README_PLOT)), "utf-8")
    plots = {name: f"benchmarks/{name}.svg" for name in names if name in HEADINGS}
    (ROOT / "docs" / "benchmarks.md").write_text(document(results, plots), "utf-8")


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(MODULES)}; all unless given")
    parser.add_argument("--full", action="store_true", help="the sizes that the documents are of")
    parser.add_argument("--write", action="store_true", help="keep the figures, and write README, document and plots")
    parser.add_argument("--render", action="store_true", help="only write these, from what was kept")
    chosen = parser.parse_args()
    if set(chosen.names) - set(MODULES):
        parser.error(f"there are only {', '.join(MODULES)}")
    if chosen.render:
        write(Results.from_json(KEPT.read_text("utf-8")))
        return
    names = [name for name in MODULES if name in (chosen.names or MODULES)]
    rows = in_order(list(measured(names, is_full=chosen.full)))
    date = datetime.now(UTC).date().isoformat()
    results = Results(date=date, size="full" if chosen.full else "small", machine=machine(), rows=rows)
    print(text_table(results.rows))
    target = KEPT if chosen.full and chosen.write else SMALL
    target.parent.mkdir(exist_ok=True)
    if target == KEPT and len(names) < len(MODULES) and KEPT.exists():
        results = merged(Results.from_json(KEPT.read_text("utf-8")), results)
    target.write_text(results.to_json(), "utf-8")
    print(f"\nkept in {target.relative_to(ROOT)}")
    if chosen.write:
        write(results)


if __name__ == "__main__":
    main()
