"""Notification channels: what is posted, to whom, and how it ends."""

import time
from typing import Any
from uuid import uuid4

import pytest

from tests.sandbox.google import Google, event, refused
from tests.sandbox.receiver import Hook, Receiver

WEEK = 7 * 86_400
HOLIDAYS = "en.uk#holiday@group.v.calendar.google.com"


def watch(google: Google, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    body = {
        "id": str(uuid4()),
        "type": "web_hook",
        "address": f"{receiver.url}calendar",
        "token": "only we know",
        **fields,
    }
    answer: dict[str, Any] = google.events.watch(calendarId="primary", body=body).execute()
    return answer


def states(receiver: Receiver, count: int) -> list[str]:
    hooks = receiver.wait_for(lambda hooks: len(hooks) >= count)
    return [hook.headers["x-goog-resource-state"] for hook in hooks]


def test_a_channel_starts_with_a_sync_message_of_headers_only(
    google: Google, receiver: Receiver
) -> None:
    channel = watch(google, receiver)

    assert states(receiver, 1) == ["sync"]
    hook = receiver.hooks[0]
    assert hook.body == b""
    assert hook.path == "/calendar"
    assert {name: value for name, value in hook.headers.items() if name.startswith("x-goog")} == {
        "x-goog-channel-id": channel["id"],
        "x-goog-channel-token": "only we know",
        "x-goog-channel-expiration": hook.headers["x-goog-channel-expiration"],
        "x-goog-message-number": "1",
        "x-goog-resource-id": channel["resourceId"],
        "x-goog-resource-state": "sync",
        "x-goog-resource-uri": channel["resourceUri"],
    }
    assert hook.headers["x-goog-channel-expiration"].endswith(" GMT")
    assert channel["kind"] == "api#channel"
    assert abs(int(channel["expiration"]) / 1000 - time.time() - WEEK) < 60


def test_a_change_is_told_with_a_larger_number_and_nothing_else(
    google: Google, receiver: Receiver
) -> None:
    watch(google, receiver, token=None)
    made = google.insert()
    google.events.delete(calendarId="primary", eventId=made["id"]).execute()

    assert states(receiver, 3) == ["sync", "exists", "exists"]
    numbers = [int(hook.headers["x-goog-message-number"]) for hook in receiver.hooks]
    assert numbers == sorted(set(numbers))
    assert "x-goog-channel-token" not in receiver.hooks[1].headers


def test_a_stopped_channel_is_silent_and_stopping_it_again_finds_nothing(
    google: Google, receiver: Receiver
) -> None:
    channel, other = watch(google, receiver), watch(google, receiver)
    states(receiver, 2)
    assert other["resourceId"] == channel["resourceId"]
    wrong = google.calendar.channels().stop(body={"id": channel["id"], "resourceId": "x"})
    stop = google.calendar.channels().stop(
        body={"id": channel["id"], "resourceId": channel["resourceId"]}
    )

    assert refused(wrong) == (404, "notFound")
    stop.execute()
    assert refused(stop) == (404, "notFound")
    google.insert()
    states(receiver, 3)
    assert receiver.hooks[2].headers["x-goog-channel-id"] == other["id"]
    assert len(google.control("GET", "/pushes")["pushes"]) == 1


def test_nobody_stops_somebody_elses_channel(google: Google, receiver: Receiver) -> None:
    channel = watch(google, receiver)
    other = Google(google.sandbox, "events@rosewood.example")
    body = {"id": channel["id"], "resourceId": channel["resourceId"]}

    assert refused(other.calendar.channels().stop(body=body)) == (404, "notFound")
    other.close()


def test_a_channel_ends_when_it_was_said_to(google: Google, receiver: Receiver) -> None:
    channel = watch(google, receiver, params={"ttl": "3000"})
    states(receiver, 1)
    assert abs(int(channel["expiration"]) / 1000 - time.time() - 3000) < 60

    google.control("POST", "/clock", {"seconds": 3300})
    google.insert()

    assert google.control("GET", "/pushes")["pushes"] == []
    time.sleep(0.4)
    assert len(receiver.hooks) == 1


def test_nobody_gets_more_than_a_week(google: Google, receiver: Receiver) -> None:
    channel = watch(google, receiver, expiration=str(int((time.time() + 3 * WEEK) * 1000)))

    assert abs(int(channel["expiration"]) / 1000 - time.time() - WEEK) < 60


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({"address": "http://wedsync.example/hook"}, 400, "push.webhookUrlNotHttps"),
        ({"id": "no spaces please"}, 400, "invalid"),
        ({"id": "x" * 65}, 400, "invalid"),
        ({"type": "carrier_pigeon"}, 400, "invalid"),
        ({"token": "t" * 257}, 400, "invalid"),
        ({"expiration": "1000"}, 400, "invalid"),
        ({"address": None}, 400, "required"),
    ],
)
def test_a_channel_that_makes_no_sense_is_refused(
    google: Google, fields: dict[str, Any], status: int, reason: str
) -> None:
    body = {"id": "one", "type": "web_hook", "address": "https://wedsync.example/", **fields}
    request = google.events.watch(calendarId="primary", body=body)

    assert refused(request) == (status, reason)


