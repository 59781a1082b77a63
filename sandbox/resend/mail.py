"""One mail sent and one mail received, and how Resend shows them."""

import base64
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sandbox.lib.times import iso, now, postgres

Json = dict[str, Any]


def new_id() -> str:
    return str(uuid4())


@dataclass(frozen=True)
class Attachment:
    filename: str | None
    content_type: str
    content: bytes
    content_id: str | None = None
    disposition: str = "attachment"
    path: str | None = None
    id: str = field(default_factory=new_id)

    def as_json(self) -> Json:
        shown = {
            "id": self.id,
            "filename": self.filename,
            "content_type": self.content_type,
            "content_disposition": self.disposition,
        }
        return shown | ({"content_id": self.content_id} if self.content_id else {})

    def with_content(self) -> Json:
        content = base64.b64encode(self.content).decode()
        return {**self.as_json(), "path": self.path, "content": content}


@dataclass
class Mail:
    """``request`` is the body of the request as it came, without the attachments' contents."""

    sender: str
    to: list[str]
    cc: list[str]
    bcc: list[str]
    reply_to: list[str]
    subject: str
    html: str | None
    text: str | None
    headers: dict[str, str]
    tags: dict[str, str]
    attachments: tuple[Attachment, ...]
    request: Json
    idempotency_key: str | None
    scheduled_at: datetime | None = None
    id: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)
    last_event: str = "queued"
    events: list[Json] = field(default_factory=list)
    seen: bool = False

    @property
    def message_id(self) -> str:
        return f"<{self.id}@email.sandbox.example>"

    @property
    def recipients(self) -> list[str]:
        return [*self.to, *self.cc, *self.bcc]

    @property
    def size(self) -> int:
        bodies = len(self.html or "") + len(self.text or "")
        return 2_000 + 2 * bodies + sum(len(attachment.content) for attachment in self.attachments)

    def as_json(self) -> Json:
        """Returns the API's ``Email``, without what the mail does not have."""
        shown: Json = {
            "object": "email",
            "id": self.id,
            "message_id": self.message_id,
            "to": self.to,
            "from": self.sender,
            "created_at": postgres(self.created_at),
            "subject": self.subject,
            "bcc": self.bcc,
            "cc": self.cc,
            "reply_to": self.reply_to,
            "last_event": self.last_event,
        }
        bodies = {"html": self.html, "text": self.text}
        shown |= {name: body for name, body in bodies.items() if body is not None}
        if self.scheduled_at:
            shown["scheduled_at"] = postgres(self.scheduled_at)
        return shown

    def in_full(self) -> Json:
        """Returns the control API's view: also what the API does not show."""
        return {
            **self.as_json(),
            "html": self.html,
            "text": self.text,
            "created_at": iso(self.created_at),
            "headers": self.headers,
            "tags": self.tags,
            "idempotency_key": self.idempotency_key,
            "attachments": [attachment.as_json() for attachment in self.attachments],
            "events": self.events,
            "seen": self.seen,
        }


@dataclass(frozen=True)
class Received:
    sender: str
    to: list[str]
    cc: list[str]
    bcc: list[str]
    reply_to: list[str]
    subject: str
    html: str | None
    text: str | None
    headers: dict[str, Any]
    attachments: tuple[Attachment, ...]
    message_id: str
    answers: str | None = None
    id: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)

    @property
    def size(self) -> int:
        bodies = len(self.html or "") + len(self.text or "")
        return 2_000 + 2 * bodies + sum(len(attachment.content) for attachment in self.attachments)

    def summary(self) -> Json:
        return {
            "id": self.id,
            "to": self.to,
            "from": self.sender,
            "created_at": iso(self.created_at),
            "subject": self.subject,
            "message_id": self.message_id,
            "bcc": self.bcc,
            "cc": self.cc,
            "reply_to": self.reply_to,
            "attachments": [
                {**attachment.as_json(), "size": len(attachment.content)}
                for attachment in self.attachments
            ],
        }

    def as_json(self) -> Json:
        return {
            "object": "email",
            **self.summary(),
            "html": self.html,
            "text": self.text,
            "headers": self.headers,
        }
