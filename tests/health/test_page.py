"""The health page: what it says, to whom, and that it leads to the rows behind its numbers."""

from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from communications.models import Attempt, Call, Message, Organization, Role
from communications.providers import registry
from communications.vocabulary.statuses import Status
from health.models import Failure, Incident, IncidentEvent
from health.vocabulary.readings import Severity
from tests import factories
from tests.communications.admin_pages import logged_in, plain_static
from wedsync_comms.lib import heartbeats

__all__ = ["plain_static"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]

PAGE = "/admin/health/"
LIVE = "/admin/health/live/"


@pytest.fixture
def venue() -> Organization:
    return factories.organization()


@pytest.fixture
def owner(venue: Organization) -> Client:
    return logged_in(factories.member(venue, Role.OWNER))


@pytest.fixture
def platform() -> Client:
    return logged_in(User.objects.create_superuser("root", password="secret"))


def incident(**columns: Any) -> Incident:
    now = timezone.now()
    values = {
        "cause": "sending:resend",
        "kind": "breaker",
        "severity": Severity.CRITICAL,
        "title": "resend is down",
        "provider": "resend",
        "evidence": {"failed": 12, "calls": 14},
        "did": "Closed the provider off.",
        "advice": "See its status page.",
        "suspected_at": now,
        "last_seen_at": now,
        "opened_at": now,
        **columns,
    }
    return Incident.objects.create(**values)


def text(client: Client, path: str = LIVE) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


# --- what it says -------------------------------------------------------------------------------


def test_the_page_has_a_card_for_every_provider_with_a_word_beside_the_colour(
    owner: Client,
) -> None:
    page = text(owner, PAGE)
    for slug in chain(*settings.ROUTE_ORDER.values()):
        status = "operational" if slug in settings.PROVIDERS else "unconfigured"
        assert f'data-status="{status}" data-name="{slug}"' in page
    assert "Operational" in page
    assert "Not configured" in page


def test_without_anybody_watching_it_does_not_claim_that_everything_works(owner: Client) -> None:
    assert "Nobody watches at the moment" in text(owner)
    heartbeats.record_beat("evaluator", "here")
    assert "Everything works" in text(owner)


def test_an_incident_is_shown_with_cause_evidence_what_was_done_and_what_to_do(
    platform: Client,
) -> None:
    heartbeats.record_beat("evaluator", "here")
    incident()
    page = text(platform)
    assert "resend is down" in page
    for words in ("Failed", "12", "Closed the provider off.", "See its status page."):
        assert words in page
    assert 'data-status="down" data-name="resend"' in page


def test_a_resolved_incident_is_listed_with_how_long_it_took(platform: Client) -> None:
    now = timezone.now()
    incident(opened_at=now - timedelta(minutes=10), resolved_at=now - timedelta(minutes=5))
    page = text(platform)
    assert "Recently resolved" in page
    assert "after 5 min" in page


def test_a_paused_provider_says_so_and_offers_to_resume(platform: Client) -> None:
    registry.breaker_for("resend").pause("Paused by root.", hold=True)
    page = text(platform)
    assert "Paused by hand" in page
    assert reverse("health-act", args=["resume"]) + "?subject=resend" in page


def test_what_was_written_by_strangers_is_escaped(platform: Client) -> None:
    incident(title="<script>alert(1)</script>", evidence={"reason": "<img src=x>"})
    page = text(platform)
    assert "<script>alert(1)" not in page
    assert "<img src=x>" not in page


def test_the_page_of_a_provider_has_its_history_and_another_slug_is_not_found(
    owner: Client,
) -> None:
    assert "The same in numbers" in text(owner, "/admin/health/provider/resend/")
    assert "resend: operational" in text(owner, "/admin/health/provider/resend/live/")
    assert owner.get("/admin/health/provider/pigeon/").status_code == 404


def test_the_part_that_is_fetched_again_is_never_kept_by_a_browser(owner: Client) -> None:
    assert "no-store" in owner.get(LIVE)["Cache-Control"]


# --- to whom ------------------------------------------------------------------------------------


def test_nobody_sees_it_without_signing_in_or_without_an_organization() -> None:
    assert Client().get(PAGE).status_code == 302
    lonely = User.objects.create_user("lonely", is_staff=True)
    assert logged_in(lonely).get(PAGE).status_code == 403
    assert logged_in(lonely).get(LIVE).status_code == 403


def test_an_organization_sees_its_own_numbers_and_no_others(
    owner: Client,
    venue: Organization,
    platform: Client,
) -> None:
    factories.message(venue)
    factories.message()
    factories.message()
    due = f'<a href="{reverse("admin:communications_message_changelist")}?outbox=due">'
    assert f"{due}1</a>" in text(owner)
    assert f"{due}3</a>" in text(platform)


def test_evidence_and_machines_are_the_platforms(owner: Client, platform: Client) -> None:
    factories.organization()
    heartbeats.record_beat("dispatcher", "secret-host:1")
    incident(evidence={"quoted": "the platform's own numbers"})
    ours, theirs = text(owner), text(platform)
    assert "resend is down" in ours
    assert "own numbers" not in ours
    assert "secret-host" not in ours
    assert "own numbers" in theirs
    assert "secret-host" in theirs


def test_where_there_is_one_organization_its_staff_sees_what_the_platform_sees(
    owner: Client,
) -> None:
    found = incident()
    assert "Failed" in text(owner)
    assert reverse("health-act", args=["acknowledge"]) + f"?subject={found.pk}" in text(owner)


