"""Which kinds of values stand where in a message. What else there is passes through."""

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from sandbox.whatsapp.errors import RefusedError
from sandbox.whatsapp.model.message import Json

TEXT: Json = {"type": "string"}


def _object(**properties: Json) -> Json:
    return {"type": "object", "properties": properties}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


MEDIA = _object(id=TEXT, link=TEXT, caption=TEXT, filename=TEXT)
VALUE = _object(fallback_value=TEXT)
PLACE = _object(name=TEXT, address=TEXT)
PARAMETER = _object(
    type=TEXT,
    text=TEXT,
    parameter_name=TEXT,
    currency=VALUE,
    date_time=VALUE,
    image=MEDIA,
    video=MEDIA,
    document=MEDIA,
    location=PLACE,
    payload=TEXT,
    coupon_code=TEXT,
    action={"type": "object"},
)
COMPONENT = _object(
    type=TEXT, sub_type=TEXT, index={"type": ["string", "integer"]}, parameters=_list(PARAMETER)
)
BUTTON = _object(reply=_object(id=TEXT, title=TEXT))
MESSAGE = _object(
    type=TEXT,
    context=_object(message_id=TEXT),
    text=_object(body=TEXT),
    image=MEDIA,
    video=MEDIA,
    audio=MEDIA,
    document=MEDIA,
    sticker=MEDIA,
    location=_object(name=TEXT, address=TEXT),
    contacts=_list(_object(name=_object(formatted_name=TEXT))),
    reaction=_object(message_id=TEXT, emoji=TEXT),
    interactive=_object(
        type=TEXT, body=_object(text=TEXT), action=_object(buttons=_list(BUTTON), button=TEXT)
    ),
    template=_object(name=TEXT, language=_object(code=TEXT), components=_list(COMPONENT)),
)


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(MESSAGE)


def check(given: Json) -> None:
    error: Any = next(_validator().iter_errors(given), None)
    if error is not None:
        first, *rest = error.absolute_path
        where = str(first) + "".join(f"[{step!r}]" for step in rest)
        raise RefusedError(
            100, message=f"(#100) Param {where} must be of type {error.validator_value}."
        )
