"""What a request must look like: the official schema first, then what only the prose says."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from sandbox.lib.times import now, parse

from . import addresses
from .errors import FORMAT, RefusedError

# https://resend.com/docs/dashboard/emails/embed-inline-images
MAX_CONTENT_ID = 127

SPEC = Path(__file__).parent.parent / "specs" / "resend.openapi.json"

Json = dict[str, Any]

REQUIRED = ("from", "to", "subject")
BODIES = ("html", "text", "template")
ADDRESS_LISTS = ("to", "cc", "bcc", "reply_to")
MAX_RECIPIENTS = 50
MAX_BATCH = 100
MAX_AHEAD = timedelta(days=30)
TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")


@cache
def validator(schema: str) -> Draft202012Validator:
    spec = json.loads(SPEC.read_text())
    reference = f"#/components/schemas/{schema}"
    return Draft202012Validator({"$ref": reference, "components": spec["components"]})


def check_mail(given: Any, *, batch: bool = False) -> None:
    """Raises what Resend would answer; the first mistake found counts."""
    if not isinstance(given, dict):
        raise RefusedError("validation_error", "The email must be a JSON object.")
    _check_required(given)
    _check_schema(given)
    if batch:
        _check_batch_limits(given)
    _check_addresses(given)
    _check_bodies(given)
    _check_headers(given.get("headers", {}))
    for tag in given.get("tags", []):
        _check_tag(tag)
    for attachment in given.get("attachments", []):
        _check_attachment(attachment)
    if "scheduled_at" in given:
        scheduled_at(given["scheduled_at"])


def _check_required(given: Mapping[str, Any]) -> None:
    for name in REQUIRED:
        if given.get(name) is None:
            raise RefusedError("missing_required_field", f"Missing `{name}` field.")
    if not any(given.get(name) is not None for name in BODIES):
        raise RefusedError("missing_required_field", "Missing `html` or `text` field.")


def _check_schema(given: Mapping[str, Any]) -> None:
    error = next(validator("SendEmailRequest").iter_errors(given), None)
    if error is None:
        return
    path = ".".join(str(step) for step in error.absolute_path)
    name = path.partition(".")[0]
    if name == "from":
        raise RefusedError("invalid_from_address")
    if name == "to" and isinstance(given["to"], list) and len(given["to"]) > MAX_RECIPIENTS:
        raise RefusedError(
            "validation_error", f"The `to` field must have {MAX_RECIPIENTS} items or fewer."
        )
    if name in ADDRESS_LISTS:
        raise RefusedError("validation_error", f"Invalid `{name}` field. {FORMAT}")
    raise RefusedError("validation_error", f"Invalid `{path}` field: {error.message[:200]}")


def _check_batch_limits(given: Mapping[str, Any]) -> None:
    for name in ("attachments", "scheduled_at"):
        if name in given:
            raise RefusedError(
                "validation_error", f"The `{name}` field is not supported in batch requests."
            )


def _check_addresses(given: Mapping[str, Any]) -> None:
    if addresses.bare(given["from"]) is None:
        raise RefusedError("invalid_from_address")
    for name in ADDRESS_LISTS:
        if not all(addresses.bare(address) for address in addresses.as_list(given.get(name))):
            raise RefusedError("validation_error", f"Invalid `{name}` field. {FORMAT}")


def _check_bodies(given: Mapping[str, Any]) -> None:
    if "template" in given and ("html" in given or "text" in given):
        raise RefusedError(
            "validation_error", "The `template` field cannot be used with `html` or `text`."
        )
    if "\n" in given["subject"] or "\r" in given["subject"]:
        raise RefusedError("validation_error", "The `\\n` is not allowed in the `subject` field.")


def _check_headers(headers: Mapping[str, Any]) -> None:
    for name, value in headers.items():
        if not isinstance(value, str) or "\n" in name + value or "\r" in name + value:
            raise RefusedError("validation_error", f"Invalid `headers` field: {name[:100]}.")


def _check_tag(tag: Mapping[str, Any]) -> None:
    if not all(TAG.fullmatch(tag.get(key, "")) for key in ("name", "value")):
        raise RefusedError(
            "validation_error",
            "Tags should only contain ASCII letters, numbers, underscores, or dashes.",
        )


def _check_attachment(attachment: Mapping[str, Any]) -> None:
    content, path = attachment.get("content"), attachment.get("path")
    if not content and not path:
        raise RefusedError("invalid_attachment")
    if len(str(attachment.get("content_id") or "")) > MAX_CONTENT_ID:
        raise RefusedError("invalid_attachment", "The `content_id` must be under 128 characters.")
    if content and not attachment.get("filename"):
        raise RefusedError("invalid_attachment", "Attachment must have a `filename`.")
    if content and decode(content) is None:
        raise RefusedError("invalid_attachment", "The `content` must be a base64 string.")


def decode(content: str) -> bytes | None:
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        return None


def scheduled_at(given: Any) -> datetime:
    moment = parse(given) if isinstance(given, str) else None
    if moment is None or moment > now() + MAX_AHEAD:
        raise RefusedError(
            "validation_error",
            "Invalid `scheduled_at` field. It must be an ISO 8601 date within the next 30 days.",
        )
    return moment
