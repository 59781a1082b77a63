"""What is permitted for one recipient, and for vendors that ask for nothing."""

import pytest
from django.utils import timezone
from pytest_django import Settings

from communications.models import Message
from communications.providers import registry
from communications.providers.whatsapp import WhatsApp
from communications.sending import claims as claim
from tests.communications.engine import rows
from tests.connections import Closing
from tests.factories import organization
from wedsync_comms.lib.errors import MalformedRequest
from wedsync_comms.lib.rate_limit.limiter import TokenBucket
from wedsync_comms.lib.web.webhook_request import WebhookRequest

TO = "+447700900101"
REF = {"name": "news", "language": "en", "category": "UTILITY", "parameters": []}
ENTRY = {
    "BACKEND": "communications.providers.whatsapp.WhatsApp",
    "OPTIONS": {"access_token": "t", "phone_number_id": "1"},
}


@pytest.mark.django_db
def test_somebody_who_was_written_to_too_often_has_to_wait(settings: Settings) -> None:
    settings.PROVIDERS = {"whatsapp": ENTRY}
    settings.ROUTES = {"whatsapp": ["whatsapp"]}
    assert WhatsApp.pair_rate is not None
    bucket = TokenBucket(f"whatsapp:{TO}", WhatsApp.pair_rate)
    while not bucket.acquire():
        pass
    columns = {"channel": "whatsapp", "template_ref": REF, "send_after": timezone.now()}
    hasty = rows.message(organization(), to=TO, **columns)
    other = rows.message(organization(), to="+447700900102", **columns)

    (only,) = claim.claim_due("whatsapp", "whatsapp", usable=["whatsapp"], limit=2)

    assert [attempt.message_id for attempt in only.attempts] == [other.pk]
    assert Message.objects.filter(pk=hasty.pk, send_after__gt=timezone.now()).exists()


def test_a_vendor_without_a_handshake_gets_no_answer_to_one() -> None:
    asked = WebhookRequest(method="GET", url="http://testserver/", headers={}, body=b"")
    with pytest.raises(MalformedRequest):
        registry.provider_for("resend").handshake(asked)


@pytest.mark.usefixtures("concurrent_writers")
def test_claims_of_the_same_people_in_another_order_do_not_lock_each_other_out(
    settings: Settings,
) -> None:
    """Without Redis each recipient's rate is a row, which a claim holds until it is committed."""
    settings.PROVIDERS, settings.ROUTES = {"whatsapp": ENTRY}, {"whatsapp": ["whatsapp"]}
    settings.REDIS_URL = ""
    venue, people = organization(), [f"+4477009{number:05}" for number in range(40)]
    for attempt in range(3):
        columns = {"channel": "whatsapp", "template_ref": REF}
        for to in [*people, *reversed(people)]:
            rows.message(venue, to=to, send_after=timezone.now(), **columns)
        with Closing(2) as pool:
            claims = [pool.submit(claimed, len(people)) for _ in range(2)]
            assert sum(claim.result() for claim in claims) == 2 * len(people), attempt


def claimed(limit: int) -> int:
    return len(claim.claim_due("whatsapp", "whatsapp", usable=["whatsapp"], limit=limit))
