"""Facts about Twilio: what goes over the wire, and what its answers mean."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode

import pytest
import responses

from communications.providers.base import Accepted
from communications.providers.twilio import Twilio
from communications.vocabulary.events import (
    Media,
    Outbound,
    TemplateRef,
    TemplateValue,
)
from tests.communications.providers import signing
from tests.communications.providers.answering import Answer
from tests.communications.providers.contract import ProviderContract, outbound
from tests.communications.providers.twilio_account import (
    CALLBACK,
    ECHO,
    OURS,
    SID,
    THEIRS,
    TOKEN,
    URL,
    payload,
    twilio,
    twilio_whatsapp,
)
from wedsync_comms.lib.errors import RouteRejected
from wedsync_comms.lib.http import Client
from wedsync_comms.lib.web.webhook_request import WebhookRequest

POOL = "MG" + "0d" * 16
TEMPLATE = TemplateRef(
    name="HX" + "0c" * 16,
    language="en",
    values=tuple(
        TemplateValue(part="body", kind="text", value=value) for value in ("Amelia", "3 May")
    ),
)


def sms(**values: Any) -> Outbound:
    return outbound(**{"sender": OURS, "to": THEIRS, **values})


class TestTheContract(ProviderContract):
    accepted = Answer(201, {"sid": "SM1", "status": "queued", "num_segments": "1"})
    accepted_id = "SM1"
    refused = Answer(400, {"code": 21211, "message": "Invalid 'To' number", "status": 400})
    rate_limited = Answer(429, {"code": 20429, "message": "Too many"}, {"retry-after": "7"})
    rate_limited_seconds = 7
    without_id = (
        Answer(201, {}),
        Answer(201, {"sid": None}),
        Answer(201, {"sid": ""}),
        Answer(201, {"sid": 7}),
        Answer(201, []),
        Answer(201, None),
        Answer(201, "SM1"),
        Answer(201, b""),
        Answer(201, b'{"sid": "S'),
        Answer(201, b"\xff"),
        Answer(204, b""),
        Answer(302, {"sid": "SM1"}, {"location": "https://elsewhere.example"}),
    )
    known_event: ClassVar[dict[str, Any]] = payload("delivered")
    unknown_event: ClassVar[tuple[dict[str, Any], str]] = (
        {**known_event, "MessageStatus": "teleported"},
        "teleported",
    )
    sampled = ("delivered", "delivered")
    # Anything in UTF-8 is a form.
    malformed = (b"\xff",)
    is_dated = False
    addresses: ClassVar[dict[str, str]] = {"sender": OURS, "to": THEIRS}

    def build(self, url: str) -> Twilio:
        return twilio(api_url=url)

    def transport(self, provider: Twilio) -> Client:
        return provider.http.client

    def encoded(self, event: dict[str, Any]) -> bytes:
        return urlencode(event).encode()

    def signed(
        self,
        body: bytes,
        *,
        age: float = 0,  # noqa: ARG002 - no time is signed
        event_id: str = "event-1",
        secret: str = "",
    ) -> WebhookRequest:
        form = parse_qs(body.decode(), keep_blank_values=True)
        pairs = [(name, value) for name, values in form.items() for value in values]
        signature = signing.twilio(CALLBACK, pairs, secret or TOKEN)
        headers = {"x-twilio-signature": signature, "i-twilio-idempotency-token": event_id}
        return WebhookRequest(method="POST", url=CALLBACK, headers=headers, body=body)

    def unsigned(self, body: bytes) -> WebhookRequest:
        return WebhookRequest(method="POST", url=CALLBACK, headers={}, body=body)


# --- one message --------------------------------------------------------------------------------


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        mock.post(URL, json={"sid": "SM1", "status": "queued"}, status=201)
        yield mock


def posted(api: responses.RequestsMock) -> dict[str, list[str]]:
    return parse_qs(str(api.calls[0].request.body), keep_blank_values=True)


def test_a_text_is_posted_with_our_ids_in_its_callback(api: responses.RequestsMock) -> None:
    twilio().send([sms(text="See you soon 💐")], key="k")
    assert posted(api) == {
        "To": [THEIRS],
        "From": [OURS],
        "Body": ["See you soon 💐"],
        "StatusCallback": [f"{CALLBACK}?{ECHO}"],
    }
    headers = api.calls[0].request.headers
    assert headers["Authorization"].startswith("Basic ")
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_what_it_answers_is_kept_without_the_text(api: responses.RequestsMock) -> None:
    api.replace(
        responses.POST,
        URL,
        json={"sid": "SM1", "status": "accepted", "num_segments": "2", "body": "See you soon."},
        status=201,
    )
    (result,) = twilio().send([sms()], key="k").results
    assert isinstance(result, Accepted)
    assert result.response == {"sid": "SM1", "status": "accepted", "segments": "2"}


def test_an_installation_without_an_address_asks_for_no_callback(
    api: responses.RequestsMock,
) -> None:
    provider = twilio(callback_url="")
    provider.send([sms()], key="k")
    assert "StatusCallback" not in posted(api)
    assert not provider.takes_webhooks


def test_a_messaging_service_picks_the_sender(api: responses.RequestsMock) -> None:
    provider = twilio(messaging_service_sid=POOL)
    assert provider.uses_sender_pool
    provider.send([sms()], key="k")
    assert posted(api)["MessagingServiceSid"] == [POOL]
    assert "From" not in posted(api)


def test_an_organizations_own_number_is_not_left_to_the_service(
    api: responses.RequestsMock,
) -> None:
    twilio(messaging_service_sid=POOL).send([sms(sender="+15550100999")], key="k")
    assert posted(api)["From"] == ["+15550100999"]
    assert "MessagingServiceSid" not in posted(api)


@pytest.mark.parametrize(
    ("seconds", "validity"),
    [(-5, 1), (0.5, 1), (90.9, 90), (36_000, 36_000), (90_000, 36_000)],
)
def test_it_is_not_delivered_later_than_it_is_of_use(
    api: responses.RequestsMock,
    seconds: float,
    validity: int,
) -> None:
    expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
    twilio().send([sms(expires_at=expires_at)], key="k")
    assert validity - 1 <= int(posted(api)["ValidityPeriod"][0]) <= validity


def test_pictures_go_along(api: responses.RequestsMock) -> None:
    media = (Media(url="https://cdn.example/a.jpg"), Media(url="https://cdn.example/b.jpg"))
    twilio().send([sms(media=media)], key="k")
    assert posted(api)["MediaUrl"] == ["https://cdn.example/a.jpg", "https://cdn.example/b.jpg"]
    assert posted(api)["Body"] == ["See you soon."]


def test_its_address_is_what_the_settings_say() -> None:
    with responses.RequestsMock() as mock:
        mock.post(
            f"http://127.0.0.1:8025/twilio/2010-04-01/Accounts/{SID}/Messages.json",
            json={"sid": "SM1"},
            status=201,
        )
        twilio(api_url="http://127.0.0.1:8025/twilio/").send([sms()], key="k")


# --- WhatsApp through Twilio --------------------------------------------------------------------


def test_whatsapp_has_addresses_of_its_own(api: responses.RequestsMock) -> None:
    provider = twilio_whatsapp()
    assert provider.channel == "whatsapp"
    provider.send([sms()], key="k")
    assert posted(api)["To"] == [f"whatsapp:{THEIRS}"]
    assert posted(api)["From"] == [f"whatsapp:{OURS}"]


def test_a_template_goes_by_its_content_sid(api: responses.RequestsMock) -> None:
    twilio_whatsapp().send([sms(template=TEMPLATE)], key="k")
    assert posted(api)["ContentSid"] == [TEMPLATE.name]
    assert json.loads(posted(api)["ContentVariables"][0]) == {"1": "Amelia", "2": "3 May"}
    assert "Body" not in posted(api)


def test_a_template_of_metas_is_refused_before_anything_is_sent() -> None:
    template = TemplateRef(name="wedding_update", language="en_US")
    with responses.RequestsMock(), pytest.raises(RouteRejected, match="wedding_update"):
        twilio_whatsapp().send([sms(template=template)], key="k")


def test_a_number_known_by_its_id_at_meta_is_refused_and_the_account_is_not_paused() -> None:
    with responses.RequestsMock(), pytest.raises(RouteRejected, match="106540352242922"):
        twilio_whatsapp().send([sms(sender="106540352242922")], key="k")
    with responses.RequestsMock(), pytest.raises(RouteRejected, match=r"GB\.1349"):
        twilio_whatsapp().send([sms(to="GB.1349")], key="k")


def test_an_sms_takes_no_notice_of_a_template(api: responses.RequestsMock) -> None:
    twilio().send([sms(template=TEMPLATE)], key="k")
    assert posted(api)["Body"] == ["See you soon."]
    assert "ContentSid" not in posted(api)
