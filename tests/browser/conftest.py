"""A browser of this machine's, and the pages that it opens. Where there is none, these tests are skipped and say so."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from browser.runs import clean, empty, faulty, hostile, large, played

from engine import RunReport
from engine.cli.report_files import ReportFiles
from engine.core.verdicts import say_run

PATIENCE_MS = 20_000
"""How long any step in the browser may take on a machine with a lot to do."""

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
RUNS = {"clean": clean, "faulty": faulty, "large": large, "empty": empty}


def program() -> str | None:
    """The browser, as it is found on the path."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def launched():
    """A browser without a window."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # may be missing

    # As root, which an automatic check may be, Chromium does not start with its own walls up.
    walls = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=walls, timeout=PATIENCE_MS)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="module")
def browser():
    """One browser for the tests of a file: it keeps an event loop running, which no test of another one is to meet."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if program() is None:
        pytest.skip("there is no Chromium on the path")
    with launched() as found:
        yield found


def apart(run, name):
    """The report of the run, played in a thread of its own: the browser's loop runs in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: played(run(), name)).result(timeout=300)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Play a run once, and write its report with all its files; gives the report and the address of its page."""
    files = ReportFiles.prepare(tmp_path_factory.mktemp("reports"))
    known: dict[str, tuple[RunReport, str]] = {}

    def write(name):
        if name not in known:
            report = hostile() if name == "hostile" else apart(RUNS[name], name)
            assert files.tell(report, say_run(report, None)) == 0
            known[name] = report, (files.directory / f"{name}.html").as_uri()
        return known[name]

    return write


class Opened:
    """A page in a browser, and all that it did that it should not have done."""

    def __init__(self, page, address):
        self.page = page
        self.asked, self.wrong = [], []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: self.wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("dialog", lambda dialog: (self.wrong.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(address)
        self.address = address

    def check(self):
        """The page has asked for nothing but itself, and nothing went wrong in it."""
        assert ([], [self.address]) == (self.wrong, self.asked)


@pytest.fixture
def opened(browser, written):
    """Open the page of a run; that nothing went wrong in it is checked in the end."""
    pages, contexts = [], []

    def open_page(name, *, width=1280, scheme="light", **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        contexts.append(context)
        pages.append(Opened(context.new_page(), written(name)[1]))
        return pages[-1].page

    yield open_page
    for each in pages:
        each.check()
    for each in contexts:
        each.close()
