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
from benchmarks.rows import HEADINGS, Results, Row, document, readme_block, shown, text_table, with_block

ROOT = Path(__file__).parent.parent
KEPT = ROOT / "benchmarks" / "results" / "kept.json"
LAST = ROOT / "benchmarks" / "results" / "last.json"
PLOTS = "docs/benchmarks"
README_PLOT = f"{PLOTS}/readme.svg"

MODULES = ("core", "overhead", "latency", "pace", "peers", "scale", "journal")
"""Each measures the rows of its own name; `overhead` also those of `limit`."""


def measured(name: str, *, is_full: bool) -> Iterator[Row]:
    """The rows of one benchmark as they come."""
    began_s = time.perf_counter()
    measure: Callable[..., Iterator[Row]] = importlib.import_module(f"benchmarks.{name}").measure
    for row in measure(is_full=is_full):
        print(f"{row.group}: {row.name}: {shown(row.value)} {row.unit}", file=sys.stderr, flush=True)
        yield row
    print(f"{name} took {time.perf_counter() - began_s:.0f} s", file=sys.stderr, flush=True)


def in_order(rows: list[Row]) -> tuple[Row, ...]:
    """The rows, benchmark by benchmark as the document has them."""
    groups = list(HEADINGS)
    return tuple(sorted(rows, key=lambda row: groups.index(row.group)))


def keep(path: Path, rows: list[Row], *, size: str) -> Results:
    """Keep these rows, and what was kept before of benchmarks that were not run, if of the same size; all that is kept now."""
    run = {row.group for row in rows}
    before = Results.from_json(path.read_text("utf-8")) if path.exists() else None
    old = before.rows if before is not None and before.size == size else ()
    date = datetime.now(UTC).date().isoformat()
    all_rows = in_order([*(row for row in old if row.group not in run), *rows])
    results = Results(date=date, size=size, machine=machine(), rows=all_rows)
    path.parent.mkdir(exist_ok=True)
    path.write_text(results.to_json(), "utf-8")
    return results


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
    size, path = "full" if chosen.full else "small", KEPT if chosen.write else LAST
    rows: list[Row] = []
    for name in (name for name in MODULES if name in (chosen.names or MODULES)):
        new = list(measured(name, is_full=chosen.full))
        rows += new
        results = keep(path, new, size=size)  # one by one, so that a run that is broken off has not been in vain
    print(text_table(in_order(rows)))
    print(f"\nkept in {path.relative_to(ROOT)}")
    if chosen.write:
        write(results)


if __name__ == "__main__":
    main()
