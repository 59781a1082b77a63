import pytest
from pytest_django import Settings

from calendars.mailbox import grants
from calendars.models import Account, Calendar
from calendars.providers import registry
from communications.models import Organization
from tests import factories
from tests.calendars import rows
from tests.calendars.fake_vendor import FakeVendor


@pytest.fixture
def fake_vendor(settings: Settings) -> FakeVendor:
    settings.CALENDARS = {
        "fake": {"BACKEND": "tests.calendars.fake_vendor.FakeVendor", "OPTIONS": {}}
    }
    found = registry.configured_vendor("fake")
    assert isinstance(found, FakeVendor)
    return found


@pytest.fixture
def organization(db: None) -> Organization:  # noqa: ARG001
    return factories.organization()


@pytest.fixture
def account(organization: Organization, fake_vendor: FakeVendor) -> Account:
    grant = fake_vendor.grant()
    return rows.account(
        organization,
        vendor="fake",
        grant=grants.seal_grant(grant),
        scopes=list(grant.scopes),
    )


@pytest.fixture
def calendar(account: Account) -> Calendar:
    return rows.calendar(account, remote_id="main", zone="UTC", is_default=True)
