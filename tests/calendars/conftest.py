import pytest
from pytest_django import Settings

from calendars.mailbox import grants
from calendars.models import Account, Calendar
from calendars.providers import registry
from communications.models import Organization
from tests import factories
from tests.calendars import rows
from tests.calendars.paper import Paper


@pytest.fixture
def paper(settings: Settings) -> Paper:
    settings.CALENDARS = {"paper": {"BACKEND": "tests.calendars.paper.Paper", "OPTIONS": {}}}
    found = registry.configured_vendor("paper")
    assert isinstance(found, Paper)
    return found


@pytest.fixture
def organization(db: None) -> Organization:  # noqa: ARG001
    return factories.organization()


@pytest.fixture
def account(organization: Organization, paper: Paper) -> Account:
    grant = paper.grant()
    return rows.account(
        organization,
        vendor="paper",
        grant=grants.seal_grant(grant),
        scopes=list(grant.scopes),
    )


@pytest.fixture
def calendar(account: Account) -> Calendar:
    return rows.calendar(account, remote_id="main", zone="UTC", is_default=True)
