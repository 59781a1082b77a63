"""What we call a file, and what Resend makes of it."""

from communications.composing.attachments import type_of_file
from communications.errors import Refused
from communications.providers.resend.sending import declared_type
from communications.vocabulary.events import File
from communications.vocabulary.file_types import PYTHONS, TYPES, UNSENDABLE, types_of_name
from sandbox.resend.files import UNSUPPORTED, is_never_sent, type_by_name
from sandbox.resend.mail import Attachment

# Endings that Resend may know, and we do not.
OTHERS = ["plan.wedding", "model.skp", "song.mscz", "photo", "a.tar.zst", "README", "x.dwgx"]
NAMES = [f"file{ending}" for ending in (*TYPES, *PYTHONS, *UNSENDABLE)] + OTHERS


def is_taken_and_never_sent(filename: str, given: str) -> bool:
    try:
        kind = type_of_file(filename, given)
    except Refused:
        return False
    told = declared_type(File(filename=filename, content_type=kind, content=b"x"))
    taken = told.get("content_type") or type_by_name(filename)
    return is_never_sent(Attachment(filename, taken, b"x"))


def test_nothing_that_is_taken_waits_at_resend_for_ever() -> None:
    tried = [
        (filename, given)
        for filename in NAMES
        for given in ("", *types_of_name(filename), "text/plain", "image/png", "application/x-own")
    ]
    assert [pair for pair in tried if is_taken_and_never_sent(*pair)] == []


def test_both_know_the_endings_that_resend_does_not_send() -> None:
    assert UNSENDABLE == UNSUPPORTED
