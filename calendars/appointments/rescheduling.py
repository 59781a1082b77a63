"""Reschedules (moves), changes or cancels an appointment here. The vendor learns of it a moment
later, by `sync.push`. What is moved over there comes by `sync.apply_event`."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction

from calendars.appointments import (
    booking,
    transitions,
)
from calendars.appointments.booking import (
    calendars_also_free,
    place_hold,
    queue_push,
    release_hold,
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
from calendars.content.three_way_merge import Content, When
from calendars.models import Appointment, Calendar, Participant
from calendars.models.appointments import AppointmentStatus
from communications.errors import NotPossible, Refused, Stale

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, kw_only=True)
class AppointmentEdit:
    """What is to be different; None: as it is."""

    title: str | None = None
    description: str | None = None
    place: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    zone: str | None = None
    participants: Sequence[Invitee] | None = None
    tags: Sequence[str] | None = None
    also_free: Sequence[int] = field(default=())


def change_appointment(
    appointment: Appointment,
    edit: AppointmentEdit,
    *,
    version: int | None = None,
    by: "User | None" = None,
) -> Appointment:
    """Changes or moves an appointment, and returns it as it is then.

    `version`: of what was looked at, if anything newer is to be refused.

    Raises Refused, NotFree, NotPossible and Stale.
    """
    check_changeable(appointment, version)
    people = None
    if edit.participants is not None:
        people = participant_rows(appointment.organization, edit.participants)
    content = edited_content(appointment, edit, people)
    actor = Actor(by=by.get_username() if by else "", people=invitees_by_email(people or ()))
    return apply_edit(appointment, content, edit, people, actor)


def apply_edit(
    appointment: Appointment,
    content: Content,
    edit: AppointmentEdit,
    people: Sequence[Participant] | None,
    actor: Actor,
) -> Appointment:
    """Stores the edit; a new time is held and asked about first. Raises NotFree."""
    if content.when == conversion.content_of_appointment(appointment).when:
        return commit_change(appointment, content, edit, people, actor)
    if appointment.links.filter(is_series=True).exists():
        raise NotPossible(
            "It was made a series in the calendar, and moving it here would move all of it: "
            "move it there, all of it or one time alone."
        )
    calendar = Calendar.objects.get(pk=appointment.calendar_id)
    others = calendars_also_free(appointment.organization, edit.also_free, calendar)
    held = place_hold(appointment.organization, calendar, content, moving=appointment)
    try:
        booking.check_free([calendar, *others], span_of_content(content), moving=appointment)
        return commit_change(appointment, content, edit, people, actor, held)
    finally:
        release_hold(held)


def check_changeable(appointment: Appointment, version: int | None) -> None:
    if appointment.status != AppointmentStatus.BOOKED:
        raise NotPossible("It is cancelled: book a new one.")
    if version is not None and version != appointment.version:
        raise Stale("It was changed meanwhile: look at it again.")


def edited_content(
    appointment: Appointment,
    edit: AppointmentEdit,
    people: Sequence[Participant] | None,
) -> Content:
    now = conversion.content_of_appointment(appointment)
    title = now.title if edit.title is None else edit.title.strip()[: conversion.MAX_TITLE]
    if not title and edit.title is not None:
        raise Refused("title", "Say what it is about.")
    moved = edited_when(appointment, edit, now.when)
    asked = now.people if people is None else conversion.people_content(people)
    return replace(
        now,
        title=title,
        when=moved,
        description=now.description if edit.description is None else edit.description,
        place=now.place if edit.place is None else edit.place[: conversion.MAX_PLACE],
        # Who was asked before has answered, perhaps.
        people={
            email: replace(person, answer=now.people[email].answer)
            if email in now.people
            else person
            for email, person in asked.items()
        },
    )


def edited_when(appointment: Appointment, edit: AppointmentEdit, now: When) -> When:
    """Returns the time asked for; what a calendar told is not judged again. Raises Refused."""
    start = edit.start or appointment.wall_start
    # Who gives a new start only, moves it as a whole.
    end = edit.end or start + (appointment.wall_end - appointment.wall_start)
    zone = edit.zone or appointment.zone
    texts = conversion.format_wall(start), conversion.format_wall(end)
    if (*texts, zone) == (now.start, now.end, now.zone):
        return now
    return requested_when(start, end, zone, is_all_day=appointment.is_all_day)


def commit_change(
    appointment: Appointment,
    content: Content,
    edit: AppointmentEdit,
    people: Sequence[Participant] | None,
    actor: Actor,
    held: Appointment | None = None,
) -> Appointment:
    with transaction.atomic():
        transitions.lock_calendar(appointment.calendar_id)
        row = Appointment.objects.select_for_update().get(pk=appointment.pk)
        check_changeable(row, appointment.version)
        if held:
            release_hold(held)
        if edit.tags is not None:
            row.tags = list(edit.tags)
            row.save(update_fields=["tags"])
        if people is not None:
            store_unmailed(row, people)
        if transitions.change_content(row, content, actor):
            queue_push(row)
    return row


def store_unmailed(appointment: Appointment, people: Sequence[Participant]) -> None:
    """Stores contacts without an e-mail address: no vendor knows them."""
    wanted = [person for person in people if not person.email]
    now = appointment.participants.filter(email="")
    now.exclude(contact__in=[participant.contact_id for participant in wanted]).delete()
    there = set(now.values_list("contact", flat=True))
    for participant in wanted:
        if participant.contact_id not in there:
            participant.appointment = appointment
            participant.save(force_insert=True)


def invitees_by_email(people: Sequence[Participant]) -> dict[str, dict[str, Any]]:
    return {
        person.email: {"contact": person.contact, "role": person.role}
        for person in people
        if person.email
    }


def cancel_appointment(
    appointment: Appointment,
    *,
    version: int | None = None,
    by: "User | None" = None,
) -> Appointment:
    """Cancels an appointment here and in its calendar. Raises NotPossible and Stale."""
    check_changeable(appointment, version)
    with transaction.atomic():
        transitions.lock_calendar(appointment.calendar_id)
        row = Appointment.objects.select_for_update().get(pk=appointment.pk)
        check_changeable(row, version)
        transitions.mark_cancelled(row, Actor(by=by.get_username() if by else ""))
        queue_push(row)
    return row
