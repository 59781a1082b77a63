"""Microsoft, by the contract."""

from typing import Any, ClassVar

from tests.calendars.providers.contract import CalendarContract, ConsentContract, PeopleContract
from tests.calendars.providers.vendor_harness import MicrosoftHarness


class TestConsent(ConsentContract):
    harness_class = MicrosoftHarness


class TestCalendars(CalendarContract):
    harness_class = MicrosoftHarness
    daily_for_two_years: ClassVar[dict[str, Any]] = {
        "pattern": {"type": "daily", "interval": 1},
        "range": {"type": "numbered", "startDate": "2026-01-05", "numberOfOccurrences": 700},
    }


class TestPeople(PeopleContract):
    harness_class = MicrosoftHarness
