"""How long what is kept, on the organization's page; and what a message's page says afterwards."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from communications.messages import retention
from communications.models import Message, Organization, Role
from tests import factories
from tests.communications.admin_pages import logged_in, plain_static, url
from tests.communications.test_admin_senders import posted

__all__ = ["plain_static"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]


@pytest.fixture
def barn(settings: Settings) -> Organization:
    settings.RETENTION_DAYS = dict.fromkeys(retention.REMOVERS, 0) | {"text": 365}
    return factories.organization()


def errors(page: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = page.context["adminform"].form.errors
    return found


def test_an_owner_keeps_less_than_the_installation_and_not_more(barn: Organization) -> None:
    owner = logged_in(factories.member(barn, role=Role.OWNER))
    page = owner.get(url(barn)).content.decode()
    assert "Blank: 365 days, as on this installation." in page
    assert "Blank: for ever." in page

    wrong = posted(barn, keep_text_days=400, keep_event_days=6)
    refused = errors(owner.post(url(barn), wrong))
    assert refused["keep_text_days"] == [
        "This installation keeps them for 365 days at most: choose fewer, or leave it blank."
    ]
    assert "7" in refused["keep_event_days"][0]

    right = posted(barn, keep_text_days=30, keep_event_days=7, keep_message_days=5_000)
    assert owner.post(url(barn), right).status_code == 302
    barn.refresh_from_db()
    assert (barn.keep_text_days, barn.keep_event_days, barn.keep_attempt_days) == (30, 7, None)
    assert retention.kept_days("text", barn) == 30


def test_who_may_only_look_changes_nothing(barn: Organization) -> None:
    viewer = logged_in(factories.member(barn, role=Role.VIEWER))
    assert viewer.get(url(barn)).status_code in (200, 302, 403)
    viewer.post(url(barn), posted(barn, keep_text_days=1))
    barn.refresh_from_db()
    assert barn.keep_text_days is None


def test_a_page_says_that_the_text_was_removed_and_what_proves_it(barn: Organization) -> None:
    staff = logged_in(factories.member(barn))
    message = factories.message(barn, contact=factories.contact(barn).pk, to="", body="Secret")
    old = timezone.now() - timedelta(days=400)
    Message.objects.update(created_at=old, send_after=None, status="delivered")
    assert "Secret" in staff.get(url(message)).content.decode()

    retention.remove_expired()

    message.refresh_from_db()
    page = staff.get(url(message)).content.decode()
    today = f"{timezone.now():%-d %b %Y}"
    assert f"The text was removed on {today} by the retention rule." in page
    assert message.fingerprint in page
    assert "It has no text" not in page
    assert message.to in page
    assert message.contact
    thread = staff.get(url(message.contact)).content.decode()
    assert f"The text was removed on {today} by the retention rule." in thread
