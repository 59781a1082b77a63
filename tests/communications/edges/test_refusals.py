"""Each operation lists the refusals that it can answer, those and no others, in the form they have.

What depends on the state of a row (409), its version (412) or an earlier key (422) is seen where
that is tested; here, that the right operations list it.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from pytest_django import Settings

from communications.models import Template
from tests import factories
from tests.calendars import rows

pytestmark = pytest.mark.django_db

CONFLICTS = {
    "appointments_create",
    "appointments_partial_update",
    "appointments_cancel_create",
    "contacts_merge_create",
    "messages_cancel_create",
    "messages_create",
    "messages_retry_create",
}
BY_STATE = {409, 412, 422}
JSON = "application/json"
NOBODYS = {"": "", "string": "00000000-0000-0000-0000-000000000000", "integer": "999999"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def listed(operation: dict[str, Any]) -> set[int]:
    return {int(code) for code in operation["responses"] if code.startswith("4")}


class Asker:
    """Asks one operation in ways that it has to refuse, and keeps what it answered."""

    def __init__(self, schema: dict[str, Any], method: str, path: str, operation: Any) -> None:
        self.schema, self.method, self.path, self.operation = schema, method, path, operation
        self.answered: set[int] = set()

    def __call__(self, about: object, body: str = "{}", query: str = "", **headers: str) -> None:
        answer: Any = Client().generic(
            self.method,
            self.path.replace("{id}", str(about)) + query,
            body,
            content_type=headers.pop("content_type", JSON),
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        self.check(answer)
        self.answered.add(answer.status_code)

    def check(self, answer: Any) -> None:
        stated = self.operation["responses"].get(str(answer.status_code))
        assert stated, f"{self.method} {self.path}: {answer.status_code} {answer.content[:200]!r}"
        if answer.status_code >= 400:
            form = {**stated["content"][JSON]["schema"], "components": self.schema["components"]}
            Draft202012Validator(form).validate(answer.json())


def own_rows(user: User) -> dict[str, Any]:
    """Returns the id of one row of each, by its tag."""
    organization = user.membership.organization
    text = Template.objects.create(organization=organization, name="t", channel="email", body="x")
    account = rows.account(organization)
    return {
        "contacts": factories.contact(organization).pk,
        "templates": text.pk,
        "calendar-accounts": account.pk,
        "appointments": rows.appointment(rows.calendar(account)).pk,
    }


def test_refusals_are_those_that_are_listed(schema: dict[str, Any], settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2_000
    user = factories.member()
    owned = own_rows(user)
    member = {"Authorization": f"Token {factories.token(user)}"}
    stranger = {"Authorization": f"Token {factories.token(User.objects.create_user('stranger'))}"}
    for method, path, operation in operations(schema):
        ask = Asker(schema, method, path, operation)
        nobodys = NOBODYS[id_type(operation)]
        ask(nobodys)
        ask(nobodys, **stranger)
        ask(nobodys, **member)
        ask(nobodys, Accept="text/html", **member)
        ask(nobodys, query="?cursor=cD0x&from=x", Idempotency_Key="x" * 201, **member)
        if "requestBody" in operation:
            about = owned.get(operation["tags"][0], nobodys)
            ask(about, content_type="text/plain", **member)
            ask(about, "{", **member)
            ask(about, f'"{"x" * 3_000}"', **member)
        refused = {code for code in ask.answered if code >= 400}
        assert refused == listed(operation) - BY_STATE, f"{method} {path}"


def id_type(operation: dict[str, Any]) -> str:
    parameters = operation.get("parameters", ())
    return next((given["schema"]["type"] for given in parameters if given["in"] == "path"), "")


def test_what_depends_on_a_state_is_listed_where_it_can_be(schema: dict[str, Any]) -> None:
    for _method, _path, operation in operations(schema):
        names = {given["name"] for given in operation.get("parameters", ())}
        expected = {412} if "If-Match" in names else set()
        expected |= {422} if "Idempotency-Key" in names else set()
        expected |= {409} if operation["operationId"] in CONFLICTS else set()
        assert listed(operation) & BY_STATE == expected, operation["operationId"]


def test_every_choice_that_may_be_blank_says_so(schema: dict[str, Any]) -> None:
    parts = schema["components"]["schemas"]
    blank = {"$ref": "#/components/schemas/BlankEnum"}
    assert blank in parts["Event"]["properties"]["status"]["oneOf"]
    assert blank in parts["Message"]["properties"]["consent"]["oneOf"]
    assert parts["BlankEnum"] == {"enum": [""], "type": "string", "x-enum-varnames": ["BLANK"]}
    assert schema["openapi"].startswith("3.")
