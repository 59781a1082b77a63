"""One person, however the number is written, and whatever WhatsApp calls them."""

import pytest
from django.utils import timezone
from pytest_django import Settings

from communications.book import contacts
from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.errors import InvalidAddress
from communications.models import Contact, Organization, Suppression
from communications.policy import (
    suppressions,
    whatsapp_window,
)
from communications.receiving.inbound import receive_message
from communications.vocabulary.events import (
    ConsentKeyword,
    MessageReceived,
    Reason,
)
from communications.vocabulary.phone_numbers import number_variants
from communications.vocabulary.statuses import Status
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def venue() -> Organization:
    return factories.organization(region="DE", sms_from="+493012345678", whatsapp_from="4711")


@pytest.fixture(autouse=True)
def telephones(settings: Settings) -> None:
    settings.PROVIDERS = {
        **settings.PROVIDERS,
        "twilio": {
            "BACKEND": "communications.providers.twilio.Twilio",
            "OPTIONS": {"account_sid": "AC1", "auth_tokens": ["t"], "sender": "+493012345678"},
        },
    }
    settings.ROUTES = {**settings.ROUTES, "sms": ["twilio"]}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("+55 11 98765-4321", "+55 11 8765-4321"),
        ("+52 1 55 1234 5678", "+52 55 1234 5678"),
        ("+49 (0)170 1234567", "0049 170 1234567"),
        ("+490170 1234567", "0170/1234567"),
        ("+44 07700 900123", "+44 7700 900123"),
    ],
)
def test_spellings_of_a_number_do_not_make_two_people(
    venue: Organization,
    first: str,
    second: str,
) -> None:
    made = contacts.create_contact(venue, name="Ana", addresses=[("sms", first)])
    value = contacts.normalise_number(second, region="DE")

    assert contacts.find_or_create_contact(venue, channel="sms", value=value) == made
    with pytest.raises(InvalidAddress, match="another contact"):
        contacts.create_contact(venue, name="Somebody", addresses=[("sms", second)])


def test_landlines_and_other_countries_have_one_form() -> None:
    assert number_variants("+551133334444") == ("+551133334444",)
    assert number_variants("+447700900123") == ("+447700900123",)
    assert number_variants("anna@example.com") == ("anna@example.com",)


def test_stop_from_one_form_closes_the_other(venue: Organization) -> None:
    contacts.create_contact(venue, name="Ana", addresses=[("sms", "+5511987654321")])
    suppressions.suppress_address(
        venue, channel="sms", value="+551187654321", reason=Reason.OPT_OUT
    )

    draft = Draft(channel="sms", to="+5511987654321", body="Hello")

    assert compose_message(venue, draft).message.status == Status.SUPPRESSED


def test_who_writes_from_one_form_opens_the_window_of_the_other(venue: Organization) -> None:
    contacts.create_contact(venue, name="Ana", addresses=[("whatsapp", "+5511987654321")])

    whatsapp_window.open_service_window(venue.pk, "+551187654321", timezone.now())

    assert whatsapp_window.window_end(venue.pk, "+5511987654321")
    assert whatsapp_window.window_end(venue.pk, "+551187654321")


# --- WhatsApp's own id ---


def written(venue: Organization, **fields: object) -> Contact | None:
    count = venue.message_set.count()
    values = {
        "channel": "whatsapp",
        "provider_id": f"wamid.{count}",
        "sender": "GB.1",
        "to": ("4711",),
        "subject": "",
        "text": "Hello",
        "occurred_at": timezone.now(),
        **fields,
    }
    receive_message("whatsapp", MessageReceived(**values), f"event-{count}")  # type: ignore[arg-type]
    return venue.message_set.order_by("-created_at").first().contact  # type: ignore[union-attr]


@pytest.fixture(autouse=True)
def whatsapp(settings: Settings) -> None:
    settings.PROVIDERS = {
        **settings.PROVIDERS,
        "whatsapp": {
            "BACKEND": "communications.providers.whatsapp.WhatsApp",
            "OPTIONS": {"access_token": "t", "phone_number_id": "4711", "app_secrets": ["s"]},
        },
    }
    settings.ROUTES = {**settings.ROUTES, "whatsapp": ["whatsapp"]}


def test_who_shows_the_number_first_and_hides_it_later_is_one_contact(venue: Organization) -> None:
    shown = written(venue, sender="+491701234567", handle="DE.99", sender_name="Ana")
    hidden = written(venue, sender="DE.99", handle="DE.99")

    assert shown == hidden
    assert shown is not None
    assert (shown.name, shown.to_review) == ("Ana", True)


def test_stop_of_somebody_hidden_closes_the_number_we_know(venue: Organization) -> None:
    written(venue, sender="+491701234567", handle="DE.99")

    written(venue, sender="DE.99", handle="DE.99", text="STOP", keyword=ConsentKeyword.STOP)

    closed = Suppression.objects.filter(channel="whatsapp").values_list("value", flat=True)
    assert set(closed) == {"+491701234567", "DE.99"}


def test_a_stranger_is_to_be_reviewed_and_a_known_one_is_not(venue: Organization) -> None:
    known = contacts.create_contact(venue, name="Ana", addresses=[("whatsapp", "+491701234567")])

    assert written(venue, sender="+491701234567") == known
    stranger = written(venue, sender="+491709999999", sender_name="Ben Hart")

    assert stranger is not None
    assert (known.to_review, stranger.to_review) == (False, True)
    assert stranger.changes.get().source == "inbound"
