"""Facts about Resend: what goes over the wire, and what its answers mean."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from communications.providers.base import Accepted
from communications.providers.resend import Resend
from communications.providers.resend.transport import CLIENT
from communications.vocabulary.events import (
    File,
)
from communications.vocabulary.statuses import Status
from tests.communications.providers.answering import Answer, answering
from tests.communications.providers.contract import ProviderContract, outbound
from tests.communications.providers.signing import svix
from tests.environment import SECRET
from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    ContentRejected,
    CredentialsRejected,
    InvalidRecipient,
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    SenderRejected,
    ServerFailed,
)
from wedsync_comms.lib.http import Client
from wedsync_comms.lib.web.webhook_request import WebhookRequest

URL = "https://api.resend.com"
OTHER_SECRET = "whsec_c29tZWJvZHktZWxzZS1zLXNlY3JldC0xMjM0NQ=="


def resend(api_url: str = URL, **options: Any) -> Resend:
    usual = {"api_key": "re_1", "sender": "Ever After <hello@everafter.example>"}
    return Resend(**{**usual, "webhook_secrets": [SECRET], "api_url": api_url, **options})


class TestTheContract(ProviderContract):
    accepted = Answer(200, {"id": "e1"})
    accepted_id = "e1"
    refused = Answer(422, {"statusCode": 422, "name": "validation_error", "message": "Too long."})
    rate_limited = Answer(
        429,
        {"statusCode": 429, "name": "rate_limit_exceeded", "message": "Too many requests."},
        {"retry-after": "7"},
    )
    rate_limited_seconds = 7
    without_id = (
        Answer(200, {}),
        Answer(200, {"id": ""}),
        Answer(200, {"id": 7}),
        Answer(200, {"id": None}),
        Answer(200, []),
        Answer(200, None),
        Answer(200, "e1"),
        Answer(200, b""),
        Answer(200, b'{"id": "e'),
        Answer(200, b"OK", {"content-type": "text/plain"}),
        Answer(204, b""),
        Answer(302, {"id": "e1"}, {"location": "https://elsewhere.example"}),
    )
    known_event: ClassVar[dict[str, Any]] = {
        "type": "email.delivered",
        "created_at": "2026-11-20T09:15:42.678Z",
        "data": {"email_id": "e1", "tags": {"message": "m", "call": "c"}},
    }
    unknown_event: ClassVar[tuple[dict[str, Any], str]] = (
        {**known_event, "type": "something.of.tomorrow"},
        "something.of.tomorrow",
    )
    sampled = ("email.delivered", "email.delivered")

    def transport(self, provider: Resend) -> Client:  # noqa: ARG002 - one for all accounts
        return CLIENT.client

    def build(self, url: str) -> Resend:
        return resend(url)

    def signed(
        self,
        body: bytes,
        *,
        age: float = 0,
        event_id: str = "event-1",
        secret: str = "",
    ) -> WebhookRequest:
        key = OTHER_SECRET if secret else SECRET
        headers = svix(body, age=age, event_id=event_id, secret=key)
        return WebhookRequest(method="POST", url="", headers=headers, body=body)

    def unsigned(self, body: bytes) -> WebhookRequest:
        return WebhookRequest(method="POST", url="", headers={}, body=body)


# --- one mail -----------------------------------------------------------------------------------


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def test_one_mail_is_posted_with_key_and_tags(api: responses.RequestsMock) -> None:
    api.post(f"{URL}/emails", json={"id": "e1"})
    resend().send([outbound()], key="call-7")
    request = api.calls[0].request
    assert request.headers["Authorization"] == "Bearer re_1"
    assert request.headers["Idempotency-Key"] == "call-7"
    assert json.loads(request.body or "") == {
        "from": "Ever After <hello@everafter.example>",
        "to": ["guest-1@example.com"],
        "subject": "Your day",
        "text": "See you soon.",
        "tags": [
            {"name": "message", "value": "0193465e-5f0a-7c3e-9d52-000000000001"},
            {"name": "call", "value": "0193465e-0000-7c3e-9d52-000000000000"},
        ],
    }


def test_everything_a_mail_can_have_goes_along(api: responses.RequestsMock) -> None:
    api.post(f"{URL}/emails", json={"id": "e1"})
    file = File(filename="plan.pdf", content_type="application/pdf", content=b"\x00\xff%PDF")
    logo = File(filename="a.png", content_type="image/png", content=b"P", content_id="logo")
    mail = outbound(
        html="<p>Soon</p>",
        reply_to="amelia@example.com",
        headers={"X-Entity-Ref-ID": "7"},
        attachments=(file, logo),
    )
    resend().send([mail], key="k")
    body = json.loads(api.calls[0].request.body or "")
    assert body["html"] == "<p>Soon</p>"
    assert body["reply_to"] == "amelia@example.com"
    assert body["headers"] == {"X-Entity-Ref-ID": "7"}
    assert body["attachments"] == [
        {
            "filename": "plan.pdf",
            "content_type": "application/pdf",
            "content": base64.b64encode(b"\x00\xff%PDF").decode(),
        },
        {"filename": "a.png", "content_type": "image/png", "content": "UA==", "content_id": "logo"},
    ]


def test_a_repeated_call_has_the_same_bytes(api: responses.RequestsMock) -> None:
    api.post(f"{URL}/emails", json={"id": "e1"})
    for _ in range(2):
        resend().send([outbound(headers={"X-B": "2", "X-A": "1"})], key="k")
    first, second = (call.request for call in api.calls)
    assert first.body == second.body
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


def test_the_rate_is_learned_from_every_answer(api: responses.RequestsMock) -> None:
    for said, learned in (("5", 5.0), ("0", None), ("many", None), ("inf", None), ("-1", None)):
        api.post(f"{URL}/emails", json={"id": "e1"}, headers={"RateLimit-Limit": said})
        assert resend().send([outbound()], key="k").per_second == learned, said
    api.post(f"{URL}/emails", json={"id": "e1"})
    assert resend().send([outbound()], key="k").per_second is None


def test_no_redirect_is_followed(api: responses.RequestsMock) -> None:
    api.post(f"{URL}/emails", status=307, headers={"location": f"{URL}/elsewhere"})
    with pytest.raises(OutcomeUnknown):
        resend().send([outbound()], key="k")
    assert len(api.calls) == 1


# --- batches ------------------------------------------------------------------------------------


def test_a_batch_is_permissive_and_has_one_key(api: responses.RequestsMock) -> None:
    api.post(f"{URL}/emails/batch", json={"data": [{"id": "a"}, {"id": "b"}]})
    resend().send([outbound(1), outbound(2)], key="call-8")
    request = api.calls[0].request
    assert request.headers["Idempotency-Key"] == "call-8"
    assert request.headers["x-batch-validation"] == "permissive"
    assert [mail["to"] for mail in json.loads(request.body or "")] == [
        ["guest-1@example.com"],
        ["guest-2@example.com"],
    ]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ([], ["a", "b", "c", "d", "e"]),
        ([0], ["-", "a", "b", "c", "d"]),
        ([4], ["a", "b", "c", "d", "-"]),
        ([1, 3], ["a", "-", "b", "-", "c"]),
        ([0, 1, 4], ["-", "-", "a", "b", "-"]),
        ([0, 1, 2, 3, 4], ["-", "-", "-", "-", "-"]),
    ],
)
def test_ids_of_a_batch_belong_to_the_valid_mails_in_order(
    api: responses.RequestsMock,
    wrong: list[int],
    expected: list[str],
) -> None:
    errors = [{"index": index, "message": "The `to` field is invalid."} for index in wrong]
    data = [{"id": item_id} for item_id in "abcde"[: 5 - len(wrong)]]
    api.post(f"{URL}/emails/batch", json={"data": data, "errors": errors})
    results = resend().send([outbound(number) for number in range(5)], key="k").results
    found = [result.provider_id if isinstance(result, Accepted) else "-" for result in results]
    assert found == expected
    assert all(isinstance(results[index], InvalidRecipient) for index in wrong)


def test_a_mail_refused_in_a_batch_says_why(api: responses.RequestsMock) -> None:
    errors = [{"index": 1, "message": "Invalid `html` field."}]
    api.post(f"{URL}/emails/batch", json={"data": [{"id": "a"}], "errors": errors})
    _, refused = resend().send([outbound(1), outbound(2)], key="k").results
    assert isinstance(refused, ContentRejected)
    assert str(refused) == "Invalid `html` field."


@pytest.mark.parametrize(
    "body",
    [
        {"data": [{"id": "a"}]},
        {"data": [{"id": "a"}, {}]},
        {"data": [{"id": "a"}, "b"]},
        {"data": [{"id": "a"}, None]},
    ],
)
def test_a_mail_of_a_batch_without_an_id_may_have_left(
    api: responses.RequestsMock,
    body: dict[str, Any],
) -> None:
    api.post(f"{URL}/emails/batch", json=body)
    first, second = resend().send([outbound(1), outbound(2)], key="k").results
    assert isinstance(first, Accepted)
    assert isinstance(second, OutcomeUnknown)


@pytest.mark.parametrize(
    "body",
    [[], {}, {"data": None}, {"data": {"id": "a"}}, {"data": "ab"}, {"data": [[], []]}],
)
def test_an_unreadable_batch_answer_leaves_all_unknown(
    api: responses.RequestsMock,
    body: Any,
) -> None:
    api.post(f"{URL}/emails/batch", json=body)
    try:
        results = resend().send([outbound(1), outbound(2)], key="k").results
    except OutcomeUnknown:
        return
    assert [type(result) for result in results] == [OutcomeUnknown] * 2


@pytest.mark.parametrize(
    "errors",
    [["?"], [{"index": "0"}], [{"message": "x"}], [{"index": 0}], "broken", {"index": 0}, [None]],
)
def test_unreadable_errors_of_a_batch_pass_nothing_off_as_sent(
    api: responses.RequestsMock,
    errors: Any,
) -> None:
    """Which mail an id belongs to is only known if it is known which mails were refused."""
    api.post(f"{URL}/emails/batch", json={"data": [{"id": "a"}], "errors": errors})
    try:
        results = resend().send([outbound(1), outbound(2)], key="k").results
    except OutcomeUnknown:
        return
    assert not any(isinstance(result, Accepted) for result in results[:1])


# --- errors -------------------------------------------------------------------------------------

TABLE: list[tuple[int, str, str, type[ProviderError]]] = [
    (400, "invalid_idempotency_key", "Bad length.", PermanentError),
    (400, "validation_error", "Something is wrong.", ContentRejected),
    (422, "validation_error", "Something is wrong.", ContentRejected),
    (422, "validation_error", "Invalid `to` field.", InvalidRecipient),
    (422, "missing_required_field", "Missing `subject` field.", ContentRejected),
    (422, "invalid_parameter", "Bad `tags`.", ContentRejected),
    (422, "invalid_parameter", "Bad `to`.", InvalidRecipient),
    (422, "invalid_attachment", "No content.", ContentRejected),
    (422, "invalid_from_address", "Invalid `from` field.", SenderRejected),
    (422, "validation_error", "Invalid `from` field.", SenderRejected),
    (422, "invalid_access", "Must be full access.", ConfigurationRejected),
    (422, "invalid_region", "No such region.", ConfigurationRejected),
    (401, "missing_api_key", "Missing.", CredentialsRejected),
    (401, "restricted_api_key", "Only to send.", CredentialsRejected),
    (403, "invalid_api_key", "Invalid.", CredentialsRejected),
    (403, "validation_error", "The domain is not verified.", SenderRejected),
    (403, "validation_error", "Only to your own `to`.", SenderRejected),
    (403, "restricted_api_key", "Not authorized to send emails from a.example", SenderRejected),
    (401, "validation_error", "API key is invalid", CredentialsRejected),
    (400, "validation_error", "API key is invalid", CredentialsRejected),
    (404, "not_found", "No such endpoint.", ConfigurationRejected),
    (405, "method_not_allowed", "No.", ConfigurationRejected),
    (409, "concurrent_idempotent_requests", "Still running.", OutcomeUnknown),
    (409, "invalid_idempotent_request", "Other payload.", OutcomeUnknown),
    (429, "rate_limit_exceeded", "Too many.", RateLimited),
    (429, "daily_quota_exceeded", "Too many.", QuotaExceeded),
    (429, "monthly_quota_exceeded", "Too many.", QuotaExceeded),
    (429, "something_new", "Too many.", RateLimited),
    (451, "security_error", "No.", ContentRejected),
    (500, "application_error", "Oops.", ServerFailed),
    (500, "internal_server_error", "Oops.", ServerFailed),
    (502, "bad_gateway", "Oops.", ServerFailed),
    (503, "service_unavailable", "Oops.", ServerFailed),
    (504, "gateway_timeout", "Oops.", ServerFailed),
    # Names of tomorrow fall to the class of their HTTP status.
    (400, "something_new", "?", ContentRejected),
    (401, "something_new", "?", CredentialsRejected),
    (403, "something_new", "?", CredentialsRejected),
    (418, "something_new", "?", ContentRejected),
    (503, "validation_error", "?", ServerFailed),
]


@pytest.mark.parametrize(("status", "name", "message", "error_class"), TABLE)
def test_an_error_is_named_for_its_remedy(
    api: responses.RequestsMock,
    status: int,
    name: str,
    message: str,
    error_class: type[ProviderError],
) -> None:
    body = {"statusCode": status, "name": name, "message": message}
    for path, count in (("/emails", 1), ("/emails/batch", 2)):
        api.post(f"{URL}{path}", json=body, status=status)
        with pytest.raises(ProviderError) as caught:
            resend().send([outbound(number) for number in range(count)], key="k")
        assert type(caught.value) is error_class
        assert caught.value.code == name
        assert caught.value.response["status"] == status
        assert "re_1" not in repr(caught.value.response)


@pytest.mark.parametrize(
    ("name", "header", "seconds"),
    [
        ("rate_limit_exceeded", "7", 7),
        ("rate_limit_exceeded", "0.5", 0.5),
        ("rate_limit_exceeded", "0", 0.1),
        ("rate_limit_exceeded", "-5", 0.1),
        ("rate_limit_exceeded", "soon", 1),
        ("rate_limit_exceeded", "Fri, 20 Nov 2026 09:15:42 GMT", 1),
        ("rate_limit_exceeded", "inf", 1),
        ("rate_limit_exceeded", "nan", 1),
        ("rate_limit_exceeded", "1e300", 1),
        ("rate_limit_exceeded", None, 1),
        ("daily_quota_exceeded", "7200", 7200),
        ("daily_quota_exceeded", None, 3600),
        ("monthly_quota_exceeded", "soon", 6 * 3600),
    ],
)
def test_a_429_says_how_long_to_wait(
    api: responses.RequestsMock,
    name: str,
    header: str | None,
    seconds: float,
) -> None:
    headers = {} if header is None else {"Retry-After": header}
    body = {"statusCode": 429, "name": name, "message": "Too many."}
    api.post(f"{URL}/emails", json=body, status=429, headers=headers)
    with pytest.raises((RateLimited, QuotaExceeded)) as caught:
        resend().send([outbound()], key="k")
    error: Any = caught.value
    assert error.retry_after.total_seconds() == seconds


def test_a_proxys_html_error_page_is_asked_again_with_the_same_key(
    api: responses.RequestsMock,
) -> None:
    api.post(f"{URL}/emails", body="<html>No</html>", status=403, content_type="text/html")
    with pytest.raises(ServerFailed):
        resend().send([outbound()], key="k")


@given(status=st.integers(300, 599), name=st.text(max_size=30), message=st.text(max_size=30))
@hypothesis_settings(max_examples=100, deadline=None)
def test_every_error_there_could_be_has_a_class(status: int, name: str, message: str) -> None:
    with responses.RequestsMock() as api:
        api.post(f"{URL}/emails", json={"name": name, "message": message}, status=status)
        with pytest.raises(ProviderError):
            resend().send([outbound()], key="k")


# --- asking -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last_event", "status"),
    [
        ("queued", Status.SENT),
        ("scheduled", Status.SENT),
        ("sent", Status.SENT),
        ("delivery_delayed", Status.SENT),
        ("delivered", Status.DELIVERED),
        ("opened", Status.DELIVERED),
        ("clicked", Status.DELIVERED),
        ("complained", Status.DELIVERED),
        ("bounced", Status.BOUNCED),
        ("failed", Status.FAILED),
        ("suppressed", Status.FAILED),
        ("canceled", Status.FAILED),
        ("something_new", None),
        (None, None),
        ({}, None),
    ],
)
def test_a_message_can_be_asked_about(
    api: responses.RequestsMock,
    last_event: Any,
    status: Status | None,
) -> None:
    api.get(f"{URL}/emails/e1", json={"id": "e1", "last_event": last_event})
    found = resend().fetch_status("e1")
    assert (found.status if found else None) == status
    request = api.calls[0].request
    assert not request.body
    assert "Idempotency-Key" not in request.headers
    assert request.headers["Authorization"] == "Bearer re_1"


def test_a_complaint_found_by_asking_closes_the_address(api: responses.RequestsMock) -> None:
    api.get(f"{URL}/emails/e1", json={"id": "e1", "last_event": "complained"})
    found = resend().fetch_status("e1")
    assert found is not None
    assert found.closes == "complaint"


def test_asking_in_vain_is_a_provider_error(api: responses.RequestsMock) -> None:
    api.get(f"{URL}/emails/e1", json={"statusCode": 404, "name": "not_found"}, status=404)
    with pytest.raises(ProviderError):
        resend().fetch_status("e1")


@pytest.mark.parametrize("body", [None, [], "x", 7])
def test_an_answer_to_a_question_that_says_nothing_is_a_provider_error(
    api: responses.RequestsMock,
    body: Any,
) -> None:
    api.get(f"{URL}/emails/e1", json=body)
    with pytest.raises(ProviderError):
        resend().fetch_status("e1")
    api.get(f"{URL}/emails/receiving/r1", json=body)
    with pytest.raises(ProviderError):
        resend().fetch_received("r1")


def test_the_whole_of_a_received_mail_is_fetched(api: responses.RequestsMock) -> None:
    body = {
        "id": "r1",
        "from": "Amelia <amelia@example.com>",
        "to": ["hello@everafter.example"],
        "subject": "Re: Your day",
        "created_at": "2023-04-03 22:13:42.674981+00",
        "text": "Thank you!",
        "html": None,
        "headers": {"received": ["a", "b"]},
    }
    api.get(f"{URL}/emails/receiving/r1", json=body)
    found = resend().fetch_received("r1")
    assert (found.provider_id, found.sender, found.to) == (
        "r1",
        "amelia@example.com",
        ("hello@everafter.example",),
    )
    assert (found.text, found.html, found.complete) == ("Thank you!", "", True)


# --- several accounts, several threads ----------------------------------------------------------


def test_accounts_in_one_process_never_mix_their_keys() -> None:
    """Two accounts, eight threads: every call arrives at its own server with its own key."""
    with (
        answering(Answer(200, {"id": "a"})) as first,
        answering(Answer(200, {"id": "b"})) as second,
    ):
        accounts = [resend(first.url, api_key="re_one"), resend(second.url, api_key="re_two")]
        barrier = threading.Barrier(8)

        def work(number: int) -> list[str]:
            barrier.wait()
            found = []
            for turn in range(20):
                provider = accounts[(number + turn) % 2]
                (result,) = provider.send([outbound()], key=provider.account[1]).results
                assert isinstance(result, Accepted)
                found.append(f"{provider.account[1]} {result.provider_id}")
            return found

        with ThreadPoolExecutor(8) as pool:
            results = [line for lines in pool.map(work, range(8)) for line in lines]
    assert set(results) == {"re_one a", "re_two b"}
    for server, key in ((first, "re_one"), (second, "re_two")):
        assert len(server.asked) == 80
        assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {key}"}
        assert {asked.headers["idempotency-key"] for asked in server.asked} == {key}
        assert server.connections <= 8


def test_a_key_in_the_environment_is_not_used(
    api: responses.RequestsMock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RESEND_API_KEY", "re_environment")
    api.post(f"{URL}/emails", json={"id": "e1"})
    resend(api_key="re_mine").send([outbound()], key="k")
    assert api.calls[0].request.headers["Authorization"] == "Bearer re_mine"


def test_a_slash_after_the_address_does_not_matter(api: responses.RequestsMock) -> None:
    api.post(f"{URL}/emails", json={"id": "e1"})
    assert resend(f"{URL}/").send([outbound()], key="k").results


def test_without_a_secret_it_takes_no_webhooks() -> None:
    provider = resend(webhook_secrets=[])
    assert not provider.takes_webhooks
    with pytest.raises(LookupError, match="RESEND_WEBHOOK_SECRET"):
        provider.sample("email.delivered")


@pytest.mark.parametrize("rate", [0.5, 2.0, 100.0])
def test_it_starts_a_little_below_the_rate_it_is_given(rate: float) -> None:
    found = resend(rate_per_second=rate).rate
    assert 0.9 * rate <= found.per_second < rate
    assert (found.burst, found.permitted) == (1.0, rate)


# --- asking for what was lost ---------------------------------------------------------------------

SINCE = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def listed(number: int, **fields: Any) -> dict[str, Any]:
    """A mail as Resend's list shows it, made a minute after `SINCE`."""
    usual = {
        "id": f"mail-{number}",
        "to": ["amelia@example.com"],
        "from": "hello@everafter.example",
        "subject": "Your day",
        "created_at": "2026-11-20 09:01:00.000000+00",
    }
    return {**usual, **fields}


