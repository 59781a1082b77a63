"""Meta's webhooks: handshake, signature, and everything that may stand in a body."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from communications.providers.whatsapp.contents import NOT_PASSED_ON
from communications.vocabulary.events import (
    ConsentChanged,
    ConsentKeyword,
    ContactMoved,
    Event,
    Kind,
    MessageReceived,
    ReactionChanged,
    Reason,
    StatusChanged,
    TemplateChanged,
)
from communications.vocabulary.statuses import Status
from tests.communications.providers import signing
from tests.communications.providers.contract import JSON
from tests.communications.providers.test_whatsapp import CODES
from tests.communications.providers.whatsapp_account import (
    ECHO,
    NUMBER,
    SECRET,
    THEIRS,
    change,
    payload,
    request,
    whatsapp,
    wrapped,
)
from wedsync_comms.lib.errors import InvalidSignature, MalformedRequest, OptedOutOfMarketing
from wedsync_comms.lib.web.webhook_request import WebhookRequest

URL = "https://hooks.example/api/webhooks/communications/whatsapp"


def events(body: Any) -> list[Event]:
    return list(whatsapp().parse(request(body)))


# --- handshake ----------------------------------------------------------------------------------


def shake(query: str, **options: Any) -> str:
    asked = WebhookRequest(method="GET", url=f"{URL}?{query}", headers={}, body=b"")
    return whatsapp(**options).handshake(asked)


def test_the_challenge_is_given_back_to_who_knows_the_token() -> None:
    assert (
        shake("hub.mode=subscribe&hub.verify_token=hello&hub.challenge=1158201444") == "1158201444"
    )
    assert shake("hub.challenge=a%20b&hub.mode=subscribe&hub.verify_token=hello") == "a b"


@pytest.mark.parametrize("token", ["hallo", "", "hello ", "ä"])
def test_another_token_gets_nothing(token: str) -> None:
    with pytest.raises(InvalidSignature):
        shake(f"hub.mode=subscribe&hub.verify_token={token}&hub.challenge=1")


def test_without_a_token_of_our_own_nobody_knows_it() -> None:
    with pytest.raises(InvalidSignature):
        shake("hub.mode=subscribe&hub.verify_token=&hub.challenge=1", verify_token="")


@pytest.mark.parametrize(
    "query",
    ["", "hub.mode=subscribe&hub.verify_token=hello", "hub.verify_token=hello&hub.challenge=1"],
)
def test_what_is_no_handshake_is_malformed(query: str) -> None:
    with pytest.raises(MalformedRequest):
        shake(query)


# --- signatures ---------------------------------------------------------------------------------


def test_a_signature_is_over_the_bytes_and_not_over_what_they_mean() -> None:
    body = b'{"entry":[],"name":"Am\\u00e9lie"}'
    assert whatsapp().verify(request(body))
    again = json.dumps(json.loads(body), ensure_ascii=False).encode()
    with pytest.raises(InvalidSignature):
        whatsapp().verify(replace(request(body), body=again))


def test_while_a_secret_is_replaced_both_are_good() -> None:
    for secret in (SECRET, "next-secret"):
        assert whatsapp().verify(replace(request(b"{}"), headers=signing.meta(b"{}", secret)))
    assert not whatsapp(app_secrets=[]).takes_webhooks
    with pytest.raises(InvalidSignature):
        whatsapp(app_secrets=[]).verify(request(b"{}"))


def test_the_old_signature_alone_is_not_enough() -> None:
    with pytest.raises(InvalidSignature):
        whatsapp().verify(replace(request(b"{}"), headers={"x-hub-signature": "sha1=00"}))


@given(header=st.text(max_size=80), body=st.binary(max_size=20))
@example(header="sha256=", body=b"")
@example(header="\ud800", body=b"{}")
@example(header="sha256=" + "ä" * 64, body=b"{}")
def test_whatever_claims_to_be_signed_is_refused(header: str, body: bytes) -> None:
    forged = WebhookRequest(
        method="POST",
        url=URL,
        headers={"x-hub-signature-256": header},
        body=body,
    )
    with pytest.raises(InvalidSignature):
        whatsapp().verify(forged)


# --- statuses -----------------------------------------------------------------------------------


def status(name: str) -> StatusChanged:
    (event,) = events(payload(f"status.{name}"))
    assert isinstance(event, StatusChanged)
    return event


@pytest.mark.parametrize(
    ("name", "kind", "point"),
    [
        ("sent", Kind.SENT, Status.SENT),
        ("delivered", Kind.DELIVERED, Status.DELIVERED),
        ("without-number", Kind.DELIVERED, Status.DELIVERED),
        ("conversation-pricing", Kind.SENT, Status.SENT),
        ("read", Kind.READ, Status.READ),
        ("played", Kind.READ, Status.READ),
        ("failed", Kind.FAILED, Status.FAILED),
    ],
)
def test_every_status_has_its_place(name: str, kind: Kind, point: Status) -> None:
    event = status(name)
    assert (event.kind, event.status) == (kind, point)
    assert event.provider_id.startswith("wamid.")
    assert event.occurred_at == datetime.fromtimestamp(1795166142, UTC)


def test_our_ids_come_back() -> None:
    status = {"id": "wamid.1", "status": "sent", "timestamp": 1, "biz_opaque_callback_data": ECHO}
    (event,) = events(change("messages", statuses=[status]))
    assert isinstance(event, StatusChanged)
    assert f"{event.call} {event.message}" == ECHO


def test_a_failure_says_why() -> None:
    event = status("failed")
    assert (event.code, event.detail) == ("131026", "Message Undeliverable.")
    assert status("failed.opt-out").remedy is OptedOutOfMarketing
    assert status("failed.opt-out").closes is Reason.OPT_OUT
    assert status("failed.window").closes is None


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_an_error_in_a_receipt_calls_for_the_same_as_at_the_call(code: int, kind: type) -> None:
    status = {"id": "wamid.1", "status": "failed", "errors": [{"code": code, "title": "No"}]}
    (event,) = events(change("messages", statuses=[status]))
    assert isinstance(event, StatusChanged)
    assert event.remedy is kind
    assert (event.code, event.detail) == (str(code), "No")
    assert (event.retry_after.total_seconds() > 0) == (code in {4, 80007, 131048, 131056, 131064})


@pytest.mark.parametrize("errors", [None, [], "?", [None], [{}], [{"code": "x"}], [{"code": [1]}]])
def test_a_failure_without_a_reason_is_one_all_the_same(errors: Any) -> None:
    status = {"id": "wamid.1", "status": "failed", "errors": errors}
    (event,) = events(change("messages", statuses=[status]))
    assert isinstance(event, StatusChanged)
    assert (event.status, event.code, event.closes) == (Status.FAILED, "", None)


@pytest.mark.parametrize("said", ["deleted", "RINGING", "", None, ["sent"], {"a": 1}, 7])
def test_a_status_of_tomorrow_is_nothing(said: Any) -> None:
    assert not events(change("messages", statuses=[{"id": "wamid.1", "status": said}]))


# --- incoming -----------------------------------------------------------------------------------


def incoming(name: str) -> MessageReceived:
    event, *_ = events(payload(f"message.{name}"))
    assert isinstance(event, MessageReceived)
    return event


@pytest.mark.parametrize(
    ("name", "text", "opens"),
    [
        ("text", "Könnten wir um 11 Uhr kommen? 💐", True),
        ("text.reply", "Yes", True),
        ("image", "Is this the barn?", True),
        ("video", "", True),
        ("audio", "", True),
        ("document", "", True),
        ("sticker", "", True),
        ("location", "Rosewood Barn, Rose Lane, Salisbury\n51.178882, -1.826215", True),
        ("contacts", "Oliver Hart\n+44 7700 900456", True),
        ("button", "I will be there", True),
        ("interactive.button", "Yes", True),
        ("interactive.list", "Vegetarian", True),
        ("interactive.form", "Guests: 2", True),
        ("order", "2 × roses at 30 GBP", True),
        ("system", "User Amelia changed from 447700900123 to 447700900124", False),
        ("unsupported", f"{NOT_PASSED_ON}.", False),
        ("text.stop", "STOP", True),
    ],
)
def test_every_kind_of_message_comes_in_as_something_to_read(
    name: str,
    text: str,
    opens: bool,  # noqa: FBT001 - a column of the table
) -> None:
    event = incoming(name)
    assert (event.text, event.opens_service_window) == (text, opens)
    assert (event.channel, event.sender, event.to) == ("whatsapp", THEIRS, (NUMBER,))
    assert event.provider_id.startswith("wamid.")
    assert event.occurred_at == datetime.fromtimestamp(1795166200, UTC)
    assert event.complete


def test_a_kind_of_tomorrow_comes_in_with_all_that_it_says() -> None:
    for fields, text in (
        (
            {"type": "poll", "poll": {"question": "Cake?", "options": ["Yes"]}},
            "Question: Cake?\nOptions: Yes",
        ),
        ({"type": "poll", "poll": ["Cake?"]}, "Cake?"),
        ({}, f"{NOT_PASSED_ON}."),
        ({"type": "interactive", "interactive": {"type": "type"}}, ""),
        ({"type": ["text"]}, f"{NOT_PASSED_ON}."),
    ):
        (event,) = events(change("messages", messages=[{"id": "wamid.2", "from": "1", **fields}]))
        assert isinstance(event, MessageReceived)
        assert event.text == text


def test_what_stands_beside_a_message_is_kept() -> None:
    beside = {
        "context": {"frequently_forwarded": True, "referred_product": {"catalog_id": "c"}},
        "referral": {"headline": "Open day"},
    }
    entry = {"id": "w", "from": "1", "type": "text", "text": {"body": "Hi"}, **beside}
    (event,) = events(change("messages", messages=[entry]))
    assert isinstance(event, MessageReceived)
    assert event.content == {
        "kind": "text",
        "forwarded": True,
        "product": {"catalog_id": "c"},
        "referral": {"headline": "Open day"},
    }


def test_a_receipt_tells_which_number_and_which_id_are_one() -> None:
    people = [{"wa_id": "1"}, {"user_id": "GB.1"}, {"wa_id": "447700900123", "user_id": "GB.2"}]
    (found,) = events(change("messages", statuses=[], contacts=people))
    assert isinstance(found, ContactMoved)
    assert (found.old_value, found.new_handle) == ("+447700900123", "GB.2")


def test_an_emoji_of_the_owners_own_is_a_reaction_too() -> None:
    entry = {"type": "reaction", "reaction": {"message_id": "w1", "emoji": "❤"}, "from": "1555"}
    (found,) = events(change("smb_message_echoes", message_echoes=[entry]))
    assert isinstance(found, ReactionChanged)
    assert (found.original, found.emoji) == ("w1", "❤")


def test_media_are_known_by_their_id_at_meta() -> None:
    (only,) = incoming("image").media
    assert (only.url, only.content_type) == ("3921099481195479", "image/jpeg")
    assert not incoming("location").media
    (event,) = events(change("messages", messages=[{"id": "w", "type": "image", "image": "?"}]))
    assert isinstance(event, MessageReceived)
    assert not event.media


def test_a_person_may_hide_the_number() -> None:
    event = incoming("without-number")
    assert event.sender == "GB.13491208655302741918"
    assert event.sender_name == "Amelia"
    assert incoming("text").sender_name == "Amélie Whitfield"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("447700900123", "+447700900123"),
        ("551187654321", "+5511987654321"),
        ("5511987654321", "+5511987654321"),
        ("551132654321", "+551132654321"),
        ("5215512345678", "+525512345678"),
        ("525512345678", "+525512345678"),
        ("²", "²"),
        ("", ""),
    ],
)
def test_a_person_is_known_by_the_number_we_write_to(theirs: str, ours: str) -> None:
    (event,) = events(change("messages", messages=[{"id": "w", "from": theirs}]))
    assert isinstance(event, MessageReceived)
    assert event.sender == ours


def test_the_button_of_a_template_is_told_from_what_was_typed() -> None:
    (pressed,) = events(payload("message.button"))
    (typed,) = events(payload("message.text.stop"))
    assert isinstance(pressed, MessageReceived)
    assert isinstance(typed, MessageReceived)
    assert pressed.template_button == ("I will be there", "I will be there")
    assert typed.template_button == ()


@pytest.mark.parametrize("said", [None, "soon", -1, "9" * 20, 1.5, "²"])
def test_a_time_nobody_can_read_is_now(said: Any) -> None:
    (event,) = events(change("messages", messages=[{"id": "w", "timestamp": said}]))
    assert isinstance(event, MessageReceived)
    assert abs((event.occurred_at - datetime.now(UTC)).total_seconds()) < 60


# --- consent and templates ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "keyword"), [("stop", ConsentKeyword.STOP), ("resume", ConsentKeyword.START)]
)
def test_the_switch_for_advertising_is_heeded(name: str, keyword: ConsentKeyword) -> None:
    (event,) = events(payload(f"user_preferences.{name}"))
    assert isinstance(event, ConsentChanged)
    assert (event.value, event.to, event.keyword) == (THEIRS, NUMBER, keyword)
    assert event.marketing_only
    assert event.detail
    assert event.occurred_at == datetime.fromtimestamp(1795166300, UTC)


def preference(**fields: Any) -> list[Event]:
    return events(change("user_preferences", user_preferences=[fields]))


def test_a_wish_of_tomorrow_opens_nothing() -> None:
    assert not preference(wa_id="447700900123", value="pause", category="marketing_messages")
    assert not preference(value="stop", category="marketing_messages")
    (signup,) = preference(wa_id="447700900123", value="signup")
    assert isinstance(signup, ConsentChanged)
    assert signup.keyword is ConsentKeyword.START
    (hidden,) = preference(user_id="GB.1", value="stop", category="everything")
    assert isinstance(hidden, ConsentChanged)
    assert (hidden.value, hidden.marketing_only) == ("GB.1", False)


@pytest.mark.parametrize(
    ("name", "approval", "quality", "category"),
    [
        ("message_template_status_update.approved", "APPROVED", "", ""),
        ("message_template_status_update.paused", "PAUSED", "", ""),
        ("message_template_status_update.rejected", "REJECTED", "", ""),
        ("message_template_quality_update", "", "YELLOW", ""),
        ("template_category_update", "", "", "MARKETING"),
    ],
)
def test_a_template_that_is_judged_anew(
    name: str,
    approval: str,
    quality: str,
    category: str,
) -> None:
    assert events(payload(name)) == [
        TemplateChanged(
            name="wedding_update",
            language="en_US",
            approval=approval,
            quality=quality,
            category=category,
        ),
    ]


# --- bodies -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["account_alerts", "account_update.restricted", "errors"])
def test_what_is_about_the_account_is_kept_and_nothing_more(name: str) -> None:
    assert not events(payload(name))
    assert whatsapp().event_type(request(payload(name)))


def test_one_body_may_hold_everything_for_everybody() -> None:
    kinds = [type(event).__name__ for event in events(payload("batch"))]
    assert kinds[:4] == ["StatusChanged", "StatusChanged", "MessageReceived", "ConsentChanged"]
    (entry,) = payload("message.text")["entry"]
    other = json.loads(json.dumps(entry).replace(NUMBER, "999"))
    body = {
        "object": "whatsapp_business_account",
        "entry": [entry, other, payload("batch")["entry"][0]],
    }
    received = [event for event in events(body) if isinstance(event, MessageReceived)]
    assert [event.to for event in received] == [(NUMBER,), ("999",), (NUMBER,)]
    assert whatsapp().event_type(request(body)).startswith("messages")


def test_one_bad_item_loses_none_of_the_others() -> None:
    good = {"id": "wamid.1", "status": "sent", "timestamp": "1"}
    bad: list[Any] = [None, 7, "?", [], {"status": "failed", "errors": [{"code": "x"}]}]
    assert len(events(change("messages", statuses=[*bad, good]))) == 2
    mixed = wrapped(None, "?", {"field": "messages", "value": "?"}, {"field": ["messages"]})
    mixed["entry"] += [None, 7, *payload("status.sent")["entry"]]
    assert len(events(mixed)) == 1


@given(
    value=JSON,
    item=st.dictionaries(
        st.sampled_from(
            [
                "id",
                "type",
                "status",
                "from",
                "errors",
                "text",
                "image",
                "interactive",
                "timestamp",
                "wa_id",
                "value",
                "button",
                "location",
            ]
        ),
        JSON,
    ),
)
@hypothesis_settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.differing_executors],
)
def test_whatever_stands_in_a_genuine_body_is_read_or_malformed(
    value: Any,
    item: dict[str, Any],
) -> None:
    failed = {**item, "status": "failed", "errors": [{"code": value, "error_data": value}]}
    said = {**item, "type": "interactive", "interactive": {"type": "x", "x": value}}
    for body in (
        value,
        {"entry": value},
        wrapped({"field": value, "value": value}),
        change("messages", statuses=[item, failed], messages=[item, said], contacts=[item]),
        change("messages", statuses=value, messages=[item], contacts=value, metadata=value),
        change("user_preferences", user_preferences=[item]),
        change("message_template_status_update", event=value, new_category=value),
    ):
        with suppress(MalformedRequest):
            events(body)
            whatsapp().event_type(request(body))


def test_a_sample_needs_a_secret() -> None:
    with pytest.raises(LookupError, match="WHATSAPP_APP_SECRET"):
        whatsapp(app_secrets=[]).sample("delivered")
