"""Any e-mail backend of Django's: SMTP, or one a library installs. The second way for e-mail.

It hears nothing back: "sent" is the last thing it can honestly say.
"""

import re
import smtplib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from email.encoders import encode_base64
from email.mime.base import MIMEBase
from typing import Any

import structlog
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.message import SafeMIMEMultipart, make_msgid

from communications.providers.base import Accepted, ProbeResult, Provider, Reply
from communications.vocabulary.email_addresses import sender_header
from communications.vocabulary.events import Event, File, MessageReceived, Outbound, StatusChanged
from wedsync_comms.lib.environment.connecting import failed_connection
from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    ContentRejected,
    CredentialsRejected,
    InvalidRecipient,
    MalformedRequest,
    OutcomeUnknown,
    ProviderError,
    QuotaExceeded,
    SenderRejected,
    TransientError,
)
from wedsync_comms.lib.rate_limit.algorithm import Rate
from wedsync_comms.lib.web.webhook_request import WebhookRequest

log = structlog.get_logger(__name__)

SMTP_TIMEOUT_SECONDS = 20
# https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1: from here on, trying again does not help.
PERMANENT_REPLY = 500
# https://www.rfc-editor.org/rfc/rfc5321#section-4.2.2: as answers to MAIL, of this sender.
SENDER_REPLIES = {501, 550, 551, 553}
# How servers say that the login is not the sender's, at whichever step they notice.
SENDER_REFUSED = re.compile(r"(?i)5\.7\.60|send ?as ?denied|sender address rejected")
# What a login may send in a day, or somebody may receive, or keep in a mailbox.
QUOTA_USED = re.compile(r"(?i)\b(daily|hourly|monthly|sending)\b[^;]{0,40}\b(limit|quota)\b")
# The first of these.
OF_LOGIN = re.compile(r"(?i)\b(sending|outgoing|your (daily|hourly|monthly))\b")
OF_RECIPIENT = re.compile(r"(?i)\b(recipient|mailbox|receiving)\b")
# Servers do not say for how long; it may be an hour or a day.
QUOTA_PAUSE = timedelta(hours=1)
# https://www.rfc-editor.org/rfc/rfc4954#section-6: it wants a login first, or a stronger one.
LOGIN_WANTED = {530, 534, 535, 538}


class DjangoMail(Provider):
    """At most once: a connection that breaks during the transfer leaves the outcome unknown."""

    label = "the mail server"
    channel = "email"
    webhook = ""
    has_receipts = False

    def __init__(
        self, *, backend: str, sender: str, rate_per_second: float = 5.0, **options: Any
    ) -> None:
        self.backend = backend
        self.sender = sender_header(sender)
        self.options = options
        self.rate = Rate.below(rate_per_second)

    @property
    def takes_webhooks(self) -> bool:
        return True

    def send(self, outbounds: Sequence[Outbound], *, key: str) -> Reply:  # noqa: ARG002
        connection = self.connection()
        mail = as_mail(outbounds[0])
        try:
            count = hand_over_mail(mail, connection)
        finally:
            # What became of the mail is known by now, however the goodbye goes.
            with suppress(smtplib.SMTPException, OSError):
                connection.close()
        if not count:
            raise OutcomeUnknown(
                "The backend does not say that it sent the mail.", code="uncounted"
            )
        return Reply(results=[Accepted(provider_id=mail.extra_headers["Message-ID"])])

    def connection(self) -> Any:
        """Returns a connection that is not open yet. Raises ConfigurationRejected."""
        try:
            return get_connection(self.backend, timeout=SMTP_TIMEOUT_SECONDS, **self.options)
        except Exception as error:
            # Any backend's own: it does not take these options.
            why = f"The e-mail backend cannot be used: {error}"
            raise ConfigurationRejected(why, code=type(error).__name__) from error

    def misconfiguration(self) -> str:
        try:
            self.connection()
        except ConfigurationRejected as error:
            return str(error)
        return ""

    def probe(self) -> ProbeResult:
        """Logs in and says goodbye."""
        connection = self.connection()
        try:
            connection.open()
        except Exception as error:
            raise connection_error(error) from error
        finally:
            with suppress(smtplib.SMTPException, OSError):
                connection.close()
        return ProbeResult(facts={"backend": self.backend.rpartition(".")[2]})

    def verify(self, request: WebhookRequest) -> str:
        raise MalformedRequest(f"No webhooks come to {request.url}.")

    def event_type(self, request: WebhookRequest) -> str:
        raise MalformedRequest(f"No webhooks come to {request.url}.")

    def parse(self, request: WebhookRequest) -> Iterator[Event]:
        raise MalformedRequest(f"No webhooks come to {request.url}.")

    def fetch_status(self, provider_id: str) -> StatusChanged | None:  # noqa: ARG002
        return None

    def fetch_received(self, provider_id: str) -> MessageReceived:
        raise LookupError(f"{provider_id} did not come through here.")

    def sample(self, event: str) -> WebhookRequest:
        raise LookupError(f"An e-mail backend posts no webhooks, so no {event}.")


def hand_over_mail(mail: EmailMultiAlternatives, connection: Any) -> int:
    """Returns how many mails the backend says it has sent. Raises a ProviderError."""
    try:
        connection.open()
    except Exception as error:
        raise connection_error(error) from error
    try:
        return connection.send_messages([mail]) or 0
    except Exception as error:
        if not is_writable(mail):
            # Whatever the backend makes of it, nothing of it left.
            raise ContentRejected(smtp_words(error), code=type(error).__name__) from error
        raise classify_smtp_error(error) from error


