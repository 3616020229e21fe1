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
from engine.core.verdicts import say_report

TEXT, JSON, HTML = "text", "json", "html"
"""How a report is shown."""


@click.command("report", cls=Configured, without=("report.directory",), short_help="Print the report of a recorded run again.")
@click.argument("run")
@journal_option
@settings_options
@report_option
@click.option(
    "--format",
    "form",
    type=click.Choice([TEXT, JSON, HTML], case_sensitive=False),
    help="text, or json as --json, or html: text, and a page of its own in this folder, or where --report says.",
)
@json_option
def report(place: Place, *, run: str, directory: Path | None, form: str | None, as_json: bool) -> int:
    """Print the report of a run as it was given at its end, or as it stands where it was cut off. No venue is asked.

    RUN is the run's id, or the beginning of it; `cancel-engine runs` shows them. The exit code is what the report says.

    \b
    Examples:
      cancel-engine report 0123456789ab
      cancel-engine report 0123 --json
      cancel-engine report 0123 --report reports
      cancel-engine report 0123 --format html
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    if as_json and form == TEXT:
        raise click.UsageError("--json is --format json: leave out --format text", click.get_current_context())
    with looking_back(place) as journal:
        line = journal.run(found(journal, run))
        with readable(journal, line.run_id):
            told = journal.report(line.run_id)
        if not is_over(line):
            console = stderr_console() if as_json else stdout_console()
            print_sentence(console, say_unfinished(line, place), style=BAD)
        scope, kept = scope_in(line.header), CLEAN
        verdict = say_report(told, scope)
        if directory is not None:
            kept = ReportFiles.prepare(directory).tell(told, verdict)
        elif form == HTML:
            kept = ReportFiles.prepare(Path()).tell_page(told, verdict)
        return max(kept, tell_run(told, scope, as_json=as_json or form == JSON))
