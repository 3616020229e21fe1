"""The page of a report as a person has it: in a real browser, from a file, with mouse, keyboard, telephone and printer."""

import re
import time
from itertools import pairwise

import pytest
from browser.pictures import FOLDER, MOST_BYTES, PICTURES, take

RUNS = ["clean", "faulty", "large", "empty"]


def column(page, table, number):
    """The words of one column, in the rows that are shown."""
    return page.eval_on_selector_all(
        f"table.{table} tbody tr:not([hidden])", f"rows => rows.map(row => row.cells[{number}].textContent.trim())"
    )


def head(page, table, title):
    """The button at the head of a column."""
    return page.locator(f"table.{table} thead button", has_text=re.compile(f"^{title}$"))


def sorting(page, table):
    """What each head says of the order of the rows, as far as it says anything."""
    states = page.eval_on_selector_all(f"table.{table} thead th", "heads => heads.map(head => [head.textContent, head.ariaSort])")
    return {title: state for title, state in states if state != "none"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", [*RUNS, "hostile"])
def test_a_page_opens_without_an_error_and_without_a_network(opened, written, name, scheme):
    """No message on the console, no script error, no request but the file itself, and the verdict is what one reads first."""
    page = opened(name, scheme=scheme)

    assert "cancel-engine" in page.inner_text("header")
    assert page.inner_text("h1") == page.locator("main").inner_text().splitlines()[0]
    assert (written(name)[0].at_risk > 0 or not written(name)[0].listing_complete) == (page.locator(".verdict.risk").count() == 1)


def test_a_hundred_thousand_orders_open_at_once(opened, written):
    """The page is small, is there within a few seconds on any machine, and is sorted and filtered without a wait."""
    report, address = written("large")
    began_s = time.monotonic()
    page = opened("large")
    opened_s = time.monotonic() - began_s
    ready_ms = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    began_s = time.monotonic()
    head(page, "orders", "notional").click()
    page.locator("section:has(table.orders) input").fill("maker-1")
    worked_s = time.monotonic() - began_s

    assert 100_000 == report.total
    assert 2_000_000 > len(page.content())
    assert 10 > opened_s
    assert 5_000 > ready_ms
    assert 5 > worked_s
    assert (100, 1_000) == (len(column(page, "accounts", 0)), page.locator("table.orders tbody tr").count())
    assert "more not shown here; large.csv has all of them" in page.inner_text("section:has(table.orders)")
    assert address.replace(".html", ".csv") == page.locator("section:has(table.orders) a").evaluate("link => link.href")


# --- with a mouse and with a keyboard


def test_rows_are_sorted_by_their_heads(opened):
    """Numbers begin with the largest, words with the first; a second click turns them round; screen readers are told."""
    page = opened("faulty")
    head(page, "accounts", "found").click()
    falling, told = [int(each.replace(",", "")) for each in column(page, "accounts", 4)], sorting(page, "accounts")
    head(page, "accounts", "found").click()
    rising = [int(each.replace(",", "")) for each in column(page, "accounts", 4)]
    told_again = sorting(page, "accounts")
    head(page, "accounts", "account").click()

    assert sorted(falling, reverse=True) == falling == rising[::-1]
    assert ({"found": "descending"}, {"found": "ascending"}) == (told, told_again)
    assert ({"account": "ascending"}, sorted(column(page, "accounts", 0))) == (
        sorting(page, "accounts"),
        column(page, "accounts", 0),
    )


def test_what_is_not_known_is_sorted_last(opened):
    """An order that was never sent has no time, whichever way the times are sorted."""
    page = opened("faulty")
    for _ in range(2):
        head(page, "orders", "sent s").click()
        times = column(page, "orders", 10)
        assert "-" in times
        assert "-" != times[0]
        assert times == [each for each in times if each != "-"] + ["-"] * times.count("-")


def test_everything_can_be_done_with_the_keyboard(opened):
    """The first key leads to the theme; heads are sorted by Enter and by Space; what has the focus can be seen."""
    page = opened("faulty")
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.id")
    page.locator("section:has(table.accounts) select").focus()
    for _ in range(2):  # over the frame that scrolls, to the first head
        page.keyboard.press("Tab")
    reached = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    once = sorting(page, "accounts")
    page.keyboard.press("Space")

    assert ("theme", "account") == (first, reached)
    assert ({"account": "ascending"}, {"account": "descending"}) == (once, sorting(page, "accounts"))
    assert "solid" == page.evaluate("getComputedStyle(document.activeElement).outlineStyle")


def test_rows_are_filtered_by_words_and_by_kind(opened):
    """What is typed is looked for in every cell, in any case; a choice leaves one kind; how many are left is told."""
    page = opened("faulty")
    section = page.locator("section:has(table.orders)")
    section.locator("input").fill("DAVE 401")
    words = list(zip(column(page, "orders", 1), column(page, "orders", 4), strict=True))
    told = section.locator("output").inner_text()
    section.locator("input").fill("")
    section.locator("select").select_option("filled")
    kinds = set(column(page, "orders", 2))
    section.locator("input").fill("no such order")
    nothing = column(page, "orders", 0)
    page.locator("section:has(table.accounts) select").select_option("risk")

    assert words
    assert all(name == "dave" for name, _ in words)
    assert re.fullmatch(rf"{len(words)} of \d+ shown", told)
    assert ({"filled"}, []) == (kinds, nothing)
    assert {"dave", "ivan"} == set(column(page, "accounts", 0))


def test_the_theme_follows_the_system_until_it_is_chosen(opened):
    """Light and dark are the system's choice; the button turns it round, and says what it would do."""
    for scheme, other in (("light", "dark"), ("dark", "light")):
        page = opened("clean", scheme=scheme)
        before = page.evaluate("getComputedStyle(document.body).backgroundColor")
        label = page.locator("#theme").get_attribute("aria-label")
        page.locator("#theme").click()
        after = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.locator("#theme").click()

        assert f"Show in {other} colours" == label
        assert before != after
        assert before == page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_without_its_script_the_page_says_the_same(opened):
    """Words, figures and rows are all there; only what the script does is not offered."""
    page, bare = opened("faulty"), opened("faulty", java_script_enabled=False)

    assert page.locator("tbody tr").count() == bare.locator("tbody tr").count()
    assert page.locator("h1").inner_text() == bare.locator("h1").inner_text()
    assert [True, True, False] == [
        each.is_visible() for each in (page.locator("#theme"), page.locator("input").first, bare.locator("input").first)
    ]


# --- for everybody


@pytest.mark.parametrize("width", [320, 400, 768])
@pytest.mark.parametrize("name", [*RUNS, "hostile"])
def test_a_narrow_screen_needs_no_sideways_scrolling(opened, name, width):
    """The page is as wide as the telephone; what is wider scrolls by itself."""
    page = opened(name, width=width)

    assert width >= page.evaluate("document.documentElement.scrollWidth")


CONTRAST = """() => {
  const parsed = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = parsed(colour).slice(0, 3).map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if ((parsed(colour)[3] ?? 1) > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  for (const element of document.body.querySelectorAll("*")) {
    const hasWords = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!hasWords || !element.checkVisibility() || element.closest("script, style, svg")) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const words = element.textContent.trim().slice(0, 40);
    if (contrast < 4.5) found.push(`${element.tagName} ${element.className}: ${contrast.toFixed(2)} ${words}`);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["clean", "faulty"])
def test_all_words_stand_out_from_what_is_behind_them(opened, name, scheme):
    """Every text has a contrast of 4.5 to 1 at the least, in both themes: level AA of the guidelines for content."""
    assert [] == opened(name, scheme=scheme).evaluate(CONTRAST)


def test_everything_has_a_name(opened):
    """Inputs have labels, charts say what they show, heads say what they head, and headings skip no level."""
    page = opened("faulty")
    unnamed = page.evaluate("[...document.querySelectorAll('input, select')].filter(each => !each.labels.length).length")
    silent = page.evaluate("[...document.querySelectorAll('svg')].filter(each => !each.getAttribute('aria-label')).length")
    heads = page.evaluate("[...document.querySelectorAll('th')].filter(each => !each.scope).length")
    levels = page.eval_on_selector_all("h1, h2, h3, h4", "heads => heads.map(head => Number(head.tagName[1]))")

    assert (0, 0, 0) == (unnamed, silent, heads)
    assert 1 == levels[0] == levels.count(1)
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert "en" == page.get_attribute("html", "lang")


def test_only_what_may_be_live_is_red(opened):
    """After a clean run nothing on the page is red; after one that left orders at risk, the first thing is."""
    red = """() => [...document.querySelectorAll('main *')].filter(each => {
        const style = getComputedStyle(each);
        const parts = (colour) => (colour.match(/[\\d.]+/g) ?? [0, 0, 0]).map(Number);
        const isRed = (colour) => { const [r, g, b] = parts(colour); return r > 150 && g < 80 && b < 80; };
        return isRed(style.color) || isRed(style.borderLeftColor) || (each.closest('svg') && isRed(style.fill));
    }).map(each => each.className.baseVal ?? each.className)"""

    assert [] == opened("clean").evaluate(red)
    assert "verdict risk" == opened("faulty").evaluate(red)[0]


def test_pictures_can_be_taken_of_it(browser, written, tmp_path):
    """Those of the documents show something, and are small."""
    for path in take(browser, written("faulty")[1], tmp_path):
        picture = path.read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert 10_000 < len(picture) < 2 * MOST_BYTES  # other fonts, other sizes


def test_the_documents_have_a_picture_of_each_kind():
    """Each picture that is taken is kept, is not too large, and is shown in the document."""
    text = (FOLDER.parent / "html-report.md").read_text("utf-8")

    assert sorted(PICTURES) == sorted(path.stem for path in FOLDER.glob("report-*.png"))
    assert all(f"(images/{name}.png)" in text for name in PICTURES)
    assert all(path.stat().st_size < MOST_BYTES for path in FOLDER.glob("report-*.png"))


def test_it_prints(opened):
    """On paper nothing is cut off or left to scroll, and what can only be clicked is gone; in dark colours it prints in light."""
    page = opened("faulty", scheme="dark", width=800)
    page.emulate_media(media="print", color_scheme="dark")
    frames = page.eval_on_selector_all(
        ".scroll", "all => all.map(each => [each.scrollWidth - each.clientWidth, each.scrollHeight - each.clientHeight])"
    )

    assert [False] * 5 == [page.locator(each).first.is_visible() for each in ("#theme", "input", "select", "output", "summary")]
    assert all(max(over) <= 1 for over in frames)
    assert "rgb(255, 255, 255)" == page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert page.pdf().startswith(b"%PDF")
