"""Run one target under atheris, which looks for bytes that reach code not reached before. `make fuzz` calls this.

    python tests/fuzz/drive.py opinion 60

Begins with the committed corpus, the answers of the simulated venues and what earlier runs kept in `.fuzz`. Input that breaks a
promise is kept there too, as `<target>-crash-…`: mend the engine, then move the file into the target's folder of the corpus.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(ROOT)]

with atheris.instrument_imports(include=["engine", "tomllib", "csv", "email", "fuzz.targets"]):
    from fuzz import honest, words
    from fuzz.targets import TARGETS

LONGEST = 4_096
"""Bytes of an input: every rule is reached by less, and the sizes beyond have tests of their own."""

SLOWEST_S = 10
"""Seconds for one input, after which it counts as endless."""

MOST_MIB = 2_048
"""Memory, beyond which an input counts as filling it."""


def main(target: str, seconds: str) -> None:
    """Fuzz for so many seconds, or until something breaks; does not come back."""
    kept = ROOT / ".fuzz"
    found, seeds, dictionary = kept / target, kept / f"{target}-seeds", kept / f"{target}-words"
    found.mkdir(parents=True, exist_ok=True)
    seeds.mkdir(exist_ok=True)
    for number, answer in enumerate(honest.answers().get(target, ())):
        (seeds / f"{number}").write_bytes(answer)
    dictionary.write_text("".join(f'"{words.escaped(word)}"\n' for word in words.of(target)), encoding="ascii")
    options = {
        "max_total_time": seconds,
        "max_len": LONGEST,
        "timeout": SLOWEST_S,
        "rss_limit_mb": MOST_MIB,
        "dict": dictionary,
        "artifact_prefix": f"{kept}/{target}-",
        "print_final_stats": 1,
    }
    folders = [str(found), str(HERE / "corpus" / target), str(seeds)]
    atheris.Setup([sys.argv[0], *(f"-{name}={value}" for name, value in options.items()), *folders], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
