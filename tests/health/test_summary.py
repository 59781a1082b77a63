"""What the page, the API and the metrics read."""

import pytest

from communications.models import Organization
from health.reporting import summary
from tests import factories

pytestmark = pytest.mark.django_db


def test_an_empty_installation_has_a_summary() -> None:
    found = summary.build_summary(None)
    assert found.queue.due == 0
    assert {health.provider for health in found.providers} >= {"resend", "twilio", "whatsapp"}


def test_an_organization_has_one_as_well() -> None:
    venue: Organization = factories.organization()
    factories.message(venue)
    assert summary.build_summary(venue).queue.due == 1
    assert summary.build_summary(factories.organization()).queue.due == 0
