"""What a request must look like: the official schema first, then what only the prose says."""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jsonschema import Draft202012Validator

from sandbox.lib.times import now, parse

from .errors import RefusedError
from .message import WHATSAPP

SPEC = Path(__file__).parent.parent / "specs" / "twilio_messages.openapi.json"
CREATE = "/2010-04-01/Accounts/{AccountSid}/Messages.json"

Json = dict[str, Any]

MAX_BODY = 1600
MAX_MEDIA = 10
VALIDITY = range(1, 36_001)
SOONEST, LATEST = timedelta(seconds=300), timedelta(days=35)
E164 = re.compile(r"\+[1-9]\d{6,14}")
SHORT_CODE = re.compile(r"\d{4,6}")
# An alphanumeric sender: 11 characters with at least one letter.
NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &+_-]{1,11}")
HOST = re.compile(r"[A-Za-z0-9.-]+")

# Numbers that behave the same every time.
# https://www.twilio.com/docs/iam/test-credentials
MAGIC_TO: Mapping[str, int] = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
MAGIC_FROM: Mapping[str, int] = {
    "+15005550001": 21212,
    "+15005550007": 21606,
    "+15005550008": 21611,
}
# The code for a field whose value does not fit the schema; 20001 for any other.
MALFORMED: Mapping[str, int] = {
    "MessagingServiceSid": 21701,
    "ContentSid": 21655,
    "ValidityPeriod": 21624,
}


@cache
def _schema() -> Json:
    spec = json.loads(SPEC.read_text())
    body = spec["paths"][CREATE]["post"]["requestBody"]["content"]
    return {**body["application/x-www-form-urlencoded"]["schema"], "components": spec["components"]}


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(_schema())


def read_form(body: bytes) -> Json:
    """Reads a form, which holds text only, into the schema's numbers and arrays."""
    try:
        given = parse_qs(body.decode(), keep_blank_values=True, strict_parsing=bool(body))
    except ValueError as error:
        raise RefusedError(20001, "the body is not a form") from error
    kinds = _schema()["properties"]
    return {name: _typed(kinds.get(name, {}).get("type"), got) for name, got in given.items()}


def _typed(kind: str | None, given: list[str]) -> Any:
    if kind == "array":
        return given
    text = given[-1]
    if kind == "integer" and re.fullmatch(r"-?\d{1,9}", text):
        return int(text)
    if kind == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    return text


def check_new(form: Json) -> None:
    """Raises what Twilio would answer; the first mistake found counts."""
    # An empty field is as good as none.
    for name in [name for name, value in form.items() if value in ("", [""])]:
        del form[name]
    _check_there(form)
    _check_schema(form)
    _check_addresses(form)
    _check_contents(form)
    _check_callback(form.get("StatusCallback"))
    if form.get("ValidityPeriod", 1) not in VALIDITY:
        raise RefusedError(21624)
    _check_schedule(form)


def _check_there(form: Json) -> None:
    if "To" not in form:
        raise RefusedError(21604)
    if "From" not in form and "MessagingServiceSid" not in form:
        raise RefusedError(21603)
    if not any(name in form for name in ("Body", "MediaUrl", "ContentSid")):
        raise RefusedError(21602)


def _check_schema(form: Json) -> None:
    error = next(_validator().iter_errors(form), None)
    if error is not None:
        name = str(next(iter(error.absolute_path), ""))
        code = MALFORMED.get(name, 20001)
        raise RefusedError(code, str(form[name]) if code in MALFORMED.values() else name)


def _check_addresses(form: Json) -> None:
    to, sender = form["To"], form.get("From")
    form["To"] = to = normal(to)
    number = to.removeprefix(WHATSAPP)
    if code := MAGIC_TO.get(number):
        raise RefusedError(code, number)
    if not E164.fullmatch(number):
        raise RefusedError(21211, number)
    if sender is None:
        return
    form["From"] = sender = normal(sender) if sender.startswith(("+", WHATSAPP)) else sender
    if code := MAGIC_FROM.get(sender):
        raise RefusedError(code, sender)
    _check_sender(sender, to)


def _check_sender(sender: str, to: str) -> None:
    if sender.startswith(WHATSAPP) != to.startswith(WHATSAPP):
        raise RefusedError(21910)
    number = sender.removeprefix(WHATSAPP)
    if not any(kind.fullmatch(number) for kind in (E164, SHORT_CODE, NAME)):
        raise RefusedError(21212, number)
    if sender == to:
        raise RefusedError(21266, sender)


def normal(address: str) -> str:
    """Returns the number without spaces, dots, dashes and brackets, which Twilio forgives."""
    return re.sub(r"[\s().-]", "", address)


def _check_contents(form: Json) -> None:
    if len(form.get("Body", "")) > MAX_BODY:
        raise RefusedError(21617)
    media = form.get("MediaUrl", [])
    if len(media) > MAX_MEDIA:
        raise RefusedError(21623)
    for url in media:
        if not is_web_address(url):
            raise RefusedError(21620, url)
    if "ContentVariables" in form and not _is_object(form["ContentVariables"]):
        raise RefusedError(21656)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _check_callback(url: str | None) -> None:
    # An underscore in the host is refused, too.
    if url is not None and not (
        is_web_address(url) and HOST.fullmatch(urlsplit(url).hostname or "")
    ):
        raise RefusedError(21609, url)


def is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _check_schedule(form: Json) -> None:
    if "ScheduleType" not in form and "SendAt" not in form:
        return
    if "MessagingServiceSid" not in form:
        raise RefusedError(35114)
    moment = parse(form.get("SendAt", ""))
    if moment is None or not SOONEST <= moment - now() <= LATEST:
        raise RefusedError(35115)
