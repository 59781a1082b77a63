"""One appointment in three shapes: our rows, a vendor's event, and what is merged and kept."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from calendars.content.three_way_merge import (
    Content,
    ContentPerson,
    When,
)
from calendars.models import Appointment, EventLink, Participant
from calendars.models.fields import REPEATED
from calendars.vocabulary import zones
from calendars.vocabulary.events import (
    Attendee,
    EventText,
    Moment,
    RemoteEvent,
    ResponseStatus,
)

# Of what is held here; wider texts stay whole where they are (`Mailbox.update`).
MAX_TITLE, MAX_PLACE = 1024, 4096
MAX_NAME, MAX_EMAIL = 200, 320


def content_of_appointment(appointment: Appointment) -> Content:
    return Content(
        title=appointment.title,
        description=appointment.description,
        place=appointment.place,
        when=When(
            start=format_wall(appointment.wall_start),
            end=format_wall(appointment.wall_end),
            zone=appointment.zone,
            is_all_day=appointment.is_all_day,
        ),
        people=people_content(appointment.participants.all()),
    )


def is_written(appointment: Appointment, link: EventLink) -> bool:
    """Returns whether the link's calendar has the appointment as it is.

    Where something is asked about its event, nothing may wait to be written, and still differ.
    """
    if link.write_after is not None or link.error:
        return False
    if link.is_removed or not (link.problem and link.base):
        return True
    return load_content(link.base) == content_of_appointment(appointment)


def people_content(participants: Iterable[Participant]) -> dict[str, ContentPerson]:
    """Returns the participants whom a vendor can know, by address."""
    return {
        participant.email: ContentPerson(
            name=participant.name,
            is_optional=participant.is_optional,
            answer=ResponseStatus(participant.answer),
        )
        for participant in participants
        if participant.email
    }


def content_of_event(text: EventText, like: Content | None = None) -> Content:
    """Returns a vendor's event as content.

    `like` is what it was last. A time that is the same instant keeps the words it had: vendors
    tell one time in several zones.
    """
    content = Content(
        title=text.title[:MAX_TITLE],
        description=text.description,
        place=text.place[:MAX_PLACE],
        when=When(
            start=format_wall(text.start.wall),
            end=format_wall(zones.at_instant(text.end.instant, text.start.zone).wall),
            zone=text.start.zone,
            is_all_day=text.is_all_day,
        ),
        people={
            attendee.email.lower(): ContentPerson(
                name=attendee.name[:MAX_NAME],
                is_optional=attendee.is_optional,
                answer=attendee.answer,
            )
            for attendee in text.attendees
            if is_known_guest(attendee)
        },
    )
    if like and is_same_time(content.when, like.when):
        return replace(content, when=like.when)
    return content


def is_known_guest(attendee: Attendee) -> bool:
    """Returns whether it is somebody whom an appointment can have: others are only there."""
    is_owner = attendee.is_organizer or attendee.is_self
    return not is_owner and 0 < len(attendee.email) <= MAX_EMAIL


def content_of_remote(event: RemoteEvent, like: Content) -> Content:
    """Returns an event as content, in the words it had last.

    What cannot be told by it stays as it was: the end of a title that the vendor cuts, a time that
    is none, guests who are not listed. A
    time without a place (UTC, which programs write) is told by the clocks it had before, and so is
    one in a zone that is in no table: the instant is right.
    """
    content = content_of_event(event.text, like)
    if event.title_width and content.title == like.title[: event.title_width]:
        content = replace(content, title=like.title)
    if not event.has_all_guests:
        content = replace(content, people={**like.people, **content.people})
    if event.time_problem:
        return replace(content, when=like.when)
    when = content.when
    if when == like.when or not (event.problem or zones.is_utc(when.zone)):
        return content
    if when.is_all_day:
        return replace(content, when=replace(when, zone=like.when.zone))
    return replace(content, when=in_zone(when, like.when.zone))


def event_text(content: Content, *, wants_conference: bool) -> EventText:
    when = content.when
    return EventText(
        title=content.title,
        start=wall_moment(when.start, when.zone),
        end=wall_moment(when.end, when.zone),
        is_all_day=when.is_all_day,
        description=content.description,
        place=content.place,
        attendees=tuple(
            Attendee(
                email=email,
                name=person.name,
                answer=person.answer,
                is_optional=person.is_optional,
            )
            for email, person in content.people.items()
        ),
        wants_conference=wants_conference,
    )


def dump_content(content: Content) -> dict[str, Any]:
    return asdict(content)


def load_content(kept: dict[str, Any]) -> Content:
    people = {
        email: ContentPerson(**person | {"answer": ResponseStatus(person["answer"])})
        for email, person in kept["people"].items()
    }
    return Content(**kept | {"when": When(**kept["when"]), "people": people})


def content_fingerprint(content: Content) -> str:
    """Returns a hash, the same also after a vendor listed the people in another order."""
    return hashlib.sha256(json.dumps(dump_content(content), sort_keys=True).encode()).hexdigest()


def format_wall(wall: datetime) -> str:
    return wall.replace(tzinfo=None, fold=0).isoformat() + (REPEATED if wall.fold else "")


def parse_wall(text: str) -> datetime:
    fold = int(text.endswith(REPEATED))
    return datetime.fromisoformat(text.removesuffix(REPEATED)).replace(fold=fold)


def wall_moment(text: str, zone: str) -> Moment:
    return Moment(wall=parse_wall(text), zone=zone)


def instants_of(when: When) -> tuple[datetime, datetime]:
    return wall_moment(when.start, when.zone).instant, wall_moment(when.end, when.zone).instant


def in_zone(when: When, zone: str) -> When:
    """Returns the same instants, by another zone's clocks."""
    start, end = (format_wall(zones.at_instant(moment, zone).wall) for moment in instants_of(when))
    return replace(when, start=start, end=end, zone=zone)


def is_same_time(item: When, other: When) -> bool:
    return item.is_all_day == other.is_all_day and instants_of(item) == instants_of(other)
