"""What Resend does with attachments that it took: it looks at them when the mail is to leave.

A mail whose file is named like one kind and declared as another stays queued for ever, without a
word: https://github.com/anymail/django-anymail/issues/440
"""

import mimetypes

from .mail import Attachment

# Types that are written for one another.
SAME = {
    "image/jpg": "image/jpeg",
    "text/xml": "application/xml",
    "application/x-pdf": "application/pdf",
}


def is_contradictory(attachment: Attachment) -> bool:
    named = mimetypes.guess_type((attachment.filename or "").lower())[0]
    declared = attachment.content_type.partition(";")[0].strip().lower()
    return named is not None and _one_name(named) != _one_name(declared)


def _one_name(kind: str) -> str:
    return SAME.get(kind, kind)
