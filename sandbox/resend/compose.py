"""Turning checked requests into mails."""

import base64
from collections.abc import Mapping
from typing import Any

from . import files, rules
from .addresses import as_list
from .mail import Attachment, Json, Mail, Received, new_id


def tidy(given: Any) -> Any:
    """Encodes attachments that official SDKs send as a list of bytes, unknown to the schema."""
    if isinstance(given, dict) and isinstance(given.get("attachments"), list):
        return {
            **given,
            "attachments": [_tidy_attachment(attachment) for attachment in given["attachments"]],
        }
    return given


def _tidy_attachment(given: Any) -> Any:
    if not isinstance(given, dict) or not isinstance(given.get("content"), list):
        return given
    try:
        content = bytes(given["content"])
    except (TypeError, ValueError):
        return given
    return {**given, "content": base64.b64encode(content).decode()}


def mail(given: Mapping[str, Any], idempotency_key: str | None) -> Mail:
    scheduled_at = given.get("scheduled_at")
    return Mail(
        sender=given["from"],
        to=as_list(given["to"]),
        cc=as_list(given.get("cc")),
        bcc=as_list(given.get("bcc")),
        reply_to=as_list(given.get("reply_to")),
        subject=given["subject"],
        html=given.get("html"),
        text=given.get("text"),
        headers=dict(given.get("headers", {})),
        tags={tag["name"]: tag["value"] for tag in given.get("tags", [])},
        attachments=tuple(attachment(file) for file in given.get("attachments", [])),
        request={name: value for name, value in given.items() if name != "attachments"},
        idempotency_key=idempotency_key,
        scheduled_at=rules.scheduled_at(scheduled_at) if scheduled_at else None,
    )


def attachment(given: Mapping[str, Any]) -> Attachment:
    name = given.get("filename")
    content_id = given.get("content_id")
    return Attachment(
        filename=name,
        content_type=given.get("content_type") or files.type_by_name(name or ""),
        content=rules.decode(given.get("content") or "") or b"",
        content_id=content_id,
        disposition="inline" if content_id else "attachment",
        path=given.get("path"),
    )


def received(given: Mapping[str, Any], *, answers: Mail | None = None) -> Received:
    """Reads it from the control API: a ValueError says what is missing. Replies to ``answers``."""
    usual = _reply_to(answers) if answers else {}
    given = {**usual, **given}
    _check_incoming(given)
    message_id = given.get("message_id", f"<{new_id()}@mail.sandbox.example>")
    return Received(
        sender=given["from"],
        to=as_list(given["to"]),
        cc=as_list(given.get("cc")),
        bcc=as_list(given.get("bcc")),
        reply_to=as_list(given.get("reply_to")),
        subject=given.get("subject", ""),
        html=given.get("html"),
        text=given.get("text"),
        headers=_headers(given, usual, message_id),
        attachments=tuple(attachment(file) for file in given.get("attachments", [])),
        message_id=message_id,
        answers=answers.id if answers else None,
    )


def _reply_to(original: Mail) -> Json:
    subject = original.subject
    return {
        "from": original.to[0],
        "to": original.reply_to or [original.sender],
        "subject": subject if subject.lower().startswith("re:") else f"Re: {subject}",
        "headers": {"in-reply-to": original.message_id, "references": original.message_id},
    }


def _headers(given: Mapping[str, Any], usual: Json, message_id: str) -> Json:
    """In small letters, as Resend hands them out."""
    own = {str(name).lower(): value for name, value in given.get("headers", {}).items()}
    plain = {
        "from": given["from"],
        "to": ", ".join(as_list(given["to"])),
        "subject": given.get("subject", ""),
        "message-id": message_id,
    }
    return {**plain, **usual.get("headers", {}), **own}


def _check_incoming(given: Mapping[str, Any]) -> None:
    """Whatever servers deliver comes in, also from addresses that Resend would not send to."""
    if not isinstance(given.get("from"), str):
        raise ValueError("from is a text: an address, a name with one, or <> for a server's own.")  # noqa: TRY004
    for name in ("to", "cc", "bcc", "reply_to"):
        listed = as_list(given.get(name))
        if not all(isinstance(address, str) for address in listed) or (name == "to" and not listed):
            raise ValueError(f"{name} is an address, or a list of them.")
    if not isinstance(given.get("headers", {}), dict):
        raise ValueError("headers is an object; a value is a text or a list of texts.")  # noqa: TRY004
