"""The first organization of an empty installation, and the way of its owner to a password."""

import re
from io import StringIO
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from communications.models import Membership, Organization, Role

pytestmark = pytest.mark.django_db

ANN = "ann@everafter.example"


def create(name: str = "Ever After", owner: str = ANN, *options: str) -> str:
    said = StringIO()
    call_command("create_organization", name, "--owner", owner, *options, stdout=said)
    return said.getvalue()


def link_in(said: str) -> str:
    found = re.search(r"http\S+/password/\S+", said)
    assert found, said
    return found[0]


def choose(link: str, password: str, client: Client) -> int:
    """Follows the link as a browser does, and posts the form."""
    form = client.get(urlsplit(link).path, follow=True)
    path = form.request["PATH_INFO"]
    posted = client.post(path, {"new_password1": password, "new_password2": password})
    return posted.status_code


def test_an_owner_chooses_a_password_once_and_is_in() -> None:
    link = link_in(create())
    assert link.startswith("http://testserver/")
    browser = Client()

    assert choose(link, "short", browser) == 200
    assert choose(link, "a-wedding-in-may", browser) == 302
    assert browser.get("/").status_code == 200
    assert Client().login(username=ANN, password="a-wedding-in-may")
    assert b"does not work any more" in Client().get(urlsplit(link).path).content
    membership = Membership.objects.get()
    assert (membership.user.username, membership.role) == (ANN, Role.OWNER)
    assert not membership.user.is_superuser


def test_a_token_opens_the_api_and_is_shown_once() -> None:
    token = create("Ever After", ANN, "--token").split()[-1]

    answer = Client().get("/api/contacts/", headers={"Authorization": f"Token {token}"})
    assert answer.status_code == 200
    with pytest.raises(CommandError) as error:
        create("Ever After", ANN, "--token")
    assert token not in str(error.value)
    assert "API token" not in create("Another", "bea@everafter.example")


@pytest.mark.parametrize(
    ("name", "owner", "says"),
    [
        ("EVER  after", "other@everafter.example", "“Ever After” exists already, and nothing"),
        ("Another", "Ann@EverAfter.example", "ann@everafter.example signs in already, and nothing"),
        ("Another", "ann", "“ann” is no e-mail address"),
        ("Another", f"{'a' * 60}@{'b' * 60}.{'c' * 60}.example", "at most 150 characters"),
        ("  ", "other@everafter.example", "1 to 120 characters"),
        ("x" * 121, "other@everafter.example", "1 to 120 characters"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(name: str, owner: str, says: str) -> None:
    create()

    with pytest.raises(CommandError, match=says):
        create(name, owner)
    assert (Organization.objects.count(), User.objects.count()) == (1, 1)


def test_names_may_look_alike_or_have_no_letters_of_ours() -> None:
    names = ["Müller & Söhne", "Muller Sohne", "花嫁", "新郎", "!"]
    for number, name in enumerate(names):
        create(name, f"{number}@everafter.example")

    slugs = [Organization.objects.get(name=name).slug for name in names]
    wanted = ["muller-sohne", "muller-sohne-2", "organization", "organization-2", "organization-3"]
    assert slugs == wanted


def test_a_lost_link_is_made_anew_until_there_is_a_password() -> None:
    create()
    link = link_in(create("ever after", ANN.upper(), "--new-link"))
    assert Organization.objects.count() == 1

    with pytest.raises(CommandError, match="no owner of “Other”"):
        create("Other", ANN, "--new-link")
    choose(link, "a-wedding-in-may", Client())
    with pytest.raises(CommandError, match="has a password"):
        create("Ever After", ANN, "--new-link")


def test_the_link_is_mailed_where_mail_is_configured(settings: Settings) -> None:
    create()
    assert not mail.outbox

    settings.EMAIL_URL_IS_SET = True
    said = create("Another", "bea@everafter.example")
    assert "mailed to bea@everafter.example" in said
    assert link_in(said) in mail.outbox[0].body


def test_a_mail_server_that_is_away_costs_nothing_but_the_mail(settings: Settings) -> None:
    settings.EMAIL_URL_IS_SET = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9

    assert link_in(create())
    assert Organization.objects.count() == 1
