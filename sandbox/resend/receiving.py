"""Received mails: https://resend.com/docs/dashboard/receiving/introduction"""

import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.lib.times import iso
from sandbox.webhooks.signing import link_signature

from .errors import RefusedError, render
from .mail import Attachment, Received
from .mailroom import Mailroom
from .paging import find, listing, page

Json = dict[str, Any]

LINK_LIVES = 60 * 60
RAW = "raw"


class Downloads:
    """The receiving part of the API and the signed links it hands out."""

    KEPT = ("_key",)

    def __init__(self, mailroom: Mailroom) -> None:
        self._room = mailroom
        self._key = secrets.token_bytes(32)

    def api_routes(self) -> list[tuple[str, str, Callable[[Request, bytes], Response]]]:
        mail_path = "/emails/receiving/{id}"
        return [
            ("GET", "/emails/receiving", self.list_received),
            ("GET", mail_path, self.retrieve),
            ("GET", f"{mail_path}/attachments", self.list_attachments),
            ("GET", f"{mail_path}/attachments/{{attachment_id}}", self.retrieve_attachment),
        ]

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/downloads/{id}/{part}", self.download)]

    def list_received(self, request: Request, _: bytes) -> Response:
        found, has_more = listing(self._room.received, request)
        shown = [received.summary() for received in found]
        return JSONResponse({"object": "list", "has_more": has_more, "data": shown})

    def retrieve(self, request: Request, _: bytes) -> Response:
        received = self._received(request)
        raw = self._link(request, received, RAW)
        return JSONResponse({**received.as_json(), "raw": raw})

    def list_attachments(self, request: Request, _: bytes) -> Response:
        received = self._received(request)
        found, has_more = page(list(received.attachments), request)
        shown = [self._describe(request, received, attachment) for attachment in found]
        return JSONResponse({"object": "list", "has_more": has_more, "data": shown})

    def retrieve_attachment(self, request: Request, _: bytes) -> Response:
        received = self._received(request)
        for attachment in received.attachments:
            if attachment.id == request.path_params["attachment_id"]:
                described = self._describe(request, received, attachment)
                return JSONResponse({"object": "attachment", **described})
        raise RefusedError("not_found", "Attachment not found")

    async def download(self, request: Request) -> Response:
        """Needs no key: the link itself is the permission, for an hour."""
        expires = request.query_params.get("expires", "")
        path = f"{request.path_params['id']}/{request.path_params['part']}"
        received = self._room.received.find(request.path_params["id"])
        good = expires.isdecimal() and int(expires) > time.time()
        if not good or not secrets.compare_digest(
            link_signature(self._key, path, int(expires)).encode(),
            request.query_params.get("signature", "").encode(),
        ):
            return Response("This link has expired.", 403)
        if received is None:
            return render(RefusedError("not_found", "Email not found"))
        return _file(received, request.path_params["part"])

    def _received(self, request: Request) -> Received:
        return find(self._room.received, request.path_params["id"], "Email not found")

    def _describe(self, request: Request, received: Received, attachment: Attachment) -> Json:
        link = self._link(request, received, attachment.id)
        return {**attachment.as_json(), "size": len(attachment.content), **link}

    def _link(self, request: Request, received: Received, part: str) -> Json:
        expires = int(time.time()) + LINK_LIVES
        path = f"{received.id}/{part}"
        signature = link_signature(self._key, path, expires)
        base = f"{request.url.scheme}://{request.url.netloc}/resend/downloads"
        return {
            "download_url": f"{base}/{path}?expires={expires}&signature={signature}",
            "expires_at": iso(datetime.fromtimestamp(expires, UTC)),
        }


def _file(received: Received, part: str) -> Response:
    if part == RAW:
        return _download(raw(received), "message/rfc822")
    for attachment in received.attachments:
        if attachment.id == part:
            return _download(attachment.content, attachment.content_type)
    return render(RefusedError("not_found", "Attachment not found"))


def _download(content: bytes, content_type: str) -> Response:
    # Never shown by a browser under the page's own address.
    headers = {"content-disposition": "attachment", "x-content-type-options": "nosniff"}
    return Response(content, headers=headers, media_type=content_type)


def raw(received: Received) -> bytes:
    message = EmailMessage()
    for name, value in received.headers.items():
        for item in value if isinstance(value, list) else [value]:
            message[name.title()] = str(item)
    message.set_content(received.text or "")
    if received.html is not None:
        message.add_alternative(received.html, subtype="html")
    for attachment in received.attachments:
        main, _, sub = attachment.content_type.partition(";")[0].strip().partition("/")
        message.add_attachment(
            attachment.content,
            maintype=main,
            subtype=sub or "plain",
            filename=attachment.filename or "file",
        )
    return message.as_bytes()
