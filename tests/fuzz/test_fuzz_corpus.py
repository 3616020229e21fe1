"""What was ever found, and what the simulated venues say, goes through its target in every run of the tests."""

from pathlib import Path

import pytest
from fuzz import honest
from fuzz.targets import TARGETS, answer_of, data_of

CORPUS = Path(__file__).parent / "corpus"
INPUTS = sorted(CORPUS.glob("*/*"))


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_an_interesting_input_keeps_every_promise(path):
    """Each input of the corpus ends in a value or in the documented error, and the laws of its target hold."""
    TARGETS[path.parent.name](path.read_bytes())


def test_every_target_has_a_corpus_and_every_folder_a_target():
    """No input lies where nothing would run it."""
    assert sorted(TARGETS) == sorted({path.parent.name for path in INPUTS})


@pytest.mark.parametrize("venue", ["opinion", "polymarket"])
def test_every_answer_of_the_simulated_venues_keeps_every_promise(venue):
    """Honest answers and those under every fault are read as the second opinion in `oracles.py` reads them."""
    answers = honest.answers()[venue]

    assert len(answers) > 50
    for data in answers:
        assert data == data_of(answer_of(data))
        TARGETS[venue](data)
