"""Files of a mail: what they are, what contradicts itself, and pictures inside the text."""

import base64
from typing import Any

import pytest

from communications.composing.attachments import decode_attachment, type_of_file
from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.errors import Refused
from communications.models import Organization
from tests import factories
from tests.communications.engine.mailing import Mailing

pytestmark = pytest.mark.django_db

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("filename", "given", "taken"),
    [
        ("menu.pdf", "", "application/pdf"),
        ("MENU.PDF", "", "application/pdf"),
        ("menu.pdf ", "application/pdf", "application/pdf"),
        ("menu.v2.final.docx", "", DOCX),
        ("photo.heic", "", "image/heic"),
        ("photo.webp", "", "image/webp"),
        ("photo.jpg", "image/jpg", "image/jpeg"),
        ("photo.JPEG", "image/pjpeg", "image/jpeg"),
        ("menu.pdf", "application/octet-stream", "application/pdf"),
        ("menu.pdf", " Application/PDF ", "Application/PDF"),
        ("guests.csv", "text/csv; charset=utf-8", "text/csv; charset=utf-8"),
        ("guests.csv", "application/csv", "text/csv"),
        ("card.vcf", "text/x-vcard", "text/vcard"),
        ("a.ics", "text/calendar; method=REQUEST", "text/calendar; method=REQUEST"),
        ("all.tar.gz", "", "application/gzip"),
        ("notes.txt", "text/plain", "text/plain"),
        ("photo", "image/png", "image/png"),
        ("photo", "", "application/octet-stream"),
        (".pdf", "image/png", "image/png"),
        ("plan.wedding", "application/x-wedding", "application/x-wedding"),
        ("plan.wedding", "", "application/octet-stream"),
        ("Menü – Größe.pdf", "", "application/pdf"),
        ("plan.dwg", "", "image/vnd.dwg"),
        ("plan.dwg", "application/acad", "image/vnd.dwg"),
        ("guests.csv", "application/vnd.ms-excel", "text/csv"),
        ("notes.md", "text/plain", "text/markdown"),
        ("guests.xls", "application/msexcel", "application/vnd.ms-excel"),
    ],
)
def test_a_name_says_what_a_file_is_where_nobody_else_does(
    filename: str, given: str, taken: str
) -> None:
    assert type_of_file(filename, given) == taken


@pytest.mark.parametrize(
    ("filename", "given"),
    [
        ("menu.pdf", "image/png"),
        ("MENU.PDF", "IMAGE/PNG"),
        ("photo.png", "image/jpeg"),
        ("guests.txt", "text/csv"),
        ("guests.csv", "text/plain"),
        ("slides.key", "text/plain"),
        ("app.apk", "text/plain"),
        ("menu.exe.pdf", "application/x-msdownload"),
        ("song.mp3", "video/mp4"),
        ("a.docx", "application/msword"),
        ("page.html", "text/plain; charset=utf-8"),
    ],
)
def test_what_contradicts_itself_is_refused(filename: str, given: str) -> None:
    with pytest.raises(Refused, match="is named like") as refused:
        type_of_file(filename, given)
    assert refused.value.field == "attachments"


@pytest.mark.parametrize(
    ("filename", "given"),
    [
        ("setup.exe", ""),
        ("run.bat", "text/plain"),
        ("menu.pdf.EXE", "application/pdf"),
        ("menu.exe. ", ""),
        ("site.url", "application/octet-stream"),
        ("code.js", "text/javascript"),
    ],
)
def test_what_resend_sends_by_no_name_is_refused(filename: str, given: str) -> None:
    with pytest.raises(Refused, match="Resend sends no files that end in") as refused:
        type_of_file(filename, given)
    assert refused.value.field == "attachments"


@pytest.mark.parametrize("given", ["pdf", "image", "image/", "/png", "a/b\r\nBcc: x", "image png"])
def test_what_is_no_content_type_is_refused(given: str) -> None:
    with pytest.raises(Refused, match="is no content type"):
        type_of_file("menu", given)


@pytest.fixture
def venue(mailing: Mailing) -> Organization:  # noqa: ARG001 - its route
    return factories.organization()


def picture(**fields: str) -> dict[str, str]:
    content = base64.b64encode(b"PNG").decode()
    return {"filename": "logo.png", "content": content, "content_id": "logo", **fields}


def compose(venue: Organization, html: str, *files: dict[str, str], **more: Any) -> Any:
    draft = {"to": "amelia@example.com", "subject": "Hi", "html": html, **more}
    return compose_message(venue, Draft(attachments=files, **draft)).message


@pytest.mark.parametrize(
    ("content_id", "html"),
    [
        ("logo", '<img src="cid:logo">'),
        ("<logo@ours.example>", "<IMG SRC='CID:logo@ours.example'>"),
        ("logo", '<td background="cid:logo">'),
        ("logo", "<div style='background:url(cid:logo)'>"),
        ("a&b", '<img src="cid:a&amp;b">'),
        ("a+b", '<img src="cid:a%2Bb">'),
        ("logo", "<p>No picture, and “cid:other” is only a word.</p>"),
    ],
)
def test_a_picture_travels_inside_the_text(
    venue: Organization, mailing: Mailing, content_id: str, html: str
) -> None:
    message = compose(venue, html, picture(content_id=content_id))
    mailing.send_due()
    [mail] = mailing.mails(message)
    [shown] = mailing.first.control("GET", f"/resend/emails/{mail['id']}")["attachments"]
    assert shown["content_id"] == content_id.strip("<>")
    assert (shown["content_disposition"], shown["content_type"]) == ("inline", "image/png")


@pytest.mark.parametrize(
    ("html", "files", "field", "why"),
    [
        ('<img src="cid:logo">', [], "html", "no attachment has this"),
        ('<img src="cid:Logo">', [picture()], "html", "cid:Logo"),
        ("<p>Hi</p>", [picture(), picture()], "attachments", "Two attachments"),
        ("<p>Hi</p>", [picture(content_id="a b")], "attachments", "is no content_id"),
        ("<p>Hi</p>", [picture(content_id="x" * 128)], "attachments", "is no content_id"),
        ("<p>Hi</p>", [picture(content_type="application/pdf")], "attachments", "is named like"),
    ],
)
def test_a_picture_that_would_be_missing_is_refused(
    venue: Organization, html: str, files: list[dict[str, str]], field: str, why: str
) -> None:
    with pytest.raises(Refused, match=why) as refused:
        compose(venue, html, *files)
    assert refused.value.field == field


def test_a_file_keeps_its_bytes() -> None:
    assert decode_attachment(picture()).content == b"PNG"
