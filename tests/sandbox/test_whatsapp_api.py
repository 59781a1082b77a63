"""Graph as a sender of WhatsApp messages sees it: what is answered, and what is refused."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.sandbox.conftest import WhatsAppApi
from tests.sandbox_server import SandboxServer

SPEC = json.loads(
    (Path(__file__).parents[2] / "sandbox/specs/whatsapp_messages.openapi.json").read_text()
)
PERSON = "+447700900123"


def assert_is(schema: str, answer: Any) -> None:
    reference = {"$ref": f"#/components/schemas/{schema}", "components": SPEC["components"]}
    Draft202012Validator(reference).validate(answer)


def test_a_template_is_accepted(whatsapp: WhatsAppApi, sandbox: SandboxServer) -> None:
    answer = whatsapp.send_template(
        "wedding_update", "Amelia", "the menu", biz_opaque_callback_data="m1"
    )
    assert answer.status_code == 200
    assert_is("MessageResponsePayload", answer.json())
    assert answer.json()["contacts"] == [{"input": "447700900123", "wa_id": "447700900123"}]
    message = answer.json()["messages"][0]
    assert message["message_status"] == "accepted"
    kept = sandbox.control("GET", f"/whatsapp/messages/{message['id']}")
    assert kept["text"] == "Hello Amelia, there is news about the menu."
    assert sandbox.control("GET", "/whatsapp/stats?tag=ours")["tags"] == {"m1": 1}


@pytest.mark.parametrize(
    ("to", "expected"),
    [("+44 7700 900123", "447700900123"), ("5531987654321", "553187654321"),
     ("5511987654321", "5511987654321"), ("525512345678", "5215512345678"),
     ("2250707020304", "22507020304")],
)  # fmt: skip
def test_the_id_of_a_person_is_not_always_the_number(
    whatsapp: WhatsAppApi, to: str, expected: str
) -> None:
    contact = whatsapp.send_template("rsvp_reminder", "Ana", to=to).json()["contacts"][0]
    assert contact == {"input": to, "wa_id": expected}


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"messaging_product": None}, 400, 100),
        ({"to": None}, 400, 100),
        ({"to": "x"}, 400, 131009),
        ({"to": "15550783881"}, 400, 131021),
        ({"type": "smoke"}, 400, 100),
        ({"text": None}, 400, 131008),
        ({"text": {"body": ""}}, 400, 100),
        ({"text": {"body": "x" * 4097}}, 400, 100),
        ({"biz_opaque_callback_data": "x" * 513}, 400, 100),
        ({"context": "wamid"}, 400, 100),
        ({"type": "image", "image": {"caption": "x"}}, 400, 131009),
        ({"type": "reaction", "reaction": {"emoji": "x"}}, 400, 131008),
        ({"type": "location", "location": {"latitude": "north"}}, 400, 131008),
        ({"type": "location", "location": {"latitude": 91, "longitude": 0}}, 400, 131009),
        ({"type": "contacts", "contacts": [{}]}, 400, 131009),
        ({"type": "interactive", "interactive": {}}, 400, 131008),
        ({"type": "interactive", "interactive": {"type": "button", "action": {}}}, 400, 131009),
        ({"type": "template", "template": {"name": "x"}}, 400, 131008),
        ({"type": "template", "template": {"name": "x", "language": {"code": "en"}}}, 404, 132001),
    ],
)
def test_what_is_refused(
    whatsapp: WhatsAppApi, sandbox: SandboxServer, fields: Any, status: int, code: int
) -> None:
    answer = whatsapp.send(**fields)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert_is("GraphAPIError", answer.json())
    assert sandbox.control("GET", "/whatsapp/stats")["messages"] == 0


@pytest.mark.parametrize(
    ("name", "texts", "code"),
    [
        ("wedding_update", ["Amelia"], 132000),
        ("wedding_update", ["Amelia", "a", "b"], 132000),
        ("wedding_update", ["Amelia", ""], 131008),
        ("wedding_update", ["Amelia", "two\nlines"], 132018),
        ("wedding_update", ["Amelia", "x" * 1024], 132005),
        ("free_cake", ["Amelia"], 132001),
        ("survey", ["Amelia"], 132015),
        ("unheard_of", [], 132001),
    ],
)
def test_a_template_has_to_fit(
    whatsapp: WhatsAppApi, name: str, texts: list[str], code: int
) -> None:
    error = whatsapp.send_template(name, *texts).json()["error"]
    assert (error["code"], error["error_data"]["messaging_product"]) == (code, "whatsapp")


def template(*components: Any) -> dict[str, Any]:
    return {"name": "arrival", "language": {"code": "en_US"}, "components": list(components)}


def test_named_parameters_pictures_and_links(whatsapp: WhatsAppApi, sandbox: SandboxServer) -> None:
    components = [
        {"type": "HEADER", "format": "IMAGE"},
        {"type": "BODY", "text": "Hello {{name}}"},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Open", "url": "https://a/{{1}}"}]},
    ]
    sandbox.control("POST", "/whatsapp/templates", {"name": "arrival", "components": components})
    image = {"type": "header", "parameters": [{"type": "image", "image": {"id": "1"}}]}
    text = {"type": "header", "parameters": [{"type": "text", "text": "x"}]}
    named = {"type": "text", "text": "Amelia", "parameter_name": "name"}
    body = {"type": "body", "parameters": [named]}
    other = {"type": "body", "parameters": [{**named, "parameter_name": "nobody"}]}
    button = {"type": "button", "sub_type": "url", "index": "0", "parameters": [named]}
    outside = {**button, "index": "1"}
    for wanted, code in (
        (template(body, button), 132000),
        (template(text, body, button), 132012),
        (template(image, other, button), 132012),
        (template(image, body), 131008),
        (template(image, body, button, outside), 132000),
    ):
        error = whatsapp.send(type="template", text=None, template=wanted).json()["error"]
        assert error["code"] == code, wanted
    good = template(image, body, button)
    assert whatsapp.send(type="template", text=None, template=good).status_code == 200


@pytest.mark.parametrize(("token", "code"), [("Bearer wrong", 190), ("", 104), ("Basic x", 104)])
def test_a_wrong_token(whatsapp: WhatsAppApi, token: str, code: int) -> None:
    answer = whatsapp("GET", f"/{whatsapp.number}", headers={"authorization": token})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)


def test_what_does_not_exist(whatsapp: WhatsAppApi) -> None:
    error = whatsapp("POST", "/123/messages", {}).json()["error"]
    assert (error["code"], error["error_subcode"]) == (100, 33)


def test_the_number_and_the_account_can_be_probed(
    whatsapp: WhatsAppApi, sandbox: SandboxServer
) -> None:
    sandbox.control("PATCH", "/whatsapp", {"quality_rating": "YELLOW"})
    number = whatsapp("GET", f"/{whatsapp.number}").json()
    assert_is("PhoneNumberInfo", number)
    assert number["quality_rating"] == "YELLOW"
    limit = whatsapp("GET", f"/{whatsapp.number}?fields=messaging_limit_tier").json()
    assert limit == {"id": whatsapp.number, "messaging_limit_tier": "TIER_1K"}
    assert whatsapp("GET", f"/{whatsapp.account}?fields=name").json()["name"] == "WedSync"


def test_templates_are_listed_page_by_page(whatsapp: WhatsAppApi) -> None:
    path = f"/{whatsapp.account}/message_templates"
    found: list[str] = []
    url = f"{path}?limit=2"
    while url:
        page = whatsapp("GET", url).json()
        found += [template["name"] for template in page["data"]]
        url = page["paging"].get("next")
    assert found == ["wedding_update", "rsvp_reminder", "spring_offer", "free_cake", "survey"]
    marketing = whatsapp("GET", f"{path}?category=MARKETING&fields=name,status").json()["data"]
    assert {template["status"] for template in marketing} == {"APPROVED", "REJECTED", "PAUSED"}
    assert set(marketing[0]) == {"id", "name", "status"}
    assert whatsapp("GET", f"{path}?limit=0").json()["error"]["code"] == 100


def test_history_shows_what_happened(whatsapp: WhatsAppApi, sandbox: SandboxServer) -> None:
    sandbox.control("PATCH", "/whatsapp", {"auto_receipts": False})
    wamid = whatsapp.send().json()["messages"][0]["id"]
    for status in ("sent", "failed"):
        sandbox.control("POST", f"/whatsapp/messages/{wamid}/events", {"type": status})
    path = f"/{whatsapp.number}/message_history"
    history = whatsapp("GET", path, params={"message_id": wamid}).json()
    assert_is("MessageHistoryResponse", history)
    events = history["data"][0]["events"]["data"]
    assert [event["delivery_status"] for event in events] == ["SENT", "FAILED"]
    assert events[1]["error_description"]
    assert whatsapp("GET", path, params={"message_id": "wamid.no"}).status_code == 422


def test_an_incoming_message_can_be_marked_read_and_its_picture_fetched(
    whatsapp: WhatsAppApi, sandbox: SandboxServer
) -> None:
    content = base64.b64encode(b"GIF").decode()
    image = {"mime_type": "image/gif", "content": content}
    given = {"from": PERSON, "type": "image", "image": image}
    received = sandbox.control("POST", "/whatsapp/inbound", given)
    read = {"messaging_product": "whatsapp", "status": "read", "message_id": received["id"]}
    assert whatsapp("POST", f"/{whatsapp.number}/messages", read).json() == {"success": True}
    media = whatsapp("GET", f"/{received['contents']['image']['id']}").json()
    assert media["sha256"] == received["contents"]["image"]["sha256"]
    assert whatsapp("GET", media["url"]).content == b"GIF"
    assert whatsapp("GET", media["url"], headers={"authorization": ""}).status_code == 401


def test_too_fast_for_one_number_or_for_one_person(
    whatsapp: WhatsAppApi, sandbox: SandboxServer
) -> None:
    sandbox.control("PATCH", "/whatsapp", {"pair_burst": 2})
    answers = [whatsapp.send() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 400]
    assert answers[-1].json()["error"]["code"] == 131056
    assert whatsapp.send(to="447700900124").status_code == 200
    sandbox.control("PATCH", "/whatsapp", {"rate_per_second": 1})
    codes = [
        whatsapp.send(to=f"44770090013{n}").json().get("error", {}).get("code") for n in (1, 2, 3)
    ]
    assert 130429 in codes


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"rate_limit": {}}, 429, 130429),
        ({"status": {"status": 500}}, 500, 131000),
        ({"status": {"status": 400, "name": "131031"}}, 400, 131031),
        ({"status": {"status": 401}}, 401, 190),
    ],
)
def test_faults_speak_as_meta(
    whatsapp: WhatsAppApi, sandbox: SandboxServer, fault: Any, status: int, code: int
) -> None:
    sandbox.control("PUT", "/whatsapp/faults", fault)
    answer = whatsapp.send()
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_person_without_a_number(whatsapp: WhatsAppApi, sandbox: SandboxServer) -> None:
    person = "GB.13491208655302741918"
    sandbox.control("POST", "/whatsapp/inbound", {"user_id": person, "text": "Hi"})
    answer = whatsapp.send(to=None, recipient=person).json()
    assert answer["contacts"] == [{"input": person, "user_id": person}]
    entries = sandbox.control("GET", f"/phones/{person}")["entries"]
    assert [entry["direction"] for entry in entries] == ["from them", "to them"]
    code = {"name": "code", "category": "AUTHENTICATION"}
    body = [{"type": "BODY", "text": "Your code"}]
    sandbox.control("POST", "/whatsapp/templates", {**code, "components": body})
    refused = whatsapp.send_template("code", to=None, recipient=person).json()
    assert refused["error"]["code"] == 131062
