"""A provider that can never send a message is no way for it: it waits for the one that can."""

import pytest
from django.utils import timezone
from pytest_django import Settings

from communications.models import Event, Message, Organization
from communications.policy import provider_selection
from communications.providers import registry
from communications.providers.whatsapp import WhatsApp
from communications.sending import claims
from communications.sending.dispatcher import Dispatcher
from tests.communications.channels.phones import (
    VALUES,
    Phones,
    attempts,
    explanations,
    guest,
    status,
    template,
    timeline,
    twilio_account,
    write,
)
from tests.communications.engine.mailing import dispatcher
from wedsync_comms.lib.rate_limit.limiter import TokenBucket

TEXT = {"body": "", "template": "wedding_update", "variables": VALUES}


@pytest.fixture
def beside(phones: Phones, settings: Settings) -> Phones:
    """Meta first, and Twilio's WhatsApp behind it, as the settings have it."""
    account = twilio_account(phones.sandbox.url)
    account["BACKEND"] = "communications.providers.twilio.TwilioWhatsApp"
    settings.PROVIDERS = {**settings.PROVIDERS, "twilio_whatsapp": account}
    settings.ROUTES = {**settings.ROUTES, "whatsapp": ["whatsapp", "twilio_whatsapp"]}
    return phones


def providers(message: Message) -> list[str]:
    return [attempt.provider for attempt in attempts(message)]


@pytest.mark.parametrize(("code", "name"), [(401, "190"), (400, "33"), (400, "133010")])
@pytest.mark.parametrize("plan", [[], [{"channel": "email", "after_seconds": 600}]])
def test_a_template_waits_for_the_provider_that_has_it(
    venue: Organization, beside: Phones, code: int, name: str, plan: list[dict[str, object]]
) -> None:
    template(venue)
    beside.breaks("whatsapp", "status", status=code, name=name)
    first, later = (
        write(guest(venue, window=False), "whatsapp", fallback=plan, **TEXT) for _ in range(2)
    )
    beside.send_due()
    is_closed = registry.breaker_for("whatsapp").state().state == "open"
    assert (is_closed, providers(first)) == (name == "190", ["whatsapp"]) or plan
    if plan and not is_closed:
        # Nobody takes its sender: the next channel of the plan has it at once.
        assert [status(first), status(later)] == ["sent", "sent"]
        return
    assert [status(first), status(later)] == ["queued", "queued"]
    assert providers(later) == []
    assert timeline(first).count("held") == timeline(later).count("held") == 1
    assert "Twilio" not in explanations(later)

    beside.sandbox.control("DELETE", "/whatsapp/faults")
    registry.breaker_for("whatsapp").resume()
    beside.settle(first, rounds=3)
    assert [status(first), status(later)] == ["sent", "sent"]
    assert set(providers(first)) == set(providers(later)) == {"whatsapp"}


def test_a_free_text_takes_the_second_way(venue: Organization, beside: Phones) -> None:
    beside.breaks("whatsapp", "status", status=401, name="190")
    assert beside.send(write(guest(venue), "whatsapp")).provider == "twilio_whatsapp"


@pytest.mark.parametrize("fails", [("status", {"status": 503, "name": "1"}), ("rate_limit", {})])
def test_a_passing_failure_gives_it_to_nobody_else(
    venue: Organization, beside: Phones, fails: tuple[str, dict[str, object]]
) -> None:
    template(venue)
    fault, options = fails
    beside.breaks("whatsapp", fault, count=1, **options)
    message = write(guest(venue, window=False), "whatsapp", **TEXT)
    beside.settle(message, rounds=3)
    assert set(providers(message)) == {"whatsapp"}


@pytest.mark.parametrize("plan", [[], [{"channel": "email"}]])
def test_what_no_provider_can_ever_send_fails_at_once(
    venue: Organization, beside: Phones, settings: Settings, plan: list[dict[str, object]]
) -> None:
    settings.ROUTES = {**settings.ROUTES, "whatsapp": ["twilio_whatsapp"]}
    template(venue)
    message = beside.send(write(guest(venue, window=False), "whatsapp", fallback=plan, **TEXT))
    reason = "Twilio does not have Meta's template “wedding_update”."
    assert reason in explanations(message)
    assert "whatsapp" not in " ".join(providers(message))
    if plan:
        assert (message.status, message.leg_channel) == ("sent", "email")
    else:
        assert (message.status, message.error_code, message.error) == ("failed", "unable", reason)
        assert not message.send_after


