"""One appointment in three shapes: our rows, a vendor's event, and what is merged and kept."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from calendars.content.three_way_merge import (
    Content,
    Person,
    When,
)
from calendars.models import Appointment, Participant
from calendars.models.fields import REPEATED
from calendars.vocabulary import zones
from calendars.vocabulary.events import (
    Answer,
    Attendee,
    EventText,
    Moment,
)

MAX_TITLE = 255


def of_appointment(appointment: Appointment) -> Content:
    return Content(
        title=appointment.title,
        description=appointment.description,
        place=appointment.place,
        when=When(
            start=wall_text(appointment.wall_start),
            end=wall_text(appointment.wall_end),
            zone=appointment.zone,
            is_all_day=appointment.is_all_day,
        ),
        people=people_of(appointment.participants.all()),
    )


def people_of(participants: Iterable[Participant]) -> dict[str, Person]:
    """Those whom a vendor can know."""
    return {
        one.email: Person(
            name=one.name,
            is_optional=one.is_optional,
            answer=Answer(one.answer),
        )
        for one in participants
        if one.email
    }


def of_event(text: EventText, like: Content | None = None) -> Content:
    """`like`: what it was last. A time that is the same instant keeps the words it had: vendors
    tell one time in several zones."""
    content = Content(
        title=text.title[:MAX_TITLE],
        description=text.description,
        place=text.place[:MAX_TITLE],
        when=When(
            start=wall_text(text.start.wall),
            end=wall_text(zones.at_instant(text.end.instant, text.start.zone).wall),
            zone=text.start.zone,
            is_all_day=text.is_all_day,
        ),
        people={
            one.email.lower(): Person(
                name=one.name,
                is_optional=one.is_optional,
                answer=one.answer,
            )
            for one in text.attendees
            if not (one.is_organizer or one.is_self)
        },
    )
    if like and same_time(content.when, like.when):
        return replace(content, when=like.when)
    return content


def to_event(content: Content, *, wants_conference: bool) -> EventText:
    when = content.when
    return EventText(
        title=content.title,
        start=moment(when.start, when.zone),
        end=moment(when.end, when.zone),
        is_all_day=when.is_all_day,
        description=content.description,
        place=content.place,
        attendees=tuple(
            Attendee(
                email=email,
                name=one.name,
                answer=one.answer,
                is_optional=one.is_optional,
            )
            for email, one in content.people.items()
        ),
        wants_conference=wants_conference,
    )


def dumped(content: Content) -> dict[str, Any]:
    return asdict(content)


def loaded(kept: dict[str, Any]) -> Content:
    people = {
        email: Person(**one | {"answer": Answer(one["answer"])})
        for email, one in kept["people"].items()
    }
    return Content(**kept | {"when": When(**kept["when"]), "people": people})


def fingerprint(content: Content) -> str:
    """The same for the same content, also after a vendor listed its people in another order."""
    return hashlib.sha256(json.dumps(dumped(content), sort_keys=True).encode()).hexdigest()


def wall_text(wall: datetime) -> str:
    return wall.replace(tzinfo=None, fold=0).isoformat() + (REPEATED if wall.fold else "")


def wall(text: str) -> datetime:
    fold = int(text.endswith(REPEATED))
    return datetime.fromisoformat(text.removesuffix(REPEATED)).replace(fold=fold)


def moment(text: str, zone: str) -> Moment:
    return Moment(wall=wall(text), zone=zone)


def instants(when: When) -> tuple[datetime, datetime]:
    return moment(when.start, when.zone).instant, moment(when.end, when.zone).instant


def told_in(when: When, zone: str) -> When:
    """The same instants, by another zone's clocks."""
    start, end = (wall_text(zones.at_instant(one, zone).wall) for one in instants(when))
    return replace(when, start=start, end=end, zone=zone)


def same_time(one: When, other: When) -> bool:
    return one.is_all_day == other.is_all_day and instants(one) == instants(other)
