"""The site of the documents: built without a warning, whole, and without a network. Skipped where its generator is not set up."""

import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from documents import DOCUMENTS, ROOT

import engine

PYTHON = ROOT / ".venv-docs" / "bin" / "python"
PATIENCE_S = 300


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make site` does."""
    if not PYTHON.exists():
        pytest.skip("the generator of the site is not set up: make site")
    folder = tmp_path_factory.mktemp("site")
    options = ("-b", "html", "-c", "docs", "-d", str(folder / "doctrees"), "--fail-on-warning", "--keep-going", "--quiet")
    command = (str(PYTHON), "-m", "sphinx", *options, ".", str(folder / "html"))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    return folder / "html"


class Page(HTMLParser):
    """What a page has: the anchors, what it loads by itself, and where it leads when it is asked to."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.loaded, self.links = set(), [], []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        """Note one tag."""
        told = dict(attrs)
        self.anchors.add(told.get("id"))
        address = told.get("href") if tag in ("a", "link") else told.get("src")
        if address and tag == "a":
            self.links.append(address)
        elif address:
            self.loaded.append(address)


@pytest.fixture(scope="module")
def pages(site):
    """Every page of the site."""
    return {path: Page(path) for path in site.rglob("*.html")}


def test_every_document_is_a_page(site, pages):
    """No document is left out, and the folder's own index.html leads to the first page."""
    assert set() == {(site / name).with_suffix(".html") for name in DOCUMENTS} - pages.keys()
    assert ["docs/index.html"] == pages[site / "index.html"].links


def test_no_page_asks_a_network(site, pages):
    """All that a page loads by itself lies in the site, and so does all that its styles load."""
    for path, page in pages.items():
        for address in page.loaded:
            if not address.startswith("data:"):
                assert not urlsplit(address).netloc, f"{path.name}: {address}"
                assert (path.parent / unquote(urlsplit(address).path)).exists(), f"{path.name}: {address}"
    for style in site.rglob("*.css"):
        text = style.read_text("utf-8")
        assert "url(http" not in text
        assert "url(//" not in text


def test_every_link_of_a_page_leads_somewhere(pages):
    """A link within the site names a file that is there, and an anchor of that page."""
    wrong = []
    for path, page in pages.items():
        for address in page.links:
            parts = urlsplit(address)
            if not parts.scheme:
                target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
                known = pages[target].anchors if target in pages else {""}
                wrong += [f"{path.name}: {address}"] * (not target.exists() or parts.fragment not in {*known, "", "top"})

    assert [] == wrong


def test_the_reference_has_the_whole_front_door(site, pages):
    """Everything that `engine` exports is described, but for what is described where it is from."""
    anchors = set().union(*(page.anchors for path, page in pages.items() if path.parent == site / "docs" / "reference"))

    assert [] == [name for name in engine.__all__ if not anchors & {f"engine.{name}", f"engine.events.{name}"}]


def test_a_page_that_loads_from_elsewhere_would_be_found(tmp_path):
    """What a page loads by itself, and where it leads, are told apart."""
    path = tmp_path / "page.html"
    path.write_text('<link href="https://a/x.css"><script src="b.js"></script><a id="c" href="https://d/">d</a>', "utf-8")
    page = Page(Path(path))

    assert (["https://a/x.css", "b.js"], ["https://d/"]) == (page.loaded, page.links)
    assert "c" in page.anchors
