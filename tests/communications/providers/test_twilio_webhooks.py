"""Twilio's webhooks: the signature by its document and by its own SDK, and what is in them."""

import base64
from dataclasses import replace
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from communications.vocabulary.events import (
    ConsentKeyword,
    Kind,
    MessageReceived,
    StatusChanged,
)
from communications.vocabulary.statuses import Status
from tests.communications.providers import signing
from tests.communications.providers.twilio_account import (
    CALLBACK,
    ECHO,
    NEXT_TOKEN,
    OURS,
    THEIRS,
    TOKEN,
    payload,
    request,
    twilio,
)
from wedsync_comms.lib.errors import InvalidSignature, MalformedRequest
from wedsync_comms.lib.web.webhook_request import WebhookRequest

SETTINGS = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
FIELDS = st.lists(
    st.tuples(
        st.sampled_from(["Body", "body", "To", "MediaUrl0", "Zoë", "a b"]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    ),
    min_size=1,
    max_size=6,
)


def refused(given: WebhookRequest) -> None:
    with pytest.raises(InvalidSignature):
        twilio().verify(given)


# --- signatures ---------------------------------------------------------------------------------


def test_twilios_own_example_is_genuine() -> None:
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    genuine = WebhookRequest(
        method="POST",
        url="https://mycompany.com/myapp.php?foo=1&bar=2",
        headers={"x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
        body=urlencode(fields).encode(),
    )
    assert twilio(auth_tokens=["12345"]).verify(genuine)
    with pytest.raises(InvalidSignature):
        twilio(auth_tokens=["12346"]).verify(genuine)


@given(
    fields=FIELDS,
    url=st.sampled_from(
        [
            CALLBACK,
            f"{CALLBACK}?{ECHO}",
            f"{CALLBACK}?a=%20b&c=%C3%A4&d=1+2&e=",
            "https://hooks.example:8443/twilio",
            "http://hooks.example/twilio?x=%2F",
            "http://hooks.example:80/twilio",
        ],
    ),
)
@example(fields=[("a b", "2"), ("a b", "1"), ("a b", "2"), ("Body", "")], url=CALLBACK)
def test_what_twilios_sdk_signs_is_genuine_and_nothing_else(
    fields: signing.Fields,
    url: str,
) -> None:
    body = urlencode(fields).encode()
    form = parse_qs(body.decode(), keep_blank_values=True)
    oracle = RequestValidator(TOKEN)
    oracle.get_values = lambda values, name: values[name]
    signature = oracle.compute_signature(url, form)
    headers = {"x-twilio-signature": signature}
    genuine = WebhookRequest(method="POST", url=url, headers=headers, body=body)
    assert twilio().verify(genuine)
    assert signing.twilio(url, fields, TOKEN) == signature
    refused(replace(genuine, body=body + b"&Extra="))
    refused(replace(genuine, url=url + ("&" if "?" in url else "?") + "extra=1"))
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    refused(replace(genuine, headers={"x-twilio-signature": flipped}))


@pytest.mark.parametrize(
    ("called", "signed"),
    [
        ("https://hooks.example/t", "https://hooks.example:443/t"),
        ("http://hooks.example/t?a=1", "http://hooks.example:80/t?a=1"),
        ("https://hooks.example:8443/t", "https://hooks.example/t"),
        ("https://me:secret@hooks.example:8443/t", "https://me:secret@hooks.example/t"),
        ("https://me:secret@hooks.example/t", "https://me:secret@hooks.example:443/t"),
        ("http://[::1]:8000/t", "http://[::1]/t"),
        ("http://[::1]/t", "http://[::1]:80/t"),
    ],
)
def test_an_address_is_the_same_with_and_without_its_port(called: str, signed: str) -> None:
    fields = payload("delivered")
    assert twilio().verify(request(fields, url=called, signed_url=signed))
    assert twilio().verify(request(fields, url=called))
    refused(request(fields, url=called, signed_url="https://elsewhere.example/t"))


def test_the_query_is_signed_as_it_was_written() -> None:
    fields = payload("delivered")
    assert twilio().verify(request(fields, url=f"{CALLBACK}?a=%41"))
    refused(request(fields, url=f"{CALLBACK}?a=%41", signed_url=f"{CALLBACK}?a=A"))


def test_blank_values_are_signed_and_repeated_ones_once() -> None:
    fields = [("Body", ""), ("To", "2"), ("To", "1"), ("To", "2"), ("body", "x")]
    genuine = request(fields)
    assert twilio().verify(genuine)
    refused(replace(genuine, body=genuine.body.replace(b"Body=&", b"")))
    assert twilio().verify(replace(genuine, body=b"body=x&To=1&To=2&Body="))


def test_while_a_token_is_replaced_both_are_good() -> None:
    fields = payload("delivered")
    assert twilio().verify(request(fields, token=TOKEN))
    assert twilio().verify(request(fields, token=NEXT_TOKEN))
    refused(request(fields, token="token-3"))


def test_shared_keys_sign_with_sha256_and_say_so() -> None:
    fields = list(payload("delivered").items())
    genuine = request(fields, x_twilio_webhooks_signature_settings=SETTINGS)
    sha256 = RequestValidator(TOKEN).compute_signature(genuine.url, dict(fields), "HMAC_SHA256")
    headers = {**genuine.headers, "x-twilio-signature": sha256}
    assert twilio().verify(replace(genuine, headers=headers))
    # Neither algorithm passes for the other.
    refused(genuine)
    without = {name: value for name, value in headers.items() if "settings" not in name}
    refused(replace(genuine, headers=without))


def json_request(body: bytes, claimed: bytes) -> WebhookRequest:
    url = f"{CALLBACK}?x=1&bodySHA256={RequestValidator(TOKEN).compute_hash(claimed.decode())}"
    headers = {"x-twilio-signature": signing.twilio(url, [], TOKEN)}
    return WebhookRequest(method="POST", url=url, headers=headers, body=body)


def test_of_json_the_hash_is_signed() -> None:
    body = b'{"MessageSid": "SM7", "text": "\\u00e4"}'
    assert twilio().verify(json_request(body, body))
    refused(json_request(body + b" ", body))


@given(
    signature=st.text(max_size=60) | st.binary(max_size=30).map(base64.b64encode).map(bytes.decode),
    settings=st.text(max_size=40) | st.just(SETTINGS),
    body=st.binary(max_size=60) | st.just(b"MessageSid=SM7&MessageStatus=sent"),
    query=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30),
)
@example(signature="\ud800", settings="", body=b"a=1", query="")
@example(signature="ä", settings="algorithm=MD5", body=b"\xff", query="bodySHA256=")
@example(signature="", settings="", body=b"", query="bodySHA256=ff")
def test_whatever_claims_to_be_signed_is_refused(
    signature: str,
    settings: str,
    body: bytes,
    query: str,
) -> None:
    forged = WebhookRequest(
        method="POST",
        url=f"{CALLBACK}?{query}",
        headers={"x-twilio-signature": signature, "x-twilio-webhooks-signature-settings": settings},
        body=body,
    )
    with pytest.raises((InvalidSignature, MalformedRequest)):
        twilio().verify(forged)


def test_a_webhook_without_a_token_of_its_own_is_known_by_what_it_says() -> None:
    sent, delivered = payload("sent"), payload("delivered")
    verify = twilio().verify
    assert verify(request(sent)) == verify(request(sent)) != verify(request(delivered))
    failed = payload("failed")
    other = {**failed, "ErrorCode": "30003"}
    assert verify(request(failed)) != verify(request(other))
    assert verify(request(sent, i_twilio_idempotency_token="t1")) == "t1"


# --- statuses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kind", "status"),
    [
        ("accepted", Kind.OTHER, Status.SENT),
        ("scheduled", Kind.OTHER, Status.SENT),
        ("queued", Kind.OTHER, Status.SENT),
        ("sending", Kind.OTHER, Status.SENT),
        ("sent", Kind.SENT, Status.SENT),
        ("delivered", Kind.DELIVERED, Status.DELIVERED),
        ("partially_delivered", Kind.DELIVERED, Status.DELIVERED),
        ("read", Kind.READ, Status.READ),
        ("undelivered", Kind.FAILED, Status.FAILED),
        ("failed", Kind.FAILED, Status.FAILED),
        ("canceled", Kind.FAILED, Status.FAILED),
    ],
)
def test_every_status_has_its_place(said: str, kind: Kind, status: Status) -> None:
    fields = {**payload("delivered"), "MessageStatus": said, "SmsStatus": said}
    (event,) = twilio().parse(request(fields))
    assert isinstance(event, StatusChanged)
    assert (event.kind, event.status) == (kind, status)
    assert event.provider_id == fields["MessageSid"]
    assert event.call == "0193465e-0000-7c3e-9d52-000000000000"
    assert event.message == "0193465e-5f0a-7c3e-9d52-000000000001"


