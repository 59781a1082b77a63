"""E-mail through a backend of Django's, against a real mail server on loopback."""

import email
import smtplib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from pytest_django import Settings

from communications.providers.base import Accepted
from communications.providers.django_mail import DjangoMail, classify_smtp_error, smtp_words
from communications.vocabulary.events import (
    File,
    Outbound,
)
from tests.communications.providers.answering import closed_port
from tests.communications.providers.contract import outbound
from tests.communications.providers.mailserver import CUT, mailserver
from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    ContentRejected,
    CredentialsRejected,
    InvalidRecipient,
    MalformedRequest,
    NoConnection,
    OutcomeUnknown,
    ProviderError,
    QuotaExceeded,
    SenderRejected,
    TransientError,
)
from wedsync_comms.lib.web.webhook_request import WebhookRequest

SMTP = "django.core.mail.backends.smtp.EmailBackend"


def account(port: int, **options: Any) -> DjangoMail:
    sender = "Ever After <hello@everafter.example>"
    return DjangoMail(backend=SMTP, sender=sender, host="127.0.0.1", port=port, **options)


def refusal(provider: DjangoMail, mail: Outbound | None = None) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        provider.send([mail or outbound()], key="k")
    return caught.value


def test_a_mail_arrives_with_all_its_parts() -> None:
    message = outbound(
        html="<p>See you <b>soon</b>.</p>",
        reply_to="amelia@example.com",
        headers={"List-Unsubscribe": "<https://hooks.example/u>"},
        attachments=(File(filename="plan.pdf", content_type="application/pdf", content=b"%PDF"),),
    )
    with mailserver() as post:
        (result,) = account(post.port).send([message], key="k").results
    assert isinstance(result, Accepted)
    (arrived,) = post.mails
    assert f"Message-ID: {result.provider_id}" in arrived
    for words in (
        "From: Ever After <hello@everafter.example>",
        "To: guest-1@example.com",
        "Subject: Your day",
        "Reply-To: amelia@example.com",
        "List-Unsubscribe: <https://hooks.example/u>",
        "See you soon.",
        "<p>See you <b>soon</b>.</p>",
        'filename="plan.pdf"',
    ):
        assert words in arrived
    assert post.recipients == ["rcpt TO:<guest-1@example.com>"]


def test_pictures_belong_to_the_text_that_shows_them() -> None:
    logo = File(filename="logo.png", content_type="image/png", content=b"PNG", content_id="logo")
    plan = File(filename="plan.pdf", content_type="application/pdf", content=b"%PDF")
    mail = outbound(html='<img src="cid:logo">', attachments=(plan, logo))
    with mailserver() as post:
        account(post.port).send([mail], key="k")
    mixed: Any = email.message_from_string(post.mails[0])
    related, attached = mixed.get_payload()
    text, picture = related.get_payload()
    assert (mixed.get_content_type(), attached.get_filename()) == ("multipart/mixed", "plan.pdf")
    assert related.get_content_type() == "multipart/related"
    assert text.get_content_type() == "multipart/alternative"
    assert (picture["Content-ID"], picture.get_filename()) == ("<logo>", "logo.png")
    assert picture.get_content_disposition() == "inline"
    assert picture.get_payload(decode=True) == b"PNG"


def test_without_html_a_picture_is_a_file() -> None:
    logo = File(filename="logo.png", content_type="image/png", content=b"PNG", content_id="logo")
    with mailserver() as post:
        account(post.port).send([outbound(attachments=(logo,))], key="k")
    assert "Content-Disposition: attachment" in post.mails[0]


def test_a_plain_mail_has_one_part() -> None:
    with mailserver() as post:
        account(post.port).send([outbound()], key="k")
    assert "multipart" not in post.mails[0]
    assert "Reply-To" not in post.mails[0]


