"""When a request leaves."""

import time

import responses

from wedsync_comms.lib.http import Client, leaving_at

URL = "https://api.provider.example/messages"


def left() -> float:
    began = time.monotonic()
    Client().request("GET", URL, headers={})
    return time.monotonic() - began


@responses.activate
def test_a_request_leaves_at_its_moment_and_those_after_it_at_once() -> None:
    responses.get(URL)
    with leaving_at(time.monotonic() + 0.3) as departure:
        assert left() >= 0.29
        assert left() < 0.2
    assert 0 <= departure.late < 0.1


@responses.activate
def test_it_is_known_how_late_it_was() -> None:
    responses.get(URL)
    with leaving_at(time.monotonic() - 0.5) as departure:
        left()
    assert 0.5 <= departure.late < 0.7


@responses.activate
def test_without_a_moment_it_leaves_at_once() -> None:
    responses.get(URL)
    with leaving_at(time.monotonic() + 5):
        pass
    assert left() < 0.2
