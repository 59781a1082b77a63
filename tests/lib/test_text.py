"""Text that is put beside other text."""

import pytest

from wedsync_comms.lib.text import as_sentence


@pytest.mark.parametrize("said", ["The token has expired", "The token has expired."])
def test_a_sentence_ends_once(said: str) -> None:
    assert as_sentence(said) == "The token has expired."


@pytest.mark.parametrize("said", ["Really?", "Stop!", "And so on…"])
def test_another_mark_ends_it_as_well(said: str) -> None:
    assert as_sentence(said) == said
