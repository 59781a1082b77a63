"""Linked calendar accounts: what is seen of them, what counts as trouble, and who is told."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from calendars.mailbox import grants
from calendars.models import Account, Calendar, ContactBook, EventLink, Subscription
from calendars.models.accounts import AccountStatus
from calendars.models.subscriptions import SubscriptionState
from calendars.providers import registry
from communications.models import Organization, Role
from health.collecting import (
    linked_accounts,
    observation,
    probes,
)
from health.incidents import (
    alerts,
    evaluator,
    lifecycle,
)
from health.models import Action, Alert, Incident, Probe
from health.reporting import (
    staff_frame,
    summary,
)
from health.rules import calendars, evaluation
from health.vocabulary.readings import (
    CountWithExample,
    ProviderHealth,
    Severity,
    State,
)
from tests import factories
from tests.calendars import rows
from tests.calendars.fake_vendor import FakeVendor
from tests.communications.admin_pages import logged_in, plain_static
from tests.communications.edges.servers import Live, live
from tests.health.test_api import PROMISED, asked
from tests.servers import free_port
from wedsync_comms.lib.errors import CredentialsRejected, TransientError

__all__ = ["plain_static"]

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
PAPER = {"BACKEND": "tests.calendars.fake_vendor.FakeVendor", "OPTIONS": {}}


@pytest.fixture(autouse=True)
def vendors(settings: Settings) -> None:
    settings.CALENDARS = {"google": PAPER, "microsoft": PAPER}
    settings.ALERT_URLS = ["json://127.0.0.1:9/"]


@pytest.fixture
def server(process_env: dict[str, str]) -> Iterator[Live]:
    with live(process_env) as running:
        yield running


@pytest.fixture
def venue() -> Organization:
    return factories.organization()


@pytest.fixture
def account(venue: Organization) -> Account:
    return linked_account(venue)


@pytest.fixture
def calendar(account: Account) -> Calendar:
    return healthy(account)


def linked_account(venue: Organization, vendor: str = "google", **columns: Any) -> Account:
    fake_vendor = registry.configured_vendor(vendor)
    assert isinstance(fake_vendor, FakeVendor)
    grant = fake_vendor.grant()
    values = {"grant": grants.seal_grant(grant), "scopes": list(grant.scopes), **columns}
    return rows.account(venue, vendor, **values)


def healthy(account: Account, **columns: Any) -> Calendar:
    """Read a minute ago, announced for days."""
    now = timezone.now()
    values = {"last_pulled_at": now - MINUTE, "pull_after": now + 14 * MINUTE, **columns}
    found = rows.calendar(account, **values)
    subscription(found)
    return found


def subscription(calendar: Calendar, **columns: Any) -> Subscription:
    now = timezone.now()
    values = {
        "remote_id": f"channel-{calendar.pk}",
        "state": SubscriptionState.LIVE,
        "starts_at": now - timedelta(days=1),
        "expires_at": now + timedelta(days=6),
        "act_after": now + timedelta(days=3),
        **columns,
    }
    return Subscription.objects.create(account=calendar.account, calendar=calendar, **values)


def change(row: Any, **columns: Any) -> None:
    type(row).objects.filter(pk=row.pk).update(**columns)


def found(organization: Organization | None = None) -> dict[str, evaluation.RuleMatch]:
    """What is wrong with calendars."""
    key = organization.pk if organization else None
    now = timezone.now()
    observed = observation.Observation(
        at=now, calendars=linked_accounts.collect_calendar_health(key, now), beats={"worker": now}
    )
    return evaluation.evaluate_rules(observed)


def kinds() -> set[str]:
    return {match.rule.kind for match in found().values()}


def card(organization: Organization | None = None, slug: str = "google") -> ProviderHealth:
    return next(
        health
        for health in summary.build_summary(organization).providers
        if health.provider == slug
    )


# --- what counts as trouble ---------------------------------------------------------------------


@pytest.mark.usefixtures("calendar")
def test_an_account_that_is_read_and_announced_is_no_trouble() -> None:
    assert found() == {}


def test_an_account_whose_permission_is_gone_leads_to_its_page(
    venue: Organization,
    calendar: Calendar,
) -> None:
    change(calendar.account, status=AccountStatus.RECONNECT)
    [(cause, match)] = found().items()
    assert cause == f"access:google:{venue.pk}"
    assert match.title == "A Fake account must be connected again"
    assert match.finding.link == f"/admin/calendars/account/{calendar.account_id}/change/"
    assert match.finding.organization == venue.pk


def test_a_disconnected_account_is_nobodys_trouble(calendar: Calendar) -> None:
    change(calendar.account, status=AccountStatus.DISCONNECTED)
    assert found() == {}


@pytest.mark.parametrize(("failures", "expected"), [(2, set()), (3, {"mailbox failing"})])
def test_an_account_that_failed_once_or_twice_is_tried_again_in_peace(
    calendar: Calendar,
    failures: int,
    expected: set[str],
) -> None:
    change(calendar.account, failures=failures, error="TransientError: anna@example.com is away")
    assert kinds() == expected
    assert "anna" not in str([match.finding.evidence for match in found().values()])


def test_what_a_failing_account_explains_is_no_trouble_of_its_own(calendar: Calendar) -> None:
    long_ago = timezone.now() - timedelta(hours=5)
    change(calendar.account, failures=9, error="ServerFailed: 503", retry_at=timezone.now())
    change(calendar, pull_after=long_ago, misses=4)
    Subscription.objects.update(expires_at=long_ago)
    [match] = found().values()
    assert match.rule.kind == "mailbox failing"
    assert match.finding.evidence["the last answer"] == "ServerFailed"


def test_a_vendor_that_fails_for_everybody_is_one_incident_and_not_one_each() -> None:
    for _ in range(3):
        linked_account(factories.organization(), failures=3, error="TransientError: away")
    linked_account(factories.organization(), "microsoft")
    [(cause, match)] = found().items()
    assert (cause, match.rule.kind) == ("vendor:google", "calendars away")
    assert match.finding.organization is None


@pytest.mark.parametrize("columns", [{"misses": 2}, {"misses": 9}])
def test_pushes_that_stay_away_while_changes_are_found_are_a_silence(
    calendar: Calendar,
    columns: dict[str, int],
) -> None:
    change(calendar, **columns)
    assert kinds() == {"push silence"}
    change(calendar, poll_only=True)
    assert kinds() == set()


@pytest.mark.parametrize(
    "columns",
    [
        {"expires_at": -MINUTE},
        {"act_after": -11 * MINUTE},
        {"tries": 3},
        {"state": SubscriptionState.STOPPING},
    ],
)
def test_a_subscription_that_is_not_renewed_is_noticed_before_it_ends(
    calendar: Calendar,
    columns: dict[str, Any],
) -> None:
    now = timezone.now()
    values = {
        name: now + value if name.endswith(("at", "after")) else value
        for name, value in columns.items()
    }
    calendar.subscriptions.update(**values)
    assert kinds() == {"push overdue"}
    subscription(calendar, remote_id="the next one")
    calendar.subscriptions.exclude(remote_id="the next one").delete()
    assert kinds() == set()


def test_a_calendar_that_should_have_been_read_long_ago_is_noticed(calendar: Calendar) -> None:
    now = timezone.now()
    change(calendar, pull_after=now - 9 * MINUTE)
    assert kinds() == set()
    change(calendar, pull_after=now - 11 * MINUTE)
    assert kinds() == {"reading late"}
    change(calendar, pulling_until=now + MINUTE)
    assert kinds() == set()
    change(calendar, is_followed=False, pulling_until=None)
    assert kinds() == set()


def test_a_dead_worker_explains_what_is_late(calendar: Calendar) -> None:
    change(calendar, pull_after=timezone.now() - timedelta(hours=1))
    now = timezone.now()
    gone = {"worker": now - timedelta(hours=1)}
    observed = observation.Observation(
        at=now, calendars=linked_accounts.collect_calendar_health(None, now), beats=gone
    )
    assert {match.rule.kind for match in evaluation.evaluate_rules(observed).values()} == {"worker"}


def test_what_a_guard_holds_waits_for_a_person(calendar: Calendar) -> None:
    change(calendar, held_at=timezone.now(), held_reason="All 9 are gone.")
    ContactBook.objects.create(account=calendar.account, held_at=timezone.now())
    [match] = found().values()
    assert match.rule.kind == "deletions held"
    assert (match.finding.evidence["calendars"], match.finding.evidence["address books"]) == (1, 1)
    change(calendar, held_decision="delete")
    ContactBook.objects.update(held_decision="keep")
    assert kinds() == set()


def test_an_address_book_that_fails_is_late_and_one_that_was_stopped_is_not(
    calendar: Calendar,
) -> None:
    book = ContactBook.objects.create(account=calendar.account, error="Stopped by a person.")
    assert kinds() == set()
    change(book, error="PermanentError: no such folder")
    assert kinds() == {"reading late"}


@pytest.mark.parametrize(
    ("tries", "waits", "expected"),
    [(0, 0, set()), (4, -1, set()), (5, 15, {"unwritten"}), (0, -11, {"unwritten"})],
)
def test_an_appointment_that_waits_for_long_is_noticed(
    calendar: Calendar,
    tries: int,
    waits: int,
    expected: set[str],
) -> None:
    EventLink.objects.create(
        appointment=rows.appointment(calendar),
        calendar=calendar,
        tries=tries,
        write_after=timezone.now() + waits * MINUTE,
    )
    assert kinds() == expected
    assert card().accounts == linked_accounts.vendor_total(
        "google", linked_accounts.collect_calendar_health(None, timezone.now())
    )
    EventLink.objects.update(write_after=None)
    assert kinds() == set()


# --- incidents ----------------------------------------------------------------------------------


def test_an_incident_belongs_to_its_organization_and_its_recovery_closes_it(
    calendar: Calendar,
) -> None:
    began, account = timezone.now(), calendar.account
    other = linked_account(factories.organization(), status=AccountStatus.RECONNECT)
    change(account, status=AccountStatus.RECONNECT)
    lifecycle.apply_matches(found(), began)
    lifecycle.apply_matches(found(), began + timedelta(seconds=3))
    owners = Incident.objects.open().values_list("organization", flat=True)
    assert set(owners) == {account.organization_id, other.organization_id}
    change(account, status=AccountStatus.LINKED)
    lifecycle.apply_matches(found(), began + timedelta(seconds=30))
    assert list(Incident.objects.open().values_list("organization", flat=True)) == [
        other.organization_id,
    ]
    told = Alert.objects.filter(incident__organization=account.organization)
    assert list(told.values_list("kind", flat=True)) == ["opened", "recovered"]


def test_an_alert_leads_to_the_account(calendar: Calendar, settings: Settings) -> None:
    change(calendar.account, status=AccountStatus.RECONNECT)
    evaluator.Evaluator().evaluate()
    alert = Alert.objects.get(incident__kind="reconnect")
    page = f"/admin/calendars/account/{calendar.account_id}/change/"
    assert settings.PUBLIC_URL + page in alerts.alert_body(alert).splitlines()


def test_only_what_fails_for_everybody_is_critical() -> None:
    critical = {rule.kind for rule in calendars.RULES if rule.severity == Severity.CRITICAL}
    assert critical == {"calendars away"}


def test_a_new_account_without_a_subscription_is_given_time(account: Account) -> None:
    rows.calendar(account)
    began = timezone.now()
    lifecycle.apply_matches(found(), began)
    assert not Incident.objects.open().exists()
    lifecycle.apply_matches(found(), began + 5 * MINUTE)
    [incident] = Incident.objects.open()
    assert incident.kind == "push overdue"


def test_the_evaluator_finds_it_by_itself_and_calls_nobody(calendar: Calendar) -> None:
    fake_vendor = registry.configured_vendor("google")
    assert isinstance(fake_vendor, FakeVendor)
    change(calendar, held_at=timezone.now())
    evaluator.Evaluator().evaluate()
    assert Incident.objects.open().filter(kind="deletions held").exists()
    assert fake_vendor.calls == []


# --- who sees what ------------------------------------------------------------------------------


def test_a_card_says_how_the_accounts_are(venue: Organization, calendar: Calendar) -> None:
    pushed = timezone.now() - 2 * MINUTE
    change(calendar, last_pushed_at=pushed)
    linked_account(venue, status=AccountStatus.RECONNECT)
    venue_card = card(venue)
    assert (venue_card.status, venue_card.channel) == (State.OPERATIONAL, "calendar")
    assert venue_card.last_webhook_at == pushed
    assert venue_card.last_success_at is not None
    accounts = venue_card.accounts
    assert accounts is not None
    assert (accounts.accounts, accounts.reconnect.count, accounts.followed) == (1, 1, 1)
    assert accounts.next_expiry_at == calendar.subscriptions.get().expires_at


def test_what_is_known_of_an_account_to_reconnect_stays_known(
    venue: Organization,
    calendar: Calendar,
) -> None:
    change(calendar.account, status=AccountStatus.RECONNECT)
    accounts = card(venue).accounts
    assert accounts is not None
    assert (accounts.accounts, accounts.followed, accounts.reconnect.count) == (0, 0, 1)
    assert accounts.last_poll_at is not None
    assert accounts.next_expiry_at is None


def test_a_vendor_without_an_account_says_so_and_one_without_settings_too(
    settings: Settings,
) -> None:
    settings.CALENDARS = {"google": PAPER}
    assert (card().status, card().reason) == (State.OPERATIONAL, "No account is linked yet.")
    assert card(slug="microsoft").status == State.UNCONFIGURED


def test_an_organization_sees_its_own_accounts_and_the_platform_all_of_them(
    venue: Organization,
    calendar: Calendar,
) -> None:
    other = factories.organization()
    theirs = healthy(linked_account(other), held_at=timezone.now())
    evaluator.Evaluator().evaluate()
    assert card(venue).status == State.OPERATIONAL
    assert card(other).status == State.DEGRADED
    assert card(other).accounts != card(venue).accounts
    everybody = card().accounts
    assert everybody is not None
    assert (everybody.accounts, everybody.held) == (2, CountWithExample(1, theirs.account_id))
    mine = card(venue).accounts
    assert mine is not None
    assert (mine.accounts, mine.held.count) == (1, 0)
    assert calendar.account_id != theirs.account_id


def test_the_api_keeps_its_shape_with_null_where_it_does_not_apply(
    venue: Organization,
    calendar: Calendar,
) -> None:
    found = asked(factories.member(venue))["providers"]
    google_health = next(health for health in found if health["provider"] == "google")
    assert set(google_health) >= PROMISED
    assert google_health["status"] == "operational"
    for name in ("breaker", "success_rate", "latency_p95_ms", "rate_limit", "last_failure_at"):
        assert google_health[name] is None
    polled = Calendar.objects.get(pk=calendar.pk).last_pulled_at
    assert polled is not None
    assert datetime.fromisoformat(google_health["last_success_at"]) == polled
    assert google_health["webhook_endpoint"]["ok"] is None
    assert google_health["accounts"]["linked"] == 1
    email = next(health for health in found if health["channel"] == "email")
    assert email["accounts"] is None


@pytest.mark.usefixtures("plain_static")
def test_the_page_shows_the_numbers_and_leads_to_the_account(calendar: Calendar) -> None:
    change(calendar, misses=3)
    change(calendar.account, failures=4, error="TransientError: away")
    root = logged_in(User.objects.create_superuser("root", password="secret"))
    path = f"/admin/calendars/account/{calendar.account_id}/change/"
    for page in ("/admin/health/", "/admin/health/provider/google/"):
        text = root.get(page).content.decode()
        assert 'data-name="google"' in text
        assert "1 failing (TransientError)" in text
        assert path in text
    assert root.get("/admin/health/act/probe/?subject=google").status_code == 200
    assert root.get("/admin/health/act/pause/?subject=google").status_code == 404


def test_what_is_pushed_over_the_websocket_names_vendors_and_no_organizations(
    calendar: Calendar,
) -> None:
    change(calendar, held_at=timezone.now())
    evaluator.Evaluator().evaluate()
    frame = json.loads(staff_frame.health_frame())
    assert (frame["providers"]["google"], frame["incidents"]) == ("operational", 0)
    for _ in range(2):
        linked_account(factories.organization(), failures=3, error="TransientError: away")
    change(calendar.account, failures=3)
    evaluator.Evaluator().evaluate()
    assert json.loads(staff_frame.health_frame())["providers"]["google"] == "down"


@pytest.mark.usefixtures("plain_static")
def test_the_page_of_an_incident_leads_to_the_account(
    venue: Organization,
    calendar: Calendar,
) -> None:
    change(calendar.account, status=AccountStatus.RECONNECT)
    evaluator.Evaluator().evaluate()
    client = logged_in(factories.member(venue))
    incident = Incident.objects.open().get(kind="reconnect")
    text = client.get(f"/admin/health/incident/{incident.pk}/change/").content.decode()
    assert f"/admin/calendars/account/{calendar.account_id}/change/" in text
    other_client = logged_in(factories.member())
    assert other_client.get(f"/admin/health/incident/{incident.pk}/change/").status_code != 200


def test_metrics_count_accounts_and_name_none(calendar: Calendar) -> None:
    change(calendar, misses=2)
    text = Client().get("/metrics").content.decode()
    samples = [
        sample for family in text_string_to_metric_families(text) for sample in family.samples
    ]
    counted = {(sample.name, *sample.labels.values()): sample.value for sample in samples}
    assert counted[("wedsync_calendar_accounts", "google", "linked")] == 1
    assert counted[("wedsync_calendar_trouble", "google", "silent")] == 1
    assert ("wedsync_provider_breaker_open", "google", "calendar") not in counted
    assert calendar.account.email not in text


# --- probes -------------------------------------------------------------------------------------


def fake_vendor() -> FakeVendor:
    found = registry.configured_vendor("google")
    assert isinstance(found, FakeVendor)
    return found


@pytest.mark.usefixtures("calendar")
def test_one_account_of_a_vendor_is_asked_for_its_calendars() -> None:
    [question] = [
        question for question in probes.vendor_questions() if question.subject == "google"
    ]
    answer = probes.run_probe(question)
    assert answer is not None
    assert answer.ok
    assert fake_vendor().calls == ["calendars"]
    fake_vendor().down = TransientError("503")
    answer = probes.run_probe(question)
    assert answer is not None
    assert not answer.ok
    # It failed, and is left in peace.
    assert probes.run_probe(question) is None


@pytest.mark.usefixtures("calendar")
def test_an_account_that_is_refused_says_nothing_about_the_vendor() -> None:
    fake_vendor().down = CredentialsRejected("401")
    assert probes.run_probe(next(probes.vendor_questions())) is None
    assert not Probe.objects.exists()


def test_without_an_account_that_can_be_asked_nobody_is(account: Account) -> None:
    change(account, scopes=["con"])
    assert [probes.run_probe(question) for question in probes.vendor_questions()] == [None, None]
    assert fake_vendor().calls == []


def test_our_own_address_answers_as_vendors_want_it(server: Live, settings: Settings) -> None:
    settings.PUBLIC_URL = server.http
    [answer] = [probes.run_probe(question) for question in probes.calendar_endpoint_questions()]
    assert answer is not None
    assert (answer.kind, answer.subject, answer.ok) == (Probe.Kind.ENDPOINT, "calendar", True)
    assert card().webhook_endpoint.ok


def test_an_address_that_is_away_is_an_incident_when_it_was_asked_twice(
    settings: Settings,
) -> None:
    settings.PUBLIC_URL = f"http://127.0.0.1:{free_port()}"
    for expected in (False, True):
        [answer] = [probes.run_probe(question) for question in probes.calendar_endpoint_questions()]
        assert answer is not None
        assert not answer.ok
        evaluator.Evaluator().evaluate()
        assert Incident.objects.open().filter(kind="calendar endpoint").exists() == expected
    settings.CALENDARS = {}
    assert observation.collect_observation(timezone.now()).calendar_endpoint is None


def test_all_accounts_of_a_vendor_are_subscribed_anew_and_it_is_written_down(
    calendar: Calendar,
    account: Account,
) -> None:
    far = timezone.now() + timedelta(days=3)
    calendar.subscriptions.update(act_after=far)
    others = subscription(rows.calendar(rows.account(vendor="microsoft")), act_after=far)
    platform = logged_in(User.objects.create_superuser("root", password="secret"))

    page = platform.post("/admin/health/act/resubscribe/?subject=google", follow=True)

    assert "Asked to announce changes anew, for 1 account" in page.content.decode()
    assert calendar.subscriptions.filter(act_after__lte=timezone.now()).count() == 1
    others.refresh_from_db()
    assert others.act_after == far
    deed = Action.objects.get()
    assert (deed.verb, deed.subject, deed.by_name) == ("subscribed anew", "google", "root")

    account.delete()
    page = platform.post("/admin/health/act/resubscribe/?subject=google", follow=True)
    assert "There is no linked account" in page.content.decode()


def test_an_owner_subscribes_only_their_own_accounts_anew(calendar: Calendar) -> None:
    far = timezone.now() + timedelta(days=3)
    calendar.subscriptions.update(act_after=far)
    owner = logged_in(factories.member(factories.organization(), Role.OWNER, username="olga"))

    page = owner.post("/admin/health/act/resubscribe/?subject=google", follow=True)

    assert "There is no linked account" in page.content.decode()
    assert calendar.subscriptions.get().act_after == far
