"""When a request leaves."""

import time

import pytest
import requests
import responses

from wedsync_comms.lib.errors import OutcomeUnknown
from wedsync_comms.lib.http import Client, leaving_at

URL = "https://api.provider.example/messages"


def left() -> float:
    began = time.monotonic()
    Client().request("GET", URL, headers={})
    return time.monotonic() - began


@responses.activate
def test_a_request_leaves_at_its_moment_and_those_after_it_at_once() -> None:
    responses.get(URL)
    with leaving_at(time.monotonic() + 1.5) as departure:
        assert left() >= 0.75
        assert left() < 0.75
    assert 0 <= departure.left - departure.at < 0.75
    assert departure.left <= departure.answered <= departure.left + 0.75


@responses.activate
def test_it_is_known_how_late_it_was() -> None:
    responses.get(URL)
    with leaving_at(time.monotonic() - 0.5) as departure:
        left()
    assert 0.5 <= departure.left - departure.at < 1.5


@responses.activate
def test_what_got_no_answer_is_known_as_well() -> None:
    responses.get(URL, body=requests.ConnectionError())
    with leaving_at(time.monotonic()) as departure, pytest.raises(OutcomeUnknown):
        left()
    assert departure.left > departure.answered == 0.0


@responses.activate
def test_without_a_moment_it_leaves_at_once() -> None:
    responses.get(URL)
    with leaving_at(time.monotonic() + 5):
        pass
    assert left() < 3
