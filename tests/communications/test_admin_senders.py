"""An organization's senders on its settings page: which are refused, and who may change them."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from communications.models import Message, Organization, Role, SenderStanding
from communications.policy import senders
from tests import factories
from tests.communications.admin_pages import logged_in, plain_static, url
from wedsync_comms.lib.errors import SenderRejected

__all__ = ["plain_static"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
REFUSAL = SenderRejected("The barn.example domain is not verified.", code="validation_error")


def posted(organization: Organization, **changed: Any) -> dict[str, Any]:
    return {
        "name": organization.name,
        "slug": organization.slug,
        "email_from": organization.email_from,
        "time_zone": "Europe/London",
        "region": "GB",
        "sending_weight": 1,
        **changed,
    }


@pytest.fixture
def barn() -> Organization:
    return factories.organization(email_from="hello@barn.example", sms_from="+15550109999")


def test_the_page_says_what_is_refused_and_saving_it_has_it_tried(barn: Organization) -> None:
    owner = logged_in(factories.member(barn, role=Role.OWNER))
    row = senders.close_sender(barn, "resend", barn.email_from, REFUSAL)
    waiting = factories.message(barn)
    Message.objects.update(send_after=row.retry_at)

    page = owner.get(url(barn)).content.decode()
    assert "resend does not take “hello@barn.example” as a sender" in page
    assert owner.post(url(barn), posted(barn)).status_code == 302

    row.refresh_from_db()
    waiting.refresh_from_db()
    assert row.retry_at is not None
    assert row.retry_at <= timezone.now()
    assert waiting.send_after == row.retry_at
    assert SenderStanding.objects.closed().exists()


def test_numbers_are_given_out_by_who_runs_the_installation(barn: Organization) -> None:
    owner = logged_in(factories.member(barn, role=Role.OWNER))
    platform = logged_in(User.objects.create_superuser("root"))

    assert owner.post(url(barn), posted(barn, sms_from="+15550100100")).status_code == 302
    barn.refresh_from_db()
    assert barn.sms_from == "+15550109999"

    values = posted(barn, sms_from="+15550100100", whatsapp_from="205640352242922")
    assert platform.post(url(barn), values).status_code == 302
    barn.refresh_from_db()
    assert (barn.sms_from, barn.whatsapp_from) == ("+15550100100", "205640352242922")


def test_weights_are_set_by_who_runs_the_installation(barn: Organization) -> None:
    owner = logged_in(factories.member(barn, role=Role.OWNER))
    platform = logged_in(User.objects.create_superuser("root"))

    assert "sending_weight" not in owner.get(url(barn)).content.decode()
    assert owner.post(url(barn), posted(barn, sending_weight=9)).status_code == 302
    barn.refresh_from_db()
    assert barn.sending_weight == 1

    assert "sending_weight" in platform.get(url(barn)).content.decode()
    assert platform.post(url(barn), posted(barn, sending_weight=9)).status_code == 302
    barn.refresh_from_db()
    assert barn.sending_weight == 9
    refused = platform.post(url(barn), posted(barn, sending_weight=101))
    assert "less than or equal to 100" in refused.content.decode()


@pytest.mark.parametrize("name", ["sms_from", "whatsapp_from"])
def test_a_sender_is_one_organizations(barn: Organization, name: str) -> None:
    other = factories.organization(**{name: "205640352242922"})
    platform = logged_in(User.objects.create_superuser("root"))
    page = platform.post(url(barn), posted(barn, **{name: getattr(other, name)}))
    assert "205640352242922 belongs to another organization." in page.content.decode()