def is_writable(mail: EmailMultiAlternatives) -> bool:
    """Whether a mail can be written down at all, which is done before any of it leaves."""
    try:
        mail.message().as_bytes()
    except Exception:
        log.exception("mail_not_writable")
        return False
    return True


class MailWithPictures(EmailMultiAlternatives):
    """A mail whose pictures belong to its text: https://www.rfc-editor.org/rfc/rfc2387.

    Django attaches files beside the text only, where many programs list pictures and show none.
    """

    pictures: tuple[File, ...] = ()

    def _create_alternatives(self, msg: Any) -> Any:
        text = super()._create_alternatives(msg)  # type: ignore[misc]
        if not self.pictures:
            return text
        related = SafeMIMEMultipart(_subtype="related", encoding=self.encoding or "utf-8")
        related.attach(text)
        for picture in self.pictures:
            related.attach(picture_part(picture))
        return related


def picture_part(picture: File) -> MIMEBase:
    part = MIMEBase(*picture.content_type.partition(";")[0].strip().split("/", 1))
    part.set_payload(picture.content)
    encode_base64(part)
    part.add_header("Content-ID", f"<{picture.content_id}>")
    part.add_header("Content-Disposition", "inline", filename=picture.filename)
    return part


def as_mail(outbound: Outbound) -> EmailMultiAlternatives:
    mail = MailWithPictures(
        subject=outbound.subject,
        body=outbound.text,
        from_email=outbound.sender,
        to=[outbound.to],
        reply_to=[outbound.reply_to] if outbound.reply_to else None,
        headers={**outbound.headers, "Message-ID": make_msgid(domain="wedsync.invalid")},
    )
    if outbound.html:
        mail.attach_alternative(outbound.html, "text/html")
    for attachment in outbound.attachments:
        if attachment.content_id and outbound.html:
            mail.pictures += (attachment,)
        else:
            mail.attach(attachment.filename, attachment.content, attachment.content_type)
    return mail


def connection_error(error: Exception) -> ProviderError:
    """Returns the error of no connection, or none that lets us in: nothing was sent."""
    if isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= PERMANENT_REPLY:
        return CredentialsRejected(smtp_words(error), code=str(error.smtp_code))
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return ConfigurationRejected(smtp_words(error), code="not_supported")
    if is_server_silent(error):
        return failed_connection(error)
    return TransientError(f"No connection: {smtp_words(error)}", code="no_connection")


def is_server_silent(error: Exception) -> bool:
    """Whether there was no server, or none that said anything: one that answers with a refusal is
    there."""
    if isinstance(error, smtplib.SMTPException):
        return isinstance(error, smtplib.SMTPServerDisconnected)
    return isinstance(error, OSError)


def smtp_words(error: Exception) -> str:
    """Returns what an error says as people read it: the server's code and words, without Python's
    signs and without addresses."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        replies = [f"{code} {as_line(reply)}" for code, reply in error.recipients.values()]
        return " ".join(dict.fromkeys(replies))
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {as_line(error.smtp_error)}".strip()
    if (
        isinstance(error, OSError)
        and error.strerror
        and not isinstance(error, smtplib.SMTPException)
    ):
        return error.strerror
    return as_line(str(error)) or type(error).__name__


def as_line(reply: bytes | str) -> str:
    """Returns a server's reply, which may have several lines and any bytes, as one line."""
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)
    return " ".join(text.split())


def classify_smtp_error(error: Exception) -> ProviderError:
    said = smtp_words(error)
    if isinstance(error, smtplib.SMTPException) and is_quota_used(error):
        return QuotaExceeded(said, code=smtp_code(error), retry_after=QUOTA_PAUSE)
    if isinstance(error, smtplib.SMTPException) and is_sender_refused(error):
        return SenderRejected(said, code=smtp_code(error))
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = max(code for code, _ in error.recipients.values())
        refused = InvalidRecipient if code >= PERMANENT_REPLY else TransientError
        return refused(said, code=str(code))
    if isinstance(error, smtplib.SMTPResponseException):
        return smtp_error_class(error.smtp_code)(said, code=str(error.smtp_code))
    if isinstance(error, ValueError | smtplib.SMTPNotSupportedError):
        return ContentRejected(said, code=type(error).__name__)
    return OutcomeUnknown(said, code=type(error).__name__)


def is_quota_used(error: smtplib.SMTPException) -> bool:
    """Whether it is what we may send that is used up, and not what one recipient takes."""
    # Without the addresses, which may have any words.
    said = smtp_words(error)
    if not QUOTA_USED.search(said):
        return False
    is_at_recipient = isinstance(error, smtplib.SMTPRecipientsRefused) or OF_RECIPIENT.search(said)
    return not is_at_recipient or bool(OF_LOGIN.search(said))


def is_sender_refused(error: smtplib.SMTPException) -> bool:
    """Whether it is for good, and about who the mail is from. Servers say so to MAIL, or later."""
    if isinstance(error, smtplib.SMTPSenderRefused) and error.smtp_code in SENDER_REPLIES:
        return True
    return bool(SENDER_REFUSED.search(smtp_words(error)))


def smtp_code(error: smtplib.SMTPException) -> str:
    """Returns the server's own code; blank where it is one for each recipient."""
    return str(getattr(error, "smtp_code", ""))


def smtp_error_class(code: int) -> type[ProviderError]:
    if code in LOGIN_WANTED:
        return CredentialsRejected
    return ContentRejected if code >= PERMANENT_REPLY else TransientError
