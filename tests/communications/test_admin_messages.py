"""Messages in the admin: what is shown, what can be done, what cannot be changed."""

import re
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from communications.admin.messages import search
from communications.live import event_stream
from communications.messages.transitions import (
    Change,
    record,
)
from communications.models import (
    Attempt,
    Call,
    Direction,
    Message,
    Priority,
)
from communications.policy import suppressions
from communications.vocabulary.events import (
    Kind,
    Reason,
    Source,
)
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.admin_pages import listed, logged_in, page_messages, plain_static, url
from wedsync_comms.lib.admin_kit import paging

__all__ = ["plain_static"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def user() -> User:
    return factories.member(username="mona")


@pytest.fixture
def client(user: User) -> Client:
    return logged_in(user)


def message(user: User, **fields: Any) -> Message:
    return factories.message(user.membership.organization, **fields)


def failed(user: User, **fields: Any) -> Message:
    found = message(user, **fields)
    Message.objects.filter(pk=found.pk).update(send_after=None)
    attempt = Attempt.objects.create(
        message=found,
        call=Call.objects.create(provider="resend"),
        number=1,
        provider="resend",
        started_at=timezone.now(),
    )
    change = Change(
        message=found.pk,
        attempt=attempt.pk,
        kind=Kind.FAILED,
        source=Source.RESPONSE,
        status=Status.FAILED,
        provider="resend",
        provider_id="re-77",
        error_code="validation_error",
        detail="Invalid recipient.",
        outcome={
            "finished_at": timezone.now(),
            "error": "Invalid recipient.",
            "error_class": "InvalidRecipient",
            "response": {"status": 422, "body": "<i>redacted</i>"},
        },
    )
    record([change])
    found.refresh_from_db()
    return found


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


# --- the page ---


def test_the_page_shows_attempts_events_and_the_exchange(user: User, client: Client) -> None:
    page = text(client.get(url(failed(user))))

    for expected in ("Invalid recipient.", "validation_error", "InvalidRecipient", "re-77"):
        assert expected in page
    assert "the provider’s answer" in page
    assert "&lt;i&gt;redacted&lt;/i&gt;" in page


def test_html_is_shown_only_inside_a_frame_that_runs_and_loads_nothing(
    user: User,
    client: Client,
) -> None:
    attack = '"><script>alert(1)</script><img src="https://spy.example/x.png">'
    page = client.get(url(message(user, html=attack))).content.decode()
    frame = re.search(r"<iframe[^>]*>", page)

    assert frame
    assert re.search(r"\ssandbox\s", frame[0])
    assert "allow-" not in frame[0]
    assert "<script>alert" not in page
    srcdoc = unescape(frame[0])
    assert srcdoc.index("default-src 'none'") < srcdoc.index(attack)


def test_texts_and_subjects_of_strangers_are_escaped(user: User, client: Client) -> None:
    found = message(user, subject="<b>subject</b>", body="<script>alert(1)</script>")

    for page in (url(found), listed(Message), url(found, "timeline")):
        shown = client.get(page).content.decode()
        assert "<b>subject" not in shown
        assert "<script>alert" not in shown


def test_the_page_continues_the_stream_from_where_it_was_drawn(user: User, client: Client) -> None:
    found = message(user)

    page = text(client.get(url(found)))

    assert f'data-since="{event_stream.last_event_id()}"' in page
    assert f'data-message="{found.pk}"' in page
    assert url(found, "timeline") in page


def test_the_fragment_is_the_part_of_the_page_that_changes(user: User, client: Client) -> None:
    found = failed(user, html="<p>Hello</p>")

    fragment = text(client.get(url(found, "timeline")))

    assert "Invalid recipient." in fragment
    assert "Try again" in fragment
    assert "<html" not in fragment
    assert "iframe" not in fragment


def test_times_are_the_organization_s(user: User, client: Client) -> None:
    organization = user.membership.organization
    organization.time_zone = "Asia/Tokyo"
    organization.save()
    found = message(user)
    Message.objects.filter(pk=found.pk).update(
        created_at=timezone.now().replace(2026, 3, 1, 23, 30, 0, 0),
    )

    for page in (url(found), listed(Message), url(found, "timeline")):
        assert "2 Mar 2026, 08:30" in client.get(page).content.decode()


def test_an_impossible_time_zone_closes_no_page(user: User, client: Client) -> None:
    organization = user.membership.organization
    organization.time_zone = "Mars/Olympus"
    organization.save()

    assert client.get(url(message(user))).status_code == 200


def test_a_message_that_came_in_can_be_replied_to(user: User, client: Client) -> None:
    found = message(user)
    Message.objects.filter(pk=found.pk).update(
        direction=Direction.INBOUND,
        send_after=None,
        sender="Guest <guest@example.com>",
        subject="Parking",
    )

    link = re.search(r'href="([^"]*message/add/\?[^"]*)"', text(client.get(url(found))))
    assert link
    form = client.get(unescape(link[1])).context["form"]

    assert form["to"].value() == "guest@example.com"
    assert form["subject"].value() == "Re: Parking"


# --- what can be done ---


def test_retry_puts_a_failed_message_into_the_outbox_again(user: User, client: Client) -> None:
    found = failed(user)

    response = client.post(url(found, "retry"), follow=True)

    found.refresh_from_db()
    assert found.status == Status.QUEUED
    assert "Waiting to be sent again: 1 message." in page_messages(response)
    assert "Tried again by mona." in text(response)


def test_cancel_takes_a_waiting_message_out(user: User, client: Client) -> None:
    found = message(user)

    client.post(url(found, "cancel"))

    found.refresh_from_db()
    assert found.status == Status.CANCELLED


def test_looking_at_the_address_of_a_button_does_nothing(user: User, client: Client) -> None:
    found = message(user)

    assert client.get(url(found, "cancel")).status_code == 405
    found.refresh_from_db()
    assert found.status == Status.QUEUED


def test_buttons_want_a_token_of_the_page(user: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)

    assert strict.post(url(message(user), "cancel")).status_code == 403


def test_only_what_is_possible_is_offered(user: User, client: Client) -> None:
    waiting, over = text(client.get(url(message(user)))), text(client.get(url(failed(user))))

    assert "Cancel sending" in waiting
    assert "Try again" not in waiting
    assert "Try again" in over
    assert "Cancel sending" not in over


def test_actions_on_many_report_what_worked_and_why_the_others_did_not(
    user: User,
    client: Client,
) -> None:
    rows = [failed(user), failed(user), message(user), message(user)]

    response = client.post(
        listed(Message),
        {"action": "retry", "_selected_action": [str(row.pk) for row in rows]},
        follow=True,
    )

    assert "Waiting to be sent again: 2 messages." in page_messages(response)
    assert "not possible for 2 messages. It is waiting to be sent." in page_messages(response)


# --- what cannot ---


def test_nobody_changes_a_text_by_posting_it() -> None:
    user = factories.member(is_superuser=True)
    found = message(user, subject="Before", body="Before")

    response = logged_in(user).post(
        url(found),
        {"subject": "After", "body": "After", "status": "delivered", "_save": "Save"},
    )

    assert response.status_code == 403
    found.refresh_from_db()
    assert (found.subject, found.body, found.status) == ("Before", "Before", Status.QUEUED)


# --- the list ---


def test_the_list_is_searched_by_address_subject_and_any_id(user: User, client: Client) -> None:
    found = failed(user, to="needle@example.com", subject="Hay")
    message(user, to="other@example.com", subject="Straw")

    for term in ("NEEDLE@", "hay", "re-77", str(found.pk)):
        shown = client.get(listed(Message), {"q": term}).context["cl"].result_list
        assert [message.pk for message in shown] == [found.pk], term


def test_an_old_message_is_found_by_its_ids_and_its_contact(
    user: User,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    organization = user.membership.organization
    contact = factories.contact(organization, email="old@example.com")
    found = failed(user, contact=contact.pk, to="", subject="Ancient")
    for _ in range(2):
        message(user)
    monkeypatch.setattr(search, "WINDOW", 2)

    for term, expected in (("old@example.com", [found.pk]), ("re-77", [found.pk]), ("anci", [])):
        shown = client.get(listed(Message), {"q": term}).context["cl"].result_list
        assert [message.pk for message in shown] == expected, term


def test_the_list_is_filtered(user: User, client: Client) -> None:
    found = failed(user, priority=Priority.URGENT)
    message(user)

    for query in (
        {"status__exact": "failed"},
        {"priority__exact": "0"},
        {"status__exact": "failed", "channel__exact": "email", "created": "day"},
    ):
        shown = client.get(listed(Message), query).context["cl"].result_list
        assert [message.pk for message in shown] == [found.pk], query


def test_an_old_message_is_not_of_the_last_hour(user: User, client: Client) -> None:
    found = message(user)
    Message.objects.filter(pk=found.pk).update(created_at=timezone.now() - timedelta(hours=2))

    assert not client.get(listed(Message), {"created": "hour"}).context["cl"].result_list


def test_the_list_counts_no_further_than_anybody_reads(
    user: User,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_max_num_queries: Any,
) -> None:
    monkeypatch.setattr(paging, "LIMIT", 2)
    for _ in range(3):
        message(user)

    # Four of them are the sidebar's, which shows open incidents.
    with django_assert_max_num_queries(10) as queries:
        page = text(client.get(listed(Message)))

    assert "More than" in page
    asked = [
        query["sql"]
        for query in queries.captured_queries
        if "communications_message" in query["sql"]
    ]
    counts = [sql for sql in asked if "COUNT(" in sql]
    assert counts
    assert len(asked) <= 3
    assert all("LIMIT 2" in count for count in counts)
    assert not any('"html"' in query["sql"] for query in queries.captured_queries)


# --- composing ---


def filled(client: Client, **fields: Any) -> dict[str, Any]:
    form = client.get(listed(Message, "add")).context["form"]
    return {
        "key": str(form["key"].value()),
        "channel": "email",
        "to": "guest@example.com",
        "subject": "Hello",
        "body": "See you.",
        "priority": "1",
        **fields,
    }


def test_composing_stores_the_message_and_shows_it(user: User, client: Client) -> None:
    response = client.post(listed(Message, "add"), filled(client, html="<p>See you</p>"))

    found = Message.objects.get()
    assert response.headers["Location"] == url(found)
    assert (found.organization, found.created_by) == (user.membership.organization, user)
    assert (found.to, found.html) == ("guest@example.com", "<p>See you</p>")


def test_a_second_click_sends_no_second_message(client: Client) -> None:
    data = filled(client)

    first, second = (client.post(listed(Message, "add"), data) for _ in range(2))

    assert first.headers["Location"] == second.headers["Location"]
    assert Message.objects.count() == 1


def test_the_same_form_with_another_text_is_refused(client: Client) -> None:
    data = filled(client)
    client.post(listed(Message, "add"), data)

    response = client.post(listed(Message, "add"), {**data, "body": "Something else"})

    assert "was sent before" in text(response)
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"to": "nonsense"}, "to"),
        ({"to": ""}, "to"),
        ({"subject": ""}, "subject"),
        ({"body": ""}, "body"),
        ({"body": "Dear {{ name }}"}, "body"),
        ({"expires_at": "2020-01-01T10:00"}, "expires_at"),
        ({"send_at": "soon"}, "send_at"),
        ({"channel": "pigeon"}, "channel"),
        ({"priority": "9"}, "priority"),
        ({"contact": "999999"}, "contact"),
        ({"key": "nonsense"}, "key"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    client: Client,
    fields: dict[str, str],
    wrong: str,
) -> None:
    response = client.post(listed(Message, "add"), filled(client, **fields))

    assert list(response.context["form"].errors) == [wrong]
    assert not Message.objects.exists()