def looked_for() -> Any:
    return outbound(
        to="amelia@example.com", subject="Your day", sender="Ever After <hello@everafter.example>"
    )


def found(*looked: Any, turn_page: Callable[[], None] = lambda: None) -> list[list[str]]:
    return resend().find_batch_by_content(looked or [looked_for()], SINCE, turn_page)


def page(*mails: dict[str, Any], has_more: bool = False) -> dict[str, Any]:
    return {"object": "list", "has_more": has_more, "data": list(mails)}


def test_a_lost_mail_is_found_by_who_it_is_to_from_and_about(api: responses.RequestsMock) -> None:
    others = [
        listed(2, to=["other@example.com"]),
        listed(3, subject="Another day"),
        listed(4, **{"from": "else@everafter.example"}),
        listed(5, created_at="2026-11-20 08:59:00.000000+00"),
        {"id": "mail-6"},
    ]
    api.get(f"{URL}/emails", json=page(listed(1), *others))
    assert found() == [["mail-1"]]


def test_its_list_is_read_once_for_all_mails_of_a_call(api: responses.RequestsMock) -> None:
    api.get(f"{URL}/emails", json=page(listed(1), listed(2, subject="Another day")))
    assert found(looked_for(), looked_for()) == [["mail-1"], ["mail-1"]]
    assert len(api.calls) == 1


