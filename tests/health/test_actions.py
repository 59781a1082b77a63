"""What a person does about it: asked first, done once, written down, and only by who may."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from communications.models import Attempt, Call, Message, Organization, Role, WebhookDelivery
from communications.providers import registry
from communications.vocabulary.statuses import Status
from health.models import Action, Incident
from tests import factories
from tests.communications.admin_pages import logged_in, page_messages, plain_static
from tests.health.test_page import incident

__all__ = ["plain_static"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def venue() -> Organization:
    return factories.organization()


@pytest.fixture
def owner(venue: Organization) -> Client:
    return logged_in(factories.member(venue, Role.OWNER, username="olga"))


@pytest.fixture
def platform() -> Client:
    return logged_in(User.objects.create_superuser("root", password="secret"))


def url(verb: str, subject: object = "") -> str:
    page = reverse("health-act", args=[verb])
    return f"{page}?subject={subject}" if subject else page


def do(client: Client, verb: str, subject: object = "", **given: Any) -> str:
    """What the page says afterwards."""
    return page_messages(client.post(url(verb, subject), given, follow=True))


def failed(of: Organization, error_class: str, **columns: Any) -> Message:
    message = factories.message(of)
    Message.objects.filter(pk=message.pk).update(status=Status.FAILED, send_after=None)
    Attempt.objects.create(
        message=message,
        call=Call.objects.create(provider="resend"),
        number=1,
        provider="resend",
        to=message.to,
        status=Status.FAILED,
        error_class=error_class,
        started_at=timezone.now(),
        **columns,
    )
    return message


# --- asking first -------------------------------------------------------------------------------


def test_it_asks_before_it_acts_and_asking_changes_nothing(platform: Client) -> None:
    page = platform.get(url("pause", "resend")).content.decode()
    assert "Pause resend?" in page
    assert "csrfmiddlewaretoken" in page
    assert registry.breaker_for("resend").state().state == "closed"
    assert not Action.objects.exists()


def test_a_script_is_given_the_question_alone(platform: Client) -> None:
    headers = {"X-Requested-With": "fetch"}
    dialog = platform.get(url("pause", "resend"), headers=headers).content.decode()
    assert dialog.lstrip().startswith("<form")


def test_nothing_is_done_without_the_token_of_the_page(platform: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = platform.cookies
    assert strict.post(url("pause", "resend")).status_code == 403
    assert registry.breaker_for("resend").state().state == "closed"


@pytest.mark.parametrize(("verb", "subject"), [("fly", ""), ("pause", "pigeon"), ("comment", "x")])
def test_what_does_not_exist_is_not_found(platform: Client, verb: str, subject: str) -> None:
    assert platform.get(url(verb, subject)).status_code == 404


def test_afterwards_one_is_where_one_was_and_never_on_another_site(platform: Client) -> None:
    there = reverse("health-provider", args=["resend"])
    assert platform.post(url("resume", "resend"), {"back": there})["Location"] == there
    elsewhere = platform.post(url("resume", "resend"), {"back": "https://evil.example/"})
    assert elsewhere["Location"] == reverse("health")


# --- who may ------------------------------------------------------------------------------------


def test_an_owner_steers_providers_only_where_they_are_nobody_elses(owner: Client) -> None:
    assert owner.get(url("pause", "resend")).status_code == 200
    factories.organization()
    for verb in ("pause", "resume", "probe"):
        assert owner.post(url(verb, "resend"), {"text": ""}).status_code == 403
    assert registry.breaker_for("resend").state().state == "closed"


def test_staff_steers_no_provider_and_viewers_do_nothing_at_all(venue: Organization) -> None:
    staff = logged_in(factories.member(venue, Role.STAFF))
    assert staff.post(url("pause", "resend")).status_code == 403
    assert staff.get(url("retry")).status_code == 200
    viewer = logged_in(factories.member(venue, Role.VIEWER))
    for verb in ("retry", "failover", "replay"):
        assert viewer.post(url(verb), {"provider": "resend"}).status_code == 403


def test_incidents_of_others_are_not_found(owner: Client) -> None:
    foreign = incident(organization=factories.organization())
    for verb in ("acknowledge", "comment"):
        assert owner.post(url(verb, foreign.pk), {"text": "Hello"}).status_code == 404


# --- what it does -------------------------------------------------------------------------------


def test_a_provider_is_paused_until_it_is_resumed_and_both_are_written_down(
    platform: Client,
) -> None:
    assert do(platform, "pause", "resend", text="They told us to.") == "resend is paused."
    state = registry.breaker_for("resend").state()
    assert (state.state, state.held) == ("open", True)
    assert "They told us to." in state.reason
    assert do(platform, "resume", "resend") == "resend is resumed."
    assert registry.breaker_for("resend").state().state == "closed"
    written = list(Action.objects.order_by("pk").values_list("verb", "subject", "by_name"))
    assert written == [("paused", "resend", "root"), ("resumed", "resend", "root")]


def test_a_probe_says_what_was_answered(platform: Client) -> None:
    # Nobody listens there.
    assert "account failed:" in do(platform, "probe", "resend")
    assert Action.objects.get().verb == "probed"


def test_what_failed_by_a_providers_fault_is_tried_again_and_the_rest_left_alone(
    owner: Client,
    venue: Organization,
) -> None:
    theirs = failed(venue, "ServerFailed")
    ours = failed(venue, "InvalidRecipient")
    foreign = failed(factories.organization(), "ServerFailed")
    assert do(owner, "retry") == "Waiting to be sent again: 1 message."
    waiting = Message.objects.filter(send_after__isnull=False)
    assert list(waiting) == [theirs]
    assert {ours.pk, foreign.pk}.isdisjoint(waiting.values_list("pk", flat=True))
    assert "nothing that failed" in do(owner, "retry")
    assert Action.objects.count() == 1


def test_what_waits_for_another_try_is_tried_now_and_what_waits_for_its_time_is_not(
    owner: Client,
    venue: Organization,
) -> None:
    later = timezone.now() + timedelta(hours=1)
    bound = factories.message(venue)
    Message.objects.filter(pk=bound.pk).update(via="resend", send_after=later)
    scheduled = factories.message(venue, send_at=later)
    assert "1 message" in do(owner, "failover", provider="resend")
    bound.refresh_from_db()
    scheduled.refresh_from_db()
    assert bound.via == ""
    assert bound.send_after is not None
    assert bound.send_after <= timezone.now()
    assert scheduled.send_after == later
    assert "Nothing waits" in do(owner, "failover", provider="resend")


def test_deliveries_that_were_given_up_on_are_replayed(owner: Client, venue: Organization) -> None:
    WebhookDelivery.objects.create(
        provider="resend",
        event_id="msg_1",
        organization=venue,
        url="http://testserver/",
        headers={},
        body=json.dumps({"type": "email.sounded", "data": {}}).encode(),
        received_at=timezone.now(),
        tries=9,
    )
    assert do(owner, "replay") == "Replayed: 1 applied, 0 failed again."
    assert "no webhook" in do(owner, "replay")


def test_an_incident_is_acknowledged_once_and_by_name(platform: Client) -> None:
    found = incident()
    assert "you have seen it" in do(platform, "acknowledge", found.pk)
    found.refresh_from_db()
    assert found.acknowledged_by == "root"
    assert "already" in do(platform, "acknowledge", found.pk)
    assert found.history.count() == 1


def test_a_comment_is_kept_with_its_author_and_an_empty_one_is_asked_for_again(
    platform: Client,
) -> None:
    found = incident()
    page = platform.post(url("comment", found.pk), {"text": " "}).content.decode()
    assert "This field is required." in page
    assert do(platform, "comment", found.pk, text="Called them.") != ""
    line = Incident.objects.get().history.get()
    assert (line.text, line.by) == ("Called them.", "root")


def test_what_was_done_is_listed(platform: Client) -> None:
    do(platform, "pause", "resend", text="They told us to.")
    page = platform.get(reverse("admin:health_action_changelist")).content.decode()
    for words in ("root", "paused", "resend", "They told us to."):
        assert words in page
