from datetime import timedelta

import pytest
from django.utils import timezone

from wedsync_comms.lib import heartbeats
from wedsync_comms.lib.models import Heartbeat

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def grow_older(by: timedelta) -> None:
    Heartbeat.objects.update(beat_at=timezone.now() - by)


def test_a_process_that_never_beat_is_not_alive() -> None:
    assert not heartbeats.is_alive("dispatcher", within=MINUTE)
    assert heartbeats.latest_beat("dispatcher") is None


def test_a_process_is_alive_for_a_while_after_its_beat() -> None:
    heartbeats.record_beat("dispatcher", "a:1")
    assert heartbeats.is_alive("dispatcher", within=MINUTE)
    grow_older(2 * MINUTE)
    assert not heartbeats.is_alive("dispatcher", within=MINUTE)


def test_one_process_says_nothing_about_another() -> None:
    heartbeats.record_beat("worker", "a:1")
    assert not heartbeats.is_alive("dispatcher", within=MINUTE)


def test_a_beat_replaces_the_one_before() -> None:
    heartbeats.record_beat("dispatcher", "a:1", sent=1)
    grow_older(2 * MINUTE)
    heartbeats.record_beat("dispatcher", "a:1", sent=2)
    beat = Heartbeat.objects.get()
    assert beat.detail == {"sent": 2}
    assert timezone.now() - beat.beat_at < MINUTE


def test_the_latest_of_several_instances() -> None:
    heartbeats.record_beat("dispatcher", "a:1")
    grow_older(MINUTE)
    heartbeats.record_beat("dispatcher", "b:2")
    latest = heartbeats.latest_beat("dispatcher")
    assert str(latest) == "dispatcher b:2"


def test_instances_not_heard_of_are_forgotten() -> None:
    heartbeats.record_beat("dispatcher", "gone:1")
    grow_older(2 * MINUTE)
    heartbeats.record_beat("dispatcher", "here:2")
    assert heartbeats.forget_silent(older_than=MINUTE) == 1
    assert Heartbeat.objects.get().instance == "here:2"