def test_its_list_is_read_until_it_is_older_than_the_mail(api: responses.RequestsMock) -> None:
    api.get(f"{URL}/emails", json=page(listed(1, subject="No"), has_more=True))
    older = listed(3, created_at="2026-11-19 09:01:00.000000+00")
    api.get(f"{URL}/emails", json=page(listed(2), older, has_more=True))
    slots: list[str] = []
    assert found(turn_page=partial(slots.append, "a page")) == [["mail-2"]]
    assert slots == ["a page"]
    asked = [parse_qs(urlsplit(str(call.request.url)).query) for call in api.calls]
    assert asked == [{"limit": ["100"]}, {"limit": ["100"], "after": ["mail-1"]}]


def test_a_list_without_end_says_nothing(api: responses.RequestsMock) -> None:
    api.get(f"{URL}/emails", json=page(listed(1), has_more=True))
    with pytest.raises(LookupError, match="too many"):
        found()


@pytest.mark.parametrize(
    ("name", "error"),
    [("restricted_api_key", LookupError), ("missing_api_key", CredentialsRejected)],
)
def test_a_key_that_may_only_send_cannot_ask(
    api: responses.RequestsMock, name: str, error: type[Exception]
) -> None:
    body = {"statusCode": 401, "name": name, "message": "No."}
    api.get(f"{URL}/emails", json=body, status=401)
    with pytest.raises(error):
        found()
