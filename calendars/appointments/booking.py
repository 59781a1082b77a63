"""hold -> ask the calendars live -> commit -> written by the outbox: how an appointment is made.

The time is ours, by the database's word, before anybody is asked; and it is given back if the
answer is anything but "free".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone

from calendars import enqueue
from calendars.appointments import (
    freebusy,
    transitions,
)
from calendars.appointments.participants import (
    Invitee,
    participant_rows,
)
from calendars.appointments.requested_time import (
    requested_when,
    span_of_content,
)
from calendars.appointments.transitions import Actor
from calendars.content import conversion
from calendars.content.three_way_merge import Content
from calendars.errors import NotFree
from calendars.models import Appointment, Calendar, EventLink, Participant, What
from calendars.models.accounts import AccountStatus
from calendars.models.appointments import AppointmentStatus
from calendars.vocabulary.events import Span
from communications.errors import Refused
from communications.models import Organization

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# Longer than the vendors need to answer; a process that dies gives the time back then.
HOLD_DURATION = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class BookingRequest:
    """An appointment as somebody asks for it. Wall times; `fold` tells a repeated hour apart."""

    title: str
    start: datetime
    end: datetime
    # Blank: the calendar's.
    zone: str = ""
    # None: the default one.
    calendar: int | None = None
    # Others that have to be free then.
    also_free: Sequence[int] = ()
    is_all_day: bool = False
    description: str = ""
    place: str = ""
    participants: Sequence[Invitee] = ()
    wants_conference: bool = False
    tags: Sequence[str] = ()


@dataclass(frozen=True)
class IdempotencyKey:
    """The request that an appointment comes from, so that it is known when it comes again."""

    key: str
    digest: str


def book_appointment(
    organization: Organization,
    booking_request: BookingRequest,
    *,
    by: "User | None" = None,
    asked: IdempotencyKey | None = None,
) -> Appointment:
    """Books an appointment: it is ours on return, and at the vendor a moment later.

    Raises Refused and NotFree.
    """
    calendar = writable_calendar(organization, booking_request.calendar)
    people = participant_rows(organization, booking_request.participants)
    content = requested_content(organization, calendar, booking_request, people)
    others = calendars_also_free(organization, booking_request.also_free, calendar)
    held = place_hold(organization, calendar, content, asked=asked)
    try:
        check_free([calendar, *others], span_of_content(content))
        return commit_booking(held, content, booking_request, people, by)
    except BaseException:
        release_hold(held)
        raise


def writable_calendar(organization: Organization, key: int | None) -> Calendar:
    own = Calendar.objects.filter(
        account__organization=organization,
        account__status=AccountStatus.LINKED,
        may_write=True,
        is_followed=True,
        is_gone=False,
    )
    calendar = own.filter(pk=key).first() if key else own.order_by("-is_default", "pk").first()
    if calendar is None:
        raise Refused("calendar", "Choose a calendar that is connected and may be written to.")
    return calendar


def calendars_also_free(
    organization: Organization, keys: Sequence[int], but: Calendar
) -> list[Calendar]:
    calendars = Calendar.objects.filter(account__organization=organization, pk__in=keys)
    if calendars.count() != len(set(keys)):
        raise Refused("also_free", "There is no such calendar.")
    return list(calendars.exclude(pk=but.pk))


def requested_content(
    organization: Organization,
    calendar: Calendar,
    booking_request: BookingRequest,
    people: Sequence[Participant],
) -> Content:
    """Returns the content that is asked for. Raises Refused: a field, and what is to be done."""
    if not booking_request.title.strip():
        raise Refused("title", "Say what it is about.")
    zone = booking_request.zone or calendar.zone or organization.time_zone
    return Content(
        title=booking_request.title.strip()[: conversion.MAX_TITLE],
        description=booking_request.description,
        place=booking_request.place[: conversion.MAX_PLACE],
        when=requested_when(
            booking_request.start, booking_request.end, zone, is_all_day=booking_request.is_all_day
        ),
        people=conversion.people_content(people),
    )


def place_hold(
    organization: Organization,
    calendar: Calendar,
    content: Content,
    moving: Appointment | None = None,
    asked: IdempotencyKey | None = None,
) -> Appointment:
    """Stores a hold: nobody else gets this time from here on. Raises NotFree."""
    held = held_appointment(organization, calendar, content, moving)
    if asked:
        held.idempotency_key, held.request_hash = asked.key, asked.digest
    try:
        with transaction.atomic():
            transitions.lock_calendar(calendar.pk)
            expire_holds(calendar)
            if freebusy.spans_taken_here(calendar, held.starts_at, held.ends_at, but=moving):
                raise NotFree("This time is taken.")
            held.save(force_insert=True)
    except IntegrityError as error:
        raise NotFree("This time is taken.") from error
    return held


def held_appointment(
    organization: Organization,
    calendar: Calendar,
    content: Content,
    moving: Appointment | None,
) -> Appointment:
    span = span_of_content(content)
    return Appointment(
        organization=organization,
        calendar=calendar,
        title=content.title,
        wall_start=conversion.parse_wall(content.when.start),
        wall_end=conversion.parse_wall(content.when.end),
        zone=content.when.zone,
        starts_at=span.start,
        ends_at=span.end,
        status=AppointmentStatus.HELD,
        held_until=timezone.now() + HOLD_DURATION,
        # It may lie over the one that is moved; everything else was looked at under the lock.
        overlaps=moving is not None,
    )


def expire_holds(calendar: Calendar) -> None:
    """Deletes holds of processes that died."""
    holds = Appointment.objects.filter(calendar=calendar, status=AppointmentStatus.HELD)
    holds.filter(held_until__lte=timezone.now()).delete()


def release_hold(held: Appointment) -> None:
    Appointment.objects.filter(pk=held.pk, status=AppointmentStatus.HELD).delete()


def check_free(
    calendars: Sequence[Calendar], span: Span, moving: Appointment | None = None
) -> None:
    """Asks the calendars live. Raises NotFree where one is taken, or does not tell."""
    answers = freebusy.ask_free_busy(calendars, span.start, span.end)
    for calendar in calendars:
        busy = answers[calendar.pk]
        if busy.problem:
            raise NotFree(f"Nobody can tell whether {calendar} is free: {busy.problem}")
        spans = freebusy.subtract_spans(busy.spans, freebusy.own_spans(moving))
        if any(freebusy.spans_overlap(piece, span) for piece in spans) and moving:
            # Its own event may have been moved there, and nobody has read that yet.
            spans = freebusy.subtract_spans(spans, freebusy.own_spans_there(moving))
        if any(freebusy.spans_overlap(piece, span) for piece in spans):
            raise NotFree(f"{calendar} is taken at this time.")


def commit_booking(
    held: Appointment,
    content: Content,
    booking_request: BookingRequest,
    people: Sequence[Participant],
    by: "User | None",
) -> Appointment:
    with transaction.atomic():
        transitions.lock_calendar(held.calendar_id)
        row = Appointment.objects.select_for_update().filter(pk=held.pk).first()
        if row is None or not row.held_until or row.held_until <= timezone.now():
            raise NotFree("The calendars took too long to answer: try again.")
        row.status, row.held_until, row.created_by = AppointmentStatus.BOOKED, None, by
        row.description, row.place = content.description, content.place
        row.is_all_day, row.tags = booking_request.is_all_day, list(booking_request.tags)
        row.wants_conference = booking_request.wants_conference
        row.save()
        for person in people:
            person.appointment = row
            person.save(force_insert=True)
        queue_push(row)
        transitions.record_change(row, What.BOOKED, Actor(by=by.get_username() if by else ""))
    return row


def queue_push(appointment: Appointment) -> None:
    """Has the appointment pushed into its calendar, right after the commit."""
    link, _ = EventLink.objects.update_or_create(
        appointment=appointment,
        calendar=appointment.calendar,
        defaults={"write_after": timezone.now()},
    )
    enqueue.enqueue_push(link.pk)
