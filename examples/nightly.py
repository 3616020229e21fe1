"""The nightly clean-up of a builder's platform: takes orders that are older than a day off the book, for all of its users.

    python nightly.py accounts.toml --journal nightly.db --reports reports

A night that was cut off is finished first, out of the journal. SIGTERM stops in order, with a report. The exit code is 0 if
nothing may still be live of what should be off the book, and 1 if somebody has to look.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from engine import Account, CancelEngine, Journal, OpenOrder, Progress, RunReport, Scope
from engine.config import read_accounts
from engine.page import page_of
from engine.venues.opinion import Opinion

DAY_MS, LONGEST_S = 24 * 60 * 60 * 1000, 2 * 60 * 60.0


def is_old(order: OpenOrder) -> bool:
    """Whether it has rested for a day. Where this raises, the order is left alone, and the report counts it in `left`."""
    if order.created_at_ms is None:
        raise ValueError("no time of creation")
    return time.time() * 1000 - order.created_at_ms > DAY_MS


def keep(report: RunReport, folder: Path) -> bool:
    """Write the report, for programs and for people; says whether all went well."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{report.run_id}.json").write_text(json.dumps(report.to_dict()), "utf-8")
    (folder / f"{report.run_id}.html").write_text(page_of(report), "utf-8")
    print(f"{len(report.accounts)} users, {report.cancelled} orders cancelled, {report.at_risk} may be live", flush=True)
    for trouble in report.troubles:
        print(trouble.text, flush=True)
    return report.is_clean and not report.unrecorded


async def clean_up(engine: CancelEngine, users: Sequence[Account], cut_off: str | None, folder: Path) -> bool:
    """Finish the night that was cut off, then do tonight's; says whether all went well."""
    progress, is_well = Progress(), True
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: progress.stop())  # noqa: PLW0108  # whichever it is
    if cut_off is not None:
        print(f"going on with {cut_off}", flush=True)
        is_well = keep(await engine.resume(cut_off, users, where=is_old, progress=progress), folder)
        if progress.is_stopped:
            return False
        progress = Progress()
    print(f"cleaning up for {len(users)} users", flush=True)
    done = engine.mass_cancel(users, Scope(where=is_old), deadline_s=LONGEST_S, requested_by="nightly", progress=progress)
    return keep(await done, folder) and is_well


async def main() -> int:
    """Read what to do from the command line."""
    options = argparse.ArgumentParser(description="Take orders that are older than a day off the book.")
    options.add_argument("accounts", type=Path)
    options.add_argument("--journal", default="nightly.db")
    options.add_argument("--reports", type=Path, default="reports")
    options.add_argument("--base-url", default="https://openapi.opinion.trade")
    given = options.parse_args()
    os.umask(0o077)  # reports show positions
    users = read_accounts(given.accounts, environment=os.environ, venue="opinion")
    journal = Journal.open(given.journal)
    cut_off = [run.run_id for run in journal.runs(most=1) if run.state == "cut off"]
    async with CancelEngine(Opinion(given.base_url), journal=journal) as engine:
        return 0 if await clean_up(engine, users, cut_off[0] if cut_off else None, given.reports) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
