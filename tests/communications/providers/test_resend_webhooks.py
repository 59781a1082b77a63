"""Facts about Resend's webhooks: signatures, events, and the shapes they come in."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks.webhooks

from communications.providers.resend import Resend
from communications.vocabulary.events import (
    AddressClosed,
    Event,
    Kind,
    MessageReceived,
    Reason,
    StatusChanged,
)
from communications.vocabulary.statuses import Status
from tests.communications.providers.signing import signature, svix
from tests.communications.providers.test_resend import OTHER_SECRET, resend
from tests.environment import SECRET
from wedsync_comms.lib.errors import (
    InvalidSignature,
    MalformedRequest,
    ProviderError,
    QuotaExceeded,
    SenderRejected,
)
from wedsync_comms.lib.web.webhook_request import WebhookRequest

PAYLOADS = Path(__file__).parents[2] / "payloads" / "resend"
BODY = b'{"type": "email.delivered", "data": {}}'


def request(headers: dict[str, str], body: bytes = BODY) -> WebhookRequest:
    return WebhookRequest(method="POST", url="", headers=headers, body=body)


def payload(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text())
    return found


def parsed(body: dict[str, Any]) -> list[Event]:
    return list(resend().parse(request({}, json.dumps(body).encode())))


def status(body: dict[str, Any]) -> StatusChanged:
    (found,) = parsed(body)
    assert isinstance(found, StatusChanged)
    return found


# --- signatures ---------------------------------------------------------------------------------


def test_a_secret_is_rotated_without_a_gap() -> None:
    provider = resend(webhook_secrets=[OTHER_SECRET, SECRET])
    for secret in (OTHER_SECRET, SECRET):
        assert provider.verify(request(svix(BODY, secret=secret))) == "msg_1"


def test_any_of_several_signatures_will_do() -> None:
    headers = svix(BODY)
    good = headers["svix-signature"]
    for several in (f"v1,AAAA {good}", f"{good} v1,AAAA", f"v1a,AAAA {good} v2,BBBB"):
        assert resend().verify(request({**headers, "svix-signature": several})) == "msg_1"


def test_a_signature_of_another_version_is_ignored() -> None:
    headers = svix(BODY)
    other = headers["svix-signature"].replace("v1,", "v2,")
    with pytest.raises(InvalidSignature):
        resend().verify(request({**headers, "svix-signature": other}))


def test_unbranded_headers_are_taken_too() -> None:
    assert resend().verify(request(svix(BODY, brand="webhook"))) == "msg_1"


@pytest.mark.parametrize(
    ("age", "is_taken"),
    [(0, True), (300, True), (301, False), (-300, True), (-301, False), (86_400, False)],
)
def test_five_minutes_are_tolerated_both_ways(
    age: int,
    *,
    is_taken: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = int(time.time())

    class Frozen(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Frozen":
            return cls.fromtimestamp(now, tz)

    monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Frozen)
    sent_at = str(now - age)
    headers = {
        "svix-id": "msg_1",
        "svix-timestamp": sent_at,
        "svix-signature": signature("msg_1", sent_at, BODY),
    }
    if is_taken:
        assert resend().verify(request(headers)) == "msg_1"
    else:
        with pytest.raises(InvalidSignature):
            resend().verify(request(headers))


def test_the_signature_is_over_the_raw_bytes() -> None:
    raw = b'{ "type":"email.delivered",\n "data": {"subject": "Am\xc3\xa9lie"} }\n'
    assert resend().verify(request(svix(raw), raw))
    rewritten = json.dumps(json.loads(raw)).encode()
    with pytest.raises(InvalidSignature):
        resend().verify(request(svix(raw), rewritten))


def test_id_and_time_are_signed_as_well() -> None:
    headers = svix(BODY)
    for name, value in (("svix-id", "msg_2"), ("svix-timestamp", str(int(time.time()) - 7))):
        with pytest.raises(InvalidSignature):
            resend().verify(request({**headers, name: value}))


@pytest.mark.parametrize("name", ["svix-id", "svix-timestamp"])
def test_a_signed_request_without_id_or_time_is_malformed(name: str) -> None:
    headers = svix(BODY)
    del headers[name]
    with pytest.raises(MalformedRequest, match=name):
        resend().verify(request(headers))


@pytest.mark.parametrize("value", ["soon", "1.5", "-5", "1e9", " 7", "١٢", "9" * 12, "9" * 400])
def test_a_time_that_is_no_whole_second_is_malformed(value: str) -> None:
    with pytest.raises(MalformedRequest, match="seconds"):
        resend().verify(request({**svix(BODY), "svix-timestamp": value}))


@pytest.mark.parametrize(
    "value",
    ["v1", "v1,", ",", " ", "v1,a,b", "v1,=", "v1,é", "v1,AAA", "garbage", "v1,\x00", "v1 v1"],
)
def test_a_broken_signature_is_refused(value: str) -> None:
    with pytest.raises(InvalidSignature):
        resend().verify(request({**svix(BODY), "svix-signature": value}))


def test_a_body_that_is_not_text_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        resend().verify(request(svix(b"\xff\xfe"), b"\xff\xfe"))


def test_without_a_secret_every_webhook_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        resend(webhook_secrets=[]).verify(request(svix(BODY)))


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_?"])
def test_an_empty_secret_cannot_be_configured(secret: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        Resend(api_key="re_1", sender="a@example.com", webhook_secrets=[secret])


# --- events -------------------------------------------------------------------------------------

EXPECTED: dict[str, tuple[Kind, Status] | type[Event] | None] = {
    "email.sent": (Kind.SENT, Status.SENT),
    "email.scheduled": (Kind.OTHER, Status.SENT),
    "email.delivered": (Kind.DELIVERED, Status.DELIVERED),
    "email.delivery_delayed": (Kind.DELAYED, Status.SENT),
    "email.bounced": (Kind.BOUNCED, Status.BOUNCED),
    "email.complained": (Kind.COMPLAINED, Status.DELIVERED),
    "email.opened": (Kind.OPENED, Status.DELIVERED),
    "email.clicked": (Kind.CLICKED, Status.DELIVERED),
    "email.failed": (Kind.FAILED, Status.FAILED),
    "email.suppressed": (Kind.FAILED, Status.FAILED),
    "email.received": MessageReceived,
    "contact.created": None,
    "contact.updated": AddressClosed,
    "contact.deleted": None,
    "domain.created": None,
    "domain.updated": None,
    "domain.deleted": None,
}


def test_every_event_of_the_official_spec_is_expected_here() -> None:
    assert {path.stem for path in PAYLOADS.glob("*.json")} == set(EXPECTED)


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items())
def test_an_event_of_the_official_spec_is_read(
    name: str,
    expected: tuple[Kind, Status] | type[Event] | None,
) -> None:
    found = parsed(payload(name))
    if expected is None:
        assert not found
        return
    (event,) = found
    assert isinstance(event, StatusChanged | MessageReceived | AddressClosed)
    assert event.occurred_at == datetime(2026, 11, 20, 9, 15, 42, 678_000, UTC)
    if isinstance(expected, tuple):
        assert isinstance(event, StatusChanged)
        assert (event.kind, event.status) == expected
        assert event.provider_id == "56761188-7520-42d8-8898-ff6fc54ce618"
    else:
        assert isinstance(event, expected)


def test_the_topic_is_the_vendors_own_word() -> None:
    for name in EXPECTED:
        body = json.dumps(payload(name)).encode()
        assert resend().event_type(request({}, body)) == name
    assert resend().event_type(request({}, b"{}")) == ""
    assert len(resend().event_type(request({}, json.dumps({"type": "x" * 500}).encode()))) == 80


def test_our_ids_come_back_in_tags_as_an_object_or_a_list() -> None:
    as_object = {"message": "m-1", "call": "c-1"}
    as_list = [{"name": "message", "value": "m-1"}, {"name": "call", "value": "c-1"}, "?"]
    for tags in (as_object, as_list):
        found = status({"type": "email.sent", "data": {"email_id": "e1", "tags": tags}})
        assert (found.message, found.call) == ("m-1", "c-1")


@pytest.mark.parametrize("tags", [None, [], {}, "none", 7, [{}], [None]])
def test_tags_of_any_other_shape_are_none(tags: Any) -> None:
    found = status({"type": "email.sent", "data": {"email_id": "e1", "tags": tags}})
    assert (found.message, found.call) == ("", "")


@pytest.mark.parametrize(
    ("bounce", "code", "closes"),
    [
        (
            {"type": "Permanent", "subType": "NoEmail", "message": "No."},
            "Permanent/NoEmail",
            Reason.BOUNCE,
        ),
        ({"type": "Permanent", "subType": "General"}, "Permanent/General", Reason.BOUNCE),
        ({"type": "Permanent", "subType": "Suppressed"}, "Permanent/Suppressed", Reason.BOUNCE),
        ({"type": "Transient", "subType": "MailboxFull"}, "Transient/MailboxFull", None),
        ({"type": "Undetermined", "subType": "Undetermined"}, "Undetermined/Undetermined", None),
        ({"message": "The old way."}, "", None),
        ({}, "", None),
        (None, "", None),
        ("odd", "", None),
    ],
)
def test_only_a_permanent_bounce_closes_the_address(
    bounce: Any,
    code: str,
    closes: Reason | None,
) -> None:
    found = status({"type": "email.bounced", "data": {"email_id": "e1", "bounce": bounce}})
    assert (found.status, found.code, found.closes) == (Status.BOUNCED, code, closes)


def test_a_bounce_says_what_the_other_side_said() -> None:
    found = status(payload("email.bounced"))
    assert "mailbox does not exist" in found.detail


@pytest.mark.parametrize(
    ("reason", "closes"),
    [
        ("previous_bounce", Reason.BOUNCE),
        ("previous_complaint", Reason.COMPLAINT),
        ("something_new", Reason.BOUNCE),
    ],
)
def test_a_suppressed_address_is_closed_here_too(reason: str, closes: Reason) -> None:
    data = {"email_id": "e1", "suppressed": {"type": "OnAccountSuppressionList", "reason": reason}}
    found = status({"type": "email.suppressed", "data": data})
    assert (found.code, found.closes) == ("OnAccountSuppressionList", closes)


def test_a_complaint_closes_the_address_and_proves_delivery() -> None:
    found = status(payload("email.complained"))
    assert (found.status, found.closes) == (Status.DELIVERED, Reason.COMPLAINT)


def test_a_failure_says_why_in_words() -> None:
    found = status(payload("email.failed"))
    assert (found.code, found.detail) == ("reached_daily_quota", "Reached daily quota")


@pytest.mark.parametrize(
    ("reason", "remedy", "hours"),
    [
        ("reached_daily_quota", QuotaExceeded, 1),
        ("reached_monthly_quota", QuotaExceeded, 6),
        ("domain_not_verified", SenderRejected, 0),
        ("something_else", None, 0),
    ],
)
def test_a_failure_says_what_it_calls_for(
    reason: str, remedy: type[ProviderError] | None, hours: int
) -> None:
    body = payload("email.failed")
    found = status({**body, "data": {**body["data"], "failed": {"reason": reason}}})
    assert found.remedy is remedy
    assert found.retry_after == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"type": "contact.updated", "data": {"unsubscribed": True}}, Reason.OPT_OUT),
        ({"type": "suppression.added", "data": {"origin": "bounce"}}, Reason.BOUNCE),
        ({"type": "suppression.added", "data": {"origin": "complaint"}}, Reason.COMPLAINT),
        ({"type": "suppression.added", "data": {"origin": "manual"}}, Reason.MANUAL),
        ({"type": "suppression.added", "data": {"origin": ["?"]}}, Reason.MANUAL),
        ({"type": "contact.updated", "data": {"unsubscribed": False}}, None),
        ({"type": "contact.updated", "data": {"unsubscribed": "yes"}}, None),
        ({"type": "suppression.removed", "data": {}}, None),
    ],
)
def test_an_address_closed_at_the_account_is_closed_here(
    body: dict[str, Any],
    reason: Reason | None,
) -> None:
    body["data"]["email"] = "amelia@example.com"
    found = parsed(body)
    if reason is None:
        assert not found
        return
    (event,) = found
    assert isinstance(event, AddressClosed)
    assert (event.value, event.reason) == ("amelia@example.com", reason)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-20T09:15:42.678Z", datetime(2026, 11, 20, 9, 15, 42, 678_000, UTC)),
        ("2023-04-03 22:13:42.674981+00", datetime(2023, 4, 3, 22, 13, 42, 674_981, UTC)),
        ("2026-11-20T10:15:42+01:00", datetime(2026, 11, 20, 9, 15, 42, tzinfo=UTC)),
        ("2026-11-20T09:15:42", datetime(2026, 11, 20, 9, 15, 42, tzinfo=UTC)),
    ],
)
def test_times_are_read_leniently(value: str, expected: datetime) -> None:
    found = status({"type": "email.sent", "created_at": value, "data": {"email_id": "e1"}})
    assert found.occurred_at == expected


@pytest.mark.parametrize(
    "value", [None, "", "yesterday", 7, {}, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_an_event_without_a_time_happened_now(value: Any) -> None:
    found = status({"type": "email.sent", "created_at": value, "data": {"email_id": "e1"}})
    assert abs((datetime.now(UTC) - found.occurred_at).total_seconds()) < 5


# --- what comes in ------------------------------------------------------------------------------


def received(**data: Any) -> MessageReceived:
    (found,) = parsed({"type": "email.received", "data": {"email_id": "r1", **data}})
    assert isinstance(found, MessageReceived)
    return found


def test_an_announced_mail_is_not_complete() -> None:
    (found,) = parsed(payload("email.received"))
    assert isinstance(found, MessageReceived)
    assert found.sender == "amelia.whitfield@example.com"
    assert not found.complete
    assert found.text == ""


def test_a_mail_is_addressed_to_everybody_it_went_to() -> None:
    """A venue that was only copied in is written to all the same."""
    found = received(
        to=["Tom <tom@example.com>"],
        cc=["Ever After <hello@everafter.example>"],
        bcc=["secret@everafter.example"],
    )
    assert found.to == ("tom@example.com", "hello@everafter.example", "secret@everafter.example")


@pytest.mark.parametrize(
    ("to", "expected"),
    [("one@example.com", ("one@example.com",)), (None, ()), ([], ()), (7, ())],
)
def test_recipients_come_in_any_shape(to: Any, expected: tuple[str, ...]) -> None:
    assert received(to=to).to == expected


def test_a_mail_without_anything_is_still_a_mail() -> None:
    found = received(subject=None)
    assert (found.sender, found.to, found.subject) == ("", (), "")


def test_samples_of_all_message_events_are_genuine() -> None:
    provider = resend()
    for name in EXPECTED:
        if name.startswith("email.") and name != "email.received":
            sample = provider.sample(name)
            assert provider.verify(sample)
            assert not list(provider.parse(sample))


def test_a_name_stands_in_the_header_where_the_address_is_alone() -> None:
    def named(**headers: Any) -> str:
        return received(**{"from": "jane@example.com", "headers": headers}).sender_name

    assert named(**{"from": "Jane Doe <Jane@example.com>"}) == "Jane Doe"
    assert named(From=["Tom <tom@example.com>", "Jane Doe <jane@example.com>"]) == "Jane Doe"
    assert named(**{"from": "Tom <tom@example.com>"}) == ""


def test_answers_are_wanted_at_the_first_address_that_is_one() -> None:
    assert (
        received(reply_to=["nobody", "Both <both@example.com>"]).mail.reply_to == "both@example.com"
    )
    assert received(reply_to=["nobody", 7]).mail.reply_to == ""


def test_a_long_conversation_keeps_its_beginning_and_its_end() -> None:
    ids = [f"<{number}@x.example>" for number in range(70)]
    found = received(headers={"references": " ".join(ids), "in-reply-to": "70@x.example"})
    assert found.mail.references == (ids[0], *ids[22:], "<70@x.example>")
    assert not received(headers={"references": f"<{'a' * 1_000}@x.example>"}).mail.references
