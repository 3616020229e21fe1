"""Run one target under atheris, which looks for bytes that reach code not reached before. `make fuzz` calls this.

    python tests/fuzz/drive.py opinion 60 [FOLDER]

Begins with the committed corpus and with the answers of the simulated venues; what it adds is kept in FOLDER, if one is named.
Input that breaks a promise is written to `crash-…` in the current folder: mend the engine, then move the file into the corpus.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

with atheris.instrument_imports(include=["engine", "tomllib", "email._parseaddr", "email.utils", "urllib.parse"]):
    from fuzz import honest, words
    from fuzz.targets import TARGETS

LONGEST = 4_096
"""Bytes of an input: every rule is reached by less, and the sizes beyond have tests of their own."""

SLOWEST_S = 10
"""Seconds for one input, after which it counts as endless."""


def main(target: str, seconds: str, folder: str | None = None) -> None:
    """Fuzz for so many seconds, or until something breaks."""
    with tempfile.TemporaryDirectory() as scratch:
        seeds = Path(scratch, "seeds")
        seeds.mkdir()
        for number, answer in enumerate(honest.answers().get(target, ())):
            (seeds / f"{number}").write_bytes(answer)
        dictionary = Path(scratch, "words")
        dictionary.write_text("".join(f'"{words.escaped(word)}"\n' for word in words.of(target)))
        found = Path(folder or Path(scratch, "found"))
        found.mkdir(parents=True, exist_ok=True)
        folders = [str(found), str(HERE / "corpus" / target), str(seeds)]
        options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-timeout={SLOWEST_S}", f"-dict={dictionary}"]
        atheris.Setup([sys.argv[0], *options, "-rss_limit_mb=2048", "-print_final_stats=1", *folders], TARGETS[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
