"""What the documents point at is there: files, headings, and each other."""

import re

import pytest
from documents import DOCUMENTS, ROOT, anchors, blocks, links


def targets(name):
    """The links of a document that stay within the project: the file that each names, and the anchor."""
    path = DOCUMENTS[name]
    for link in links(path.read_text("utf-8")):
        if not re.match(r"[a-z]+:", link):
            file, _, anchor = link.partition("#")
            yield link, (path.parent / file).resolve() if file else path, anchor


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_within_the_project_leads_somewhere(name):
    """Each link names a file of the project, and its anchor a heading in it."""
    wrong = [link for link, file, _ in targets(name) if not file.is_file() or not file.is_relative_to(ROOT)]
    wrong += [
        link
        for link, file, anchor in targets(name)
        if anchor and file.suffix == ".md" and file.exists() and anchor not in anchors(file.read_text("utf-8"))
    ]

    assert [] == wrong


def test_a_link_to_nowhere_would_be_found():
    """A file that is not there and a heading that is not there are each seen."""
    text = "# A heading: with `code`, twice\n[a](b.md) [c](#d-e) ![f](g.png)\n```md\n# none\n[not](a-link)\n```\n`[nor](this)`"

    assert ["b.md", "#d-e", "g.png"] == list(links(text))
    assert {"a-heading-with-code-twice"} == anchors(text)


def test_every_document_can_be_reached():
    """From the first page of the documents, one gets to each of them."""
    seen, ahead = set(), ["docs/index.md"]
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += [each for _, file, _ in targets(name) if (each := str(file.relative_to(ROOT))) in DOCUMENTS]

    assert set() == set(DOCUMENTS) - seen


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_said_to_be_taken_from_a_file_is(name):
    """A block below `<!-- from FILE -->` stands in that file, letter for letter."""
    for block in blocks(DOCUMENTS[name].read_text("utf-8")):
        if block.source is not None:
            assert block.text in (ROOT / block.source).read_text("utf-8"), f"{name}:{block.line}"
