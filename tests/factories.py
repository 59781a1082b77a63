"""Rows for tests: each function makes one, with sensible values for what is left out."""

import itertools
from typing import Any

from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token

from communications.book import contacts
from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.models import Contact, Membership, Message, Organization, Role

numbers = itertools.count(1)


def organization(**columns: Any) -> Organization:
    number = next(numbers)
    values = {"name": f"Venue {number}", "slug": f"venue-{number}", **columns}
    return Organization.objects.create(**values)


def member(of: Organization | None = None, role: Role = Role.STAFF, **columns: Any) -> User:
    number = next(numbers)
    user = User.objects.create_user(
        username=columns.pop("username", f"user-{number}"),
        password="secret",
        is_staff=True,
        **columns,
    )
    Membership.objects.create(user=user, organization=of or organization(), role=role)
    return user


def token(user: User) -> str:
    return str(Token.objects.get_or_create(user=user)[0].key)


def contact(of: Organization, email: str = "", name: str = "Amelia Hart") -> Contact:
    value = email or f"guest-{next(numbers)}@example.com"
    return contacts.create_contact(of, name=name, addresses=[("email", value)])


def message(of: Organization | None = None, **fields: Any) -> Message:
    """Composed, and waiting in the outbox."""
    draft = Draft(
        **{
            "channel": "email",
            "to": f"guest-{next(numbers)}@example.com",
            "subject": "Your day",
            "body": "See you soon.",
            **fields,
        },
    )
    return compose_message(of or organization(), draft).message
