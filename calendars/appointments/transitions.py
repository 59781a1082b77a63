"""The one place that changes appointments: rows, history, notifications, and the overlap."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from calendars.content import conversion
from calendars.content.three_way_merge import (
    Content,
    ContentPerson,
    MergeConflict,
    as_history,
    content_differences,
    without_answers,
)
from calendars.models import (
    Appointment,
    AppointmentChange,
    Calendar,
    Participant,
    ParticipantRole,
    What,
)
from calendars.models.appointments import AppointmentStatus
from calendars.notifications import plan
from communications.book import contacts
from communications.models import Channel

SOURCE_HERE = "here"


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who changed it: "here", a vendor's slug or "participant"; and which person, if known."""

    source: str = SOURCE_HERE
    by: str = ""
    # The first reading of a calendar tells nobody: what it finds is old.
    notifies: bool = True
    # Roles and contacts of people that are added; the vendors know neither.
    people: Mapping[str, dict[str, Any]] = field(default_factory=dict)


def lock_calendar(calendar: int) -> Calendar:
    """Locks and returns the calendar: all that concerns its time is written under this lock.

    Taken first. On SQLite the transaction itself is the lock.
    """
    return Calendar.objects.select_for_update().get(pk=calendar)


def change_content(
    appointment: Appointment,
    content: Content,
    actor: Actor,
    conflicts: tuple[MergeConflict, ...] = (),
) -> bool:
    """Makes the appointment what `content` says, and returns whether that was a change.

    Under the lock.
    """
    before = conversion.content_of_appointment(appointment)
    if before == content and not conflicts:
        return False
    roles = roles_that_go(appointment, before, content)
    store_content(appointment, before, content, actor)
    record_history(appointment, before, content, actor, conflicts, roles)
    return True


def roles_that_go(appointment: Appointment, before: Content, content: Content) -> dict[str, str]:
    """Returns the roles of people who are taken off, for the history: calendars know none, and who
    is put back there is again what they were."""
    gone = [email for email in before.people if email not in content.people]
    people = appointment.participants.filter(email__in=gone).exclude(role=ParticipantRole.GUEST)
    return {role_name(participant.email): participant.role for participant in people}


def role_name(email: str) -> str:
    return f"role of {email}"


def earlier_roles(appointment: Appointment, emails: Collection[str]) -> dict[str, str]:
    """Returns the last roles of people who were taken off the appointment, as far as known."""
    if not emails:
        return {}
    told = appointment.changes.filter(what=What.ANSWERED).order_by("pk")
    known: dict[str, Any] = {}
    for before in told.values_list("before", flat=True):
        known |= before
    names = {email: role_name(email) for email in emails}
    return {email: str(known[name]) for email, name in names.items() if name in known}


def store_content(
    appointment: Appointment,
    before: Content,
    content: Content,
    actor: Actor,
) -> None:
    when = content.when
    appointment.title = content.title
    appointment.description = content.description
    appointment.place = content.place
    appointment.wall_start = conversion.parse_wall(when.start)
    appointment.wall_end = conversion.parse_wall(when.end)
    appointment.zone, appointment.is_all_day = when.zone, when.is_all_day
    appointment.starts_at, appointment.ends_at = conversion.instants_of(when)
    if without_answers(before) != without_answers(content):
        appointment.version += 1
    flag_overlap(appointment)
    appointment.save()
    store_people(appointment, before, content, actor)


def flag_overlap(appointment: Appointment) -> None:
    """Marks an overlap: a person may move it onto another one in their own calendar."""
    others = Appointment.objects.overlapping(appointment.starts_at, appointment.ends_at)
    booked = others.filter(calendar=appointment.calendar_id, status=AppointmentStatus.BOOKED)
    other = booked.exclude(pk=appointment.pk).first()
    appointment.overlaps = other is not None
    appointment.problem = f"At the same time as “{other}”." if other else ""


def store_people(
    appointment: Appointment,
    before: Content,
    content: Content,
    actor: Actor,
) -> None:
    gone = [email for email in before.people if email not in content.people]
    appointment.participants.filter(email__in=gone).delete()
    added = [email for email in content.people if email not in before.people]
    roles = earlier_roles(appointment, added)
    for email, person in content.people.items():
        if email not in before.people:
            add_participant(appointment, email, person, actor, roles.get(email, ""))
        elif before.people[email] != person:
            answered = before.people[email].answer != person.answer
            columns: dict[str, Any] = vars(person)
            if answered:
                columns = columns | {"answered_at": timezone.now()}
            appointment.participants.filter(email=email).update(**columns)


def add_participant(
    appointment: Appointment, email: str, person: ContentPerson, actor: Actor, earlier_role: str
) -> None:
    invitee = actor.people.get(email, {})
    organization = appointment.organization
    Participant.objects.create(
        appointment=appointment,
        email=email,
        contact=invitee.get("contact")
        or contacts.contact_by_address(organization, channel=Channel.EMAIL, value=email),
        role=invitee.get("role") or earlier_role or ParticipantRole.GUEST,
        **vars(person),
    )


def record_history(
    appointment: Appointment,
    before: Content,
    content: Content,
    actor: Actor,
    conflicts: tuple[MergeConflict, ...],
    roles: Mapping[str, str],
) -> None:
    old, new = content_differences(before, content)
    for what, names in names_by_kind(list(new)).items():
        record_change(
            appointment,
            what,
            actor,
            before={
                **{name: old[name] for name in names},
                **(roles if what == What.ANSWERED else {}),
            },
            after={name: new[name] for name in names},
        )
    if conflicts:
        ours, theirs = as_history(conflicts)
        record_change(appointment, What.CONFLICT, actor, before=ours, after=theirs)


def names_by_kind(names: list[str]) -> dict[What, list[str]]:
    found: dict[What, list[str]] = {}
    for name in names:
        what = What.CHANGED
        if name in {"start", "end", "zone", "is_all_day"}:
            what = What.MOVED
        elif name.startswith("with "):
            what = What.ANSWERED
        found.setdefault(what, []).append(name)
    return found


def record_change(
    appointment: Appointment,
    what: What,
    actor: Actor,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    change = AppointmentChange.objects.create(
        appointment=appointment,
        version=appointment.version,
        what=what,
        source=actor.source,
        by=actor.by,
        before=before or {},
        after=after or {},
    )
    if actor.notifies:
        plan.plan_notifications(appointment, change)


def mark_cancelled(appointment: Appointment, actor: Actor) -> bool:
    """Cancels the appointment, under the lock. Returns False where it was cancelled before."""
    if appointment.status == AppointmentStatus.CANCELLED:
        return False
    appointment.status = AppointmentStatus.CANCELLED
    appointment.version += 1
    appointment.overlaps, appointment.problem = False, ""
    appointment.save()
    record_change(appointment, What.CANCELLED, actor)
    return True


def mark_rebooked(appointment: Appointment, actor: Actor) -> None:
    """Books a cancelled appointment again: its event stands in the calendar after all."""
    appointment.status = AppointmentStatus.BOOKED
    appointment.version += 1
    flag_overlap(appointment)
    appointment.save()
    record_change(appointment, What.BOOKED, actor)
