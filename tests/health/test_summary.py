"""What the page, the API and the metrics read."""

import pytest

from communications.models import Organization
from health.reporting import summary
from tests import factories

pytestmark = pytest.mark.django_db


def test_an_empty_installation_has_a_summary() -> None:
    found = summary.build(None)
    assert found.queue.due == 0
    assert {one.provider for one in found.providers} >= {"resend", "twilio", "whatsapp"}


def test_an_organization_has_one_as_well() -> None:
    venue: Organization = factories.organization()
    factories.message(venue)
    assert summary.build(venue).queue.due == 1
    assert summary.build(factories.organization()).queue.due == 0
