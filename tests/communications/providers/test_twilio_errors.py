"""What a refusal of Twilio's calls for: at the call, in a receipt, and where nobody can read it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from communications.vocabulary.events import (
    Reason,
    StatusChanged,
)
from communications.vocabulary.statuses import Status
from tests.communications.providers.answering import Answer, answering
from tests.communications.providers.contract import JSON
from tests.communications.providers.test_twilio import TEMPLATE, sms
from tests.communications.providers.twilio_account import (
    OURS,
    THEIRS,
    URL,
    payload,
    request,
    twilio,
    twilio_whatsapp,
)
from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    ContentRejected,
    CredentialsRejected,
    ExpiredUnsent,
    InvalidRecipient,
    OptedOut,
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    RecipientUnreachable,
    RouteRejected,
    SenderBusy,
    SenderRejected,
    SenderRejectedForRegion,
    ServerFailed,
    TransientError,
)

# https://www.twilio.com/docs/api/errors
AT_THE_CALL: dict[type[ProviderError], tuple[int, ...]] = {
    CredentialsRejected: (20003,),
    ConfigurationRejected: (20005, 20008, 20404, 30002, 90010),
    SenderRejected: (
        *(21212, 21601, 21603, 21606, 21659, 21660, 21661, 21701, 21703, 63007, 63020, 63112),
    ),
    SenderBusy: (21611, 63018),
    QuotaExceeded: (63038,),
    InvalidRecipient: (21211, 21217, 21265, 21614, 21635),
    OptedOut: (21610,),
    # Also a trial account's number that nobody verified: others may still be written to.
    RouteRejected: (21268, 21408, 21608, 21612, 21910),
    ContentRejected: (21602, 21609, 21617, 21619, 21620, 21623, 21655, 21656, 90007),
    RateLimited: (20429, 63017),
    ServerFailed: (20500, 20503),
}
IN_A_RECEIPT: dict[type[ProviderError], tuple[int, ...]] = {
    # It never left.
    TransientError: (30001, 30021, 30500),
    ExpiredUnsent: (30036,),
    RateLimited: (30022,),
    SenderRejected: (63007, 63020),
    SenderRejectedForRegion: (30024, 30032, 30033, 30034, 30035),
    SenderBusy: (63018,),
    ConfigurationRejected: (30002,),
    QuotaExceeded: (63038,),
    # It left, and comes to nothing now, or on this way, or with this text.
    RecipientUnreachable: (30003, 30017),
    RouteRejected: (30004, 30023, 30027, 30040),
    PermanentError: (63032, 63049),
    InvalidRecipient: (30005, 30006, 63003, 63024),
    ContentRejected: (30007, 32017, 63013, 63016),
    # The vendor says that the person refuses.
    OptedOut: (21610, 63014),
    # It may have arrived.
    OutcomeUnknown: (30008, 30410, 63012),
}
STATUSES = {20003: 401, 20404: 404, 20429: 429, 21408: 403, 20500: 500, 20503: 503}


def pairs(table: dict[type[ProviderError], tuple[int, ...]]) -> list[tuple[int, type]]:
    return [(code, kind) for kind, codes in table.items() for code in codes]


def refusal(status: int, body: Any, **headers: str) -> ProviderError:
    with responses.RequestsMock() as mock:
        if isinstance(body, bytes):
            mock.post(URL, body=body, status=status, headers=headers)
        else:
            mock.post(URL, json=body, status=status, headers=headers)
        with pytest.raises(ProviderError) as caught:
            twilio().send([sms()], key="k")
    return caught.value


@pytest.mark.parametrize(("code", "kind"), pairs(AT_THE_CALL))
def test_an_error_at_the_call_is_named_for_its_remedy(code: int, kind: type) -> None:
    status = STATUSES.get(code, 400)
    error = refusal(status, {"code": code, "message": "No.", "status": status})
    assert type(error) is kind
    assert error.code == str(code)
    assert error.response["status"] == status
    assert "token-1" not in repr(error.response)


@pytest.mark.parametrize(("code", "kind"), pairs(IN_A_RECEIPT))
def test_an_error_in_a_receipt_is_named_for_its_remedy(code: int, kind: type) -> None:
    for status in ("failed", "undelivered"):
        fields = {**payload("failed"), "MessageStatus": status, "ErrorCode": str(code)}
        (event,) = twilio().parse(request(fields))
        assert isinstance(event, StatusChanged)
        assert event.status is Status.FAILED
        assert event.remedy is kind
        assert event.closes is (Reason.OPT_OUT if kind is OptedOut else None)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"code": 29999, "message": "?"}, ContentRejected),
        (404, {"code": 29999, "message": "?"}, ContentRejected),
        (401, {"code": 29999, "message": "?"}, CredentialsRejected),
        (429, {"code": 29999, "message": "?"}, RateLimited),
        (400, {"code": 29999, "message": "The 'From' number is not yours."}, SenderRejected),
        (400, {"code": 29999, "message": "Invalid 'From' and 'To'."}, ContentRejected),
        (500, {"code": 29999, "message": "?"}, ServerFailed),
        (503, b"<html>", ServerFailed),
        (429, b"<html>", RateLimited),
        (401, b"", CredentialsRejected),
        (400, [], ContentRejected),
        (400, {"code": "twenty", "message": "?"}, ContentRejected),
        (400, {"code": "²", "message": "?"}, ContentRejected),
        (400, {"code": [21211], "message": "?"}, ContentRejected),
        (400, {"code": None, "message": None}, ContentRejected),
        (400, {"code": "21211", "message": "?"}, InvalidRecipient),
    ],
)
def test_what_is_not_in_the_table_falls_to_the_class_of_its_status(
    status: int,
    body: Any,
    kind: type,
) -> None:
    assert type(refusal(status, body)) is kind


@pytest.mark.parametrize(
    ("detail", "said"),
    [("The number is wrong.", "Bad number: The number is wrong."), (None, "Bad number")],
)
def test_errors_of_newer_services_are_understood_as_well(detail: str | None, said: str) -> None:
    body = {"type": "about:blank", "title": "Bad number", "status": 400, "code": 21211}
    error = refusal(400, body | ({"detail": detail} if detail else {}))
    assert type(error) is InvalidRecipient
    assert str(error) == said
    error = refusal(429, {**body, "status": 429, "code": 20429}, **{"retry-after": "3"})
    assert isinstance(error, RateLimited)
    assert error.retry_after == timedelta(seconds=3)


@pytest.mark.parametrize(
    ("code", "said", "seconds"),
    [
        (20429, "7", 7),
        (20429, "0.5", 0.5),
        (20429, None, 1),
        (20429, "", 1),
        (20429, "Wed, 21 Oct 2026 07:28:00 GMT", 1),
        (20429, "nan", 1),
        (20429, "inf", 1),
        (20429, "-3", 1),
        (20429, "1e300", 3600),
    ],
)
def test_it_is_left_alone_as_long_as_it_wants(code: int, said: str | None, seconds: float) -> None:
    headers = {} if said is None else {"retry-after": said}
    error = refusal(429, {"code": code, "message": "Slower."}, **headers)
    assert isinstance(error, RateLimited)
    assert error.retry_after.total_seconds() == seconds
    assert not error.for_recipient


@pytest.mark.parametrize(("said", "seconds"), [(None, 300), ("20", 20)])
def test_a_full_queue_is_its_senders_own(said: str | None, seconds: float) -> None:
    headers = {} if said is None else {"retry-after": said}
    error = refusal(429, {"code": 21611, "message": "Full."}, **headers)
    assert isinstance(error, SenderBusy)
    assert error.retry_after == timedelta(seconds=seconds)


def test_a_receipt_of_too_much_says_how_long_to_wait() -> None:
    fields = {**payload("failed"), "ErrorCode": "63018"}
    (event,) = twilio().parse(request(fields))
    assert isinstance(event, StatusChanged)
    assert event.retry_after == timedelta(minutes=1)


# --- asking -------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
LISTED = {
    "sid": "SM7",
    "to": THEIRS,
    "from": OURS,
    "body": "See you soon.",
    "date_created": "Fri, 20 Nov 2026 09:15:30 +0000",
    "status": "queued",
}


def found(*messages: Any, **values: Any) -> list[str]:
    with responses.RequestsMock() as mock:
        mock.get(URL, json={"messages": list(messages), "next_page_uri": None})
        sids = twilio().find_by_content(sms(**values), NOW)
        assert f"To=%2B{THEIRS[1:]}" in str(mock.calls[0].request.url)
    return sids


def test_a_lost_message_is_found_by_people_text_and_time() -> None:
    assert found({**LISTED, "sid": "SM8", "body": "Another"}, LISTED) == ["SM7"]
    assert found({**LISTED, "body": "See you soon. "}, {**LISTED, "sid": "SM6"}) == ["SM7", "SM6"]


@pytest.mark.parametrize(
    "differs",
    [
        {"body": "Another"},
        {"body": None},
        {"from": "+15550100999"},
        {"date_created": "Fri, 20 Nov 2026 09:14:59 +0000"},
        {"date_created": None},
        {"date_created": "yesterday"},
    ],
)
def test_another_message_is_not_taken_for_it(differs: dict[str, Any]) -> None:
    assert found({**LISTED, **differs}) == []
    assert found() == []


def test_whatever_number_a_service_picked_it_is_found() -> None:
    with responses.RequestsMock() as mock:
        mock.get(URL, json={"messages": [{**LISTED, "from": None}], "next_page_uri": None})
        provider = twilio(messaging_service_sid="MG" + "0d" * 16)
        assert provider.find_by_content(sms(), NOW) == ["SM7"]


def test_a_template_cannot_be_found_by_its_text() -> None:
    with pytest.raises(LookupError):
        twilio_whatsapp().find_by_content(sms(template=TEMPLATE), NOW)
    with responses.RequestsMock() as mock:
        listed = {**LISTED, "to": f"whatsapp:{THEIRS}", "from": f"whatsapp:{OURS}"}
        mock.get(URL, json={"messages": [listed], "next_page_uri": None})
        assert twilio_whatsapp().find_by_content(sms(), NOW) == ["SM7"]


def test_a_list_that_cannot_be_had_is_an_error_and_no_absence() -> None:
    for answer in ({"json": {"code": 20500}, "status": 500}, {"body": "{", "status": 200}):
        with responses.RequestsMock() as mock:
            mock.get(URL, **answer)
            with pytest.raises(OutcomeUnknown):
                twilio().find_by_content(sms(), NOW)


def fetched(body: Any, status: int = 200) -> StatusChanged | None:
    with responses.RequestsMock() as mock:
        mock.get(URL.replace(".json", "/SM7.json"), json=body, status=status)
        return twilio().fetch_status("SM7")


def test_its_status_can_be_asked_for() -> None:
    event = fetched({"sid": "SM7", "status": "delivered", "error_code": None})
    assert event is not None
    assert (event.status, event.provider_id) == (Status.DELIVERED, "SM7")
    failed = fetched({"sid": "SM7", "status": "undelivered", "error_code": 30005})
    assert failed is not None
    assert failed.remedy is InvalidRecipient
    assert failed.detail.startswith("The number does not exist")
    assert fetched({"sid": "SM7", "status": "teleported"}) is None
    assert fetched({"sid": "SM7"}) is None


def test_one_it_does_not_know_is_an_error() -> None:
    with pytest.raises(ConfigurationRejected):
        fetched({"code": 20404, "message": "Not found"}, 404)


def test_received_messages_came_whole() -> None:
    with pytest.raises(LookupError):
        twilio().fetch_received("SM7")


@given(status=st.sampled_from([200, 302, 404, 429, 500]), body=JSON)
@hypothesis_settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.differing_executors],
)
def test_whatever_it_answers_when_asked_only_our_errors_come_out(status: int, body: Any) -> None:
    wrapped = {"messages": [body], "status": body, "date_created": body, "code": body}
    with answering(Answer(status, body), Answer(status, wrapped)) as server:
        provider = twilio(api_url=server.url)
        for ask in (
            lambda: provider.fetch_status("SM7"),
            lambda: provider.fetch_status("SM7"),
            lambda: provider.find_by_content(sms(), NOW),
        ):
            try:
                ask()
            except ProviderError as error:
                assert str(error)  # noqa: PT017 - any of ours will do
