"""How an account stands: what its page and the list say about it."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.safestring import SafeString

from calendars.admin.status_badges import Look, account_badge, look_badge, vendor_display_name
from calendars.models import Account, Appointment, Calendar, Subscription
from calendars.models.appointments import AppointmentStatus
from calendars.models.subscriptions import SubscriptionState

PREFETCHED = ("calendars__subscriptions",)
MAX_ACCOUNTS = 200
# Readings in a row that found what nobody had announced: a single reading may be chance.
MISSES_BEFORE_WARNING = 2
# Of those held back; how many more there are is said.
MAX_LISTED = 20


@dataclass(frozen=True, kw_only=True)
class CalendarState:
    calendar: Calendar
    # None: nothing is announced, it is only asked.
    push_until: datetime | None
    word: str
    look: Look

    @property
    def unapplied(self) -> list[dict[str, str]]:
        """Returns the first entries that could not be taken over: `title` and `reason`."""
        return list(self.calendar.unapplied.values())[:MAX_LISTED]

    @property
    def badge(self) -> SafeString:
        return look_badge(self.word, self.look)


@dataclass(frozen=True, kw_only=True)
class HeldAppointments:
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
        return [state.calendar for state in self.calendars if state.calendar.held_at]


def held_appointments(calendar: Calendar) -> HeldAppointments:
    rows = Appointment.objects.filter(
        links__in=calendar.held_links,
        status=AppointmentStatus.BOOKED,
    ).prefetch_related("participants")
    count = rows.count()
    return HeldAppointments(
        calendar=calendar,
        lost=list(rows.order_by("starts_at", "pk")[:MAX_LISTED]),
        more=max(count - MAX_LISTED, 0),
    )


def account_state(account: Account) -> AccountState:
    shown = [calendar for calendar in account.calendars.all() if not calendar.is_gone]
    return AccountState(
        account=account,
        vendor=vendor_display_name(account.vendor),
        badge=account_badge(account),
        calendars=[calendar_state(calendar) for calendar in shown if calendar.is_followed],
        unused=[calendar for calendar in shown if not calendar.is_followed],
        trouble=account.why or (account.error if account.failures else ""),
    )


def calendar_state(calendar: Calendar) -> CalendarState:
    live = [
        subscription
        for subscription in calendar.subscriptions.all()
        if subscription.state == SubscriptionState.LIVE
    ]
    until = max(
        (subscription.expires_at for subscription in live if subscription.expires_at), default=None
    )
    word, look = describe_calendar(calendar, live)
    return CalendarState(calendar=calendar, push_until=until, word=word, look=look)


def describe_calendar(calendar: Calendar, live: list[Subscription]) -> tuple[str, Look]:
    until = calendar.pulling_until
    said: list[tuple[object, str, Look]] = [
        (calendar.held_at, "your decision", ("danger", "gavel")),
        (calendar.error, "not read", ("danger", "sync_problem")),
        (until and until > timezone.now(), "being read", ("info", "sync")),
        (calendar.last_pulled_at is None, "not read yet", ("info", "hourglass_top")),
        (not live, "asked regularly", ("default", "schedule")),
        (
            calendar.misses >= MISSES_BEFORE_WARNING,
            "push is silent",
            ("warning", "notifications_paused"),
        ),
    ]
    found = ((word, look) for is_so, word, look in said if is_so)
    return next(found, ("up to date", ("success", "sensors")))
