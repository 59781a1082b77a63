"""Resend's API: what the official SDK gets, and what is refused."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import resend
from jsonschema import Draft202012Validator

from tests.sandbox.conftest import Api, mail
from tests.sandbox.receiver import Receiver
from tests.sandbox_server import SandboxServer

SPEC = json.loads((Path(__file__).parents[2] / "sandbox/specs/resend.openapi.json").read_text())


def assert_is(schema: str, answer: Any) -> None:
    reference = {"$ref": f"#/components/schemas/{schema}", "components": SPEC["components"]}
    Draft202012Validator(reference).validate(answer)


def params(**fields: Any) -> resend.Emails.SendParams:
    given: resend.Emails.SendParams = mail(**fields)  # type: ignore[assignment]
    return given


def test_the_sdk_sends_a_mail_and_reads_it_back(sdk: SandboxServer) -> None:
    sent = resend.Emails.send(params(tags=[{"name": "message", "value": "m1"}]))
    found = resend.Emails.get(sent["id"])
    assert found["subject"] == "Your viewing"
    assert found["to"] == ["amelia@example.com"]
    kept = sdk.control("GET", "/resend/emails?tag=message:m1")["emails"]
    assert [mail["id"] for mail in kept] == [sent["id"]]


def test_the_sdk_sends_a_batch(sdk: SandboxServer) -> None:
    answer = resend.Batch.send([params(subject="one"), params(subject="two")])
    ids = [mail["id"] for mail in answer["data"]]
    assert [resend.Emails.get(mail_id)["subject"] for mail_id in ids] == ["one", "two"]
    assert sdk.control("GET", "/resend/stats")["mails"] == 2


@pytest.mark.parametrize(
    ("filename", "content_type", "leaves"),
    [
        ("a.pdf", "application/pdf", True),
        ("A.PDF", None, True),
        ("a.jpg", "image/jpg", True),
        ("a.custom", "text/x-custom", True),
        ("a.pdf", "image/png", False),
        ("a.txt", "text/csv", False),
    ],
)
def test_a_mail_whose_file_contradicts_itself_stays_queued(
    sdk: SandboxServer, filename: str, content_type: str | None, *, leaves: bool
) -> None:
    file: Any = {"filename": filename, "content": [1], "content_type": content_type}
    sent = resend.Emails.send(params(attachments=[{k: v for k, v in file.items() if v}]))
    events = sdk.control("GET", f"/resend/emails/{sent['id']}")["events"]
    assert [event["type"] for event in events[:1]] == (["sent"] if leaves else [])


def test_the_sdk_attaches_bytes(sdk: SandboxServer) -> None:
    sent = resend.Emails.send(
        params(attachments=[{"filename": "a.ics", "content": list(b"BEGIN:VCALENDAR")}])
    )
    kept = sdk.control("GET", f"/resend/emails/{sent['id']}")["attachments"][0]
    assert base64.b64decode(kept["content"]) == b"BEGIN:VCALENDAR"
    assert kept["content_type"] == "text/calendar"


def test_the_answers_follow_the_official_schemas(api: Api) -> None:
    sent = api.send(html="<p>Hello</p>").json()
    assert_is("SendEmailResponse", sent)
    assert_is("Email", api("GET", f"/emails/{sent['id']}").json())
    assert_is("ListEmailsResponse", api("GET", "/emails").json())
    assert_is("ListDomainsResponse", api("GET", "/domains").json())
    assert_is("ListApiKeysResponse", api("GET", "/api-keys").json())


def test_a_list_is_paged_in_both_directions(api: Api) -> None:
    ids = [api.send().json()["id"] for _ in range(5)][::-1]
    first = api("GET", "/emails?limit=2").json()
    assert ([mail["id"] for mail in first["data"]], first["has_more"]) == (ids[:2], True)
    after = api("GET", f"/emails?limit=2&after={ids[2]}").json()
    assert ([mail["id"] for mail in after["data"]], after["has_more"]) == (ids[3:], False)
    before = api("GET", f"/emails?limit=2&before={ids[2]}").json()
    assert [mail["id"] for mail in before["data"]] == ids[:2]


@pytest.mark.parametrize(
    ("fields", "status", "name"),
    [
        ({"to": None}, 422, "missing_required_field"),
        ({"subject": None}, 422, "missing_required_field"),
        ({"text": None}, 422, "missing_required_field"),
        ({"from": "nobody"}, 422, "invalid_from_address"),
        ({"from": 7}, 422, "invalid_from_address"),
        ({"to": ["fine@example.com", "broken"]}, 422, "validation_error"),
        ({"to": ["jürgen@example.com"]}, 422, "validation_error"),
        ({"to": [f"u{n}@example.com" for n in range(51)]}, 422, "validation_error"),
        ({"cc": "broken@"}, 422, "validation_error"),
        ({"text": ["a list"]}, 422, "validation_error"),
        ({"template": {"id": "t"}}, 422, "validation_error"),
        ({"subject": "two\nlines"}, 422, "validation_error"),
        ({"headers": {"X-A": "b\r\nBcc: c@d.example"}}, 422, "validation_error"),
        ({"tags": [{"name": "message", "value": "not allowed"}]}, 422, "validation_error"),
        ({"attachments": [{"filename": "a.txt"}]}, 422, "invalid_attachment"),
        ({"attachments": [{"filename": "a", "content": "%"}]}, 422, "invalid_attachment"),
        ({"scheduled_at": "tomorrow-ish"}, 422, "validation_error"),
    ],
)
def test_a_wrong_mail_is_refused(
    api: Api, sandbox: SandboxServer, fields: dict[str, Any], status: int, name: str
) -> None:
    answer = api.send(**fields)
    assert (answer.status_code, answer.json()["name"]) == (status, name)
    assert answer.json()["statusCode"] == status
    assert sandbox.control("GET", "/resend/stats")["mails"] == 0


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"x"', b'{"a": NaN}', b'"\\ud800"', b"[" * 99_999])
def test_a_body_that_is_no_mail_is_refused_without_falling_over(api: Api, body: bytes) -> None:
    answer = api("POST", "/emails", data=body)
    assert answer.status_code in {400, 422}
    assert answer.json()["name"] == "validation_error"


def test_a_key_is_required_and_must_be_the_right_one(api: Api) -> None:
    missing = api("GET", "/emails", headers={"authorization": ""})
    assert (missing.status_code, missing.json()["name"]) == (401, "missing_api_key")
    wrong = api("GET", "/emails", headers={"authorization": "Bearer re_other"})
    assert (wrong.status_code, wrong.json()["name"]) == (403, "invalid_api_key")


def test_unknown_paths_methods_and_ids_are_named(api: Api) -> None:
    assert api("GET", "/nothing").json()["name"] == "not_found"
    assert api("DELETE", "/emails").json()["name"] == "method_not_allowed"
    assert api("GET", "/emails/not-an-id").json()["name"] == "invalid_parameter"
    unknown = "4ef9a417-02e9-4d39-ad75-9611e0fcc33c"
    assert api("GET", f"/emails/{unknown}").status_code == 404


def test_the_same_key_and_body_send_once_and_answer_the_same(
    api: Api, sandbox: SandboxServer
) -> None:
    first, second = api.send(key="k1"), api.send(key="k1")
    assert first.json() == second.json()
    assert sandbox.control("GET", "/resend/stats")["mails"] == 1


def test_the_same_key_with_another_body_is_a_conflict(api: Api) -> None:
    api.send(key="k1")
    answer = api.send(key="k1", subject="Another")
    assert (answer.status_code, answer.json()["name"]) == (409, "invalid_idempotent_request")


def test_a_refused_request_leaves_its_key_free(api: Api) -> None:
    assert api.send(key="k1", to="broken").status_code == 422
    assert api.send(key="k1").status_code == 200


@pytest.mark.parametrize("key", ["", "k" * 257])
def test_a_key_of_the_wrong_length_is_refused(api: Api, key: str) -> None:
    answer = api.send(key=key)
    assert (answer.status_code, answer.json()["name"]) == (400, "invalid_idempotency_key")


def test_a_strict_batch_is_all_or_nothing(api: Api, sandbox: SandboxServer) -> None:
    answer = api("POST", "/emails/batch", [mail(), mail(to="broken")])
    assert answer.status_code == 422
    assert sandbox.control("GET", "/resend/stats")["mails"] == 0


def test_a_permissive_batch_names_the_wrong_ones(api: Api) -> None:
    mails = [mail(to="broken"), mail(), mail(scheduled_at="2030-01-01"), mail()]
    headers = {"x-batch-validation": "permissive"}
    answer = api("POST", "/emails/batch", mails, headers=headers).json()
    assert len(answer["data"]) == 2
    assert [error["index"] for error in answer["errors"]] == [0, 2]


def test_a_batch_holds_a_hundred(api: Api) -> None:
    assert api("POST", "/emails/batch", [mail()] * 101).status_code == 422
    assert api("POST", "/emails/batch", []).status_code == 422
    assert len(api("POST", "/emails/batch", [mail()] * 100).json()["data"]) == 100


def test_too_many_requests_in_a_second_are_refused(api: Api, sandbox: SandboxServer) -> None:
    sandbox.control("PATCH", "/resend", {"rate_per_second": 2})
    answers = [api("GET", "/domains") for _ in range(4)]
    assert answers[0].headers["ratelimit-limit"] == "2"
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["name"] == "rate_limit_exceeded"
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["ratelimit-remaining"] == "0"


def test_a_scheduled_mail_waits_and_can_be_cancelled(api: Api, receiver: Receiver) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    sent = api.send(scheduled_at=later).json()["id"]
    assert receiver.types(1) == ["email.scheduled"]
    assert api("PATCH", f"/emails/{sent}", {"scheduled_at": later}).status_code == 200
    assert_is("Email", api("POST", f"/emails/{sent}/cancel").json())
    assert api("GET", f"/emails/{sent}").json()["last_event"] == "canceled"
    assert api("POST", f"/emails/{sent}/cancel").status_code == 422


def test_a_scheduled_mail_goes_out_when_it_is_due(api: Api, receiver: Receiver) -> None:
    api.send(scheduled_at=(datetime.now(UTC) + timedelta(seconds=0.4)).isoformat())
    assert receiver.types(3) == ["email.scheduled", "email.sent", "email.delivered"]


def test_a_received_mail_is_fetched_with_its_attachments(
    sdk: SandboxServer, receiver: Receiver
) -> None:
    content = base64.b64encode(b"%PDF").decode()
    incoming = {
        "from": "Tom <tom@example.com>",
        "to": "hello@rosewood.example",
        "subject": "Seats",
        "html": "<p>Here</p>",
        "attachments": [{"filename": "plan.pdf", "content": content}],
    }
    sdk.control("POST", "/resend/inbound", incoming)
    announced = receiver.wait_for(bool)[0].event["data"]
    assert "html" not in announced
    found: Any = resend.Emails.Receiving.get(announced["email_id"])
    assert found["html"] == "<p>Here</p>"
    assert b"plan.pdf" in requests.get(found["raw"]["download_url"], timeout=5).content
    listed = resend.Emails.Receiving.Attachments.list(announced["email_id"])["data"][0]
    assert requests.get(listed["download_url"], timeout=5).content == b"%PDF"
    forged = listed["download_url"] + "0"
    assert requests.get(forged, timeout=5).status_code == 403


def test_received_answers_follow_the_official_schemas(api: Api, sandbox: SandboxServer) -> None:
    incoming = {"from": "tom@example.com", "to": "hello@rosewood.example", "text": "Hi"}
    received = sandbox.control("POST", "/resend/inbound", incoming)["id"]
    assert_is("GetReceivedEmailResponse", api("GET", f"/emails/receiving/{received}").json())
    assert_is("ListReceivedEmailsResponse", api("GET", "/emails/receiving").json())
    attachments = api("GET", f"/emails/receiving/{received}/attachments").json()
    assert_is("ListAttachmentsResponse", attachments)
