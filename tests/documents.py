"""The documents as what they are made of: fenced blocks, headings with their anchors, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PATTERNS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**/*.md", "engine/venues/*/README.md")
DOCUMENTS = {str(path.relative_to(ROOT)): path for pattern in PATTERNS for path in sorted(ROOT.glob(pattern))}
"""Every document by its path from the root."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, its first line's number, and the file that it says it is taken from."""

    language: str
    text: str
    line: int
    source: str | None


def blocks(text: str, *languages: str) -> list[Block]:
    """The fenced blocks in these languages, or all."""
    found, source = [], None
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if fence := re.match(r"(`{3,})(\w*)", line):
            inside = []
            for _, below in lines:
                if below.startswith(fence[1]):
                    break
                inside.append(below)
            found.append(Block(fence[2], "\n".join(inside) + "\n", number + 1, source))
        if line:
            said = re.fullmatch(r"<!-- from (\S+) -->", line)
            source = said and said[1]
    return [block for block in found if not languages or block.language in languages]


def prose(text: str) -> str:
    """The text without what stands in fences and in code."""
    without = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "code", without)


def anchors(text: str) -> set[str]:
    """The anchors of its headings, as GitHub and the site make them."""
    found: set[str] = set()
    without = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    for heading in re.findall(r"^#{1,6} (.*)$", without, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        name, count = slug, 0
        while name in found:
            count += 1
            name = f"{slug}-{count}"
        found.add(name)
    return found


def links(text: str) -> Iterator[str]:
    """Where its links and pictures point."""
    yield from re.findall(r"\]\(([^()\s]+(?:\([^()\s]*\))?)\)", prose(text))


def commands(block: Block) -> list[tuple[str, list[str]]]:
    """The commands of a console block, each with the lines that are shown below it."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        elif found and line.strip():
            found[-1][1].append(line)
    return found
