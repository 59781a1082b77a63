"""An organization, the login of its owner, and a token: all of them or none."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q
from django.utils.text import slugify
from rest_framework.authtoken.models import Token

from communications.errors import NotPossible
from communications.models import Membership, Organization, Role

# What their columns hold.
LONGEST_NAME = 120
LONGEST_LOGIN = 150
SLUG_WITHOUT_LETTERS = "organization"


@dataclass(frozen=True)
class Founded:
    organization: Organization
    owner: User
    # Blank where none was asked for.
    token: str


def found_organization(name: str, email: str, *, with_token: bool) -> Founded:
    """Creates them; the owner has no password yet. Raises NotPossible with what to do instead."""
    name, email = checked_name(name), checked_login(email)
    with transaction.atomic():
        refuse_what_exists(name, email)
        organization = Organization.objects.create(name=name, slug=free_slug(name))
        owner = User.objects.create_user(username=email, email=email, is_staff=True)
        Membership.objects.create(user=owner, organization=organization, role=Role.OWNER)
        token = str(Token.objects.create(user=owner).key) if with_token else ""
    return Founded(organization, owner, token)


def owner_without_password(name: str, email: str) -> User:
    """Raises NotPossible for who is no owner of it, and for who can sign in."""
    name, email = checked_name(name), checked_login(email)
    owner = login_of(email)
    owned = Membership.objects.filter(user=owner, organization__name__iexact=name, role=Role.OWNER)
    if owner is None or not owned.exists():
        raise NotPossible(f"{email} is no owner of “{name}”.")
    if owner.has_usable_password():
        raise NotPossible(
            f"{email} has a password. `manage.py changepassword {owner.username}` sets another."
        )
    return owner


def checked_name(given: str) -> str:
    """Returns it without spaces around it. Raises NotPossible."""
    name = " ".join(given.split())
    if not name or len(name) > LONGEST_NAME:
        raise NotPossible(f"A name has 1 to {LONGEST_NAME} characters.")
    return name


def checked_login(given: str) -> str:
    """Returns the address as it is signed in with. Raises NotPossible."""
    email = given.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise NotPossible(f"“{given}” is no e-mail address.") from error
    if len(email) > LONGEST_LOGIN:
        raise NotPossible(f"A login has at most {LONGEST_LOGIN} characters: take another address.")
    return email


def refuse_what_exists(name: str, email: str) -> None:
    if found := Organization.objects.filter(name__iexact=name).first():
        raise NotPossible(
            f"“{found.name}” exists already, and nothing was changed. "
            "--new-link makes another link for its owner, while that has no password."
        )
    if login_of(email):
        raise NotPossible(
            f"{email} signs in already, and nothing was changed: a login belongs to one "
            "organization. Take another address."
        )


def login_of(email: str) -> User | None:
    return User.objects.filter(Q(username__iexact=email) | Q(email__iexact=email)).first()


def free_slug(name: str) -> str:
    """Returns a slug that nobody has; of a name without Latin letters nothing would be left."""
    base = slugify(name)[:40].strip("-") or SLUG_WITHOUT_LETTERS
    taken = set(Organization.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    candidates = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3)))
    return next(slug for slug in candidates if slug not in taken)
