"""One organization never sees, changes or notices another's: every route, every method."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import URLPattern
from django.urls.resolvers import URLResolver, get_resolver

from calendars.api.urls import router as calendars
from communications.api.urls import router
from communications.book import contacts
from communications.models import (
    Contact,
    Event,
    Message,
    Organization,
    Suppression,
    Template,
)
from communications.policy import suppressions
from communications.vocabulary.events import Reason
from tests import factories
from tests.communications.edges.posting import sent
from tests.communications.edges.test_api import MAIL, Api

pytestmark = pytest.mark.django_db

# Every route of the router: its name, and a body that would be accepted from the owner.
COLLECTIONS: dict[str, dict[str, Any]] = {
    "message-list": MAIL,
    "contact-list": {"name": "Mallory"},
    "template-list": {"name": "mine", "body": "x"},
    "suppression-list": {"channel": "email", "value": "x@example.com"},
    "message-preview": MAIL,
    "message-summary": {},
}
DETAILS: dict[str, dict[str, Any]] = {
    "message-detail": MAIL,
    "message-events": {},
    "message-cancel": {},
    "message-retry": {},
    "contact-detail": {"name": "Mallory"},
    "contact-channels": {},
    "contact-history": {},
    "contact-everything": {},
    "contact-merge": {"other": 1},
    "contact-erase": {},
    "template-detail": {"name": "mine", "body": "x"},
    "suppression-detail": {},
}
# Everything else below /api/: no data of an organization, or tested elsewhere.
ELSEWHERE = {
    "schema",
    "docs",
    # tests/communications/edges/test_hostile_requests.py
    "api-unknown",
    "webhook-resend",
    "webhook-twilio",
    "webhook-whatsapp",
    # tests/health/test_api.py
    "api-health",
    # tests/calendars/test_api.py
    "webhook-calendar",
    *(str(url.name) for url in calendars.urls if isinstance(url, URLPattern)),
}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
SECRET = "Zanzibar"


class Theirs:
    """An organization with one of everything."""

    def __init__(self) -> None:
        self.organization = factories.organization(name=SECRET)
        self.contact = factories.contact(self.organization, name=SECRET)
        self.message = sent("theirs", of=self.organization, subject=SECRET, body=SECRET)
        self.queued = factories.message(self.organization, subject=SECRET)
        self.template = Template.objects.create(
            organization=self.organization,
            name="theirs",
            body=SECRET,
        )
        self.suppression = suppressions.suppress_address(
            self.organization,
            channel="email",
            value="zanzibar@example.com",
            reason=Reason.MANUAL,
            detail=SECRET,
        )
        assert self.suppression is not None
        self.keys: dict[str, list[object]] = {
            "message": [self.message.pk, self.queued.pk],
            "contact": [self.contact.pk],
            "template": [self.template.pk],
            "suppression": [self.suppression.pk],
        }

    def snapshot(self) -> list[Any]:
        models = (Message, Contact, Template, Suppression, Event)
        return [
            list(model.objects.filter(organization=self.organization).order_by("pk").values())
            for model in models
        ]


@pytest.fixture
def theirs() -> Theirs:
    return Theirs()


@pytest.fixture
def mallory() -> User:
    return factories.member()


def routes() -> dict[str, str]:
    """name -> path, with `{}` for the id."""
    return {
        str(url.name): str(url.pattern).removeprefix("^").removesuffix("$").replace("\\", "")
        for url in router.urls
        if isinstance(url, URLPattern) and "format" not in str(url.pattern)
    }


def path_of(name: str, key: object = "") -> str:
    return routes()[name].replace("(?P<pk>[^/.]+)", str(key))


def test_every_route_is_known_here() -> None:
    """A new one belongs into one of the tables above, so that it is walked too."""
    assert set(routes()) == {*COLLECTIONS, *DETAILS}


def test_there_is_nothing_below_api_but_the_router_and_what_is_tested_elsewhere() -> None:
    found = set()

    def walk(patterns: list[Any], prefix: str) -> None:
        for pattern in patterns:
            path = prefix + str(pattern.pattern).removeprefix("^")
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, path)
            elif path.startswith("api/") and "format" not in path:
                found.add(pattern.name)

    walk(get_resolver().url_patterns, "")
    assert found == {*COLLECTIONS, *DETAILS, *ELSEWHERE}


@pytest.mark.parametrize("name", DETAILS)
@pytest.mark.parametrize("method", METHODS)
def test_what_belongs_to_others_is_not_there(
    theirs: Theirs,
    mallory: User,
    name: str,
    method: str,
) -> None:
    before = theirs.snapshot()
    api = Api(mallory)
    for key in theirs.keys[name.partition("-")[0]]:
        answer = api(method, path_of(name, key), DETAILS[name])
        assert answer.status_code in {404, 405}, (name, method)
        assert SECRET not in answer.content.decode()
    assert theirs.snapshot() == before


@pytest.mark.parametrize("name", COLLECTIONS)
@pytest.mark.parametrize("method", METHODS)
def test_lists_hold_nothing_of_others(
    theirs: Theirs,
    mallory: User,
    name: str,
    method: str,
) -> None:
    before = theirs.snapshot()
    answer = Api(mallory)(method, path_of(name), COLLECTIONS[name])
    assert answer.status_code in {200, 201, 405}, answer.content
    assert SECRET not in answer.content.decode()
    if method == "GET" and answer.status_code == 200:
        assert answer.json().get("results", []) == answer.json().get("counts", []) == []
    assert theirs.snapshot() == before


def test_filters_do_not_reach_across(theirs: Theirs, mallory: User) -> None:
    api = Api(mallory)
    for query in (
        f"messages/?contact={theirs.contact.pk}",
        f"messages/?to={theirs.message.to}",
        f"contacts/?address={theirs.contact.addresses.get().value}",
        f"contacts/?name={SECRET}",
        "templates/?name=theirs",
        "suppressions/?value=zanzibar@example.com",
    ):
        assert api.get(query)["results"] == [], query


def test_their_contacts_and_templates_cannot_be_used(theirs: Theirs, mallory: User) -> None:
    api = Api(mallory)
    for change in ({"contact": theirs.contact.pk}, {"to": "a@example.com", "template": "theirs"}):
        for path in ("messages/", "messages/preview/"):
            answer = api.post(path, {"channel": "email", "subject": "x", **change})
            assert answer.status_code == 400
            assert SECRET not in answer.content.decode()


def test_their_suppressions_and_addresses_are_not_noticed(theirs: Theirs, mallory: User) -> None:
    api = Api(mallory)
    answer = api.post("messages/", {**MAIL, "to": "zanzibar@example.com"})
    assert answer.json()["status"] == "queued"
    address = {"channel": "email", "value": theirs.contact.addresses.get().value}
    made = api.post("contacts/", {"name": "Mallory", "addresses": [address]})
    assert made.status_code == 201


def test_an_organization_cannot_be_chosen(theirs: Theirs, mallory: User) -> None:
    api = Api(mallory)
    body = {"name": "Mine", "organization": theirs.organization.pk}
    api.post("contacts/", body)
    own = api.post("templates/", {**body, "name": "own", "body": "x"}).json()["id"]
    api("PATCH", f"templates/{own}/", {"organization": theirs.organization.pk})
    api("GET", f"messages/?organization={theirs.organization.pk}")
    assert Contact.objects.get(name="Mine").organization == mallory.membership.organization
    assert Template.objects.get(pk=own).organization == mallory.membership.organization
    answer = api.post("messages/", {**MAIL, "organization": theirs.organization.pk})
    assert answer.status_code == 400


def test_members_see_all_of_this(theirs: Theirs) -> None:
    """So that the tests above would notice if nobody could see it."""
    api = Api(factories.member(theirs.organization))
    for name, keys in theirs.keys.items():
        for key in keys:
            shown = api.get(path_of(f"{name}-detail", key))
            assert SECRET in json.dumps(shown)
        assert len(api.get(path_of(f"{name}-list"))["results"]) == len(keys)
    assert isinstance(theirs.organization, Organization)
    assert contacts.contact_by_address(
        theirs.organization,
        channel="email",
        value=theirs.contact.addresses.get().value,
    )
