"""Google, by the contract."""

from typing import ClassVar

from tests.calendars.providers.contract import CalendarContract, ConsentContract, PeopleContract
from tests.calendars.providers.vendor_harness import GoogleHarness


class TestConsent(ConsentContract):
    harness_class = GoogleHarness


class TestCalendars(CalendarContract):
    harness_class = GoogleHarness
    daily_for_two_years: ClassVar[list[str]] = ["RRULE:FREQ=DAILY;COUNT=700"]


class TestPeople(PeopleContract):
    harness_class = GoogleHarness