def test_either_a_contact_or_an_address(user: User, client: Client) -> None:
    contact = factories.contact(user.membership.organization)

    both = client.post(listed(Message, "add"), filled(client, contact=contact.pk))
    client.post(listed(Message, "add"), filled(client, contact=contact.pk, to=""))

    assert "to" in both.context["form"].errors
    assert Message.objects.get().contact == contact


def test_the_sending_time_is_the_organization_s(user: User, client: Client) -> None:
    organization = user.membership.organization
    organization.time_zone = "Asia/Tokyo"
    organization.save()

    client.post(listed(Message, "add"), filled(client, send_at="2099-01-01T09:00"))

    send_at = Message.objects.get().send_at
    assert send_at
    assert send_at.isoformat() == "2099-01-01T00:00:00+00:00"


def test_a_closed_address_is_not_written_to(user: User, client: Client) -> None:
    suppressions.suppress_address(
        user.membership.organization,
        channel="email",
        value="guest@example.com",
        reason=Reason.OPT_OUT,
    )

    client.post(listed(Message, "add"), filled(client))

    assert Message.objects.get().status == Status.SUPPRESSED


def test_a_platform_administrator_says_for_whom() -> None:
    client = logged_in(User.objects.create_superuser("root"))
    organization = factories.organization()

    refused = client.post(listed(Message, "add"), filled(client))
    client.post(listed(Message, "add"), filled(client, organization=organization.pk))

    assert "organization" in refused.context["form"].errors
    assert Message.objects.get().organization == organization


def test_a_key_of_one_s_own_finds_no_foreign_message(client: Client) -> None:
    key = str(uuid4())
    other = logged_in(factories.member())
    other.post(listed(Message, "add"), {**filled(other), "key": key})

    client.post(listed(Message, "add"), {**filled(client), "key": key})

    assert Message.objects.values("organization").distinct().count() == 2
