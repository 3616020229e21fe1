"""Reports on the disk: for their owner alone, whole or not at all, never over a file that is there, and never too late."""

import csv
import json
import os
import stat
from decimal import Decimal
from pathlib import Path

import pytest

from engine import CancelSummary, ConfigError, OpenOrder, OrderResult, Outcome, RunReport, Side
from engine.cli.report_files import ReportFiles
from engine.core.plain import DEEPEST
from engine.core.table import COLUMNS, rows_of


def report(run_id="0123456789ab", *, result=None, error="too late"):
    """A report of three orders of two accounts."""
    order = OpenOrder(order_id="a", side=Side.BUY, market="7", asset="yes", price=Decimal("0.50"), size=Decimal(10))
    done = OrderResult(
        index=0, account="alice", order_id="a", outcome=Outcome.CANCELLED, result=result, settled_s=1.5, order=order
    )
    late = OrderResult(index=1, account="alice", order_id="b", outcome=Outcome.FILLED, code="filled", error=error)
    lost = OrderResult(index=0, account="bob", order_id="c", outcome=Outcome.UNKNOWN, error="lost")
    accounts = {
        "alice": CancelSummary(account="alice", venue="opinion", results=[done, late], verified=True),
        "bob": CancelSummary(account="bob", venue="polymarket", results=[lost]),
    }
    return RunReport(run_id=run_id, accounts=accounts, started_at=1.7e9, elapsed_s=2.0)


@pytest.fixture
def files(tmp_path):
    """A directory that was not there before."""
    return ReportFiles.prepare(tmp_path / "of" / "runs")


