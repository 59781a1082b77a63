"""Announcements: never a second without, and nothing left behind."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from calendars.linking import accounts
from calendars.models import Account, Calendar, Subscription
from calendars.models.subscriptions import SubscriptionState
from calendars.providers.base import PollOnly
from calendars.subscriptions import lifecycle
from tests.calendars.fake_vendor import FakeVendor
from wedsync_comms.lib.errors import TransientError


class Clock:
    """Ours and the vendor's."""

    def __init__(self) -> None:
        self.now = datetime(2027, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(timezone, "now", found)
    return found


@pytest.fixture(params=[True, False], ids=["overlapping", "one at a time"])
def vendor(fake_vendor: FakeVendor, request: pytest.FixtureRequest) -> FakeVendor:
    fake_vendor.overlapping_pushes = request.param  # type: ignore[misc]
    return fake_vendor


def live_there(fake_vendor: FakeVendor, now: datetime) -> list[str]:
    return [
        subscription.id
        for subscription in fake_vendor.pushes.values()
        if subscription.expires_at > now
    ]


def walk(
    clock: Clock,
    account: Account,
    days: int,
    step: timedelta,
    each: Callable[[], None],
) -> None:
    end = clock.now + timedelta(days=days)
    while clock.now < end:
        lifecycle.maintain_subscriptions(account.pk)
        each()
        clock.now += step


def test_sixty_days_without_a_gap_and_without_an_orphan(
    clock: Clock,
    vendor: FakeVendor,
    calendar: Calendar,
) -> None:
    gaps = []

    def each() -> None:
        if not live_there(vendor, clock.now + timedelta(hours=1)):
            gaps.append(clock.now)

    walk(clock, calendar.account, 60, timedelta(hours=8), each)
    known = set(Subscription.objects.values_list("remote_id", flat=True))
    assert gaps == []
    assert set(vendor.pushes) <= known
    assert len(live_there(vendor, clock.now)) <= 2


def test_a_vendor_that_fails_for_a_day_heals_by_itself(
    clock: Clock,
    vendor: FakeVendor,
    calendar: Calendar,
) -> None:
    walk(clock, calendar.account, 3, timedelta(hours=6), lambda: None)
    vendor.down = TransientError("503")
    walk(clock, calendar.account, 1, timedelta(hours=1), lambda: None)
    assert live_there(vendor, clock.now)
    vendor.down = None
    walk(clock, calendar.account, 1, timedelta(hours=1), lambda: None)
    (push,) = vendor.pushes.values()
    assert push.expires_at > clock.now + timedelta(days=3)
    assert Subscription.objects.get().remote_id == push.id


def test_an_answer_that_is_lost_leaves_no_orphan(
    clock: Clock,
    vendor: FakeVendor,
    calendar: Calendar,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subscribe = type(vendor.mailbox("")).subscribe

    def cut(self: object, *args: object, **named: object) -> None:
        subscribe(self, *args, **named)  # type: ignore[arg-type]
        raise TransientError("cut after commit")

    monkeypatch.setattr("tests.calendars.fake_vendor.FakeMailbox.subscribe", cut)
    lifecycle.maintain_subscriptions(calendar.account_id)
    assert len(vendor.pushes) == 1
    monkeypatch.undo()
    monkeypatch.setattr(timezone, "now", clock)
    walk(clock, calendar.account, 1, timedelta(minutes=10), lambda: None)
    (found,) = Subscription.objects.all()
    assert list(vendor.pushes) == [found.remote_id]
    assert found.state == SubscriptionState.LIVE


def test_what_has_ended_at_the_vendor_is_asked_for_again(
    clock: Clock,
    vendor: FakeVendor,
    calendar: Calendar,
) -> None:
    lifecycle.maintain_subscriptions(calendar.account_id)
    vendor.pushes.clear()
    vendor.resources.clear()
    walk(clock, calendar.account, 5, timedelta(hours=1), lambda: None)
    assert live_there(vendor, clock.now)


def test_a_calendar_that_announces_nothing_is_polled_more_often(
    calendar: Calendar,
    fake_vendor: FakeVendor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PollOnly("holidays")

    monkeypatch.setattr("tests.calendars.fake_vendor.FakeMailbox.subscribe", refuse)
    lifecycle.maintain_subscriptions(calendar.account_id)
    calendar.refresh_from_db()
    assert calendar.poll_only
    assert not Subscription.objects.exists()
    lifecycle.maintain_subscriptions(calendar.account_id)
    assert fake_vendor.calls == []


def test_who_unfollows_a_calendar_is_told_nothing_more(
    calendar: Calendar, fake_vendor: FakeVendor
) -> None:
    lifecycle.maintain_subscriptions(calendar.account_id)
    assert len(fake_vendor.pushes) == 1
    accounts.choose_calendars(calendar.account, [])
    lifecycle.maintain_subscriptions(calendar.account_id)
    assert fake_vendor.pushes == {}
    assert not Subscription.objects.exists()
