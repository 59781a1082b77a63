"""Files that travel with a mail: their bytes, what they are, and the pictures inside its text."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from urllib.parse import unquote

from communications.errors import Refused
from communications.models import Channel
from communications.vocabulary.events import File
from communications.vocabulary.file_types import UNSENDABLE, ending_of, types_of_name

# Resend takes 40 MB a mail after encoding; leave room for the text.
MAX_ATTACHMENT_BYTES = 25 * 1024 * 1024
ANY_TYPE = "application/octet-stream"
MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(\s*;[^\r\n\0]*)?")
# https://resend.com/docs/dashboard/emails/embed-inline-images: less than 128 characters.
CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,127}")
# Where a picture is shown: a tag, or an address in a style. Each character is looked at once.
PLACES = re.compile(r"<[^<>]*>|url\([^()]*\)", re.IGNORECASE)
SHOWN = re.compile(r"""\bcid:([^"'<>()\s]+)""", re.IGNORECASE)


def decode_attachments(
    given: Sequence[Mapping[str, str]], *, channel: str, html: str
) -> list[File]:
    """Returns the files of a draft. Raises Refused."""
    if given and channel != Channel.EMAIL:
        raise Refused(
            "attachments",
            "Only e-mail carries attachments: give the public address of a file in “media”.",
        )
    files = [decode_attachment(attachment) for attachment in given]
    if sum(len(file.content) for file in files) > MAX_ATTACHMENT_BYTES:
        raise Refused("attachments", "The attachments are larger than 25 MB together: send a link.")
    check_pictures(files, html)
    return files


def decode_attachment(attachment: Mapping[str, str]) -> File:
    """Returns the file that base64 and a file name stand for. Raises Refused."""
    try:
        content = base64.b64decode(attachment["content"], validate=True)
    except (KeyError, binascii.Error, ValueError) as error:
        raise Refused("attachments", "Give each attachment a “content” in base64.") from error
    filename = attachment.get("filename", "")
    if not filename.strip() or any(character in filename for character in "/\\\r\n\0"):
        raise Refused("attachments", "Give each attachment a “filename”, without a folder.")
    return File(
        filename=filename,
        content_type=type_of_file(filename, attachment.get("content_type") or ""),
        content=content,
        content_id=checked_content_id(attachment.get("content_id") or ""),
    )


def type_of_file(filename: str, given: str) -> str:
    """Returns the content type of a file, which its name says where nobody else does.

    Raises Refused where both say something, and not the same, because Resend takes such a mail and
    never sends it; and for what Resend sends by no name.
    """
    given = given.strip()
    if (ending := ending_of(filename)) in UNSENDABLE:
        raise Refused(
            "attachments",
            f"“{filename}” cannot be sent: Resend sends no files that end in {ending}. Put it into "
            "an archive, or send a link.",
        )
    if given and not MEDIA_TYPE.fullmatch(given):
        raise Refused("attachments", f"“{given[:80]}” is no content type: write it like image/png.")
    expected = types_of_name(filename)
    plain = given.partition(";")[0].strip().lower()
    if not expected:
        return given or ANY_TYPE
    if plain in ("", ANY_TYPE):
        return expected[0]
    if plain not in expected:
        raise Refused(
            "attachments",
            f"“{filename}” is named like {expected[0]} and declared as {plain}: leave the "
            "“content_type” out, or rename the file.",
        )
    return given if plain == expected[0] else expected[0]


def checked_content_id(given: str) -> str:
    """Returns the id by which the text shows a picture; blank for a file of its own."""
    found = given.strip().removeprefix("<").removesuffix(">")
    if found and not CONTENT_ID.fullmatch(found):
        raise Refused(
            "attachments",
            f"“{given[:80]}” is no content_id: letters, digits and dots, at most 127.",
        )
    return found


def check_pictures(files: Sequence[File], html: str) -> None:
    """Raises Refused for a text that shows pictures which do not travel with it."""
    ids = [file.content_id for file in files if file.content_id]
    if doubled := next((name for name in ids if ids.count(name) > 1), ""):
        raise Refused("attachments", f"Two attachments have the content_id “{doubled}”.")
    for shown in shown_pictures(html):
        if shown not in ids:
            raise Refused(
                "html", f"It shows “cid:{shown[:80]}”, and no attachment has this “content_id”."
            )


def shown_pictures(html: str) -> Iterator[str]:
    """Yields the ids that a text shows, of its tags and styles."""
    for tag in PLACES.findall(html):
        for shown in SHOWN.findall(unescape(tag)):
            yield unquote(shown)
