"""What a webhook over HTTP is answered, whoever posts it."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection
from typing import Any

import pytest
import requests
from django.db import OperationalError, connection, connections
from django.test import Client
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase
from pytest_django import Settings

from communications.models import WebhookDelivery
from tests.communications.edges import posting
from tests.communications.edges.posting import URL, deliver, post
from tests.communications.edges.servers import Live, web
from tests.communications.providers.signing import signature, svix
from tests.communications.providers.test_resend import OTHER_SECRET
from tests.environment import SECRET
from wedsync_comms.lib import tally

BODY = posting.event("domain.updated", name="everafter.example")
LIMIT = 3 * 1024 * 1024


def stored() -> int:
    return WebhookDelivery.objects.count()


def without(name: str) -> dict[str, str]:
    headers = svix(BODY)
    del headers[name]
    return headers


@pytest.mark.django_db
def test_a_genuine_webhook_is_stored_as_it_came() -> None:
    answer = post(BODY, {**svix(BODY), "Cookie": "a=b", "Authorization": "Bearer x", "X-Odd": "é"})
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == {"status": "stored"}
    delivery = WebhookDelivery.objects.get()
    assert bytes(delivery.body) == BODY
    assert delivery.url == f"http://testserver{URL}"
    assert delivery.event_id == "msg_1"
    assert delivery.headers["svix-id"] == "msg_1"
    assert not {"cookie", "authorization"} & set(delivery.headers)


@pytest.mark.django_db
def test_a_duplicate_gets_the_same_2xx_and_changes_nothing() -> None:
    first, again = post(BODY, svix(BODY)), post(BODY, svix(BODY, age=30))
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert stored() == 1


@pytest.mark.django_db
def test_an_unknown_event_type_is_stored_and_taken() -> None:
    assert deliver("email.dreamt_of", email_id="e1").status_code == 200
    assert stored() == 1


@pytest.mark.django_db
def test_both_secrets_work_while_one_replaces_the_other(settings: Settings) -> None:
    settings.PROVIDERS = {
        "resend": {
            **settings.PROVIDERS["resend"],
            "OPTIONS": {
                **settings.PROVIDERS["resend"]["OPTIONS"],
                "webhook_secrets": [OTHER_SECRET, SECRET],
            },
        },
    }
    for number, secret in enumerate((SECRET, OTHER_SECRET)):
        headers = svix(BODY, event_id=f"msg_{number}", secret=secret)
        assert post(BODY, headers).status_code == 200


@pytest.mark.django_db
def test_unbranded_headers_are_taken_too() -> None:
    assert post(BODY, svix(BODY, brand="webhook")).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        (without("svix-signature"), 403),
        (svix(BODY, secret=OTHER_SECRET), 403),
        (svix(BODY, age=301), 403),
        (svix(BODY, age=-3600), 403),
        (svix(BODY + b" "), 403),
        ({**svix(BODY), "svix-signature": svix(BODY)["svix-signature"].replace("v1,", "v2,")}, 403),
        ({**svix(BODY), "svix-signature": "nonsense"}, 403),
        (without("svix-id"), 400),
        (without("svix-timestamp"), 400),
        ({**svix(BODY), "svix-timestamp": "yesterday"}, 400),
        ({**svix(BODY), "svix-timestamp": "9" * 40}, 400),
    ],
)
def test_whatever_is_not_genuine_is_refused_with_a_reason(
    headers: dict[str, str],
    status: int,
) -> None:
    answer = post(BODY, headers)
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert stored() == 0


@pytest.mark.django_db
def test_json_that_was_written_anew_does_not_pass() -> None:
    body = b'{ "type": "email.sent",  "data": {} }'
    assert post(b'{"type":"email.sent","data":{}}', svix(body)).status_code == 403
    assert post(body, svix(body)).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD"])
def test_only_posts_are_taken(client: Client, method: str) -> None:
    answer = client.generic(method, URL, BODY, headers=svix(BODY))
    assert answer.status_code == 405
    assert stored() == 0


@pytest.mark.django_db
def test_the_path_has_no_trailing_slash(client: Client) -> None:
    assert client.post(f"{URL}/").status_code == 404


@pytest.mark.django_db
def test_three_megabytes_are_taken_and_no_byte_more() -> None:
    largest = b" " * (LIMIT - len(BODY)) + BODY
    assert post(largest, svix(largest)).status_code == 200
    too_large = largest + b" "
    assert post(too_large, svix(too_large, event_id="msg_2")).status_code == 413
    assert stored() == 1


@pytest.mark.django_db
def test_what_is_announced_too_large_is_not_read(client: Client) -> None:
    answer = client.generic("POST", URL, b"", headers={"Content-Length": str(LIMIT + 1)})
    assert answer.status_code == 413


@pytest.mark.django_db
@pytest.mark.parametrize("length", ["many", "1e3", "0x10", "-1", ""])
def test_an_odd_content_length_is_refused(client: Client, length: str) -> None:
    answer = client.generic("POST", URL, BODY, headers={**svix(BODY), "Content-Length": length})
    assert answer.status_code in {400, 403}
    assert stored() == 0


@pytest.mark.django_db
def test_a_provider_that_is_not_configured_has_no_endpoint(settings: Settings) -> None:
    settings.PROVIDERS = {}
    assert post(BODY, svix(BODY)).status_code == 404


@pytest.mark.django_db
def test_a_database_that_is_away_is_a_5xx_so_that_it_is_delivered_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = Client(raise_request_exception=False)
    monkeypatch.setitem(connection.settings_dict, "TIME_ZONE", None)
    with connection.execute_wrapper(unplugged):
        assert post(BODY, svix(BODY), client).status_code == 503
    assert post(BODY, svix(BODY), client).status_code == 200


def unplugged(*_: Any) -> None:
    raise OperationalError("the server closed the connection")


# --- noise --------------------------------------------------------------------------------------

HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
TIMES = st.one_of(HEADER, st.integers().map(str), st.just(svix(b"")["svix-timestamp"]))
SIGNATURES = st.one_of(HEADER, HEADER.map(lambda value: f"v1,{value}"))


class TestNoise(HypothesisTestCase):
    @given(
        brand=st.sampled_from(["svix", "webhook"]),
        event_id=HEADER,
        timestamp=TIMES,
        signed=SIGNATURES,
        body=st.binary(max_size=64),
    )
    @example(brand="svix", event_id="é", timestamp="1", signed="v1,é", body=b"\xff")
    @example(brand="svix", event_id="a", timestamp="-0", signed="v1,====", body=b"")
    @hypothesis_settings(
        max_examples=250,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    def test_whatever_the_headers_and_the_body_are_it_is_a_4xx(
        self,
        brand: str,
        event_id: str,
        timestamp: str,
        signed: str,
        body: bytes,
    ) -> None:
        headers = {
            f"{brand}-id": event_id,
            f"{brand}-timestamp": timestamp,
            f"{brand}-signature": signed,
        }
        assert post(body, headers).status_code in {400, 403}
        assert stored() == 0

    @given(body=st.binary(max_size=200), event_id=st.text("abc-_.019", min_size=1, max_size=40))
    @hypothesis_settings(max_examples=100, deadline=None)
    def test_whatever_is_signed_is_kept_byte_by_byte(self, body: bytes, event_id: str) -> None:
        answer = post(body, svix(body, event_id=event_id))
        if answer.status_code == 200:
            assert bytes(WebhookDelivery.objects.get(event_id=event_id).body) == body
        else:
            assert answer.status_code == 403
            with pytest.raises(UnicodeDecodeError):
                body.decode()


def bad_requests(count: int) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Forged, stale, truncated, and without what belongs there."""
    genuine = posting.event("email.delivered", email_id="e1")
    for number in range(count // 7):
        event_id = f"msg_{number}"
        yield genuine, svix(genuine, event_id=event_id, secret=OTHER_SECRET)
        yield genuine, svix(genuine, event_id=event_id, age=400)
        yield genuine[: number % len(genuine)], svix(genuine, event_id=event_id)
        yield genuine, {"svix-id": event_id, "svix-signature": "v1," + "A" * (number % 50)}
        yield genuine, {**svix(genuine, event_id="another"), "svix-id": event_id}
        tampered = genuine.replace(b"delivered", b"bounced")
        yield tampered, svix(genuine, event_id=event_id)
        yield genuine, {**svix(genuine, event_id=event_id), "svix-timestamp": "NaN"}


# --- at once, and over real sockets -------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_duplicates_at_the_same_moment_are_stored_once() -> None:
    barrier = threading.Barrier(8)

    def work(_: int) -> list[bool]:
        found = []
        try:
            for turn in range(10):
                barrier.wait(30)
                answer = post(BODY, svix(BODY, event_id=f"msg_{turn}"))
                found.append(answer.status_code)
        finally:
            connections.close_all()
        return found

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(work, range(8)))
    assert stored() == 10
    assert answers == [[200] * 10] * 8


