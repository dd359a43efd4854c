"""The facts of a work's page."""

from dataclasses import replace

import pytest

from leximind.library.store import Library
from leximind.library.work import DESCRIPTION, FULL_TEXT
from leximind.ui.work import _list_facts, describe_length


@pytest.mark.parametrize(
    ("n_words", "said"),
    [
        (200, "about 5 minutes (200 words)"),
        (7_000, "about 30 minutes (7,000 words)"),
        (14_500, "about an hour (14,500 words)"),
        (210_000, "about 15 hours (210,000 words)"),
    ],
)
def test_a_length_is_a_time_and_a_number_of_words(n_words: int, said: str) -> None:
    assert describe_length(n_words) == said


def test_the_page_says_which_text_was_read(library: Library) -> None:
    work = replace(library.works[0], provenance=DESCRIPTION, n_words=None)
    facts = dict(_list_facts(work))
    assert "Length" not in facts and facts["Read from"] == "the description alone"
    facts = dict(_list_facts(replace(work, provenance=FULL_TEXT, n_words=90_000)))
    assert facts["Length"] == "about 6 hours (90,000 words)" and "full text" in facts["Read from"]
