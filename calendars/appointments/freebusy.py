"""When calendars are taken, asked live. What cannot be told is unknown, and never free."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from calendars.content import conversion
from calendars.mailbox.mailbox import open_mailbox
from calendars.models import Account, Appointment, BusyBlock, Calendar
from calendars.models.accounts import AccountStatus
from calendars.vocabulary.events import (
    FreeBusy,
    Span,
)
from wedsync_comms.lib.errors import ProviderError


def ask_free_busy(
    calendars: Sequence[Calendar], start: datetime, end: datetime
) -> dict[int, FreeBusy]:
    """Asks the vendors when calendars are taken, by our calendars' keys. Not in a transaction."""
    by_account: dict[int, list[Calendar]] = {}
    for calendar in calendars:
        by_account.setdefault(calendar.account_id, []).append(calendar)
    answers: dict[int, FreeBusy] = {}
    for key, group in by_account.items():
        answers |= free_busy_of_account(Account.objects.get(pk=key), group, start, end)
    return answers


def free_busy_of_account(
    account: Account,
    calendars: Sequence[Calendar],
    start: datetime,
    end: datetime,
) -> dict[int, FreeBusy]:
    if account.status != AccountStatus.LINKED:
        return unknown_busy(calendars, f"{account} is not connected.")
    try:
        with open_mailbox(account) as box:
            answers = box.free_busy([calendar.remote_id for calendar in calendars], start, end)
    except ProviderError as error:
        return unknown_busy(calendars, f"{account} does not tell: {error}")
    by_id = {busy.calendar: busy for busy in answers}
    nothing = "There was no answer for this calendar."
    return {
        calendar.pk: by_id.get(
            calendar.remote_id, FreeBusy(calendar=calendar.remote_id, problem=nothing)
        )
        for calendar in calendars
    }


def unknown_busy(calendars: Sequence[Calendar], problem: str) -> dict[int, FreeBusy]:
    return {
        calendar.pk: FreeBusy(calendar=calendar.remote_id, problem=problem)
        for calendar in calendars
    }


def spans_taken_here(
    calendar: Calendar,
    start: datetime,
    end: datetime,
    *,
    but: Appointment | None = None,
) -> list[Span]:
    """Returns what we know ourselves: appointments, holds, and what others put in."""
    taken = Appointment.objects.overlapping(start, end).filter(calendar=calendar)
    # A hold that ran out takes no time, also before it is swept away.
    taken = taken.filter(Q(held_until=None) | Q(held_until__gt=timezone.now()))
    if but:
        taken = taken.exclude(pk=but.pk)
    blocks = BusyBlock.objects.filter(
        calendar=calendar,
        is_busy=True,
        starts_at__lt=end,
        ends_at__gt=start,
    )
    rows = [
        *taken.values_list("starts_at", "ends_at"),
        *blocks.values_list("starts_at", "ends_at"),
    ]
    return [Span(start=begins, end=ends) for begins, ends in rows]


def own_spans(moving: Appointment | None) -> list[Span]:
    """Returns where the appointment stands itself, here and by what its calendars were told last:
    its own event is no reason not to move it."""
    if moving is None:
        return []
    contents = [kept for row in moving.links.all() for kept in (row.base, *row.sent) if kept]
    whens = [conversion.load_content(content).when for content in contents]
    times = [(moving.starts_at, moving.ends_at), *map(conversion.instants_of, whens)]
    return [Span(start=start, end=end) for start, end in times]


def own_spans_there(moving: Appointment) -> list[Span]:
    """Returns where the appointment's events are at this moment, asked live; none that cannot be
    told."""
    spans = []
    for link in moving.links.exclude(remote_id="").select_related("calendar__account"):
        try:
            with open_mailbox(link.calendar.account) as box:
                event = box.event(link.calendar.remote_id, link.remote_id)
        except ProviderError:
            continue
        if event.key == moving.key and not event.time_problem:
            spans.append(Span(start=event.text.start.instant, end=event.text.end.instant))
    return spans


def subtract_spans(spans: Sequence[Span], holes: Sequence[Span]) -> list[Span]:
    """Returns what is left of the spans without the holes."""
    left = list(spans)
    for hole in holes:
        left = [piece for span in left for piece in span_without(span, hole)]
    return left


def span_without(span: Span, hole: Span) -> list[Span]:
    if hole.end <= span.start or hole.start >= span.end:
        return [span]
    left = [Span(start=span.start, end=hole.start), Span(start=hole.end, end=span.end)]
    return [piece for piece in left if piece.start < piece.end]


def widened_span(span: Span, by: timedelta) -> Span:
    return Span(start=span.start - by, end=span.end + by)


def spans_overlap(span: Span, other: Span) -> bool:
    return span.start < other.end and other.start < span.end