def test_an_id_is_used_once(google: Google, receiver: Receiver) -> None:
    channel = watch(google, receiver)
    body = {"id": channel["id"], "type": "web_hook", "address": receiver.url}
    again = google.events.watch(calendarId="primary", body=body)

    assert refused(again) == (400, "channelIdNotUnique")


def test_a_holiday_calendar_cannot_be_watched(google: Google, receiver: Receiver) -> None:
    body = {"id": "holidays", "type": "web_hook", "address": receiver.url}
    request = google.events.watch(calendarId=HOLIDAYS, body=body)

    assert refused(request) == (400, "pushNotSupportedForRequestedResource")


def test_the_list_of_calendars_can_be_watched(google: Google, receiver: Receiver) -> None:
    body = {"id": "list", "type": "web_hook", "address": receiver.url}
    google.calendar.calendarList().watch(body=body).execute()
    google.calendar.calendars().insert(body={"summary": "Tastings"}).execute()

    assert states(receiver, 2) == ["sync", "exists"]


@pytest.mark.parametrize(("status", "tries"), [(503, 2), (404, 1)])
def test_only_a_server_error_is_tried_again(
    google: Google, receiver: Receiver, status: int, tries: int
) -> None:
    receiver.answers.append(status)
    watch(google, receiver)

    receiver.wait_for(lambda hooks: len(hooks) >= tries)
    time.sleep(0.3)
    assert len(receiver.hooks) == tries
    assert len({hook.headers["x-goog-message-number"] for hook in receiver.hooks}) == 1


def test_pushes_can_be_lost_repeated_shuffled_and_forged(
    google: Google, receiver: Receiver
) -> None:
    google.control("PATCH", "", {"push_delay": 0})
    watch(google, receiver)
    states(receiver, 1)

    google.faults(webhook_drop={"count": 1})
    google.insert()
    google.faults(webhook_duplicate={"copies": 3, "count": 1})
    google.insert()
    states(receiver, 4)
    assert len(_numbers(receiver.hooks[1:])) == 1

    google.faults(webhook_reorder={"seconds": 0.5})
    google.insert()
    google.insert()
    states(receiver, 6)
    assert _numbers(receiver.hooks[4:]) == sorted(_numbers(receiver.hooks[4:]), reverse=True)

    google.faults(webhook_forge={"count": 1})
    google.insert()
    states(receiver, 8)
    tokens = [hook.headers["x-goog-channel-token"] for hook in receiver.hooks[6:]]
    assert tokens == ["forged", "only we know"]


def _numbers(hooks: list[Hook]) -> list[int]:
    return list(dict.fromkeys(int(hook.headers["x-goog-message-number"]) for hook in hooks))


def test_a_change_by_the_other_side_is_told_as_well(google: Google, receiver: Receiver) -> None:
    watch(google, receiver)
    made = google.events.insert(
        calendarId="primary", body=event(attendees=[{"email": "a@example.com"}])
    ).execute()

    google.control(
        "POST", f"/events/{made['id']}/answers", {"email": "a@example.com", "answer": "accepted"}
    )
    assert states(receiver, 3) == ["sync", "exists", "exists"]