def test_a_body_of_unknown_length_is_capped_too(server: Live) -> None:
    """Chunked, so nothing announces how much there is."""

    def chunks(count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield b" " * 65_536

    written = server.log.stat().st_size
    large = requests.post(server.http + URL, data=chunks(60), headers=svix(BODY), timeout=10)
    assert large.status_code == 413
    genuine = requests.post(server.http + URL, data=iter([BODY]), headers=svix(BODY), timeout=10)
    assert genuine.status_code == 200
    assert stored() == 1
    assert "Traceback" not in server.log.read_text()[written:]


def test_a_signature_is_checked_over_what_went_over_the_wire(server: Live) -> None:
    timestamp = svix(BODY)["svix-timestamp"]
    raw = b'\xef\xbb\xbf{"type": "email.sent", "data": {"subject": "\\u00e9\xc3\xa9"}}\r\n'
    headers = {
        "svix-id": "msg_raw",
        "svix-timestamp": timestamp,
        "svix-signature": signature("msg_raw", timestamp, raw),
    }
    assert requests.post(server.http + URL, raw, headers=headers, timeout=10).status_code == 200
    assert bytes(WebhookDelivery.objects.get().body) == raw


@pytest.mark.django_db
def test_a_forged_one_is_refused_also_while_nobody_can_count_it(
    settings: Settings,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    monkeypatch.setattr(tally, "_quiet_until", defaultdict(float))
    refused = client.post(
        URL, BODY, "application/json", headers={**svix(BODY), "svix-signature": "v1,AAAA"}
    )
    assert refused.status_code == 403
    assert "forged_not_counted" in caplog.text
    assert stored() == 0


@pytest.fixture
def web_server(process_env: dict[str, str]) -> Iterator[Live]:
    with web(process_env) as running:
        yield running


def test_ten_thousand_bad_webhooks_leave_nothing_behind(web_server: Live) -> None:
    bad = list(bad_requests(10_003))
    too_large = b" " * (LIMIT + 1)

    def work(part: int) -> set[int]:
        line = HTTPConnection("127.0.0.1", web_server.port, timeout=30)
        statuses = set()
        for body, headers in [*bad[part::4], (too_large, svix(BODY))]:
            with suppress(BrokenPipeError):
                # Refused while it is still being sent.
                line.request("POST", URL, body, headers)
            answer = line.getresponse()
            answer.read()
            statuses.add(answer.status)
        line.close()
        return statuses

    with ThreadPoolExecutor(4) as pool:
        assert set().union(*pool.map(work, range(4))) == {400, 403, 413}
    assert len(bad) > 10_000
    assert stored() == 0
    assert "Traceback" not in web_server.log.read_text()
