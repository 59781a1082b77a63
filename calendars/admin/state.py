"""How an account stands: what its page and the list say about it."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.safestring import SafeString

from calendars.admin import looks
from calendars.models import Account, Appointment, Calendar, Subscription
from calendars.models.appointments import AppointmentStatus
from calendars.models.subscriptions import SubscriptionState

NEEDED = ("calendars__subscriptions",)
AT_MOST = 200
# Readings in a row that found what nobody had announced: one may be chance.
SUSPICIOUS = 2
# Of those held back; how many more there are is said.
LISTED = 20


@dataclass(frozen=True, kw_only=True)
class CalendarState:
    calendar: Calendar
    # None: nothing is announced, it is only asked.
    push_until: datetime | None
    word: str
    look: looks.Look

    @property
    def badge(self) -> SafeString:
        return looks.badge(self.word, self.look)


@dataclass(frozen=True, kw_only=True)
class Held:
    """What would be cancelled in a calendar, if what it tells is believed."""

    calendar: Calendar
    lost: list[Appointment]
    more: int


@dataclass(frozen=True, kw_only=True)
class AccountState:
    account: Account
    vendor: str
    badge: SafeString
    calendars: list[CalendarState]
    unused: list[Calendar]
    # What a person should read: why it is not connected, or what went wrong last.
    trouble: str

    @property
    def held(self) -> list[Calendar]:
        return [one.calendar for one in self.calendars if one.calendar.held_at]


def held(calendar: Calendar) -> Held:
    rows = Appointment.objects.filter(
        links__in=calendar.held_links,
        status=AppointmentStatus.BOOKED,
    ).prefetch_related("participants")
    count = rows.count()
    return Held(
        calendar=calendar,
        lost=list(rows.order_by("starts_at", "pk")[:LISTED]),
        more=max(count - LISTED, 0),
    )


def of_account(account: Account) -> AccountState:
    shown = [one for one in account.calendars.all() if not one.is_gone]
    return AccountState(
        account=account,
        vendor=looks.vendor(account.vendor),
        badge=looks.of_account(account),
        calendars=[of_calendar(one) for one in shown if one.is_followed],
        unused=[one for one in shown if not one.is_followed],
        trouble=account.why or (account.error if account.failures else ""),
    )


def of_calendar(calendar: Calendar) -> CalendarState:
    live = [one for one in calendar.subscriptions.all() if one.state == SubscriptionState.LIVE]
    until = max((one.expires_at for one in live if one.expires_at), default=None)
    word, look = how(calendar, live)
    return CalendarState(calendar=calendar, push_until=until, word=word, look=look)


def how(calendar: Calendar, live: list[Subscription]) -> tuple[str, looks.Look]:
    until = calendar.pulling_until
    said: list[tuple[object, str, looks.Look]] = [
        (calendar.held_at, "your decision", ("danger", "gavel")),
        (calendar.error, "not read", ("danger", "sync_problem")),
        (until and until > timezone.now(), "being read", ("info", "sync")),
        (calendar.last_pulled_at is None, "not read yet", ("info", "hourglass_top")),
        (not live, "asked regularly", ("default", "schedule")),
        (calendar.misses >= SUSPICIOUS, "push is silent", ("warning", "notifications_paused")),
    ]
    found = ((word, look) for is_so, word, look in said if is_so)
    return next(found, ("up to date", ("success", "sensors")))
