"""Text that is put beside other text."""

from datetime import timedelta

import pytest

from wedsync_comms.lib.text import as_delay, as_sentence


@pytest.mark.parametrize("said", ["The token has expired", "The token has expired."])
def test_a_sentence_ends_once(said: str) -> None:
    assert as_sentence(said) == "The token has expired."


@pytest.mark.parametrize("said", ["Really?", "Stop!", "And so on…"])
def test_another_mark_ends_it_as_well(said: str) -> None:
    assert as_sentence(said) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (0.5, "0.5 s"), (1, "1 s"), (16.2, "16 s"), (119, "119 s"), (180, "3 min")],
)
def test_a_delay_is_told_as_people_read_it(seconds: float, said: str) -> None:
    assert as_delay(timedelta(seconds=seconds)) == said
