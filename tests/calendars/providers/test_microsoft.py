"""Microsoft, by the contract."""

from typing import Any, ClassVar

from tests.calendars.providers.contract import CalendarContract, ConsentContract, PeopleContract
from tests.calendars.providers.sides import MicrosoftSide


class TestConsent(ConsentContract):
    side_class = MicrosoftSide


class TestCalendars(CalendarContract):
    side_class = MicrosoftSide
    daily_for_two_years: ClassVar[dict[str, Any]] = {
        "pattern": {"type": "daily", "interval": 1},
        "range": {"type": "numbered", "startDate": "2026-01-05", "numberOfOccurrences": 700},
    }


class TestPeople(PeopleContract):
    side_class = MicrosoftSide