def test_it_logs_in_where_it_should() -> None:
    with mailserver() as post:
        account(post.port, username="u", password="p").send([outbound()], key="k")
    assert post.steps == ["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]


@pytest.mark.parametrize(
    ("answers", "kind", "code"),
    [
        ({"RCPT": "550 No such user"}, InvalidRecipient, "550"),
        ({"RCPT": "450 Mailbox busy"}, TransientError, "450"),
        ({"MAIL": "451 Try later"}, TransientError, "451"),
        ({"MAIL": "552 Too large"}, ContentRejected, "552"),
        ({"MAIL": "530 Log in first"}, CredentialsRejected, "530"),
        ({"MAIL": "553 Not yours"}, SenderRejected, "553"),
        ({"MAIL": "550 No such domain"}, SenderRejected, "550"),
        ({"RCPT": "553 5.7.1 <a@b>: Sender address rejected: not owned by u"}, SenderRejected, ""),
        ({"end_of_data": "554 5.7.60 SendAsDenied; cannot send as it"}, SenderRejected, "554"),
        ({"MAIL": "452 4.4.5 Daily message limit exceeded"}, QuotaExceeded, "452"),
        ({"RCPT": "550 5.4.5 Daily user sending quota exceeded"}, QuotaExceeded, ""),
        ({"RCPT": "552 5.2.2 The mailbox is over its quota"}, InvalidRecipient, "552"),
        ({"RCPT": "550 Your daily limit is reached"}, QuotaExceeded, ""),
        ({"RCPT": "552 The recipient has exceeded daily receiving limit"}, InvalidRecipient, "552"),
        ({"RCPT": "452 Hourly limit of messages to it exceeded"}, TransientError, "452"),
        ({"RCPT": "452 4.2.2 mailbox over monthly quota"}, TransientError, "452"),
        ({"end_of_data": "552 5.2.2 mailbox over monthly quota"}, ContentRejected, "552"),
        ({"end_of_data": "550 Hourly sending limit of this mailbox"}, QuotaExceeded, "550"),
        ({"DATA": "554 No"}, ContentRejected, "554"),
        ({"end_of_data": "554 Spam"}, ContentRejected, "554"),
        ({"end_of_data": "452 Disk full"}, TransientError, "452"),
        ({"greeting": "554 Go away"}, TransientError, "no_connection"),
        ({"greeting": CUT}, NoConnection, "no_connection"),
    ],
)
def test_a_refusal_is_named_for_its_remedy(
    answers: dict[str, str],
    kind: type,
    code: str,
) -> None:
    with mailserver(**answers) as post:
        error = refusal(account(post.port))
    assert (type(error), error.code) == (kind, code)
    assert not post.mails


@pytest.mark.parametrize(
    ("said", "kind"),
    [("535 Wrong password", CredentialsRejected), ("454 Not now", TransientError)],
)
def test_a_login_that_fails_was_not_sent(said: str, kind: type) -> None:
    with mailserver(AUTH=said) as post:
        error = refusal(account(post.port, username="u", password="p"))
    assert type(error) is kind
    assert "MAIL" not in post.steps


def test_a_server_without_tls_is_not_trusted_with_a_password() -> None:
    with mailserver() as post:
        error = refusal(account(post.port, use_tls=True, username="u", password="p"))
    assert type(error) is ConfigurationRejected
    assert "AUTH" not in post.steps


def test_a_server_without_logins_cannot_be_logged_into() -> None:
    with mailserver(EHLO="250 mail.example") as post:
        error = refusal(account(post.port, username="u", password="p"))
    assert type(error) is ConfigurationRejected


def test_nobody_listening_means_it_was_not_sent() -> None:
    assert type(refusal(account(closed_port()))) is NoConnection


def test_a_connection_cut_while_the_mail_is_taken_may_have_been_carried_out() -> None:
    with mailserver(end_of_data=CUT) as post:
        error = refusal(account(post.port))
    assert type(error) is OutcomeUnknown
    assert error.code == "SMTPServerDisconnected"


@pytest.mark.parametrize("goodbye", [CUT, "500 " + "x" * 9000])
def test_however_the_goodbye_goes_the_mail_was_taken(goodbye: str) -> None:
    with mailserver(QUIT=goodbye) as post:
        (result,) = account(post.port).send([outbound()], key="k").results
    assert isinstance(result, Accepted)
    assert len(post.mails) == 1


def test_a_mail_that_cannot_be_written_down_is_refused() -> None:
    with mailserver() as post:
        error = refusal(account(post.port), outbound(subject="Your\nday"))
        assert type(error) is ContentRejected
    assert not post.mails


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"MAIL": "553 5.7.1 Not owned by user u"}, "553 5.7.1 Not owned by user u"),
        ({"RCPT": "550-5.1.1 No such user\r\n550 here"}, "550 5.1.1 No such user here"),
        ({"end_of_data": "554 Spam"}, "554 Spam"),
        ({"greeting": "554 Go away"}, "No connection: 554 Go away"),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(answers: dict[str, str], words: str) -> None:
    with mailserver(**answers) as post:
        assert str(refusal(account(post.port))) == words


