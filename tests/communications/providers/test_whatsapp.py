"""Facts about WhatsApp's Cloud API: what goes over the wire, and what its answers mean."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
import responses
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from communications.providers.base import Accepted
from communications.providers.whatsapp import WhatsApp
from communications.vocabulary.events import (
    Media,
    Outbound,
    TemplateRef,
    TemplateValue,
)
from communications.vocabulary.statuses import Status
from tests.communications.providers import signing
from tests.communications.providers.answering import Answer, answering
from tests.communications.providers.contract import JSON, ProviderContract, outbound
from tests.communications.providers.whatsapp_account import (
    ACCOUNT,
    ECHO,
    NUMBER,
    SECRET,
    THEIRS,
    URL,
    payload,
    whatsapp,
)
from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    ContentRejected,
    CredentialsRejected,
    InvalidRecipient,
    OptedOut,
    OptedOutOfMarketing,
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    RateLimited,
    RouteRejected,
    SenderBusy,
    SenderRejected,
    ServerFailed,
    TemplateRejected,
    TransientError,
)
from wedsync_comms.lib.http import Client
from wedsync_comms.lib.web.webhook_request import WebhookRequest


def note(**values: Any) -> Outbound:
    return outbound(**{"sender": NUMBER, "to": THEIRS, **values})


def taken(wamid: Any = "wamid.1", **more: Any) -> dict[str, Any]:
    return {
        "messaging_product": "whatsapp",
        "contacts": [{"input": THEIRS[1:], "wa_id": THEIRS[1:]}],
        "messages": [{"id": wamid, **more}],
    }


def texts(*values: str) -> tuple[TemplateValue, ...]:
    return tuple(TemplateValue(part="body", kind="text", value=value) for value in values)


def error(code: int, **more: Any) -> dict[str, Any]:
    return {"error": {"message": "No.", "type": "OAuthException", "code": code, **more}}


class TestTheContract(ProviderContract):
    accepted = Answer(200, taken())
    accepted_id = "wamid.1"
    refused = Answer(400, error(131026))
    rate_limited = Answer(429, error(130429))
    rate_limited_seconds = 2
    without_id = (
        Answer(200, {}),
        Answer(200, {"messages": []}),
        Answer(200, {"messages": None}),
        Answer(200, {"messages": {"id": "wamid.1"}}),
        Answer(200, {"messages": ["wamid.1"]}),
        Answer(200, taken(None)),
        Answer(200, taken("")),
        Answer(200, taken(7)),
        Answer(200, []),
        Answer(200, "wamid.1"),
        Answer(200, b""),
        Answer(200, b'{"messages": [{"id": "wa'),
        Answer(200, b"\xff"),
        Answer(302, taken(), {"location": "https://elsewhere.example"}),
    )
    known_event: ClassVar[dict[str, Any]] = payload("status.delivered")
    unknown_event: ClassVar[tuple[dict[str, Any], str]] = (
        payload("account_alerts"),
        "account_alerts",
    )
    sampled = ("delivered", "messages")
    is_dated = False
    addresses: ClassVar[dict[str, str]] = {"sender": NUMBER, "to": THEIRS}

    def build(self, url: str) -> WhatsApp:
        return whatsapp(api_url=url)

    def transport(self, provider: WhatsApp) -> Client:
        return provider.http

    def signed(
        self,
        body: bytes,
        *,
        age: float = 0,  # noqa: ARG002 - no time is signed
        event_id: str = "event-1",
        secret: str = "",
    ) -> WebhookRequest:
        # Another delivery of Meta's is another body.
        body += b" " * len(event_id.removeprefix("event-1"))
        headers = signing.meta(body, secret or SECRET)
        return WebhookRequest(method="POST", url="", headers=headers, body=body)

    def unsigned(self, body: bytes) -> WebhookRequest:
        return WebhookRequest(method="POST", url="", headers={}, body=body)


# --- one message --------------------------------------------------------------------------------


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        mock.post(URL, json=taken(message_status="accepted"))
        yield mock


def posted(api: responses.RequestsMock) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(api.calls[0].request.body or b"")
    return found


def test_a_text_is_posted_with_our_ids(api: responses.RequestsMock) -> None:
    whatsapp().send([note()], key="k")
    assert api.calls[0].request.headers["Authorization"] == "Bearer token-1"
    assert posted(api) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "447700900123",
        "type": "text",
        "text": {"body": "See you soon.", "preview_url": False},
        "biz_opaque_callback_data": ECHO,
    }


def test_what_it_answers_is_kept(api: responses.RequestsMock) -> None:
    (result,) = whatsapp().send([note()], key="k").results
    assert isinstance(result, Accepted)
    assert result.response["messages"] == [{"id": "wamid.1", "message_status": "accepted"}]
    assert len(api.calls) == 1


@pytest.mark.parametrize("said", ["held_for_quality_assessment", "paused"])
def test_a_template_that_is_held_back_was_taken(said: str) -> None:
    with responses.RequestsMock() as mock:
        mock.post(URL, json=taken(message_status=said))
        (result,) = whatsapp().send([note()], key="k").results
    assert isinstance(result, Accepted)


def test_an_organization_writes_from_its_own_number() -> None:
    with responses.RequestsMock() as mock:
        mock.post(URL.replace(NUMBER, "999"), json=taken())
        whatsapp().send([note(sender="999")], key="k")


def test_a_template_goes_with_its_values(api: responses.RequestsMock) -> None:
    template = TemplateRef(name="wedding_update", language="en_US", values=texts("Amelia", "3 May"))
    whatsapp().send([note(template=template)], key="k")
    assert posted(api)["type"] == "template"
    values = [{"type": "text", "text": "Amelia"}, {"type": "text", "text": "3 May"}]
    assert posted(api)["template"] == {
        "name": "wedding_update",
        "language": {"code": "en_US", "policy": "deterministic"},
        "components": [{"type": "body", "parameters": values}],
    }
    assert "text" not in posted(api)


def test_a_template_without_places_has_no_components(api: responses.RequestsMock) -> None:
    whatsapp().send([note(template=TemplateRef(name="hello", language="en"))], key="k")
    assert posted(api)["template"]["components"] == []


@pytest.mark.parametrize(
    ("media", "kind", "more"),
    [
        (Media(url="https://cdn.example/a.jpg"), "image", {}),
        (Media(url="https://cdn.example/a.PNG?w=1"), "image", {}),
        (Media(url="https://cdn.example/a", content_type="image/jpeg"), "image", {}),
        (Media(url="https://cdn.example/a.mp4"), "video", {}),
        (Media(url="https://cdn.example/A.3GP"), "video", {}),
        (Media(url="https://cdn.example/my%20plan.pdf"), "document", {"filename": "my plan.pdf"}),
        # These cannot have a text beside them, so they travel as documents, which can.
        (Media(url="https://cdn.example/a.mp3"), "document", {"filename": "a.mp3"}),
        (Media(url="https://cdn.example/a.gif"), "document", {"filename": "a.gif"}),
        (Media(url="https://cdn.example/"), "document", {}),
    ],
)
def test_media_go_as_what_they_are_and_never_lose_the_text(
    api: responses.RequestsMock,
    media: Media,
    kind: str,
    more: dict[str, str],
) -> None:
    whatsapp().send([note(media=(media,))], key="k")
    assert posted(api)["type"] == kind
    assert posted(api)[kind] == {"link": media.url, "caption": "See you soon.", **more}


def test_several_media_are_refused_and_none_is_dropped() -> None:
    media = (Media(url="https://cdn.example/a.jpg"), Media(url="https://cdn.example/b.jpg"))
    with responses.RequestsMock(), pytest.raises(ContentRejected, match="one picture"):
        whatsapp().send([note(media=media)], key="k")


# --- errors -------------------------------------------------------------------------------------

# https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
TABLE: dict[type[ProviderError], tuple[int, ...]] = {
    CredentialsRejected: (0, 190, 102, 104, 3, 10, 200, 250, 299, 131005),
    ConfigurationRejected: (368, 131031, 131042, 131063),
    SenderRejected: (33, 131037, 131045, 133010),
    SenderBusy: (131048, 131064),
    # The country, not the account.
    RouteRejected: (130497,),
    TransientError: (2, 131016, 133004, 131057),
    ServerFailed: (1, 131000, 135000),
    RateLimited: (4, 80007, 130429, 131056, 613, 133016),
    InvalidRecipient: (131026, 131021, 131030, 131062),
    OptedOutOfMarketing: (131050,),
    PermanentError: (130472, 131049),
    ContentRejected: (
        *(131047, 100, 131008, 131009, 131051, 131052, 131053, 132000, 132001, 132005, 132007),
        *(132008, 132012, 137000, 132068, 132069),
    ),
    TemplateRejected: (132015, 132016),
}
CODES = [(code, kind) for kind, codes in TABLE.items() for code in codes]


def refusal(status: int, body: Any) -> ProviderError:
    with responses.RequestsMock() as mock:
        if isinstance(body, bytes):
            mock.post(URL, body=body, status=status)
        else:
            mock.post(URL, json=body, status=status)
        with pytest.raises(ProviderError) as caught:
            whatsapp().send([note()], key="k")
    return caught.value


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_the_code_decides_whatever_the_http_status(code: int, kind: type) -> None:
    for status in (400, 403, 429, 500):
        found = refusal(status, error(code, error_data={"details": "Because."}))
        assert type(found) is kind
        assert found.code == str(code)
        assert str(found) == "Because."
        assert found.response == {"status": status, "code": str(code), "message": "Because."}
        assert "token-1" not in repr(found.response)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, error(139999), ContentRejected),
        (404, error(139999), ContentRejected),
        (401, error(139999), CredentialsRejected),
        (429, error(139999), RateLimited),
        (500, error(139999), ServerFailed),
        (400, error(139999, is_transient=True), ServerFailed),
        (400, error(100, is_transient=True), ContentRejected),
        # A number that is not ours, or not any more.
        (400, error(100, error_subcode=33), SenderRejected),
        (400, error(100, error_subcode=2388), ContentRejected),
        (400, {"error": {"message": "No code."}}, ContentRejected),
        (400, {"error": {"code": "190x"}}, ContentRejected),
        (400, {"error": {"code": "190"}}, CredentialsRejected),
        (400, {"error": {"code": [190], "error_data": "?"}}, ContentRejected),
        (200, {"error": {"code": 131026}}, InvalidRecipient),
        (429, b"<html>", RateLimited),
        (401, b"", CredentialsRejected),
        (404, b"<html>", OutcomeUnknown),
        (400, [], OutcomeUnknown),
        (400, {"error": "No."}, OutcomeUnknown),
        (502, b"<html>", ServerFailed),
    ],
)
def test_what_is_not_in_the_table_falls_to_the_class_of_its_status(
    status: int,
    body: Any,
    kind: type,
) -> None:
    found = refusal(status, body)
    assert type(found) is kind
    assert found.code


@pytest.mark.parametrize(
    ("code", "seconds", "for_recipient"),
    [
        (130429, 2, False),
        (131056, 6, True),
        (80007, 300, False),
        (4, 300, False),
        (613, 2, False),
    ],
)
def test_it_is_left_alone_as_long_as_it_wants(
    code: int,
    seconds: float,
    for_recipient: bool,  # noqa: FBT001 - a column of the table
) -> None:
    found = refusal(400, error(code))
    assert isinstance(found, RateLimited)
    assert found.retry_after == timedelta(seconds=seconds)
    assert found.for_recipient is for_recipient


@pytest.mark.parametrize("code", [131048, 131064])
def test_what_people_report_is_its_senders_own_for_an_hour(code: int) -> None:
    found = refusal(400, error(code))
    assert isinstance(found, SenderBusy)
    assert found.retry_after == timedelta(hours=1)


OWN = "205640352242922"


@pytest.mark.parametrize("code", [10, 200, 299, 368, 131005, 131031, 131042])
def test_an_account_that_is_locked_is_the_numbers_own_where_the_number_is(code: int) -> None:
    with responses.RequestsMock() as mock:
        mock.post(URL.replace(NUMBER, OWN), json=error(code), status=403)
        with pytest.raises(SenderRejected) as caught:
            whatsapp().send([note(sender=OWN)], key="k")
    assert caught.value.code == str(code)
    assert whatsapp().narrowed(ConfigurationRejected, str(code), OWN) is SenderRejected
    assert whatsapp().narrowed(ConfigurationRejected, str(code), "") is ConfigurationRejected
    assert whatsapp().narrowed(CredentialsRejected, "190", OWN) is CredentialsRejected


def test_who_refuses_advertising_refuses_as_far_as_the_ledger_is_concerned() -> None:
    assert isinstance(refusal(400, error(131050)), OptedOut)


# --- asking -------------------------------------------------------------------------------------

HISTORY = URL.replace("/messages", "/message_history")
TEMPLATES = f"https://graph.facebook.com/v23.0/{ACCOUNT}/message_templates"


def history(*statuses: str, **more: Any) -> dict[str, Any]:
    events = [{"delivery_status": status, "timestamp": 1795166142, **more} for status in statuses]
    return {"data": [{"id": "1", "message_id": "wamid.1", "events": {"data": events}}]}


def asked(body: Any, status: int = 200) -> Any:
    with responses.RequestsMock() as mock:
        mock.get(HISTORY, json=body, status=status)
        found = whatsapp().fetch_status("wamid.1")
        assert "message_id=wamid.1" in str(mock.calls[0].request.url)
    return found


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (("SENT",), Status.SENT),
        (("SENT", "DELIVERED"), Status.DELIVERED),
        (("READ", "DELIVERED", "SENT"), Status.READ),
        (("SENT", "FAILED"), Status.FAILED),
        (("FAILED", "DELIVERED"), Status.DELIVERED),
        (("DELETED", "SENT"), Status.SENT),
    ],
)
def test_its_history_tells_how_far_it_came(statuses: tuple[str, ...], status: Status) -> None:
    event = asked(history(*statuses))
    assert (event.status, event.provider_id) == (status, "wamid.1")
    assert event.occurred_at.year == 2026


def test_a_failure_in_its_history_says_why() -> None:
    assert asked(history("FAILED", error_description="Undeliverable")).detail == "Undeliverable"


def test_a_history_without_news_is_none() -> None:
    empty: list[Any] = [{}, {"data": None}, {"data": [{"events": []}]}]
    for body in (history(), history("DELETED"), *empty):
        assert asked(body) is None
    with pytest.raises(ContentRejected):
        asked(error(100), 422)


def test_a_lost_answer_cannot_be_asked_about() -> None:
    with pytest.raises(LookupError):
        whatsapp().find_by_content(note(), datetime.now(UTC))
    with pytest.raises(LookupError):
        whatsapp().fetch_received("wamid.1")


def listed(name: str, **more: Any) -> dict[str, Any]:
    body = {"type": "BODY", "text": f"{name} {{{{1}}}}"}
    usual = {"name": name, "language": "en_US", "status": "APPROVED", "category": "UTILITY"}
    return {**usual, "components": [{"type": "HEADER"}, body], **more}


def test_the_catalogue_is_read_page_by_page() -> None:
    with responses.RequestsMock() as mock:
        first = {"data": [listed("a", quality_score={"score": "GREEN"})]}
        mock.get(
            TEMPLATES, json={**first, "paging": {"cursors": {"after": "x"}, "next": "http://"}}
        )
        mock.get(TEMPLATES, json={"data": [listed("b")], "paging": {"cursors": {"after": "y"}}})
        approved, other = whatsapp().fetch_templates()
        assert "after=x" in str(mock.calls[1].request.url)
    assert (approved.name, approved.language, approved.body) == ("a", "en_US", "a {{1}}")
    assert (approved.category, approved.approval, approved.quality) == (
        "UTILITY",
        "APPROVED",
        "GREEN",
    )
    assert (other.name, other.quality) == ("b", "")


def test_a_catalogue_with_holes_is_read_as_far_as_it_goes() -> None:
    odd = {"data": [listed("a", components=None, quality_score="?"), None], "paging": None}
    with responses.RequestsMock() as mock:
        mock.get(TEMPLATES, json=odd)
        (only,) = whatsapp().fetch_templates()
    assert (only.body, only.quality) == ("", "")


def test_without_an_account_there_is_no_catalogue() -> None:
    with responses.RequestsMock():
        assert not list(whatsapp(business_account_id="").fetch_templates())


@given(status=st.sampled_from([200, 302, 401, 404, 429, 500]), body=JSON)
@hypothesis_settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.differing_executors],
)
def test_whatever_it_answers_only_our_errors_come_out(status: int, body: Any) -> None:
    inside = {
        "error": body,
        "data": [{"events": {"data": [body, {"delivery_status": body}]}, "components": body}],
        "paging": {"next": "", "cursors": body},
        "messages": [{"id": body}],
    }
    with answering(Answer(status, {"error": {"code": body}}), Answer(status, inside)) as server:
        provider = whatsapp(api_url=server.url)
        for ask in (
            lambda: provider.send([note()], key="k"),
            lambda: provider.send([note()], key="k"),
            lambda: provider.fetch_status("wamid.1"),
            lambda: list(provider.fetch_templates()),
        ):
            try:
                ask()
            except ProviderError as found:
                assert found.code  # noqa: PT017 - any of ours will do
