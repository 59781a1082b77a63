"""What the page, the API and the metrics read."""

import pytest

from communications.models import Organization
from communications.providers import registry
from health.admin import status_badges
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


@pytest.mark.parametrize(
    ("told", "refused", "text", "origin"),
    [
        (None, False, "of 2 a second, as configured", "configured"),
        (4.0, False, "of 4 a second, by its own word", "vendor"),
        (
            4.0,
            True,
            "of 2.8 a second, learned from its refusals; 4 by its own word",
            "learned",
        ),
        (
            None,
            True,
            "of 1.4 a second, learned from its refusals; 2 as configured",
            "learned",
        ),
    ],
)
def test_a_rate_is_shown_with_whose_figure_it_is(
    told: float | None,
    refused: bool,  # noqa: FBT001 - a column of the table
    text: str,
    origin: str,
) -> None:
    bucket = registry.bucket_for("resend")
    if told:
        bucket.learn(told)
    if refused:
        bucket.lower()
    found = summary.rate_limit_reading("resend")
    assert found is not None
    shown = status_badges.rate_limit_text(found)
    assert (shown, found.origin) == (f"100 % free {text}", origin)
