"""The people who have a Google account here, and everything of theirs."""

from dataclasses import dataclass, field

from sandbox.google.errors import CalendarRefusedError
from sandbox.lib.clock import Clock
from sandbox.lib.faults import Faults
from sandbox.lib.state import Ledger
from sandbox.webhooks.delivery import Deliveries

from .book import Book
from .calendar import Calendar
from .channels import Channels
from .event import Json
from .grants import Grants
from .invitations import Invitations

WRITERS = ("writer", "owner")


@dataclass
class Account:
    email: str
    name: str
    subject: str
    book: Book
    # Their list of calendars: id -> what they may do there.
    roles: dict[str, str] = field(default_factory=dict)
    # Which of the made-up people is their first contact.
    first_person: int = 0
    # When each entry of the list changed last, in numbers.
    listed: dict[str, int] = field(default_factory=dict)

    @property
    def revision(self) -> int:
        return max(self.listed.values(), default=0)

    def enlist(self, calendar: str, role: str) -> None:
        self.roles[calendar] = role
        self.listed[calendar] = self.revision + 1


class World:
    """All of Google, as far as it is stood in for."""

    KEPT = ("clock", "grants", "channels", "invitations", "accounts", "calendars")

    def __init__(self, deliveries: Deliveries, faults: Faults, ledger: Ledger) -> None:
        self.clock = Clock()
        self.faults = faults
        self.ledger = ledger
        self.accounts: dict[str, Account] = {}
        self.calendars: dict[str, Calendar] = {}
        self.grants = Grants(self.clock)
        self.channels = Channels(deliveries, self.clock)
        self.invitations = Invitations(self.clock, lambda email: email in self.accounts)
        # After how many days a cursor has expired.
        self.cursor_days = 30.0
        # The private extended property in which the product keeps its own id.
        self.key_property = "wedsync"

    def add_account(self, email: str, name: str) -> Account:
        subject = str(100_000_000_000_000_000_000 + sum(email.encode()) * 7_919_000_003)
        account = Account(email, name, subject, Book(self.clock, self.ledger.touch))
        self.accounts[email] = account
        return account

    def add_calendar(self, calendar: Calendar, role: str, *accounts: Account) -> Calendar:
        calendar.changed = self._changed
        self.calendars[calendar.id] = calendar
        for account in accounts:
            account.enlist(calendar.id, role)
        self.ledger.touch()
        return calendar

    def calendar(self, account: Account, wanted: str, *, writes: bool = False) -> Calendar:
        """Returns the calendar. Raises a refusal where the account has no access to it."""
        wanted = account.email if wanted == "primary" else wanted
        calendar = self.calendars.get(wanted)
        role = account.roles.get(wanted)
        if calendar is None or role is None or calendar.deleted:
            raise CalendarRefusedError("notFound")
        if writes and role not in WRITERS:
            raise CalendarRefusedError("requiredAccessLevel")
        return calendar

    def draw(self, fault: str, subject: str) -> Json | None:
        return self.faults.draw(fault, subject)

    def strikes(self, fault: str, subject: str) -> bool:
        return self.faults.strikes(fault, subject)

    def rewire(self) -> None:
        for calendar in self.calendars.values():
            calendar.changed = self._changed
        for account in self.accounts.values():
            account.book.clock, account.book.touched = self.clock, self.ledger.touch

    def clear(self) -> None:
        """Forgets everything but what people have consented to: the same people come back."""
        self.clock.clear()
        self.channels.clear()
        self.invitations.sent.clear()
        self.accounts.clear()
        self.calendars.clear()

    def _changed(self, calendar: Calendar) -> None:
        self.ledger.count("events")
        self.channels.changed(calendar.id)