def test_where_the_two_statuses_disagree_the_messages_own_counts() -> None:
    (event,) = twilio().parse(request(payload("delivered.disagreeing")))
    assert isinstance(event, StatusChanged)
    assert event.status is Status.DELIVERED


@pytest.mark.parametrize(
    "name",
    ["canceled", "delivered", "failed", "failed.whatsapp", "queued", "read", "sending", "sent"],
)
def test_every_recorded_callback_is_read(name: str) -> None:
    given = request(payload(name))
    assert twilio().verify(given)
    assert twilio().event_type(given) == name.partition(".")[0]
    assert len(list(twilio().parse(given))) == 1


def test_a_failure_explains_itself() -> None:
    (event,) = twilio().parse(request(payload("failed.whatsapp")))
    assert isinstance(event, StatusChanged)
    assert event.code == "63016"
    assert event.detail.startswith("Failed to send freeform message")
    bare = {**payload("failed"), "ErrorMessage": "", "ErrorCode": "30006"}
    (event,) = twilio().parse(request(bare))
    assert isinstance(event, StatusChanged)
    assert event.detail.startswith("A landline")
    named = {**bare, "ChannelStatusMessage": "Blocked there"}
    (event,) = twilio().parse(request(named))
    assert isinstance(event, StatusChanged)
    assert event.detail == "Blocked there"