def test_an_incident_of_another_organization_is_nowhere_to_be_seen(owner: Client) -> None:
    foreign = incident(
        cause="sync:other",
        provider="",
        title="Zanzibar is silent",
        organization=factories.organization(),
    )
    assert "Zanzibar" not in text(owner)
    listed = reverse("admin:health_incident_changelist")
    assert "Zanzibar" not in text(owner, listed)
    page = reverse("admin:health_incident_change", args=[foreign.pk])
    assert owner.get(page).status_code == 302


def test_viewers_look_and_are_offered_nothing_to_do(venue: Organization) -> None:
    incident()
    viewer = logged_in(factories.member(venue, Role.VIEWER))
    assert "data-confirm" not in text(viewer)


# --- the way there ------------------------------------------------------------------------------


def test_the_sidebar_and_the_first_page_count_what_is_open(platform: Client) -> None:
    before = platform.get("/admin/").context
    incident()
    incident(cause="queue", provider="", title="The queue stands still")
    after = platform.get("/admin/").context
    assert [shown["tiles"][-1]["count"] for shown in (before, after)] == ["0", "2"]
    entries = [shown["sidebar_navigation"][0]["items"][1] for shown in (before, after)]
    assert [entry["title"] for entry in entries] == ["Health", "Health"]
    assert [entry.get("badge") for entry in entries] == [None, 2]


def test_the_history_of_an_incident_is_told_with_its_comments(platform: Client) -> None:
    found = incident()
    IncidentEvent.objects.create(
        incident=found,
        kind=IncidentEvent.Kind.COMMENT,
        by="mona",
        text="Called them.",
        at=timezone.now(),
    )
    page = text(platform, reverse("admin:health_incident_change", args=[found.pk]))
    assert "Called them." in page
    assert "by mona" in page


def test_a_failure_shows_the_redacted_exchange_and_only_to_whom_it_belongs(
    owner: Client,
    venue: Organization,
    platform: Client,
) -> None:
    factories.organization()
    now = timezone.now()
    common: dict[str, Any] = {
        "provider": "resend",
        "error_class": "ServerFailed",
        "error_code": "503",
        "text": "Zanzibar answered 503",
        "exchange": {"response": {"status": 503}},
        "first_seen": now,
        "last_seen": now,
    }
    ours = Failure.objects.create(organization=venue, fingerprint="a", **common)
    all_of_it = Failure.objects.create(organization=None, fingerprint="a", **common)
    page = reverse("admin:health_failure_change", args=[ours.pk])
    assert "&quot;status&quot;: 503" in text(owner, page)
    assert owner.get(reverse("admin:health_failure_change", args=[all_of_it.pk])).status_code == 302
    listed = reverse("admin:health_failure_changelist")
    assert text(platform, f"{listed}?q=zanzibar").count("Zanzibar") == 1
    assert "Zanzibar" not in text(platform, f"{listed}?q=nothing-like-it")


@pytest.mark.parametrize("model", ["incident", "failure", "action", "alert"])
def test_records_are_read_and_never_edited(platform: Client, model: str) -> None:
    assert text(platform, reverse(f"admin:health_{model}_changelist"))
    assert platform.get(f"/admin/health/{model}/add/").status_code == 403


def test_alerts_are_the_platforms_or_of_the_only_organization(owner: Client) -> None:
    listed = reverse("admin:health_alert_changelist")
    assert owner.get(listed).status_code == 200
    assert listed in text(owner, PAGE)
    factories.organization()
    assert owner.get(listed).status_code == 403
    assert listed not in text(owner, PAGE)


# --- the rows behind a number -------------------------------------------------------------------


def attempt(message: Message, provider: str, **columns: Any) -> Attempt:
    return Attempt.objects.create(
        message=message,
        call=Call.objects.create(provider=provider),
        number=message.attempts.count() + 1,
        provider=provider,
        to=message.to,
        started_at=timezone.now(),
        **columns,
    )


def test_messages_are_found_by_what_one_attempt_came_to(
    owner: Client,
    venue: Organization,
) -> None:
    failed, moved_on, fine = (
        factories.message(venue, subject=name) for name in ("Failed", "Moved on", "Fine")
    )
    attempt(failed, "resend", status=Status.FAILED, error_class="ServerFailed", error_code="503")
    attempt(moved_on, "resend", status=Status.FAILED, error_class="TransientError")
    attempt(moved_on, "django_mail", status=Status.SENT, provider_id="m-1")
    attempt(fine, "resend", status=Status.SENT, provider_id="re-1")

    def found(query: str) -> set[str]:
        page = text(owner, f"{reverse('admin:communications_message_changelist')}?{query}")
        return {subject for subject in ("Failed", "Moved on", "Fine") if f">{subject}</" in page}

    assert found("through=resend&outcome=failed") == {"Failed", "Moved on"}
    assert found("through=resend&outcome=accepted") == {"Fine"}
    assert found("through=django_mail&outcome=failed") == set()
    assert found("through=resend&outcome=failed&code=503") == {"Failed"}
    assert found("through=resend&outcome=failed&code=TransientError") == {"Moved on"}


def test_messages_are_found_by_where_they_wait(owner: Client, venue: Organization) -> None:
    later = timezone.now() + timedelta(hours=1)
    factories.message(venue, subject="Now")
    factories.message(venue, subject="Later", send_at=later)
    flying = factories.message(venue, subject="Flying")
    Message.objects.filter(pk=flying.pk).update(send_after=None)
    call = attempt(flying, "resend").call
    Call.objects.filter(pk=call.pk).update(repeat_after=later)

    def found(outbox: str) -> set[str]:
        page = text(owner, f"{reverse('admin:communications_message_changelist')}?outbox={outbox}")
        return {subject for subject in ("Now", "Later", "Flying") if f">{subject}</" in page}

    assert found("due") == {"Now"}
    assert found("scheduled") == {"Later"}
    assert found("in_flight") == {"Flying"}
