"""One subscription: what is announced, where to, until when."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sandbox.microsoft.errors import RefusedError, bad

from .mailbox import Change, Mailbox
from .stamps import stamp
from .users import User

Json = dict[str, Any]

# What may be watched, and in which folder it has to be.
RESOURCES: Mapping[str, re.Pattern[str]] = {
    "event": re.compile(
        r"/?(?:me|users/[^/]+)/(?:calendars/(?P<folder>[^/]+)/|calendar/)?events", re.IGNORECASE
    ),
    "contact": re.compile(
        r"/?(?:me|users/[^/]+)/(?:contactFolders/(?P<folder>[^/]+)/)?contacts", re.IGNORECASE
    ),
}
VERBS = {"created", "updated", "deleted"}
MAX_STATE = 128


@dataclass
class Subscription:
    user: User
    client_id: str
    kind: str
    # None: wherever in the mailbox.
    folder: str | None
    resource: str
    verbs: frozenset[str]
    url: str
    expires_at: datetime
    # When the token it was made with runs out.
    authorized_until: datetime
    client_state: str | None = None
    lifecycle_url: str | None = None
    immutable: bool = False
    id: str = field(default_factory=lambda: str(uuid4()))
    # It was asked to be authorized again.
    was_warned: bool = False
    # What waits for that: when it happened, and the notification.
    held: list[tuple[datetime, Json]] = field(default_factory=list)

    def concerns(self, change: Change) -> bool:
        return (
            change.user == self.user
            and change.kind == self.kind
            and change.verb in self.verbs
            and self.folder in {None, change.item.folder}
        )

    @property
    def combination(self) -> tuple[str, str, str | None, frozenset[str]]:
        return (self.user.id, self.kind, self.folder, self.verbs)

    def as_graph(self) -> Json:
        return {
            "id": self.id,
            "resource": self.resource,
            "applicationId": self.client_id,
            "changeType": ",".join(sorted(self.verbs)),
            "clientState": None,
            "notificationUrl": self.url,
            "lifecycleNotificationUrl": self.lifecycle_url,
            "notificationQueryOptions": None,
            "expirationDateTime": stamp(self.expires_at),
            "creatorId": self.user.id,
            "includeResourceData": None,
            "latestSupportedTlsVersion": "v1_2",
            "encryptionCertificate": None,
            "encryptionCertificateId": None,
            "notificationUrlAppId": None,
        }


def read_resource(given: Any, mailbox: Mailbox) -> tuple[str, str | None]:
    """Returns which kind of item, and in which folder."""
    for kind, pattern in RESOURCES.items():
        if found := pattern.fullmatch(given if isinstance(given, str) else ""):
            folder = found["folder"]
            if folder and kind == "event":
                folder = mailbox.calendar_of(folder).id
            elif folder:
                folder = mailbox.folder_of(folder).id
            return kind, folder
    raise bad(f"Resource '{given}' is not supported.", "InvalidRequest")


def read_verbs(given: Any) -> frozenset[str]:
    verbs = {verb.strip() for verb in given.split(",")} if isinstance(given, str) else set()
    if not verbs or not verbs <= VERBS:
        raise bad("changeType is created, updated or deleted, or several.", "InvalidRequest")
    return frozenset(verbs)


def read_url(given: Any, name: str) -> str:
    """Reads the URL: https, and here, unlike at Microsoft's, also http on this machine."""
    if not isinstance(given, str) or not re.match(
        r"https://[^/]+|http://(?:127\.0\.0\.1|localhost)(?::\d+)?(?:/|$)", given
    ):
        raise bad(f"The {name} is not a valid https address.", "InvalidRequest")
    return given


def read_state(given: Any) -> str | None:
    if given is not None and (not isinstance(given, str) or len(given) > MAX_STATE):
        raise bad("clientState has 128 characters at most.", "InvalidRequest")
    state: str | None = given
    return state


def read_expiry(given: Any, at: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(str(given))
    except ValueError as error:
        raise bad("expirationDateTime is not a date and time.", "InvalidRequest") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=at.tzinfo)
    if moment <= at:
        raise RefusedError(400, "InvalidRequest", "Subscription expiration must be in the future.")
    return moment.astimezone(at.tzinfo)
