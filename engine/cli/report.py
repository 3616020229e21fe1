"""`cancel-engine report RUN`: what a run reported, out of its record."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli.accounts import json_option
from engine.cli.journals import Place, journal_option, looking_back
from engine.cli.output import CLEAN, print_sentence, stderr_console, stdout_console
from engine.cli.past import found, is_over, readable, say_unfinished, scope_in
from engine.cli.report_files import ReportFiles, report_option
from engine.cli.running import tell_run
from engine.cli.settings import Configured, settings_options
from engine.cli.tables import BAD


@click.command("report", cls=Configured, without=("report.directory",), short_help="Print the report of a recorded run again.")
@click.argument("run")
@journal_option
@settings_options
@report_option
@json_option
def report(place: Place, *, run: str, directory: Path | None, as_json: bool) -> int:
    """Print the report of a run as it was given at its end, or as it stands where it was cut off. No venue is asked.

    RUN is the run's id, or the beginning of it; `cancel-engine runs` shows them. The exit code is what the report says.

    \b
    Examples:
      cancel-engine report 0123456789ab
      cancel-engine report 0123 --json
      cancel-engine report 0123 --report reports
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    with looking_back(place) as journal:
        line = journal.run(found(journal, run))
        with readable(journal, line.run_id):
            told = journal.report(line.run_id)
        if not is_over(line):
            console = stderr_console() if as_json else stdout_console()
            print_sentence(console, say_unfinished(line, place), style=BAD)
        kept = CLEAN if directory is None else ReportFiles.prepare(directory).tell(told)
        return max(kept, tell_run(told, scope_in(line.header), as_json=as_json))
