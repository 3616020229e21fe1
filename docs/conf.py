"""How the site is built: `make docs`. The sources are the documents as they lie in the project, so that their links hold."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from sphinx.application import Sphinx

project = "cancel-engine"
copyright = "the authors of cancel-engine"  # noqa: A001  # Sphinx's name
html_title = "cancel-engine"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_show_search_summary = False  # it would fetch pages, which a browser forbids to a site that is opened as a file
html_theme = "furo"
html_static_path = ["style"]
html_css_files = ["site.css"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

# The source is the project's folder; these are its documents.
root_doc = "docs/index"
include_patterns = ["*.md", "docs/*.md", "docs/*/*.md", "docs/reference/*.rst", "engine/venues/*/README.md"]

myst_heading_anchors = 4
default_role = "code"
toc_object_entries_show_parents = "hide"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_type_aliases = {"Event": "engine.events.Event", "Hook": "engine.events.Hook"}
napoleon_use_ivar = True
napoleon_use_rtype = False
python_maximum_signature_line_length = 90

SECTION = re.compile(r"^## (.*)$", re.MULTILINE)
LINK = re.compile(r"^- \[(.*?)\]\((\S+?)\.(?:md|rst)\)", re.MULTILINE)


def add_contents(_app: Sphinx, name: str, source: list[str]) -> None:
    """Make the contents at the side from the lists of the first page."""
    if name != root_doc:
        return
    _, *parts = SECTION.split(source[0])
    for heading, text in zip(parts[::2], parts[1::2], strict=True):
        pages = "\n".join(f"{title} </{posixpath.normpath(f'docs/{path}')}>" for title, path in LINK.findall(text))
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{pages}\n```\n"


def name_aliases(*told: object) -> tuple[str, str] | None:
    """Show the name of an alias, and not how Sphinx holds it."""
    arguments, returns = told[-2:]
    if not isinstance(arguments, str):
        return None
    return re.sub(r"TypeAliasForwardRef\('([\w.]+)'\)", r"\1", arguments), str(returns or "")


def keep_colons(_app: Sphinx, what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Let the first colon in the words about an attribute be no end of a type, which it is to napoleon."""
    if what in ("attribute", "data", "property") and lines and lines[0]:
        lines[0] = f": {lines[0]}"


def close_code(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Take the blank from the end of what stands as code: Markdown takes it, Sphinx does not."""
    for number, line in enumerate(lines):
        parts = line.split("`")
        if len(parts) % 2:
            lines[number] = "`".join(part.rstrip() if index % 2 else part for index, part in enumerate(parts))


def make_tables(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Make a table of Sphinx's own of each table in a docstring, which is written as in Markdown."""
    made: list[str] = []
    for line in lines:
        if not re.fullmatch(r"\|.*\|", line):
            made.append(line)
        elif not re.fullmatch(r"[|\s-]+", line):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not made or not made[-1].startswith("     "):
                made += [".. list-table::", "   :header-rows: 1", ""]
            made += [f"   * - {cells[0]}", *(f"     - {cell}" for cell in cells[1:])]
    lines[:] = made


def add_front_door(app: Sphinx, error: Exception | None) -> None:
    """Let whoever opens the folder's own index.html come to the first page."""
    if error is None:
        url = f"{root_doc}.html"
        page = f'<!doctype html><meta http-equiv="refresh" content="0; url={url}"><a href="{url}">The documents</a>\n'
        (Path(app.outdir) / "index.html").write_text(page, "utf-8")


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    app.connect("autodoc-process-signature", name_aliases)
    app.connect("autodoc-process-docstring", keep_colons, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", make_tables)
    app.connect("autodoc-process-docstring", close_code)
    app.connect("source-read", add_contents)
    app.connect("build-finished", add_front_door)