def test_a_connection_that_is_refused_says_so() -> None:
    said = str(refusal(account(closed_port())))
    assert said == "No connection: nothing listens at its address."


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (smtplib.SMTPServerDisconnected("Connection unexpectedly closed"), "Connection unexp"),
        (smtplib.SMTPDataError(554, b"\xff no\n way"), "554 � no way"),
        (smtplib.SMTPRecipientsRefused({"a@b": (550, b"No"), "c@d": (550, b"No")}), "550 No"),
        (TimeoutError("timed out"), "timed out"),
        (TimeoutError(), "TimeoutError"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
    ],
)
def test_an_error_is_told_without_pythons_signs(error: Exception, words: str) -> None:
    assert smtp_words(error).startswith(words)


def test_a_server_that_takes_no_such_address_refuses_the_mail() -> None:
    error = smtplib.SMTPNotSupportedError("SMTPUTF8 not supported by server")
    assert type(classify_smtp_error(error)) is ContentRejected


@pytest.mark.parametrize(
    ("backend", "options"),
    [
        ("django.core.mail.backends.filebased.EmailBackend", {}),
        ("django.core.mail.backends.filebased.EmailBackend", {"file_path": "/dev/null/x"}),
        (SMTP, {"use_tls": True, "use_ssl": True}),
        ("nobody.has.this.Backend", {}),
    ],
)
def test_a_backend_that_cannot_be_used_sends_nothing_and_says_so(
    backend: str, options: dict[str, Any], settings: Settings
) -> None:
    settings.EMAIL_FILE_PATH = None
    provider = DjangoMail(backend=backend, sender="hello@everafter.example", **options)
    assert provider.misconfiguration().startswith("The e-mail backend cannot be used: ")
    assert type(refusal(provider)) is ConfigurationRejected
    with pytest.raises(ConfigurationRejected):
        provider.probe()


def test_mails_can_be_written_into_files(tmp_path: Path) -> None:
    backend = "django.core.mail.backends.filebased.EmailBackend"
    provider = DjangoMail(
        backend=backend, sender="hello@everafter.example", file_path=str(tmp_path)
    )
    assert provider.misconfiguration() == ""
    provider.send([outbound()], key="k")
    assert "Subject: Your day" in next(tmp_path.iterdir()).read_text()


class Broken(BaseEmailBackend):
    """Fails over what it is given, with an error of its own."""

    def send_messages(self, email_messages: Sequence[Any]) -> int:
        for message in email_messages:
            message.message()
        raise KeyError("after it left")


@pytest.mark.parametrize(
    ("content_type", "kind"), [("nonsense", ContentRejected), ("image/png", OutcomeUnknown)]
)
def test_only_what_may_have_left_is_unknown(content_type: str, kind: type) -> None:
    provider = DjangoMail(backend=f"{__name__}.Broken", sender="hello@everafter.example")
    picture = File(filename="p.png", content_type=content_type, content=b"P", content_id="p")
    mail = outbound(html='<img src="cid:p">', attachments=(picture,))
    assert type(refusal(provider, mail)) is kind


class Silent(BaseEmailBackend):
    """Swallows what goes wrong, as `fail_silently` makes any backend do."""

    def send_messages(self, email_messages: Sequence[Any]) -> int:  # noqa: ARG002
        return 0


def test_a_backend_that_swallows_errors_is_not_believed() -> None:
    provider = DjangoMail(backend=f"{__name__}.Silent", sender="hello@everafter.example")
    assert type(refusal(provider)) is OutcomeUnknown


def test_any_backend_of_djangos_will_do() -> None:
    backend = "django.core.mail.backends.locmem.EmailBackend"
    provider = DjangoMail(backend=backend, sender="hello@everafter.example")
    provider.send([outbound()], key="k")
    assert [message.subject for message in mail.outbox] == ["Your day"]
    assert not provider.has_receipts
    assert not provider.idempotent


def test_no_webhooks_come_from_it_and_nothing_can_be_asked() -> None:
    provider = account(9)
    webhook = WebhookRequest(method="POST", url="https://hooks.example/", headers={}, body=b"")
    assert provider.takes_webhooks
    for deed in (provider.verify, provider.event_type, provider.parse):
        with pytest.raises(MalformedRequest, match=r"hooks\.example"):
            deed(webhook)
    assert provider.fetch_status("<1@wedsync.invalid>") is None
    with pytest.raises(LookupError):
        provider.fetch_received("1")
    with pytest.raises(LookupError):
        provider.sample("delivered")


def test_the_codes_that_stand_for_a_login_are_no_fault_of_the_mail() -> None:
    with mailserver(end_of_data="535 Session expired") as post:
        assert type(refusal(account(post.port))) is CredentialsRejected
