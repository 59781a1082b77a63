"""An error nobody expected -> one mail to ADMINS, however often it happens.

The mail says what failed and where: no bodies, no settings, no values of variables.
"""

import logging
from collections import deque
from threading import Thread
from time import monotonic

from django.conf import settings
from django.core.mail import mail_admins

# The same place in the code is reported again after so long.
SAME_AGAIN_S = 600.0
# Of all errors together, by process.
MAILS_AN_HOUR = 20
HOUR_S = 3600.0
SUBJECT_LENGTH = 150
REPORT_LENGTH = 20_000
PLACE = '  File "'


class ErrorMailHandler(logging.Handler):
    """Mails records that carry a traceback: in a thread, so that nobody waits for a mail server."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        # On `time.monotonic`: when a place was last reported, and when the last mails left.
        self.reported: dict[tuple[str, str], float] = {}
        self.sent: deque[float] = deque(maxlen=MAILS_AN_HOUR)

    def emit(self, record: logging.LogRecord) -> None:
        if settings.DEBUG or not settings.ADMINS:
            return
        text = traceback_of(record)
        if text and self.is_due(record.name, text):
            Thread(
                target=mail_admins,
                args=(subject_of(record, text), report_of(record, text)),
                kwargs={"fail_silently": True},
                name="error mail",
                daemon=True,
            ).start()

    def is_due(self, logger: str, text: str) -> bool:
        now = monotonic()
        place = (logger, places_in(text))
        if now - self.reported.get(place, -SAME_AGAIN_S) < SAME_AGAIN_S:
            return False
        if len(self.sent) == MAILS_AN_HOUR and now - self.sent[0] < HOUR_S:
            return False
        self.reported[place] = now
        self.sent.append(now)
        return True


def traceback_of(record: logging.LogRecord) -> str:
    """Returns the traceback of a record, of structlog's or of another library's; blank for none."""
    if isinstance(record.msg, dict):
        return str(record.msg.get("exception", ""))
    if record.exc_info and record.exc_info[0]:
        return logging.Formatter().formatException(record.exc_info)
    return ""


def places_in(text: str) -> str:
    """Returns the way through the code that a traceback shows, without what the error says."""
    return "\n".join(line for line in text.splitlines() if line.startswith(PLACE))


def subject_of(record: logging.LogRecord, text: str) -> str:
    error = text.splitlines()[-1]
    return " ".join(f"{event_of(record)}: {error}".split())[:SUBJECT_LENGTH]


def event_of(record: logging.LogRecord) -> str:
    return str(record.msg["event"]) if isinstance(record.msg, dict) else record.getMessage()


def report_of(record: logging.LogRecord, text: str) -> str:
    return (
        f"{event_of(record)}\n\nProcess {record.process}, logger {record.name}. "
        f"The same error is reported again after {SAME_AGAIN_S / 60:.0f} minutes at the "
        f"earliest; the logs have each.\n\n{text[-REPORT_LENGTH:]}\n"
    )