@pytest.mark.parametrize("code", ["", "²", "-1", "30005x", "9" * 5000, "99999"])
def test_a_code_nobody_knows_is_kept_and_means_nothing(code: str) -> None:
    fields = {**payload("failed"), "ErrorCode": code, "ErrorMessage": ""}
    (event,) = twilio().parse(request(fields))
    assert isinstance(event, StatusChanged)
    assert (event.code, event.detail, event.remedy) == (code, "", None)


def test_without_our_ids_a_callback_is_known_by_theirs_alone() -> None:
    (event,) = twilio().parse(request(payload("sent"), url=CALLBACK))
    assert isinstance(event, StatusChanged)
    assert (event.call, event.message) == ("", "")


def test_what_is_no_message_is_nothing() -> None:
    for fields in ({"CallSid": "CA1", "CallStatus": "ringing"}, {"MessageSid": "SM7"}):
        given = request(fields)
        assert not list(twilio().parse(given))
        assert twilio().event_type(given) == ""


# --- incoming -----------------------------------------------------------------------------------


def incoming(name: str, **changed: str) -> MessageReceived:
    fields = {**payload(f"incoming.{name}"), **changed}
    (event,) = twilio().parse(request(fields, url=CALLBACK))
    assert isinstance(event, MessageReceived)
    assert event.complete
    return event


def test_an_sms_comes_in() -> None:
    event = incoming("sms")
    assert (event.channel, event.sender, event.to) == ("sms", THEIRS, (OURS,))
    assert event.text == payload("incoming.sms")["Body"]
    assert event.provider_id == payload("incoming.sms")["MessageSid"]
    assert (event.media, event.keyword, event.opens_service_window) == ((), None, False)


def test_a_blank_one_and_one_with_pictures_come_in() -> None:
    assert incoming("blank").text == ""
    first, second = incoming("mms").media
    assert (first.content_type, second.content_type) == ("image/jpeg", "text/vcard")
    assert first.url.endswith("ME00000000000000000000000000000001")


