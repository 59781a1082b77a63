"""The address book over the API."""

from urllib.parse import quote

import pytest

from communications.book import contacts
from communications.models import Contact, Organization
from tests import factories
from tests.communications.edges.test_api import Api, api, ids, organization, user

__all__ = ["api", "organization", "user"]

pytestmark = pytest.mark.django_db

AMELIA = {
    "given_name": "Amélia",
    "family_name": "Hart",
    "company": "Hart Ltd",
    "roles": ["couple", "guest"],
    "weddings": ["Hart 2027"],
    "language": "en",
    "time_zone": "Europe/London",
    "preferred_channel": "sms",
    "custom": {"table": 7},
    "addresses": [
        {"channel": "email", "value": "amelia@hart.example", "label": "home"},
        {"channel": "sms", "value": "07700 900101"},
        {"channel": "sms", "value": "07700 900102"},
    ],
}


def test_a_contact_has_a_name_of_its_parts_and_keeps_the_order_of_addresses(api: Api) -> None:
    made = api.post("contacts/", AMELIA).json()

    assert made["name"] == "Amélia Hart"
    assert made["addresses"] == [
        {"channel": "email", "value": "amelia@hart.example", "label": "home"},
        {"channel": "sms", "value": "+447700900101"},
        {"channel": "sms", "value": "+447700900102"},
    ]
    turned = [made["addresses"][2], made["addresses"][1]]
    changed = api("PATCH", f"contacts/{made['id']}/", {"addresses": turned}).json()
    assert changed["addresses"] == turned


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"roles": ["bride"]}, "roles"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"language": "Klingon"}, "language"),
        ({"custom": {"table": [1]}}, "custom"),
        ({"custom": {str(n): n for n in range(60)}}, "custom"),
        ({"weddings": ["x"] * 3 + ["y" * 90]}, "weddings"),
        ({"preferred_channel": "pigeon"}, "preferred_channel"),
        ({"given_name": "", "family_name": "", "company": ""}, "name"),
        ({"notes": "x" * 20_001}, "notes"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(api: Api, wrong: dict[str, object], field: str) -> None:
    answer = api.post("contacts/", {**AMELIA, **wrong})

    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert Contact.objects.count() == 0


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("q=amelia", True),
        ("q=AMÉLIA hart", True),
        ("q=hart 2027", True),
        ("q=00447700900101", True),
        ("q=900102", True),
        ("q=amelia@hart", True),
        ("q=noah", False),
        ("q=amelia noah", False),
        ("role=guest", True),
        ("role=venue", False),
        ("wedding=hart 2027", True),
        ("wedding=hart", False),
        ("to_review=false", True),
        ("to_review=true", False),
        ("changed_after=2999-01-01T00:00:00Z", False),
    ],
)
def test_contacts_are_found(api: Api, query: str, is_found: bool) -> None:  # noqa: FBT001
    made = api.post("contacts/", AMELIA).json()

    assert ids(api.get(f"contacts/?{quote(query, safe='=:')}")) == (
        [made["id"]] if is_found else []
    )


def test_a_nickname_finds_the_name_and_the_other_way_round(
    api: Api,
    organization: Organization,
) -> None:
    full = contacts.create_contact(organization, name="Elizabeth Hart", addresses=[])
    short = contacts.create_contact(organization, name="Liz Bennett", addresses=[])

    assert set(ids(api.get("contacts/?q=liz"))) == {full.pk, short.pk}
    assert set(ids(api.get("contacts/?q=Elizabeth"))) == {full.pk, short.pk}


def test_a_change_is_remembered_with_who_made_it(api: Api) -> None:
    path = f"contacts/{api.post('contacts/', AMELIA).json()['id']}/"
    api("PATCH", path, {"notes": "Vegan", "company": "Hart Ltd"})

    history = api.get(f"{path}history/")

    assert [(row["field"], row["source"]) for row in history] == [
        ("notes", "api"),
        ("created", "api"),
    ]
    assert (history[0]["before"], history[0]["after"]) == ("", "Vegan")
    assert history[0]["by"]


def test_two_are_merged_and_one_is_forgotten(api: Api, organization: Organization) -> None:
    kept = factories.contact(organization, email="one@example.com")
    gone = factories.contact(organization, email="two@example.com")
    path = f"contacts/{kept.pk}/"

    merged = api.post(f"{path}merge/", {"other": gone.pk})
    assert [row["value"] for row in merged.json()["addresses"]] == [
        "one@example.com",
        "two@example.com",
    ]
    assert api("GET", f"contacts/{gone.pk}/").status_code == 404
    again = api.post(f"{path}merge/", {"other": gone.pk})
    assert (again.status_code, list(again.json())) == (400, ["other"])
    assert api.post(f"{path}merge/", {"other": kept.pk}).status_code == 409
    assert api.get(f"{path}everything/")["contact"]["addresses"][1]["value"] == "two@example.com"
    assert api.post(f"{path}erase/", {}).status_code == 204
    assert not Contact.everyone.exists()