def test_why_a_message_waits_is_told_while_nobody_claims_it(
    venue: Organization, phones: Phones
) -> None:
    registry.breaker_for("whatsapp").pause("The access token has expired.")
    message = write(guest(venue), "whatsapp")
    working = dispatcher()
    for _ in range(3):
        look(working)
    assert timeline(message) == ["composed", "held"]
    assert "whatsapp now: The access token has expired." in explanations(message)

    registry.breaker_for("whatsapp").resume()
    assert phones.send(message).status == "sent"
    registry.breaker_for("whatsapp").pause("Again.")
    again = write(guest(venue), "whatsapp")
    look(working)
    assert timeline(again) == ["composed", "held"]
    assert Event.objects.filter(kind="held").count() == 2


@pytest.mark.parametrize(("seconds", "told"), [(3, []), (60, ["held"])])
def test_a_pause_of_a_moment_is_not_worth_telling(
    venue: Organization, beside: Phones, seconds: float, told: list[str]
) -> None:
    template(venue)
    message = write(guest(venue, window=False), "whatsapp", **TEXT)
    registry.bucket_for("whatsapp").hold(seconds)
    usable = ["twilio_whatsapp"]
    assert claims.claim_due("whatsapp", "twilio_whatsapp", usable=usable, limit=9) == []
    assert timeline(message) == ["composed", *told]
    message.refresh_from_db()
    assert message.send_after
    assert message.send_after > timezone.now()
    assert beside.copies(message) == []


def test_a_wait_for_one_recipient_is_told_once(venue: Organization, phones: Phones) -> None:
    message = write(guest(venue), "whatsapp")
    assert WhatsApp.pair_rate is not None
    TokenBucket(f"whatsapp:{message.leg_to}", WhatsApp.pair_rate).hold(60)
    for _ in range(2):
        Message.objects.filter(pk=message.pk).update(send_after=timezone.now())
        phones.send_due()
    assert (status(message), timeline(message)) == ("queued", ["composed", "held"])
    assert "only so many messages to one person" in explanations(message)


@pytest.mark.usefixtures("beside")
def test_why_the_others_were_not_tried_is_told_at_the_end(venue: Organization) -> None:
    template(venue)
    message = write(guest(venue, window=False), "whatsapp", **TEXT)
    provider_selection.fall_back_or_fail(message)
    assert "Every provider of WhatsApp that can send it was tried. Twilio" in explanations(message)


def test_what_waits_for_a_provider_leaves_when_it_is_open_again(
    venue: Organization, beside: Phones
) -> None:
    template(venue)
    registry.breaker_for("whatsapp").pause("The access token has expired.")
    working = dispatcher()
    look(working)
    message = beside.send(write(guest(venue, window=False), "whatsapp", **TEXT))
    assert timeline(message) == ["composed", "held"]
    registry.breaker_for("whatsapp").resume()
    look(working)
    assert beside.send(message).status == "sent"


def look(working: Dispatcher) -> None:
    """One look of the dispatcher at what is closed."""
    working.swept_at = 0.0
    working.refresh_availability()
    working.run_periodic()


@pytest.mark.parametrize(
    ("slug", "to", "name", "why"),
    [
        ("twilio_whatsapp", "+447700900123", "", ""),
        ("twilio_whatsapp", "+447700900123", "HX0c", ""),
        ("twilio_whatsapp", "+447700900123", "wedding_update", "Twilio does not have Meta's"),
        ("twilio_whatsapp", "GB.1349", "", "is an id at Meta and no number"),
        ("whatsapp", "GB.1349", "wedding_update", ""),
        ("whatsapp", "+447700900123", "HX0c", "its names have no capital letters"),
        ("twilio", "+447700900123", "wedding_update", ""),
        ("mail", "amelia@example.com", "", ""),
    ],
)
@pytest.mark.usefixtures("beside")
def test_what_a_provider_can_never_send(slug: str, to: str, name: str, why: str) -> None:
    found = registry.provider_for(slug).inability(to=to, template=name)
    assert why in found
    assert bool(found) == bool(why)