def mode_of(path):
    """Who may do what."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_report_is_written_twice_and_loads_back(files):
    """The JSON is the report, whole; the table has a header and a row for each order; nothing else is left there."""
    as_json, as_table = files.write(report())
    loaded = RunReport.from_dict(json.loads(as_json.read_text("ascii")))
    with as_table.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)

    assert ["0123456789ab.json", "0123456789ab.csv"] == [as_json.name, as_table.name]
    assert report() == loaded
    assert (list(COLUMNS), [list(row) for row in rows_of(report())]) == (header, rows)
    assert {as_json, as_table} == set(files.directory.iterdir())


def test_a_report_of_nothing_is_a_document_too(files):
    """Without an account, the JSON is whole and the table a header."""
    nothing = RunReport(run_id="run", accounts={})
    as_json, as_table = files.write(nothing)

    assert nothing == RunReport.from_dict(json.loads(as_json.read_text("ascii")))
    assert 1 == len(as_table.read_text("utf-8").splitlines())


def test_the_page_lies_beside_the_files_and_links_to_them(files, capsys):
    """Three files of one name, told in one line, the one for people first; the page links to the others."""
    code = files.tell(report(), "A sentence.")
    page, as_json, as_table = (files.directory / f"0123456789ab.{ending}" for ending in ("html", "json", "csv"))

    assert (0, f"Report: {page}, {as_json} and {as_table}\n") == (code, capsys.readouterr().err)
    assert {page, as_json, as_table} == set(files.directory.iterdir())
    assert 'href="0123456789ab.csv"' in page.read_text("utf-8")
    assert ">A sentence.<" in page.read_text("utf-8")


def test_a_page_alone_links_to_nothing(files, capsys):
    """Where there is no other file, the page does not speak of one."""
    assert 0 == files.tell_page(report(), "A sentence.")
    assert f"Report: {files.directory / '0123456789ab.html'}\n" == capsys.readouterr().err
    assert "href" not in (files.directory / "0123456789ab.html").read_text("utf-8")


def test_a_page_that_cannot_be_written_costs_neither_file(files, capsys):
    """What lies there stays, the other two are written and told, and the exit code says that something is wrong."""
    (files.directory / "0123456789ab.html").write_text("precious")
    code = files.tell(report(), "A sentence.")
    told = capsys.readouterr().err

    assert (1, "precious") == (code, (files.directory / "0123456789ab.html").read_text())
    assert "The page could not be written into" in told
    assert "0123456789ab.json and " in told
    assert 3 == len(list(files.directory.iterdir()))


def test_a_page_that_cannot_be_drawn_costs_neither_file(files, capsys):
    """A report that no page can be made of is no reason to lose it: the error is told, and nothing is raised."""
    broken = report()
    object.__setattr__(broken.accounts["bob"].results[0], "order", "no order")
    code = files.tell_page(broken, "A sentence.")

    assert (1, []) == (code, list(files.directory.iterdir()))
    assert "The page could not be written into" in capsys.readouterr().err


def test_only_the_owner_can_read_reports(files):
    """Whatever the umask says, others see neither the directory that was made nor what is in it."""
    before = os.umask(0)
    try:
        written = [*files.write(report()), files.write_page(report(), "")]
        made = ReportFiles.prepare(files.directory / "another")
    finally:
        os.umask(before)

    assert [0o600, 0o600, 0o600] == [mode_of(path) for path in written]
    assert 0o700 == mode_of(made.directory)


@pytest.mark.parametrize("ending", ["json", "csv"])
def test_nothing_is_written_over(files, ending):
    """A file of that name stays as it is; the caller hears of it, and nothing half-written is left."""
    (files.directory / f"0123456789ab.{ending}").write_text("precious")
    with pytest.raises(FileExistsError):
        files.write(report())

    assert "precious" == (files.directory / f"0123456789ab.{ending}").read_text()
    assert {"json": 1, "csv": 2}[ending] == len(list(files.directory.iterdir()))


def test_a_write_that_fails_leaves_no_part_of_a_file(files):
    """What cannot be written to its end is not there at all."""
    with pytest.raises(TypeError):
        files.write(report(result=object()))

    assert [] == list(files.directory.iterdir())


def test_a_directory_that_went_away_is_an_error_for_the_caller(files):
    """The caller still has the report, and hears that it is in no file."""
    files.directory.rmdir()

    with pytest.raises(FileNotFoundError):
        files.write(report())


@pytest.mark.parametrize("run_id", ["../../escape", "/etc/passwd", "", ".", "a\0b", "x" * 1_000, "\ud800"])
def test_no_run_id_leads_out_of_the_directory(files, run_id):
    """Whatever a run is called, its files lie in the directory, and the document keeps the id as it is."""
    as_json, as_table = files.write(report(run_id))
    page = files.write_page(report(run_id), "")

    assert {as_json, as_table, page} == set(files.directory.iterdir())
    assert run_id == json.loads(as_json.read_text("ascii"))["run_id"]


def test_a_hostile_answer_is_written_down_and_read_back(files):
    """Numbers that JSON cannot hold, half a character and a bottomless answer harm neither file."""
    deep = answer = {}
    for _ in range(DEEPEST * 3):
        deep["in"] = deep = {}
    hostile = {"nan": float("nan"), "price": Decimal("0.1"), "half": "\ud800", "deep": answer}
    as_json, as_table = files.write(report(result=hostile, error="=cmd()\ud800"))
    told = json.loads(as_json.read_text("ascii"), parse_constant=pytest.fail)["accounts"]["alice"]["results"][0]["result"]

    assert ("nan", "0.1", "\ud800") == (told["nan"], told["price"], told["half"])
    assert "'=cmd()\\ud800" in as_table.read_text("utf-8")


@pytest.mark.parametrize("name", ["file", "file/within", "a\0b", "\ud800"])
def test_a_directory_that_cannot_be_used_is_refused_before_anything_is_sent(tmp_path, name):
    """A file, a place below a file, and what no file system takes are errors of the request."""
    (tmp_path / "file").write_text("precious")

    with pytest.raises(ConfigError, match=r"^cannot write reports into .*; name a directory of your own$"):
        ReportFiles.prepare(tmp_path / name)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no directory that nobody may write")
def test_a_directory_that_takes_no_file_is_refused_too():
    """That it is there is not enough: a file is tried."""
    with pytest.raises(ConfigError, match=r"^cannot write reports into '/proc/self'"):
        ReportFiles.prepare(Path("/proc/self"))


def test_a_directory_that_is_there_stays_as_it_is(tmp_path):
    """Preparing changes no rights and leaves nothing behind."""
    directory = tmp_path / "shared"
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    (directory / "other").write_text("precious")

    ReportFiles.prepare(directory)

    assert (0o755, ["other"]) == (mode_of(directory), [path.name for path in directory.iterdir()])
