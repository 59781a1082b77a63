"""A message -> the body of a request."""

import mimetypes
from typing import Any
from urllib.parse import unquote, urlsplit

from communications.vocabulary.events import Outbound, TemplateRef
from wedsync_comms.lib.errors import ContentRejected

# https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media#supported-media-types
# Those that may have a text beside them. Whatever else goes as a document, which may as well.
CAPTIONED_MEDIA = {
    "image/jpeg": "image",
    "image/png": "image",
    "video/mp4": "video",
    "video/3gpp": "video",
}


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
        return body | {"type": "template", "template": template_body(outbound.template)}
    if outbound.media:
        return body | media_body(outbound)
    return body | {"type": "text", "text": {"body": outbound.text, "preview_url": False}}


def recipient(to: str) -> dict[str, str]:
    """Returns the number, or the business-scoped id of a person who hides it.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
    """
    return {"to": to.removeprefix("+")} if to.startswith("+") else {"recipient": to}


def template_body(chosen: TemplateRef) -> dict[str, Any]:
    components = []
    if chosen.parameters:
        parameters = [{"type": "text", "text": value} for value in chosen.parameters]
        components = [{"type": "body", "parameters": parameters}]
    return {
        "name": chosen.name,
        "language": {"code": chosen.language, "policy": "deterministic"},
        "components": components,
    }


def media_body(outbound: Outbound) -> dict[str, Any]:
    if len(outbound.media) > 1:
        raise ContentRejected(
            "A WhatsApp message carries one picture or document: send the others by themselves.",
            code="too_many_media",
        )
    [only] = outbound.media
    name = unquote(urlsplit(only.url).path).rpartition("/")[2]
    kind = CAPTIONED_MEDIA.get(only.content_type or mimetypes.guess_type(name)[0] or "", "document")
    content = {"link": only.url, "caption": outbound.text}
    if kind == "document" and name:
        content["filename"] = name
    return {"type": kind, kind: content}
