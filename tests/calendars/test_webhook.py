"""The one address for every calendar's announcements."""
# ruff: noqa: ARG001 (fixtures that only have to be there)

import time
from typing import Any

import pytest
from django.test import Client

from calendars.contacts import books
from calendars.models import Account, Calendar, Subscription
from calendars.subscriptions import lifecycle
from tests.calendars.fake_vendor import FakeVendor
from wedsync_comms.lib.models import WaitingTask

RIGHT = "right"
PATH = "/api/webhooks/communications/calendar"


@pytest.fixture
def subscription(
    calendar: Calendar, fake_vendor: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> Subscription:
    """A live one, whose secret is "right"."""
    monkeypatch.setattr(
        "calendars.subscriptions.lifecycle.secrets.token_urlsafe", lambda _: "right"
    )
    lifecycle.maintain_subscriptions(calendar.account_id)
    fake_vendor.calls.clear()
    Calendar.objects.update(dirty=0)
    return Subscription.objects.get()


def push(subscription: Subscription | str, secret: str = RIGHT, what: str = "changed") -> int:
    name = subscription if isinstance(subscription, str) else subscription.remote_id
    headers = {"x-fake": f"{name} {secret} {what}"}
    return int(Client().post(PATH, headers=headers).status_code)


def dirty() -> int:
    return Calendar.objects.get().dirty


def test_a_change_is_counted_and_answered(
    subscription: Subscription, fake_vendor: FakeVendor
) -> None:
    assert push(subscription) == push(subscription) == 202
    assert dirty() == 2
    assert Calendar.objects.get().last_pushed_at
    assert fake_vendor.calls == []


@pytest.mark.parametrize("secret", ["wrong", "r", "right2", "é"])
def test_a_wrong_secret_has_no_effect_and_says_so_to_nobody(
    subscription: Subscription,
    fake_vendor: FakeVendor,
    secret: str,
) -> None:
    assert push(subscription, secret.encode("ascii", "ignore").decode() or "x") == 202
    assert push("nobody") == 202
    subscription.refresh_from_db()
    assert (dirty(), subscription.last_message_at, fake_vendor.calls) == (0, None, [])


def test_its_first_message_is_no_change(subscription: Subscription) -> None:
    push(subscription, what="live")
    subscription.refresh_from_db()
    assert dirty() == 0
    assert subscription.last_message_at


def test_a_removed_one_is_replaced(subscription: Subscription, fake_vendor: FakeVendor) -> None:
    fake_vendor.pushes.clear()
    push(subscription, what="removed")
    lifecycle.maintain_subscriptions(subscription.account_id)
    (found,) = Subscription.objects.all()
    assert found.pk != subscription.pk
    assert list(fake_vendor.pushes) == [found.remote_id]


def test_the_handshake_is_echoed_as_text_without_the_database(
    django_assert_num_queries: Any,
    db: None,
) -> None:
    with django_assert_num_queries(0):
        answer = Client().post(f"{PATH}?validationToken=%3Cscript%3E+a%2Bb")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer.content == b"<script> a+b"


def test_what_is_no_push_is_malformed(fake_vendor: FakeVendor, db: None) -> None:
    assert Client().post(PATH, data="{}", content_type="application/json").status_code == 400
    assert Client().get(PATH).status_code == 405
    assert Client().post(f"{PATH}?validationToken={'x' * 3000}").status_code == 400


def test_what_is_too_large_is_not_read(fake_vendor: FakeVendor, db: None) -> None:
    body = b"x" * (3 * 1024 * 1024 + 1)
    answer = Client().post(PATH, data=body, content_type="application/json")
    assert answer.status_code == 413


def test_contacts_are_counted_on_their_own(subscription: Subscription) -> None:
    Subscription.objects.update(calendar=None)
    push(subscription)
    assert dirty() == 0
    assert Account.objects.get().people_dirty == 1


def test_contacts_are_read_after_the_first_push_of_a_burst(
    subscription: Subscription,
    django_capture_on_commit_callbacks: Any,
) -> None:
    Subscription.objects.update(calendar=None)
    book = books.follow_book(subscription.account)

    with django_capture_on_commit_callbacks(execute=True):
        push(subscription)
        push(subscription)

    assert Account.objects.get().people_dirty == 2
    (asked,) = WaitingTask.objects.all()
    assert (asked.func, asked.key) == ("calendars.tasks.sync_people", book.pk)
    assert asked.party == str(subscription.account.organization_id)


def test_the_second_id_must_fit_where_both_are_known(
    subscription: Subscription,
    monkeypatch: pytest.MonkeyPatch,
    fake_vendor: FakeVendor,
) -> None:
    from_paper = fake_vendor.pushed

    def elsewhere(request: Any) -> Any:
        for notification in from_paper(request):
            yield type(notification)(**vars(notification) | {"resource_id": "another"})

    monkeypatch.setattr(fake_vendor, "pushed", elsewhere)
    push(subscription)
    assert dirty() == 0


def test_a_flood_of_forgeries_costs_the_vendor_nothing(
    subscription: Subscription,
    fake_vendor: FakeVendor,
) -> None:
    began = time.monotonic()
    for number in range(300):
        push(f"forged-{number}")
    assert fake_vendor.calls == []
    assert dirty() == 0
    assert time.monotonic() - began < 30
