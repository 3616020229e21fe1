"""`cancel-engine resume [RUN]`: go on with a run that was cut off or stopped."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli.accounts import Wanted, account_options
from engine.cli.journals import Place, Recording, cause_options, journal_option, looking_back
from engine.cli.metering import Metering, metrics_options
from engine.cli.output import CLEAN, remark
from engine.cli.past import check_resumable, found, say_resumed, scope_in, the_unfinished
from engine.cli.report_files import ReportFiles, report_option
from engine.cli.running import run as run_call
from engine.cli.running import tell_run
from engine.cli.settings import Configured
from engine.core.cause import Cause
from engine.core.verdicts import say_report
from engine.journal.journal import FINISHED


@click.command("resume", cls=Configured, short_help="Go on with a run that was cut off or stopped.")
@click.argument("run", required=False)
@account_options
@journal_option
@click.option("--new-keys", "takes_new_keys", is_flag=True, help="Accounts may have other keys than when the run began.")
@click.option("--new-address", "takes_new_address", is_flag=True, help="Venues may be at other addresses than then.")
@cause_options
@report_option
@metrics_options
def resume(
    wanted: Wanted,
    place: Place,
    *,
    run: str | None,
    takes_new_keys: bool,
    takes_new_address: bool,
    cause: Cause,
    directory: Path | None,
    metering: Metering,
) -> int:
    """Go on with a run that was cut off or stopped, to its end, and report on the whole of it.

    What was settled stays as it is; an order whose cancel may have been on its way is read first; the rest is sent. It does not
    ask: that was done when the run began. Without RUN, it is the one run that is not finished. RUN is its id, or the beginning of
    it; `cancel-engine runs` shows them. The accounts of the run, with their keys, have to be given again.

    \b
    Examples:
      cancel-engine resume --accounts accounts.toml
      cancel-engine resume 0123456789ab --accounts accounts.toml --deadline 60 --json
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    with looking_back(place) as journal:
        run_id = the_unfinished(journal) if run is None else found(journal, run)
        line = journal.run(run_id)
        check_resumable(line)
        files = None if directory is None else ReportFiles.prepare(directory)
        remark(say_resumed(line))
        recording = Recording(place=place, cause=cause)
        report = run_call(
            wanted,
            lambda engine, progress: engine.resume(
                run_id,
                wanted.accounts,
                takes_new_keys=takes_new_keys,
                takes_new_address=takes_new_address,
                deadline_s=wanted.deadline_s,
                reason=cause.reason,
                requested_by=cause.requested_by,
                progress=progress,
            ),
            journal=journal,
            metering=metering,
            advice=recording.advice,
        )
        kept = (
            CLEAN if files is None else files.tell(report, say_report(report, scope_in(line.header)))
        )  # before anything else can go wrong
        if line.state != FINISHED:
            kept = max(kept, recording.tell(report, journal))
    return max(kept, tell_run(report, scope_in(line.header), as_json=wanted.as_json))
