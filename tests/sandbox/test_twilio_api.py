"""Twilio's API: what is answered, and what is refused with which code."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.sandbox.conftest import TwilioApi
from tests.sandbox_server import SandboxServer

SPEC = json.loads(
    (Path(__file__).parents[2] / "sandbox/specs/twilio_messages.openapi.json").read_text()
)
MG = "MG" + "0" * 32
HX = "HX" + "0" * 32


def nullable(schema: Any) -> Any:
    """OpenAPI 3.0 says ``nullable`` where JSON Schema says ``type: [..., null]``."""
    if isinstance(schema, list):
        return [nullable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: nullable(value) for name, value in schema.items() if name != "nullable"}
    return {"anyOf": [inner, {"type": "null"}]} if schema.get("nullable") is True else inner


def assert_is(schema: str, answer: Any) -> None:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    components = nullable(SPEC["components"])
    Draft202012Validator({**reference, "components": components}).validate(answer)


def test_a_message_is_created_and_fetched(twilio: TwilioApi) -> None:
    created = twilio.send()
    assert created.status_code == 201
    assert_is("api.v2010.account.message", created.json())
    assert (created.json()["status"], created.json()["date_sent"]) == ("queued", None)
    fetched = twilio("GET", f"/Messages/{created.json()['sid']}.json").json()
    assert_is("api.v2010.account.message", fetched)
    assert fetched["status"] in ("sent", "delivered")
    assert fetched["date_sent"]


def test_a_messaging_service_chooses_the_sender_later(twilio: TwilioApi) -> None:
    created = twilio.send(From=None, MessagingServiceSid=MG).json()
    assert (created["status"], created["from"], created["num_segments"]) == ("accepted", None, "0")
    fetched = twilio("GET", f"/Messages/{created['sid']}.json").json()
    assert (fetched["from"], fetched["num_segments"]) == ("+15550100100", "1")


def test_pictures_make_an_mms(twilio: TwilioApi) -> None:
    pictures = [f"https://rosewood.example/{n}.jpg" for n in range(2)]
    created = twilio.send(Body=None, MediaUrl=pictures).json()
    assert created["sid"].startswith("MM")
    assert created["num_media"] == "2"


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"To": None}, 400, 21604),
        ({"From": None}, 400, 21603),
        ({"Body": None}, 400, 21602),
        ({"Body": ""}, 400, 21602),
        ({"To": "4477"}, 400, 21211),
        ({"To": "+15005550001"}, 400, 21211),
        ({"To": "+15005550002"}, 400, 21612),
        ({"To": "+15005550003"}, 403, 21408),
        ({"To": "+15005550004"}, 400, 21610),
        ({"To": "+15005550009"}, 400, 21614),
        ({"From": "+15005550001"}, 400, 21212),
        ({"From": "+15005550007"}, 400, 21606),
        ({"From": "+15005550008"}, 429, 21611),
        ({"From": "+447700900123"}, 400, 21266),
        ({"From": "whatsapp:+15550100100"}, 400, 21910),
        ({"Body": "x" * 1601}, 400, 21617),
        ({"MediaUrl": ["https://a.example/1"] * 11}, 400, 21623),
        ({"MediaUrl": "ftp://a.example/1"}, 400, 21620),
        ({"ContentSid": "HX1"}, 400, 21655),
        ({"ContentSid": HX, "ContentVariables": "[]"}, 400, 21656),
        ({"From": None, "MessagingServiceSid": "MG1"}, 404, 21701),
        ({"StatusCallback": "https://my_host.example/cb"}, 400, 21609),
        ({"StatusCallback": "cb"}, 400, 21609),
        ({"ValidityPeriod": "0"}, 400, 21624),
        ({"ValidityPeriod": "36001"}, 400, 21624),
        ({"ValidityPeriod": "soon"}, 400, 21624),
        ({"SmartEncoded": "perhaps"}, 400, 20001),
        ({"SendAt": "2099-01-01T00:00:00Z", "ScheduleType": "fixed"}, 400, 35114),
        ({"SendAt": "2099-01-01T00:00:00Z", "MessagingServiceSid": MG}, 400, 35115),
    ],
)
def test_what_is_refused(
    twilio: TwilioApi, sandbox: SandboxServer, fields: Any, status: int, code: int
) -> None:
    answer = twilio.send(**fields)
    assert answer.status_code == status
    assert answer.json()["code"] == code
    assert set(answer.json()) == {"code", "message", "more_info", "status"}
    assert sandbox.control("GET", "/twilio/stats")["messages"] == 0


@pytest.mark.parametrize("auth", [("AC", "x"), None])
def test_wrong_credentials(twilio: TwilioApi, auth: Any) -> None:
    answer = twilio("GET", ".json", auth=auth)
    assert (answer.status_code, answer.json()["code"]) == (401, 20003)
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_the_account_can_be_probed(twilio: TwilioApi) -> None:
    account = twilio("GET", ".json").json()
    assert_is("api.v2010.account", account)
    assert account["status"] == "active"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("GET", "/Messages/SM00.json", 20404), ("GET", "/Calls.json", 20404), ("PUT", ".json", 20004)],
)
def test_what_does_not_exist(twilio: TwilioApi, method: str, path: str, code: int) -> None:
    assert twilio(method, path).json()["code"] == code


def test_lists_are_newest_first_filtered_and_paged(twilio: TwilioApi) -> None:
    sids = [twilio.send(To=f"+44770090010{n}", Body=str(n)).json()["sid"] for n in range(5)]
    first = twilio("GET", "/Messages.json?PageSize=2&From=%2B15550100100").json()
    assert [message["sid"] for message in first["messages"]] == sids[:-3:-1]
    second = twilio("GET", first["next_page_uri"]).json()
    last = twilio("GET", second["next_page_uri"]).json()
    assert [message["sid"] for message in second["messages"] + last["messages"]] == sids[2::-1]
    assert last["next_page_uri"] is None
    found = twilio("GET", "/Messages.json", params={"To": "+447700900103"}).json()["messages"]
    assert [message["body"] for message in found] == ["3"]
    for name, count in (("DateSent", 0), ("DateSent<", 0), ("DateSent>", 5)):
        found = twilio("GET", "/Messages.json", params={name: "2020-01-01"}).json()["messages"]
        assert len(found) == count


def test_a_scheduled_message_can_be_cancelled(twilio: TwilioApi) -> None:
    soon = {"MessagingServiceSid": MG, "From": None, "ScheduleType": "fixed"}
    created = twilio.send(**soon, SendAt=in_an_hour()).json()
    assert created["status"] == "scheduled"
    path = f"/Messages/{created['sid']}.json"
    assert twilio("POST", path, data={"Status": "canceled"}).json()["status"] == "canceled"
    assert twilio("POST", path, data={"Status": "canceled"}).json()["code"] == 30409


def test_a_body_can_be_emptied_and_a_message_deleted(twilio: TwilioApi) -> None:
    path = f"/Messages/{twilio.send().json()['sid']}.json"
    assert twilio("POST", path, data={"Body": ""}).json()["body"] == ""
    assert twilio("DELETE", path).status_code == 204
    assert twilio("GET", path).json()["code"] == 20404


def test_only_numbers_of_the_account_can_send(twilio: TwilioApi, sandbox: SandboxServer) -> None:
    sandbox.control("PATCH", "/twilio", {"numbers": ["+15550100200"]})
    assert twilio.send().json()["code"] == 21606
    assert twilio.send(From="+15550100200").status_code == 201


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"rate_limit": {}}, 429, 20429),
        ({"status": {"status": 500}}, 500, 20500),
        ({"status": {"status": 400, "name": "30002"}}, 400, 30002),
    ],
)
def test_faults_speak_as_twilio(
    twilio: TwilioApi, sandbox: SandboxServer, fault: Any, status: int, code: int
) -> None:
    sandbox.control("PUT", "/twilio/faults", fault)
    answer = twilio.send()
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_answer_that_is_lost_leaves_one_message_to_be_found_by_our_id(
    twilio: TwilioApi, sandbox: SandboxServer
) -> None:
    sandbox.control("PUT", "/twilio/faults", {"status": {"mode": "after", "count": 1}})
    callback = {"StatusCallback": "http://127.0.0.1:9/cb?message=m1&attempt=1"}
    assert twilio.send(**callback).status_code == 503
    stats = sandbox.control("GET", "/twilio/stats?tag=message")
    assert (stats["messages"], stats["tags"], stats["ours_repeated"]) == (1, {"m1": 1}, {})
    twilio.send(**callback)
    stats = sandbox.control("GET", "/twilio/stats?tag=message")
    assert stats["tags"] == {"m1": 2}
    assert stats["repeated"] == {"+447700900123": 2}
    found = sandbox.control("GET", "/twilio/messages?tag=message:m1")["messages"]
    assert len(found) == 2


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
