"""A message -> a request; an answer -> what became of each mail."""

import base64
from collections.abc import Mapping
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from communications.providers.base import Accepted
from communications.providers.resend.errors import validation_error_class
from communications.providers.resend.receiving import parse_resend_time
from communications.providers.resend.transport import header_number
from communications.vocabulary.events import File, Outbound
from communications.vocabulary.file_types import ending_of, types_of_name
from wedsync_comms.lib.errors import OutcomeUnknown, ProviderError


def as_params(outbound: Outbound) -> Any:
    """https://resend.com/docs/api-reference/emails/send-email: one recipient a mail, because a
    receipt does not say which of several it is about."""
    params: dict[str, Any] = {
        "from": outbound.sender,
        "to": [outbound.to],
        "subject": outbound.subject,
        # Letters, digits, dash and underscore only; echoed in every webhook.
        "tags": [
            {"name": "message", "value": outbound.message},
            {"name": "call", "value": outbound.call},
        ],
    }
    optional = {
        "text": outbound.text,
        "html": outbound.html,
        "reply_to": outbound.reply_to,
        "headers": dict(outbound.headers),
        "attachments": [
            {
                "filename": attachment.filename,
                **declared_type(attachment),
                "content": base64.b64encode(attachment.content).decode(),
                # https://resend.com/docs/dashboard/emails/embed-inline-images
                **({"content_id": attachment.content_id} if attachment.content_id else {}),
            }
            for attachment in outbound.attachments
        ],
    }
    return params | {name: value for name, value in optional.items() if value}


def declared_type(attachment: File) -> dict[str, str]:
    """Returns the type of a file as Resend is told it: nothing where only the name may say it.

    Resend knows more endings than we do, and a mail with a type that its table contradicts stays
    queued for ever. Without one it takes what the name says.
    """
    is_named = bool(ending_of(attachment.filename))
    if is_named and not types_of_name(attachment.filename):
        return {}
    return {"content_type": attachment.content_type}


def as_object(answer: Any) -> dict[str, Any]:
    """Returns the answer if it is a JSON object: the SDK passes on whatever JSON there is."""
    if not isinstance(answer, dict):
        raise OutcomeUnknown("Resend answered with something unreadable.", code="unreadable")
    return answer


def accepted_mail(answer: Any) -> Accepted | ProviderError:
    """Returns the mail's id at Resend, or OutcomeUnknown where the answer has none."""
    provider_id = answer.get("id") if isinstance(answer, dict) else None
    if not isinstance(provider_id, str) or not provider_id:
        return OutcomeUnknown("Resend answered without an id.", code="no_id")
    return Accepted(provider_id=provider_id, response={"id": provider_id})


def batch_results(answer: Mapping[str, Any], count: int) -> list[Accepted | ProviderError]:
    """Ids come for the valid mails only, in their order; the errors say which are missing."""
    try:
        errors = {
            int(error["index"]): str(error["message"]) for error in answer.get("errors") or []
        }
    except (LookupError, TypeError, ValueError) as error:
        # Whose the ids are cannot be said.
        raise OutcomeUnknown("Resend's errors are unreadable.", code="unreadable") from error
    data = answer.get("data")
    ids = iter(data if isinstance(data, list) else [])
    return [
        refused_mail(errors[index]) if index in errors else accepted_mail(next(ids, None))
        for index in range(count)
    ]


def refused_mail(message: str) -> ProviderError:
    return validation_error_class(message)(message, code="validation_error")


def permitted_rate(answer: Any) -> float | None:
    """Returns the requests a second that Resend permits; None where it does not say.

    https://resend.com/docs/api-reference/rate-limit
    """
    found = header_number(answer.get("http_headers", {}), "ratelimit-limit")
    return found if found and found > 0 else None


def may_be(mail: Mapping[str, Any], outbound: Outbound, since: datetime) -> bool:
    """Returns whether a mail of Resend's list may be this message, as far as the list tells."""
    to = mail.get("to")
    return (
        (to if isinstance(to, list) else [to]) == [outbound.to]
        and mail.get("subject") == outbound.subject
        and parseaddr(str(mail.get("from")))[1] == parseaddr(outbound.sender)[1]
        and created_at(mail) >= since
    )


def created_at(mail: Mapping[str, Any]) -> datetime:
    """Returns when a mail was made; now, and so later than all others, where it does not say."""
    return parse_resend_time(mail.get("created_at"))