@pytest.mark.parametrize(
    ("said", "count"),
    [("²", 0), ("-1", 0), ("many", 0), ("99999999999", 0), ("12", 10)],
)
def test_it_counts_pictures_no_further_than_twilio_does(said: str, count: int) -> None:
    assert len(incoming("mms", NumMedia=said).media) == count


def test_whatsapp_comes_in_under_its_own_name() -> None:
    event = incoming("whatsapp")
    assert (event.channel, event.sender, event.to) == ("whatsapp", THEIRS, (OURS,))
    assert event.sender_name == "Amelia Whitfield"
    assert event.opens_service_window
    assert incoming("whatsapp.button").text == "I will be there"


@pytest.mark.parametrize(
    "word",
    ["STOP", "unsubscribe", "End", "quit", "STOPALL", "revoke", "optout", "cancel", " stop\n"],
)
def test_words_that_twilio_takes_for_a_refusal(word: str) -> None:
    assert incoming("sms", Body=word).keyword is ConsentKeyword.STOP


@pytest.mark.parametrize(
    ("word", "keyword"),
    [
        ("START", ConsentKeyword.START),
        ("yes", ConsentKeyword.START),
        ("unstop", ConsentKeyword.START),
        ("HELP", ConsentKeyword.HELP),
        ("info", ConsentKeyword.HELP),
        ("Please stop by at noon", None),
        ("", None),
    ],
)
def test_words_that_mean_something_else(word: str, keyword: ConsentKeyword | None) -> None:
    assert incoming("sms", Body=word).keyword is keyword


@pytest.mark.parametrize(
    ("said", "keyword"),
    [("STOP", ConsentKeyword.STOP), ("START", ConsentKeyword.START), ("HELP", ConsentKeyword.HELP)],
)
def test_what_twilio_made_of_it_counts_whatever_the_words(
    said: str, keyword: ConsentKeyword
) -> None:
    assert incoming("sms", Body="no more of this", OptOutType=said).keyword is keyword


# --- more than words ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "text", "content"),
    [
        (
            {"Latitude": "51.1", "Longitude": "-1.8", "Address": "Rose Lane"},
            "Rose Lane\n51.1, -1.8",
            {"kind": "location", "address": "Rose Lane", "latitude": "51.1", "longitude": "-1.8"},
        ),
        (
            {"InteractiveData": '{"full_name": "Jane", "guests": 2}'},
            "Full name: Jane\nGuests: 2",
            {"kind": "flow", "fields": {"full_name": "Jane", "guests": 2}},
        ),
        (
            {"FlowData": "{no json"},
            "Answer: {no json",
            {"kind": "flow", "fields": {"answer": "{no json"}},
        ),
        ({"ButtonText": "Yes", "ButtonPayload": "y"}, "Yes", {"kind": "button", "payload": "y"}),
        (
            {"ListId": "v", "ListTitle": "Vegan"},
            "Vegan",
            {"kind": "list_reply", "id": "v", "title": "Vegan"},
        ),
        ({"Body": "Look", "Forwarded": "true"}, "Look", {"kind": "text", "forwarded": True}),
        (
            {"Body": "Hi", "ReferralHeadline": "Open day"},
            "Hi",
            {"kind": "text", "referral": {"ReferralHeadline": "Open day"}},
        ),
    ],
)
def test_what_a_text_cannot_hold_is_kept(
    fields: dict[str, str], text: str, content: dict[str, object]
) -> None:
    event = incoming("sms", **{"Body": "", **fields})
    assert (event.text, event.content) == (text, content)


def test_the_message_it_answers_is_named() -> None:
    assert incoming("sms", OriginalRepliedMessageSid="SM1").quotes == "SM1"


def test_an_older_name_of_the_id_will_do() -> None:
    bare = {"SmsSid": "SM7", "SmsStatus": "received", "From": "+15550100777", "Body": "Hi"}
    (event,) = twilio().parse(request(bare, url=CALLBACK))
    assert isinstance(event, MessageReceived)
    assert event.provider_id == "SM7"
