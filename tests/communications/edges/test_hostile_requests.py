"""What no client means to send: a sentence for it, never an error of ours."""

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import pytest
from django.db import InterfaceError, OperationalError, connection, transaction
from django.test import Client

from communications.api.serializers import MessageSerializer
from communications.models import Message
from tests import factories

pytestmark = pytest.mark.django_db

MAIL = {"channel": "email", "to": "amelia@example.com", "subject": "Your day", "body": "Soon."}
LISTS = [
    "messages/",
    "contacts/",
    "templates/",
    "suppressions/",
    "appointments/",
    "calendar-accounts/",
]
POSITIONS = [
    "1",
    "",
    "\0",
    "2027-01-01",
    "2027-01-01T10:00:00",
    "2027-02-30 10:00:00+00:00",
    "99999-01-01T00:00:00+00:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
]
TOO_FAR = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]


@pytest.fixture
def headers() -> dict[str, str]:
    return {"Authorization": f"Token {factories.token(factories.member())}"}


@pytest.fixture
def get(headers: dict[str, str]) -> Any:
    return lambda path, **query: Client().get(f"/api/{path}", query, headers=headers)


@pytest.fixture
def post(headers: dict[str, str]) -> Any:
    return lambda path, body: Client().post(
        f"/api/{path}", body, content_type="application/json", headers=headers
    )


@pytest.mark.parametrize("position", POSITIONS)
def test_a_cursor_that_no_page_named_is_refused(get: Any, position: str) -> None:
    cursor = b64encode(f"p={quote(position)}".encode()).decode()
    for path in LISTS:
        answer = get(path, cursor=cursor)
        assert answer.status_code == 400, path
        assert "no cursor of ours" in answer.json()["detail"]


@pytest.mark.parametrize("cursor", ["cD0x", "@@@", "é", "a", "\0", "bz14"])
def test_nor_is_what_is_no_cursor_at_all(get: Any, cursor: str) -> None:
    assert get("messages/", cursor=cursor).status_code == 400


@pytest.mark.parametrize("moment", [*TOO_FAR, "1e999", "nan", "\0", "2027-13-01"])
def test_a_filter_by_a_time_that_cannot_be_is_refused(get: Any, moment: str) -> None:
    for path, name in (
        ("messages/", "created_after"),
        ("messages/", "created_before"),
        ("contacts/", "changed_after"),
        ("appointments/", "starts_after"),
        ("appointments/", "starts_before"),
    ):
        answer = get(path, **{name: moment})
        assert answer.status_code == 400, name
        assert list(answer.json()) == [name]


@pytest.mark.parametrize("number", ["1e999", "nan", "1.5", "\0", str(2**63), "9" * 5_000])
def test_a_filter_by_a_number_that_no_row_has_is_refused(get: Any, number: str) -> None:
    for path, name in (("messages/", "contact"), ("appointments/", "calendar")):
        answer = get(path, **{name: number})
        assert (answer.status_code, list(answer.json())) == (400, [name])


@pytest.mark.parametrize(
    "written",
    ["1e999", "[-1e999]", '{"a": [{"b": 1e400}]}', "NaN", '"\\ud800"', '"\\u0000"', "9" * 5_000],
)
def test_json_that_no_database_keeps_is_refused_and_nothing_is_stored(
    post: Any, written: str
) -> None:
    for path, field in (("messages/", "metadata"), ("contacts/", "custom"), ("templates/", "name")):
        body = f'{json.dumps(MAIL)[:-1]}, "name": "Amelia", "{field}": {written}}}'
        answer = post(path, body)
        assert answer.status_code == 400, answer.content
        assert answer.json()["detail"]
    assert not Message.objects.exists()


@pytest.mark.parametrize("path", ["messages", "messages/preview", "contacts/1/merge"])
def test_without_its_last_slash_a_call_is_told_so(
    post: Any, headers: dict[str, str], path: str
) -> None:
    answer = post(path, json.dumps(MAIL))
    assert answer.status_code == 400
    assert f"/api/{path}/" in answer.json()["detail"]
    assert not Message.objects.exists()
    looked = Client().get(f"/api/{path}?a=1", headers=headers)
    assert (looked.status_code, looked["Location"]) == (301, f"/api/{path}/?a=1")


def test_an_unknown_call_is_a_404_in_json(get: Any, post: Any) -> None:
    for answer in (get("massages/"), post("massages", "{}"), post("webhooks/nobody", "{}")):
        assert answer.status_code == 404
        assert "/api/docs/" in answer.json()["detail"]


def test_a_database_that_takes_nothing_is_a_503_and_the_client_comes_again(post: Any) -> None:
    with connection.cursor() as cursor:
        reading = {"sqlite": "PRAGMA query_only = on", "postgresql": "SET TRANSACTION READ ONLY"}
        cursor.execute(reading[connection.vendor])
    try:
        answer = post("messages/", json.dumps(MAIL))
    finally:
        if connection.vendor == "sqlite":
            connection.cursor().execute("PRAGMA query_only = off")
    transaction.set_rollback(True)  # PostgreSQL takes nothing any more in this one
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "nothing was stored" not in answer.json()["detail"]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_connection_that_is_lost_after_the_commit_is_no_word_on_what_was_stored(
    get: Any, post: Any, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_connection(*_: Any) -> None:
        raise error("server closed the connection unexpectedly")

    monkeypatch.setattr(MessageSerializer, "to_representation", lose_connection)
    written, read = post("messages/", json.dumps(MAIL)), get("messages/")

    assert Message.objects.filter(to=MAIL["to"]).exists()
    assert (written.status_code, read.status_code) == (503, 503)
    assert "Whether this was stored is not known" in written.json()["detail"]
    assert "same Idempotency-Key" in written.json()["detail"]
    assert "stored" not in read.json()["detail"]
