"""Make the pictures of docs/html-report.md anew: `make pictures`. The run behind them is always the same."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from browser.conftest import apart, launched, program
from browser.runs import faulty

from engine.cli.report_files import ReportFiles
from engine.core.verdicts import say_run

FOLDER = Path(__file__).parents[2] / "docs" / "images"

PICTURES = {
    "report-light": {"viewport": {"width": 1280, "height": 1000}, "color_scheme": "light"},
    "report-dark": {"viewport": {"width": 1280, "height": 1180}, "color_scheme": "dark"},
    "report-phone": {"viewport": {"width": 400, "height": 1180}, "color_scheme": "light"},
    "report-print": {"viewport": {"width": 794, "height": 1123}, "color_scheme": "light"},
}
"""Name of each picture, and what it is seen through; a sheet of A4 has 794 by 1123 points of a screen."""

FROM = {"report-dark": "section.charts"}
"""Where a picture begins, if not at the top."""

MOST_BYTES = 200_000


def take(browser, address: str, folder: Path) -> list[Path]:
    """Take every picture of this page; their files."""
    taken = []
    for name, options in PICTURES.items():
        context = browser.new_context(**options)
        page = context.new_page()
        page.goto(address)
        if name == "report-print":
            page.emulate_media(media="print")
        if name in FROM:
            page.evaluate("where => document.querySelector(where).scrollIntoView()", FROM[name])
        taken.append(folder / f"{name}.png")
        page.screenshot(path=taken[-1])
        context.close()
    return taken


def main() -> int:
    """Take them, and say where they are."""
    if program() is None:
        print("no picture was taken: there is no Chromium on the path", file=sys.stderr)
        return 2
    report = apart(faulty, "0123456789ab")
    with tempfile.TemporaryDirectory() as folder:
        page = ReportFiles(Path(folder)).write_page(report, say_run(report, None))
        FOLDER.mkdir(exist_ok=True)
        with launched() as browser:
            for path in take(browser, page.as_uri(), FOLDER):
                print(f"{path.relative_to(FOLDER.parents[1])}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
