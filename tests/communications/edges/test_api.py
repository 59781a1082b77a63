"""The JSON API as its callers see it."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from communications.messages.spent_keys import spend_keys
from communications.models import (
    Contact,
    Event,
    Message,
    Organization,
    Role,
    Suppression,
    Template,
)
from communications.receiving import deliveries
from communications.sending import outcomes
from tests import factories
from tests.communications.edges import posting
from tests.communications.edges.posting import claimed, sent
from wedsync_comms.lib.errors import ContentRejected

pytestmark = pytest.mark.django_db

MAIL = {"channel": "email", "to": "amelia@example.com", "subject": "Your day", "body": "Soon."}


class Api:
    """A caller with a token."""

    def __init__(self, user: User) -> None:
        self.headers = {"Authorization": f"Token {factories.token(user)}"}
        self.client = Client()

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.generic(
            method,
            f"/api/{path}",
            "" if body is None else json.dumps(body),
            content_type="application/json",
            headers={**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}},
        )

    def get(self, path: str) -> Any:
        answer = self("GET", path)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self("POST", path, body, **headers)


@pytest.fixture
def user() -> User:
    return factories.member()


@pytest.fixture
def organization(user: User) -> Organization:
    return user.membership.organization


@pytest.fixture
def api(user: User) -> Api:
    return Api(user)


def ids(page: Any) -> list[Any]:
    return [row["id"] for row in page["results"]]


# --- who ----------------------------------------------------------------------------------------

PATHS = ["messages/", "contacts/", "templates/", "suppressions/"]


@pytest.mark.parametrize("path", PATHS)
def test_nobody_is_401_and_a_login_without_an_organization_403(path: str) -> None:
    for headers in ({}, {"Authorization": "Token wrong"}, {"Authorization": "Token"}):
        assert Client().get(f"/api/{path}", headers=headers).status_code == 401
    stranger = User.objects.create_user("stranger")
    answer = Api(stranger)("GET", path)
    assert answer.status_code == 403
    assert "organization" in answer.json()["detail"]
    administrator = User.objects.create_superuser("administrator")
    assert Api(administrator)("GET", path).status_code == 403


def test_an_inactive_login_is_nobody(user: User) -> None:
    api = Api(user)
    User.objects.update(is_active=False)
    assert api("GET", "messages/").status_code == 401


@pytest.mark.parametrize(("role", "writes"), [("viewer", False), ("staff", True), ("owner", True)])
def test_viewers_only_look(role: str, *, writes: bool) -> None:
    api = Api(factories.member(role=Role(role)))
    for path in PATHS:
        assert api.get(path)["results"] == []
    for path, body in (
        ("messages/", MAIL),
        ("messages/preview/", MAIL),
        ("contacts/", {"name": "Amelia"}),
        ("templates/", {"name": "welcome", "body": "Hello"}),
        ("suppressions/", {"channel": "email", "value": "tom@example.com"}),
    ):
        assert (api.post(path, body).status_code in {200, 201}) is writes, path
    assert Message.objects.exists() is writes


def test_a_session_works_and_must_not_be_abused_by_other_sites(user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.get("/api/messages/").status_code == 200
    answer = client.post("/api/messages/", MAIL, content_type="application/json")
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["detail"]


# --- composing ----------------------------------------------------------------------------------


def test_a_message_is_composed_and_shown(api: Api, organization: Organization) -> None:
    contact = factories.contact(organization, email="amelia@example.com")
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    body = {
        **MAIL,
        "to": "Amelia@Example.com",
        "html": "<p>Soon</p>",
        "priority": "urgent",
        "send_at": later,
        "expires_at": (timezone.now() + timedelta(hours=2)).isoformat(),
        "fallback": [{"channel": "email", "after_seconds": 60}],
        "metadata": {"wedding": 7, "tags": ["a"]},
        "reply_to": "tom@example.com",
        "headers": {"X-Ref": "1"},
        "attachments": [{"filename": "a.txt", "content": "QQ==", "content_type": "text/plain"}],
    }
    answer = api.post("messages/", body)
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert shown["direction"] == "outbound"
    assert shown["status"] == "queued"
    assert (shown["to"], shown["contact"]) == ("amelia@example.com", contact.pk)
    assert (shown["priority"], shown["metadata"]) == ("urgent", {"wedding": 7, "tags": ["a"]})
    assert shown["fallback"] == [{"channel": "email", "after_seconds": 60}]
    assert shown["attempts"] == []
    assert {"id", "channel", "provider", "provider_id", "created_at", "error"} <= set(shown)
    assert api.get(f"messages/{shown['id']}/") == shown
    assert Message.objects.get().send_after is not None


def test_a_message_goes_to_a_contact_or_from_a_template(
    api: Api,
    organization: Organization,
) -> None:
    contact = factories.contact(organization, email="amelia@example.com")
    template = {"name": "welcome", "subject": "Dear {{ name }}", "body": "At {{time}}."}
    assert api.post("templates/", template).status_code == 201
    body = {"channel": "email", "contact": contact.pk, "template": "welcome"}
    answer = api.post("messages/", {**body, "variables": {"name": "Amelia", "time": "noon"}})
    assert answer.status_code == 201
    assert answer.json()["to"] == "amelia@example.com"
    assert (answer.json()["subject"], answer.json()["body"]) == ("Dear Amelia", "At noon.")


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"channel": "fax"}, "channel", "fax"),
        ({"channel": None}, "channel", "null"),
        ({"to": "not an address"}, "to", "not an e-mail address"),
        ({"to": None}, "to", "null"),
        ({"to": ""}, "to", "blank"),
        ({"contact": 1}, "to", "not both"),
        ({"subject": ""}, "subject", "needs a subject"),
        ({"subject": "a\nb"}, "subject", "one line"),
        ({"body": "  "}, "body", "Write a text"),
        ({"template": "none"}, "template", "not both"),
        ({"body": "", "template": "none"}, "template", "no email template"),
        ({"body": "Dear {{ name }}"}, "variables", "name"),
        ({"variables": ["a"]}, "variables", "dictionary"),
        ({"send_at": "tomorrow"}, "send_at", "wrong format"),
        ({"send_at": "2026-13-45T00:00:00Z"}, "send_at", ""),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at", "later"),
        ({"priority": "highest"}, "priority", "highest"),
        ({"priority": 0}, "priority", "0"),
        ({"fallback": [{"channel": "fax"}]}, "fallback", "fax"),
        ({"fallback": [{"channel": "email", "after": 5}]}, "fallback", "no such field"),
        ({"fallback": [{"channel": "email", "after_seconds": -1}]}, "fallback", "0"),
        ({"fallback": {"channel": "email"}}, "fallback", "list"),
        ({"metadata": "x"}, "metadata", "dictionary"),
        ({"headers": {"To": "x@example.com"}}, "headers", "cannot be set"),
        ({"headers": {"X-A": "a\r\nBcc: x"}}, "headers", "single line"),
        ({"reply_to": "nobody"}, "reply_to", "not an e-mail address"),
        ({"attachments": [{"filename": "a", "content": "§"}]}, "attachments", "base64"),
        ({"attachments": [{"filename": "../a", "content": "QQ=="}]}, "attachments", "folder"),
        ({"attachments": [{"content": "QQ=="}]}, "attachments", "required"),
        ({"expire_at": "2030-01-01T00:00:00Z"}, "expire_at", "Known are"),
        ({"status": "delivered"}, "status", "no such field"),
    ],
)
def test_a_400_says_what_to_change(
    api: Api,
    change: dict[str, Any],
    field: str,
    says: str,
) -> None:
    answer = api.post("messages/", {**MAIL, **change})
    assert answer.status_code == 400, answer.content
    assert list(answer.json()) == [field]
    assert says in json.dumps(answer.json()[field])
    assert not Message.objects.exists()


@pytest.mark.parametrize("missing", [{"to"}, {"subject"}, {"body"}, {"channel"}])
def test_what_is_missing_is_named(api: Api, missing: set[str]) -> None:
    answer = api.post("messages/", {k: v for k, v in MAIL.items() if k not in missing})
    assert answer.status_code == 400
    assert set(answer.json()) == missing


@pytest.mark.parametrize("contact", [0, -1, 10**6, 10**30])
def test_a_contact_that_is_not_there_is_a_400(api: Api, contact: int) -> None:
    body = {**MAIL, "contact": contact}
    del body["to"]
    answer = api.post("messages/", body)
    assert answer.status_code == 400
    assert list(answer.json()) == ["contact"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"7", b'"x"', b"\xff", b'{"to": NaN}'])
def test_a_body_that_is_no_object_is_a_400(api: Api, body: bytes) -> None:
    answer = api.client.generic(
        "POST",
        "/api/messages/",
        body,
        content_type="application/json",
        headers=api.headers,
    )
    assert answer.status_code == 400


def test_what_is_not_json_is_a_415(api: Api) -> None:
    answer = api.client.post("/api/messages/", MAIL, headers=api.headers)
    assert answer.status_code == 415


def test_an_address_that_may_not_be_written_to_makes_a_suppressed_message(api: Api) -> None:
    api.post("suppressions/", {"channel": "email", "value": "amelia@example.com"})
    answer = api.post("messages/", MAIL)
    assert answer.status_code == 201
    assert answer.json()["status"] == "suppressed"
    assert "amelia@example.com may not be written to" in answer.json()["error"]
    assert "may not be written to" in api.post("messages/preview/", MAIL).json()["refusal"]


def test_a_preview_stores_nothing(api: Api) -> None:
    answer = api.post("messages/preview/", {**MAIL, "body": "Hi {{n}}", "variables": {"n": "Tom"}})
    assert answer.status_code == 200
    assert answer.json() == {
        "to": "amelia@example.com",
        "subject": "Your day",
        "body": "Hi Tom",
        "html": "",
        "segments": None,
        "refusal": None,
        "language": "",
        "language_reason": "",
    }
    assert not Message.objects.exists()


# --- idempotency --------------------------------------------------------------------------------


def test_the_same_key_and_body_get_the_first_answer_again(api: Api) -> None:
    first = api.post("messages/", MAIL, Idempotency_Key="order-7")
    again = api.post("messages/", MAIL, Idempotency_Key="order-7")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert Message.objects.count() == 1


def test_the_same_key_with_another_body_is_a_422(api: Api) -> None:
    api.post("messages/", MAIL, Idempotency_Key="order-7")
    answer = api.post("messages/", {**MAIL, "body": "Later."}, Idempotency_Key="order-7")
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["detail"]
    assert Message.objects.count() == 1


def test_a_repeat_after_its_message_was_removed_is_a_409(api: Api) -> None:
    api.post("messages/", MAIL, Idempotency_Key="order-7")
    with transaction.atomic():
        spend_keys(Message.objects.all())
        Message.objects.all().delete()
    answer = api.post("messages/", MAIL, Idempotency_Key="order-7")
    assert answer.status_code == 409
    assert "Nothing was sent now" in answer.json()["detail"]
    assert not Message.objects.exists()


def test_a_key_belongs_to_its_organization(api: Api) -> None:
    other = Api(factories.member())
    first = api.post("messages/", MAIL, Idempotency_Key="order-7").json()
    second = other.post("messages/", {**MAIL, "body": "x"}, Idempotency_Key="order-7")
    assert second.status_code == 201
    assert first["id"] != second.json()["id"]


def test_without_a_key_every_request_is_a_message(api: Api) -> None:
    for _ in range(2):
        api.post("messages/", MAIL)
    assert Message.objects.count() == 2


@pytest.mark.parametrize(("key", "status"), [("k" * 200, 201), ("k" * 201, 400), ("a\x7fb", 400)])
def test_a_key_has_at_most_200_printable_characters(api: Api, key: str, status: int) -> None:
    assert api.post("messages/", MAIL, Idempotency_Key=key).status_code == status


# --- reading ------------------------------------------------------------------------------------


def test_attempts_and_the_timeline_are_shown(api: Api, organization: Organization) -> None:
    message = sent("e1", of=organization)
    shown = api.get(f"messages/{message.pk}/")
    assert (shown["status"], shown["provider"], shown["provider_id"]) == ("sent", "resend", "e1")
    (attempt,) = shown["attempts"]
    assert set(attempt) == {
        "number",
        "channel",
        "to",
        "provider",
        "status",
        "provider_id",
        "error_code",
        "error",
        "started_at",
        "finished_at",
    }
    events = api.get(f"messages/{message.pk}/events/")
    assert [(event["kind"], event["source"], event["changed"]) for event in events] == [
        ("composed", "system", False),
        ("accepted", "response", True),
    ]
    assert events[1]["attempt"] == 1


def test_the_timeline_has_what_changed_nothing(api: Api, organization: Organization) -> None:
    message = sent("e1", of=organization)
    posting.deliver("email.sent", email_id="e1")
    deliveries.apply_due()
    last = api.get(f"messages/{message.pk}/events/")[-1]
    assert (last["source"], last["kind"], last["changed"]) == ("webhook", "sent", False)


def test_messages_come_in_pages_newest_first(api: Api, organization: Organization) -> None:
    made = [str(factories.message(organization).pk) for _ in range(7)]
    page = api.get("messages/?page_size=3")
    found = ids(page)
    assert page["previous"] is None
    # What arrives meanwhile neither moves nor repeats anything.
    factories.message(organization)
    while page["next"]:
        page = api.get(page["next"].partition("/api/")[2])
        found += ids(page)
    assert found == list(reversed(made))
    assert len(ids(api.get("messages/?page_size=100000"))) == 8
    assert api("GET", "messages/?cursor=broken").status_code == 400


def test_messages_are_filtered(api: Api, organization: Organization) -> None:
    done = sent("e1", of=organization)
    contact = factories.contact(organization, email="amelia@example.com")
    old, new = factories.message(organization), factories.message(organization, to="a@b.example")
    mine = factories.message(organization, to=contact.addresses.get().value)
    Message.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=2))
    yesterday = (timezone.now() - timedelta(days=1)).isoformat().replace("+", "%2B")
    for query, expected in (
        ("status=sent", {done}),
        ("status=sent&status=queued", {old, new, mine, done}),
        ("channel=email", {old, new, mine, done}),
        ("channel=sms", set()),
        (f"contact={contact.pk}", {mine}),
        (f"contact={10**9}", set()),
        (f"created_before={yesterday}", {old}),
        (f"created_after={yesterday}", {new, mine, done}),
        ("to=A@b.example", {new}),
        ("direction=inbound", set()),
    ):
        found = ids(api.get(f"messages/?{query}"))
        assert set(found) == {str(message.pk) for message in expected}, query
    for query in (
        "status=asleep",
        "channel=fax",
        "contact=x",
        "contact=1.5",
        f"contact={10**30}",
        "created_after=now",
    ):
        answer = api("GET", f"messages/?{query}")
        assert answer.status_code == 400, query
        assert list(answer.json()) == [query.partition("=")[0]]


@pytest.mark.parametrize("path", ["messages/x/", f"messages/{UUID(int=1)}/", f"contacts/{10**30}/"])
def test_what_is_not_there_is_a_404(api: Api, path: str) -> None:
    assert api("GET", path).status_code == 404


def test_the_summary_counts_the_last_day(api: Api, organization: Organization) -> None:
    factories.message(organization)
    factories.message(organization)
    factories.message()
    old = factories.message(organization)
    Message.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=25))
    assert api.get("messages/summary/")["counts"] == [
        {"channel": "email", "status": "queued", "count": 2},
    ]


# --- cancel and retry ---------------------------------------------------------------------------


def failed(organization: Organization) -> Message:
    message = factories.message(organization)
    outcomes.record_outcomes(
        [outcomes.CallResult(claimed(message), [ContentRejected("No.", code="no")])]
    )
    return message


def queued(organization: Organization) -> Message:
    return factories.message(organization)


def in_flight(organization: Organization) -> Message:
    message = factories.message(organization)
    claimed(message)
    return message


def with_the_provider(organization: Organization) -> Message:
    return sent("e1", of=organization)


@pytest.mark.parametrize(
    ("make", "verb", "status", "says"),
    [
        (queued, "cancel", 200, "cancelled"),
        (queued, "retry", 409, "waiting to be sent"),
        (in_flight, "cancel", 409, "being sent"),
        (in_flight, "retry", 409, "being sent"),
        (with_the_provider, "cancel", 409, "provider has it"),
        (with_the_provider, "retry", 409, "provider has it"),
        (failed, "cancel", 409, "failed"),
        (failed, "retry", 200, "queued"),
    ],
)
def test_cancel_and_retry_do_it_or_say_why_not(
    api: Api,
    organization: Organization,
    make: Callable[[Organization], Message],
    verb: str,
    status: int,
    says: str,
) -> None:
    message = make(organization)
    answer = api.post(f"messages/{message.pk}/{verb}/")
    assert answer.status_code == status
    shown = answer.json()
    assert says in (shown["detail"] if status == 409 else shown["status"])


def test_cancelling_says_who_did_it(api: Api, user: User, organization: Organization) -> None:
    message = factories.message(organization)
    api.post(f"messages/{message.pk}/cancel/")
    assert user.get_username() in Event.objects.filter(message=message).latest("id").detail
    again = api.post(f"messages/{message.pk}/cancel/")
    assert (again.status_code, again.json()) == (409, {"detail": "It is cancelled already."})


# --- contacts, templates, suppressions ----------------------------------------------------------


def test_contacts_are_made_changed_and_removed(api: Api, organization: Organization) -> None:
    address = {"channel": "email", "value": "Amelia@Example.com"}
    answer = api.post("contacts/", {"name": "Amelia", "notes": "Bride", "addresses": [address]})
    assert answer.status_code == 201
    made = answer.json()
    assert made["addresses"] == [{"channel": "email", "value": "amelia@example.com"}]
    path = f"contacts/{made['id']}/"
    changed = api("PATCH", path, {"name": "Amelia Hart"}).json()
    assert (changed["name"], changed["notes"]) == ("Amelia Hart", "Bride")
    assert changed["addresses"] == made["addresses"]
    number = {"channel": "sms", "value": "07700 900123"}
    put = api("PUT", path, {"name": "Amelia Hart", "addresses": [number]}).json()
    assert put["addresses"] == [{"channel": "sms", "value": "+447700900123"}]
    assert api.get(path) == put
    assert ids(api.get("contacts/?name=hart")) == [made["id"]]
    assert ids(api.get("contacts/?address=%2B447700900123")) == [made["id"]]
    message = factories.message(organization)
    assert api("DELETE", path).status_code == 204
    assert api("GET", path).status_code == 404
    assert Message.objects.filter(pk=message.pk).exists()


def test_an_address_is_taken_once(api: Api) -> None:
    body = {"name": "Amelia", "addresses": [{"channel": "email", "value": "a@example.com"}]}
    assert api.post("contacts/", body).status_code == 201
    again = api.post("contacts/", {**body, "name": "Another"})
    assert again.status_code == 400
    assert "another contact" in again.json()["addresses"][0]
    assert Contact.objects.count() == 1
    assert Api(factories.member()).post("contacts/", body).status_code == 201
    wrong = {"name": "Tom", "addresses": [{"channel": "sms", "value": "call me"}]}
    assert "telephone number" in api.post("contacts/", wrong).json()["addresses"][0]
    assert api.post("contacts/", {"name": ""}).status_code == 400


def test_templates_are_made_changed_and_removed(api: Api) -> None:
    body = {"name": "welcome", "channel": "email", "subject": "Hi", "body": "Hello {{ name }}"}
    made = api.post("templates/", body)
    assert made.status_code == 201
    path = f"templates/{made.json()['id']}/"
    again = api.post("templates/", body)
    assert again.status_code == 400
    assert "another name" in again.json()["name"][0]
    assert api("PATCH", path, {"body": "Hey"}).json()["body"] == "Hey"
    assert api("PUT", path, {**body, "name": "hello"}).json()["name"] == "hello"
    assert api.post("templates/", {**body, "channel": "sms"}).status_code == 201
    assert len(ids(api.get("templates/?channel=sms"))) == 1
    assert api("DELETE", path).status_code == 204
    assert Template.objects.count() == 1
    assert Api(factories.member()).post("templates/", body).status_code == 201


def test_suppressions_are_made_and_lifted_but_never_deleted(api: Api, user: User) -> None:
    body = {"channel": "email", "value": "Amelia@example.com", "detail": "She asked."}
    made = api.post("suppressions/", body)
    assert made.status_code == 201
    assert (made.json()["value"], made.json()["reason"]) == ("amelia@example.com", "manual")
    again = api.post("suppressions/", body)
    assert again.status_code == 400
    assert "already" in again.json()["value"][0]
    assert api.post("suppressions/", {**body, "value": "nobody"}).status_code == 400
    path = f"suppressions/{made.json()['id']}/"
    assert api("PATCH", path, {"value": "x@example.com"}).status_code == 405
    assert api("PUT", path, body).status_code == 405
    assert api("DELETE", path).status_code == 204
    lifted = api.get(path)
    assert lifted["lifted_at"] is not None
    assert lifted["lifted_by"] == user.get_username()
    assert Suppression.objects.count() == 1
    assert api.post("suppressions/", body).status_code == 201
    for query, count in (
        ("in_force=true", 1),
        ("in_force=false", 1),
        ("value=AMELIA@example.com", 2),
    ):
        assert len(ids(api.get(f"suppressions/?{query}"))) == count, query


# --- lists stay cheap ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PATHS, "messages/{}/events/"])
def test_a_longer_list_takes_no_more_queries(
    api: Api,
    organization: Organization,
    path: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    message = sent("e1", of=organization)
    for number in range(12):
        other = sent(f"e{number + 2}", of=organization)
        factories.contact(organization)
        posting.deliver("email.complained", email_id=other.provider_id)
        api.post("templates/", {"name": f"t{number}", "body": "x"})
    with django_assert_max_num_queries(5):
        api.get(path.format(message.pk))


# --- the documents ------------------------------------------------------------------------------


def test_the_schema_is_valid_and_its_enums_have_names(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn")
    assert "Status564Enum" not in capsys.readouterr().out


def test_schema_and_documents_are_open_and_load_nothing_from_elsewhere(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = False
    schema = Client().get("/api/schema/", headers={"Accept": "application/json"})
    assert schema.status_code == 200
    document = json.loads(schema.content)
    assert document["openapi"].startswith("3.")
    for path in PATHS:
        assert f"/api/{path}" in document["paths"]
    page = Client().get("/api/docs/")
    assert page.status_code == 200
    text = page.content.decode()
    assert not re.findall(r"(?:src|href)=[\"'](?:https?:)?//[^\"']+", text)
    assert not re.findall(r"https?://(?!testserver)[^\"'\s]+", text)


# --- placeholders -------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["{{ first name }}", "{{contact.name}}", "{{имя}}", "{{ name"])
@pytest.mark.parametrize("field", ["subject", "body", "html"])
def test_a_template_with_a_placeholder_nobody_knows_is_not_saved(
    api: Api, wrong: str, field: str
) -> None:
    good = {"name": "hello", "channel": "email", "subject": "Hi", "body": "On {{ date }}."}
    assert api.post("templates/", good).status_code == 201
    answer = api.post("templates/", {**good, "name": "other", field: f"Dear {wrong}"})
    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert "{{ date }}" in answer.json()[field][0]
    saved = Template.objects.get()
    changed = api("PATCH", f"templates/{saved.pk}/", {field: f"Dear {wrong}"})
    assert (changed.status_code, list(changed.json())) == (400, [field])


def test_nor_is_it_sent_with_its_braces(api: Api, organization: Organization) -> None:
    answer = api.post("messages/", {**MAIL, "body": "Dear {{ first name }}"})
    assert (answer.status_code, list(answer.json())) == (400, ["body"])
    Template.objects.create(organization=organization, name="old", body="Dear {{ имя }}")
    by_name = {"channel": "email", "to": MAIL["to"], "subject": "Hi", "template": "old"}
    answer = api.post("messages/", by_name)
    assert (answer.status_code, list(answer.json())) == (400, ["template"])
    # What a value says is its own business.
    filled = {**MAIL, "body": "Dear {{ name }}", "variables": {"name": "{{ you }}"}}
    assert api.post("messages/", filled).json()["body"] == "Dear {{ you }}"


# --- languages ----------------------------------------------------------------------------------


def test_a_template_is_there_once_in_each_language(api: Api) -> None:
    text = {"name": "hello", "channel": "email", "subject": "Hi", "body": "Hi", "language": "EN-gb"}
    assert api.post("templates/", text).json()["language"] == "en_GB"
    assert api.post("templates/", {**text, "language": "en_GB"}).status_code == 400
    german = api.post("templates/", {**text, "language": "de", "body": "Hallo"})
    assert german.status_code == 201
    unknown = api.post("templates/", {**text, "language": "xx"})
    assert (unknown.status_code, list(unknown.json())) == (400, ["language"])

    by_name = {"channel": "email", "to": MAIL["to"], "subject": "Hi", "template": "hello"}
    assert api.post("messages/", {**by_name, "language": "de-AT"}).json()["body"] == "Hallo"
    assert api.post("messages/", by_name).json()["language"] == "en_GB"
    preview = api.post("messages/preview/", by_name).json()
    assert "English (en_GB)" in preview["language_reason"]
    missing = api.post("messages/", {**by_name, "language": "fr"})
    assert "de, en_GB" in missing.json()["language"][0]


def test_what_meta_approved_is_not_changed_here(api: Api, organization: Organization) -> None:
    row = Template.objects.create(
        organization=organization, channel="whatsapp", name="a", approval="APPROVED", body="Hi"
    )
    assert api("PATCH", f"templates/{row.pk}/", {"body": "Ho"}).status_code == 400


# --- what a template needs ----------------------------------------------------------------------


def test_a_template_says_what_it_needs(api: Api, organization: Organization) -> None:
    Template.objects.create(
        organization=organization,
        name="hello",
        subject="{{ day }}",
        body="Dear {{ name }}, {{day}}",
    )
    header = {"name": "header", "part": "header", "kind": "image", "about": "a", "limit": 9}
    flow = {"name": "", "part": "button", "kind": "flow", "limit": 0}
    Template.objects.create(
        organization=organization,
        channel="whatsapp",
        name="invitation",
        approval="APPROVED",
        body="Hi",
        provider_variables=[header, flow],
    )
    Template.objects.create(
        organization=organization,
        channel="whatsapp",
        name="offers",
        approval="APPROVED",
        body="Hi",
        unsendable="It has a carousel, which cannot be sent from here.",
    )
    listed = {row["name"]: row for row in api.get("templates/")["results"]}
    assert [row["name"] for row in listed["hello"]["variables"]] == ["day", "name"]
    assert listed["invitation"]["variables"] == [
        {name: header[name] for name in ("name", "part", "kind", "about")}
    ]
    assert (listed["hello"]["unusable"], listed["invitation"]["unusable"]) == ("", "")
    assert "carousel" in listed["offers"]["unusable"]


@pytest.mark.parametrize(
    ("value", "status"),
    [("Tom", 201), (7, 201), (1.5, 201), (True, 400), (None, 400), ([], 400), ({}, 400)],
)
def test_a_value_is_a_text_or_a_number(api: Api, value: Any, status: int) -> None:
    answer = api.post("messages/", {**MAIL, "body": "Hi {{ name }}", "variables": {"name": value}})
    assert answer.status_code == status
    if status == 400:
        assert "name" in json.dumps(answer.json()["variables"])


# --- files --------------------------------------------------------------------------------------


def test_a_file_is_what_its_name_says_or_a_400(api: Api) -> None:
    def attached(**file: str) -> Any:
        files = [{"filename": "Menu.PDF", "content": "QQ==", **file}]
        return api.post("messages/", {**MAIL, "attachments": files})

    taken = attached()
    assert taken.status_code == 201
    message = Message.objects.get(pk=taken.json()["id"])
    assert message.attachments.get().content_type == "application/pdf"
    refused = attached(content_type="image/png")
    assert (refused.status_code, list(refused.json())) == (400, ["attachments"])
    assert "application/pdf" in refused.json()["attachments"][0]

    logo = {"filename": "logo.png", "content": "QQ==", "content_id": "logo"}
    html = {**MAIL, "html": '<img src="cid:logo">'}
    assert api.post("messages/", {**html, "attachments": [logo]}).status_code == 201
    missing = api.post("messages/", html)
    assert (missing.status_code, list(missing.json())) == (400, ["html"])


@pytest.mark.parametrize("path", ["messages/", "contacts/", "templates/", "suppressions/"])
@pytest.mark.parametrize(
    "body",
    ["[" * 100_000, '{"a":' * 20_001, '{"metadata":' + '{"a":' * 70 + "1" + "}" * 71],
    ids=["lists", "objects", "deeper than is stored"],
)
def test_json_that_is_nested_too_deeply_is_refused(api: Api, path: str, body: str) -> None:
    answer = api.client.generic(
        "POST", f"/api/{path}", body, content_type="application/json", headers=api.headers
    )

    assert answer.status_code == 400
    assert "nested" in answer.json()["detail"]
