"""Two organizations share every account. One is misconfigured in every way there is; the other does
not notice: its delays and timelines are as if it were alone, and the incidents are not its own."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from communications.models import Event, Message, Organization, WebhookDelivery
from communications.receiving import bodies, deliveries
from communications.sending.dispatcher import Dispatcher
from health.collecting import observation
from health.incidents import lifecycle
from health.models import Incident
from health.reporting import summary
from health.rules.evaluation import evaluate_rules
from tests import factories
from tests.communications.channels.phones import Phones, last, template
from tests.communications.edges import posting
from tests.communications.edges.test_api import Api
from tests.communications.engine.mailing import account, dispatcher
from tests.communications.providers.signing import svix
from tests.environment import SECRET

pytestmark = pytest.mark.django_db

TO = {"email": "amelia@example.com", "sms": "+447700900123", "whatsapp": "+447700900123"}
FOREIGN = {
    "email_from": "The Barn <hello@unverified.example>",
    "sms_from": "+15550109999",
    "whatsapp_from": "906540352242922",
}
TEMPLATE = {"template": "wedding_update", "variables": {"1": "Amelia", "2": "your day"}}


@pytest.fixture
def shared(phones: Phones, settings: Settings) -> Iterator[Phones]:
    """Accounts at vendors that know what belongs to them, as the real ones do."""
    resend = account(phones.sandbox, "sandbox", webhook_secrets=[SECRET])
    settings.PROVIDERS = {**settings.PROVIDERS, "resend": resend}
    settings.ROUTES = {**settings.ROUTES, "email": ["resend"]}
    phones.sandbox.control("PATCH", "/resend", {"domains": ["everafter.example"]})
    phones.sandbox.control("PATCH", "/twilio", {"numbers": ["+15550100100"]})
    yield phones
    phones.sandbox.control("PATCH", "/resend", {"domains": []})
    phones.sandbox.control("PATCH", "/twilio", {"numbers": []})


def compose(member: User, of: Organization, priority: str) -> list[Message]:
    api, made = Api(member), []
    for channel, to in TO.items():
        text = TEMPLATE if channel == "whatsapp" else {"body": "Soon.", "subject": "Hi"}
        if channel != "email":
            text = {name: value for name, value in text.items() if name != "subject"}
        answer = api.post("messages/", {"channel": channel, "to": to, "priority": priority, **text})
        assert answer.status_code == 201, answer.content
        made.append(Message.objects.get(pk=answer.json()["id"]))
    assert {message.organization_id for message in made} == {of.pk}
    return made


def timelines(messages: list[Message]) -> list[list[tuple[str, str, str]]]:
    rows = Event.objects.order_by("id").values_list("kind", "provider", "detail")
    return [list(rows.filter(message=message)) for message in messages]


def slowest(messages: list[Message]) -> float:
    """Seconds from composing to the provider's answer."""
    taken = [message.attempts.latest("number").finished_at for message in messages]
    return max(
        (at - message.created_at).total_seconds() if at else 99.0
        for at, message in zip(taken, messages, strict=True)
    )


def send_due(worker: Dispatcher) -> None:
    while not worker.tick():
        pass


def webhooks_of_others() -> None:
    """Receipts of another program of the team, and a mail that can never be fetched."""
    for number in range(5):
        body = posting.event("email.bounced", email_id=f"other-{number}", to=["x@example.com"])
        posting.post(body, svix(body, event_id=f"other-{number}"))
    announced: dict[str, Any] = {"email_id": "0193465e-0000-7c3e-9d52-000000000000"}
    body = posting.event("email.received", to=["hello@unverified.example"], **announced)
    posting.post(body, svix(body, event_id="announced"))
    deliveries.apply_due()
    bodies.fetch_bodies()


def test_the_other_is_served_as_if_it_were_alone(shared: Phones) -> None:
    venue, barn = factories.organization(), factories.organization(**FOREIGN)
    member, theirs = factories.member(venue), factories.member(barn)
    template(venue)
    template(barn)
    worker = dispatcher()

    alone = compose(member, venue, "urgent")
    send_due(worker)

    refused = [*compose(theirs, barn, "urgent"), *compose(theirs, barn, "normal")]
    beside = compose(member, venue, "urgent")
    webhooks_of_others()
    send_due(worker)
    beside += compose(member, venue, "normal")
    send_due(worker)

    # The one: told where it is, each in its own timeline and in an incident.
    for message in refused:
        message.refresh_from_db()
    assert {message.status for message in refused} == {"queued"}
    assert all("does not take" in timeline[-1][2] for timeline in timelines(refused))
    # The other: no word more, and no second later.
    for message in (*alone, *beside):
        message.refresh_from_db()
    assert {message.status for message in (*alone, *beside)} == {"sent"}
    assert timelines(beside) == timelines(alone) * 2
    assert slowest(beside) < slowest(alone) + 1.0
    shared.twilio_says(last(beside[1]), "undelivered", "30004")
    assert not WebhookDelivery.objects.unapplied().exists()

    now = timezone.now()
    lifecycle.apply_matches(evaluate_rules(observation.collect_observation(now)), now)
    own = Incident.objects.open().filter(organization=barn)
    assert set(own.values_list("provider", flat=True)) == {"resend", "twilio", "whatsapp"}
    assert all(incident.advice and incident.link for incident in own)
    shown = summary.build_summary(venue).incidents
    assert "unverified.example" not in json.dumps([incident.title for incident in shown])
    assert {incident.kind for incident in shown}.isdisjoint({"sender", "credentials", "breaker"})


@pytest.mark.usefixtures("shared")
def test_many_refusals_of_a_sender_are_no_failure_of_the_provider() -> None:
    barn = factories.organization(**FOREIGN)
    for _ in range(12):
        factories.message(barn)
    send_due(dispatcher())

    observed = observation.collect_observation(timezone.now())
    found = {match.rule.kind for match in evaluate_rules(observed).values()}
    assert "sender" in found
    assert found.isdisjoint({"failing", "often failing", "breaker", "credentials"})
    failed = {provider.slug: provider.failed for provider in observed.providers}
    assert failed["resend"] == 0
