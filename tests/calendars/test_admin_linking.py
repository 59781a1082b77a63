"""The way to a vendor's consent and back: an answer counts once, for whoever asked."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from calendars.models import Account, Calendar
from communications.models import Organization, Role
from tests import factories
from tests.calendars.fake_vendor import FakeVendor
from tests.communications.admin_pages import logged_in, page_messages, plain_static

__all__ = ["plain_static"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]

LINKED = "/calendars/linked/fake/"


@pytest.fixture
def staff(organization: Organization, fake_vendor: FakeVendor) -> Client:  # noqa: ARG001
    return logged_in(factories.member(organization, Role.STAFF))


def sent(client: Client) -> str:
    """The state that the vendor was given."""
    response = client.post(reverse("calendar-connect", args=["fake"]))
    assert response.status_code == 302
    query = parse_qs(urlsplit(response["Location"]).query)
    return query["state"][0]


def test_two_clicks_connect_an_account(staff: Client, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://weddings.example"
    response = staff.post(reverse("calendar-connect", args=["fake"]))
    query = parse_qs(urlsplit(response["Location"]).query)
    assert query["to"] == [f"https://weddings.example{LINKED}"]
    answer = {"state": query["state"][0], "code": "c"}
    back = staff.get(LINKED, answer, follow=True)
    account = Account.objects.get()
    assert back.redirect_chain == [(f"/admin/calendars/account/{account.pk}/change/", 302)]
    assert "planner@example.com is connected" in page_messages(back)
    assert Calendar.objects.filter(is_default=True).count() == 1


@pytest.mark.parametrize("forged", ["guessed", ""])
def test_a_forged_or_missing_state_connects_nothing(staff: Client, forged: str) -> None:
    sent(staff)
    answer = {"code": "c"} | ({"state": forged} if forged else {})
    assert "no request of yours" in page_messages(staff.get(LINKED, answer, follow=True))
    assert not Account.objects.exists()


def test_a_state_counts_once(staff: Client) -> None:
    answer = {"state": sent(staff), "code": "c"}
    staff.get(LINKED, answer)
    Account.objects.all().delete()
    assert "no request of yours" in page_messages(staff.get(LINKED, answer, follow=True))
    assert not Account.objects.exists()


def test_a_state_is_of_no_use_to_somebody_else(
    staff: Client,
    organization: Organization,
) -> None:
    answer = {"state": sent(staff), "code": "c"}
    other = logged_in(factories.member(organization, Role.STAFF))
    assert "no request of yours" in page_messages(other.get(LINKED, answer, follow=True))
    assert Client().get(LINKED, answer)["Location"].startswith("/admin/login/")
    assert not Account.objects.exists()


def test_a_refusal_is_said(staff: Client) -> None:
    answer = {"state": sent(staff), "error": "access_denied"}
    assert "The permission was not given" in page_messages(staff.get(LINKED, answer, follow=True))


def test_what_was_unticked_is_said(staff: Client, fake_vendor: FakeVendor) -> None:
    fake_vendor.granted = ("con",)
    back = staff.get(LINKED, {"state": sent(staff), "code": "c"}, follow=True)
    assert "Not allowed: calendars." in page_messages(back)
    assert "Connect again" in back.content.decode()
    fake_vendor.granted = ()
    back = staff.get(LINKED, {"state": sent(staff), "code": "c"}, follow=True)
    assert "Nothing was allowed" in page_messages(back)


def test_an_unknown_vendor_is_no_page(staff: Client) -> None:
    assert staff.post(reverse("calendar-connect", args=["yahoo"])).status_code == 404
    assert staff.get(reverse("calendar-linked", args=["yahoo"])).status_code == 404
