"""Inputs for the targets: any bytes, values put together wrongly, and good input with one place changed."""

from __future__ import annotations

import re
from pathlib import Path

from fuzz import honest, words
from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"
LARGEST_SEED = 6_000
_PIECES = re.compile(rb'"(?:[^"\\\n]|\\.)*"|[\[\]{}:,=]|\s+|[^\s"\[\]{}:,=]+|"', re.DOTALL)


def raw(target: str) -> st.SearchStrategy[bytes]:
    """Any bytes, any text, and known words in any order."""
    known = st.lists(st.sampled_from(words.of(target)), max_size=12).map(b"".join)
    return st.binary(max_size=120) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")) | known


def shaped(target: str) -> st.SearchStrategy[bytes]:
    """JSON with the documented names and any value below them, also the same name twice; an answer has its head before it."""
    names = [word for word in words.of(target) if word.startswith(b'"') and len(word) < 80]
    leaves = st.sampled_from(words.of(target)) | st.text(max_size=4).map(
        lambda text: b'"' + text.encode("utf-8", "ignore") + b'"'
    )

    def grown(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
        pairs = st.lists(st.tuples(st.sampled_from(names), inner).map(b":".join), max_size=5)
        return st.lists(inner, max_size=4).map(lambda each: b"[" + b",".join(each) + b"]") | pairs.map(
            lambda each: b"{" + b",".join(each) + b"}"
        )

    values = st.recursive(leaves, grown, max_leaves=15)
    heads = st.sampled_from(
        [b"200", b"200", b"200", b"201", b"307", b"400", b"401", b"403", b"404", b"413", b"425", b"429", b"500"]
    )
    return st.tuples(heads, values).map(b"\n\n".join) if target in ("opinion", "polymarket") else values


def seeds(target: str) -> list[bytes]:
    """The corpus, and the answers of the simulated venues."""
    kept = [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]
    return [seed for seed in (*kept, *honest.answers().get(target, ())) if len(seed) <= LARGEST_SEED]


@st.composite
def changed(draw: st.DrawFn, target: str) -> bytes:
    """Good or interesting input with one to three of its pieces replaced, doubled, moved or gone, perhaps cut off."""
    pieces = _PIECES.findall(draw(st.sampled_from(seeds(target))))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(0, len(pieces) - 1)))
        other = draw(st.integers(0, max(0, len(pieces) - 1)))
        first, last = min(place, other), max(place, other)
        match draw(st.integers(0, 5)):
            case 0 | 1:
                pieces[place : place + 1] = [draw(st.sampled_from(words.of(target)))]
            case 2:
                pieces[place:place] = [draw(st.sampled_from(words.of(target)))]
            case 3:
                pieces[last:last] = pieces[first : min(last, first + 8)]
            case 4:
                del pieces[first : min(last, first + 4)]
            case _:
                pieces[place : place + 1], pieces[other : other + 1] = pieces[other : other + 1], pieces[place : place + 1]
    data = b"".join(pieces)
    return data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 9)) == 0 else data
