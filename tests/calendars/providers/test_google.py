"""Google, by the contract."""

from typing import ClassVar

from tests.calendars.providers.contract import CalendarContract, ConsentContract, PeopleContract
from tests.calendars.providers.sides import GoogleSide


class TestConsent(ConsentContract):
    side_class = GoogleSide


class TestCalendars(CalendarContract):
    side_class = GoogleSide
    daily_for_two_years: ClassVar[list[str]] = ["RRULE:FREQ=DAILY;COUNT=700"]


class TestPeople(PeopleContract):
    side_class = GoogleSide
