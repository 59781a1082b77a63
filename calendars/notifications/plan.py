"""Plans who is notified of a change, with the change, in its transaction.

Edits in a row become one notification. A later change that takes back what was not sent yet drops
it: whoever never heard of a new time need not hear that it is the old one again.
"""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from calendars.models import (
    Appointment,
    AppointmentChange,
    Notice,
    Occasion,
    Participant,
    Rule,
    What,
)
from calendars.models.appointments import AppointmentStatus
from calendars.models.notices import NotificationState
from calendars.vocabulary.events import ResponseStatus

OCCASIONS = {
    What.BOOKED: Occasion.BOOKED,
    What.MOVED: Occasion.MOVED,
    What.CANCELLED: Occasion.CANCELLED,
}


def plan_notifications(appointment: Appointment, change: AppointmentChange) -> None:
    """Plans what follows from a change. Called under the calendar's lock, so that no other change
    plans at the same time."""
    people = reachable_participants(appointment)
    if change.what in OCCASIONS:
        plan_by_rules(appointment, change, OCCASIONS[What(change.what)], change.before, people)
    if change.what != What.ANSWERED:
        return
    added = [name for name, before in change.before.items() if before is None]
    new = [person for person in people if f"with {person.email}" in added]
    plan_by_rules(appointment, change, Occasion.BOOKED, {}, new)
    declined = [name for name, after in change.after.items() if after == ResponseStatus.DECLINED]
    if declined:
        # Who declined knows it.
        others = [person for person in people if f"with {person.email}" not in declined]
        before = {"declined": ", ".join(name.removeprefix("with ") for name in declined)}
        plan_by_rules(appointment, change, Occasion.DECLINED, before, others)


def reachable_participants(appointment: Appointment) -> list[Participant]:
    """Returns the participants that are contacts: only these are written to by us."""
    return list(appointment.participants.filter(contact__isnull=False))


def plan_by_rules(
    appointment: Appointment,
    change: AppointmentChange,
    occasion: Occasion,
    before: dict[str, Any],
    people: list[Participant],
) -> None:
    """Creates what the organization's rules for the occasion ask for, after their quiet time."""
    rules = Rule.objects.filter(
        organization=appointment.organization_id,
        occasion=occasion,
        is_active=True,
    )
    for rule in rules:
        due = timezone.now() + timedelta(seconds=rule.quiet_seconds)
        for person in people:
            if rule.roles and person.role not in rule.roles:
                continue
            earlier = coalesce_waiting(appointment, occasion, person, before, due)
            if earlier is not None:
                create_notification(appointment, rule, person, f"change {change.pk}", due, earlier)


def coalesce_waiting(
    appointment: Appointment,
    occasion: Occasion,
    person: Participant,
    before: dict[str, Any],
    due: datetime,
) -> dict[str, Any] | None:
    """Merges a change into what still waits for this person, postponing or dropping that.

    Returns how the appointment was before all that was not sent; None: nothing is left to send.
    The rows are locked: what is being sent at this moment waits no longer and must be followed up.
    """
    rows = Notice.objects.waiting().filter(participant=person).select_related("rule")
    rows = rows.select_for_update(of=("self",))
    waiting = {Occasion(notification.rule.occasion): notification for notification in rows}
    booked = waiting.get(Occasion.BOOKED)
    if occasion == Occasion.MOVED and booked:
        # The text is filled in when it is sent: it will say the new time.
        postpone_notification(booked, due)
        return None
    if occasion == Occasion.CANCELLED and booked:
        drop_notification(booked, "Cancelled before it was told.")
        return None
    if occasion == Occasion.BOOKED and Occasion.CANCELLED in waiting:
        drop_notification(waiting[Occasion.CANCELLED], "It takes place after all.")
        return None
    if occasion in {Occasion.MOVED, Occasion.CANCELLED} and Occasion.MOVED in waiting:
        return coalesce_move(appointment, occasion, waiting[Occasion.MOVED], before)
    return before


def coalesce_move(
    appointment: Appointment,
    occasion: Occasion,
    waiting: Notice,
    before: dict[str, Any],
) -> dict[str, Any] | None:
    drop_notification(waiting, f"It was {occasion} after that.")
    if occasion == Occasion.CANCELLED:
        return before
    first = before | waiting.before
    return None if is_moved_back(appointment, first) else first


def is_moved_back(appointment: Appointment, before: dict[str, Any]) -> bool:
    return all(
        before.get(name) in (None, value)
        for name, value in (
            ("start", appointment.wall_start.isoformat()),
            ("end", appointment.wall_end.isoformat()),
            ("zone", appointment.zone),
            ("is_all_day", appointment.is_all_day),
        )
    )


def create_notification(
    appointment: Appointment,
    rule: Rule,
    person: Participant,
    key: str,
    due: datetime,
    before: dict[str, Any] | None = None,
) -> None:
    """Creates one notification per rule, person and key; a repetition changes nothing."""
    notification = Notice(
        appointment=appointment,
        rule=rule,
        participant=person,
        occasion_key=key,
        before=before or {},
        tell_after=due,
    )
    Notice.objects.bulk_create([notification], ignore_conflicts=True)


def drop_notification(notification: Notice, why: str) -> None:
    Notice.objects.filter(pk=notification.pk).update(
        state=NotificationState.DROPPED,
        tell_after=None,
        error=why,
    )


def postpone_notification(notification: Notice, until: datetime) -> None:
    Notice.objects.filter(pk=notification.pk).update(tell_after=until)


def plan_reminders() -> int:
    """Plans the reminders of what is due soon, once per start, so again after a move.

    Returns how many were created.
    """
    now, count = timezone.now(), 0
    for rule in Rule.objects.filter(occasion=Occasion.DUE, is_active=True):
        ahead = timedelta(hours=rule.hours_before)
        near = Appointment.objects.filter(
            organization=rule.organization_id,
            status=AppointmentStatus.BOOKED,
            starts_at__gt=now,
            starts_at__lte=now + ahead,
        )
        for appointment in near:
            # Whoever books for this afternoon has just been notified of it.
            if appointment.created_at <= appointment.starts_at - ahead:
                count += remind_participants(appointment, rule, now)
    return count


def remind_participants(appointment: Appointment, rule: Rule, now: datetime) -> int:
    key = f"{appointment.starts_at:%Y-%m-%dT%H:%MZ}"
    planned = Notice.objects.filter(rule=rule, occasion_key=key).values("participant")
    people = appointment.participants.filter(contact__isnull=False).exclude(pk__in=planned)
    missing = [person for person in people if not rule.roles or person.role in rule.roles]
    for person in missing:
        create_notification(appointment, rule, person, key, now)
    return len(missing)
