"""A message -> the body of a request."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from communications.vocabulary.events import Outbound, TemplateRef, TemplateValue
from communications.vocabulary.file_types import type_of_name
from wedsync_comms.lib.errors import ContentRejected

# https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media#supported-media-types
# Those that may have a text beside them. Whatever else goes as a document, which may as well.
CAPTIONED_MEDIA = {
    "image/jpeg": "image",
    "image/png": "image",
    "video/mp4": "video",
    "video/3gpp": "video",
}
# What a place consists of.
LOCATION = ("latitude", "longitude", "name", "address")


def message_body(outbound: Outbound) -> dict[str, Any]:
    """https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages"""
    body: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **recipient(outbound.to),
        # Ours, echoed in every status: finds the attempt even if the answer is lost.
        "biz_opaque_callback_data": f"{outbound.call} {outbound.message}",
    }
    if outbound.template is not None:
        chosen = template_body(outbound.template, outbound.message)
        return body | {"type": "template", "template": chosen}
    if outbound.media:
        return body | media_body(outbound)
    return body | {"type": "text", "text": {"body": outbound.text, "preview_url": False}}


def recipient(to: str) -> dict[str, str]:
    """Returns the number, or the business-scoped id of a person who hides it.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
    """
    return {"to": to.removeprefix("+")} if to.startswith("+") else {"recipient": to}


def template_body(chosen: TemplateRef, message: str) -> dict[str, Any]:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/components

    `message` is ours: what comes back of a form that the template opens is told by it.
    """
    by_part = {
        part: [value for value in chosen.values if value.part == part]
        for part in ("header", "body", "button")
    }
    components = [
        {"type": part, "parameters": parameters(values)}
        for part, values in by_part.items()
        if values and part != "button"
    ]
    return {
        "name": chosen.name,
        "language": {"code": chosen.language, "policy": "deterministic"},
        "components": [
            *components,
            *(button_component(value, message) for value in by_part["button"]),
        ],
    }


def parameters(values: Sequence[TemplateValue]) -> list[dict[str, Any]]:
    """Returns what stands in the places of a heading or a text."""
    if values[0].kind in LOCATION:
        return [{"type": "location", "location": {value.kind: value.value for value in values}}]
    return [parameter(value) for value in values]


def parameter(value: TemplateValue) -> dict[str, Any]:
    if value.kind == "text":
        named = {"parameter_name": value.parameter} if value.parameter else {}
        return {"type": "text", **named, "text": value.value}
    content = {"link": value.value}
    if value.kind == "document" and (name := file_name(value.value)):
        content["filename"] = name
    return {"type": value.kind, value.kind: content}


def button_component(value: TemplateValue, message: str) -> dict[str, Any]:
    filled: dict[str, dict[str, Any]] = {
        "url": {"type": "text", "text": value.value},
        "copy_code": {"type": "coupon_code", "coupon_code": value.value},
        # https://developers.facebook.com/docs/whatsapp/flows/guides/sendingaflow
        "flow": {"type": "action", "action": {"flow_token": message}},
    }
    return {
        "type": "button",
        "sub_type": value.kind,
        "index": str(value.position),
        "parameters": [filled[value.kind]],
    }


def file_name(url: str) -> str:
    return unquote(urlsplit(url).path).rpartition("/")[2]


def media_body(outbound: Outbound) -> dict[str, Any]:
    if len(outbound.media) > 1:
        raise ContentRejected(
            "A WhatsApp message carries one picture or document: send the others by themselves.",
            code="too_many_media",
        )
    [only] = outbound.media
    name = file_name(only.url)
    kind = CAPTIONED_MEDIA.get(only.content_type or type_of_name(name), "document")
    content = {"link": only.url, "caption": outbound.text}
    if kind == "document" and name:
        content["filename"] = name
    return {"type": kind, kind: content}
