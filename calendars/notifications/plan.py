"""Who is told about a change: planned with the change, in its transaction.

Edits in a row are one message. What was not told yet is dropped by what takes it back: somebody who
never heard of a new time need not hear that it is the old one again.
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
from calendars.models.notices import NoticeState
from calendars.vocabulary.events import Answer

OCCASIONS = {
    What.BOOKED: Occasion.BOOKED,
    What.MOVED: Occasion.MOVED,
    What.CANCELLED: Occasion.CANCELLED,
}


def plan(appointment: Appointment, change: AppointmentChange) -> None:
    """Called under the calendar's lock, so that what waits does not change meanwhile."""
    people = everybody(appointment)
    if change.what in OCCASIONS:
        tell(appointment, change, OCCASIONS[What(change.what)], change.before, people)
    if change.what != What.ANSWERED:
        return
    added = [name for name, before in change.before.items() if before is None]
    new = [one for one in people if f"with {one.email}" in added]
    tell(appointment, change, Occasion.BOOKED, {}, new)
    declined = [name for name, after in change.after.items() if after == Answer.DECLINED]
    if declined:
        # Who declined knows it.
        others = [one for one in people if f"with {one.email}" not in declined]
        said = {"declined": ", ".join(name.removeprefix("with ") for name in declined)}
        tell(appointment, change, Occasion.DECLINED, said, others)


def everybody(appointment: Appointment) -> list[Participant]:
    """Those we can write to ourselves."""
    return list(appointment.participants.filter(contact__isnull=False))


def tell(
    appointment: Appointment,
    change: AppointmentChange,
    occasion: Occasion,
    before: dict[str, Any],
    people: list[Participant],
) -> None:
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
            news = settled(appointment, occasion, person, before, due)
            if news is not None:
                create(appointment, rule, person, f"change {change.pk}", due, news)


def settled(
    appointment: Appointment,
    occasion: Occasion,
    person: Participant,
    before: dict[str, Any],
    due: datetime,
) -> dict[str, Any] | None:
    """What is to be told after what still waits to be: how it was before. None: nothing.

    Locked: what is told at this moment waits no longer, and must be followed by the news.
    """
    rows = Notice.objects.waiting().filter(participant=person).select_related("rule")
    rows = rows.select_for_update(of=("self",))
    waiting = {Occasion(one.rule.occasion): one for one in rows}
    booked = waiting.get(Occasion.BOOKED)
    if occasion == Occasion.MOVED and booked:
        # The news is still to come, and will be the newest.
        put_off(booked, due)
        return None
    if occasion == Occasion.CANCELLED and booked:
        drop(booked, "Cancelled before it was told.")
        return None
    if occasion == Occasion.BOOKED and Occasion.CANCELLED in waiting:
        drop(waiting[Occasion.CANCELLED], "It takes place after all.")
        return None
    if occasion in {Occasion.MOVED, Occasion.CANCELLED} and Occasion.MOVED in waiting:
        return after_a_move(appointment, occasion, waiting[Occasion.MOVED], before)
    return before


def after_a_move(
    appointment: Appointment,
    occasion: Occasion,
    waiting: Notice,
    before: dict[str, Any],
) -> dict[str, Any] | None:
    drop(waiting, f"It was {occasion} after that.")
    if occasion == Occasion.CANCELLED:
        return before
    first = before | waiting.before
    return None if is_back(appointment, first) else first


def is_back(appointment: Appointment, before: dict[str, Any]) -> bool:
    return all(
        before.get(name) in (None, value)
        for name, value in (
            ("start", appointment.wall_start.isoformat()),
            ("end", appointment.wall_end.isoformat()),
            ("zone", appointment.zone),
            ("is_all_day", appointment.is_all_day),
        )
    )


def create(
    appointment: Appointment,
    rule: Rule,
    person: Participant,
    key: str,
    due: datetime,
    before: dict[str, Any] | None = None,
) -> None:
    """Once per rule, person and key, whoever comes first."""
    notice = Notice(
        appointment=appointment,
        rule=rule,
        participant=person,
        occasion_key=key,
        before=before or {},
        tell_after=due,
    )
    Notice.objects.bulk_create([notice], ignore_conflicts=True)


def drop(notice: Notice, why: str) -> None:
    Notice.objects.filter(pk=notice.pk).update(
        state=NoticeState.DROPPED,
        tell_after=None,
        error=why,
    )


def put_off(notice: Notice, until: datetime) -> None:
    Notice.objects.filter(pk=notice.pk).update(tell_after=until)


def remind(now: datetime) -> int:
    """What is due soon, by each rule; once per start, so again after it was moved."""
    count = 0
    for rule in Rule.objects.filter(occasion=Occasion.DUE, is_active=True):
        ahead = timedelta(hours=rule.hours_before)
        near = Appointment.objects.filter(
            organization=rule.organization_id,
            status=AppointmentStatus.BOOKED,
            starts_at__gt=now,
            starts_at__lte=now + ahead,
        )
        for appointment in near:
            # Who books for this afternoon has just been told.
            if appointment.created_at <= appointment.starts_at - ahead:
                count += reminded(appointment, rule, now)
    return count


def reminded(appointment: Appointment, rule: Rule, now: datetime) -> int:
    key = f"{appointment.starts_at:%Y-%m-%dT%H:%MZ}"
    people = [one for one in everybody(appointment) if not rule.roles or one.role in rule.roles]
    told = set(
        Notice.objects.filter(rule=rule, occasion_key=key, participant__in=people).values_list(
            "participant",
            flat=True,
        ),
    )
    left = [one for one in people if one.pk not in told]
    for person in left:
        create(appointment, rule, person, key, now)
    return len(left)
