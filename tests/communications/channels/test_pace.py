"""What is permitted for one recipient, and for vendors that ask for nothing."""

import pytest
from django.utils import timezone
from pytest_django import Settings

from communications import claim
from communications.events import WebhookRequest
from communications.models import Message
from communications.providers import registry
from communications.providers.whatsapp import WhatsApp
from tests.communications.engine import rows
from tests.factories import organization
from wedsync_comms.lib.errors import MalformedRequest
from wedsync_comms.lib.limits import TokenBucket

TO = "+447700900101"
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
    ref = {"name": "news", "language": "en", "category": "UTILITY", "parameters": []}
    columns = {"channel": "whatsapp", "template_ref": ref, "send_after": timezone.now()}
    hasty = rows.message(organization(), to=TO, **columns)
    other = rows.message(organization(), to="+447700900102", **columns)

    (claimed,) = claim.claim("whatsapp", "whatsapp", usable=["whatsapp"], limit=2)

    assert [one.message_id for one in claimed.attempts] == [other.pk]
    assert Message.objects.filter(pk=hasty.pk, send_after__gt=timezone.now()).exists()


def test_a_vendor_without_a_handshake_gets_no_answer_to_one() -> None:
    asked = WebhookRequest(method="GET", url="http://testserver/", headers={}, body=b"")
    with pytest.raises(MalformedRequest):
        registry.provider("resend").handshake(asked)
