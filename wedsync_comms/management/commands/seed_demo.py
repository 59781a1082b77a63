"""The demo organization and its login, for a first look. Only where DEBUG is on."""

import os
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django_q.tasks import async_task
from rest_framework.authtoken.models import Token

from communications.book import contacts
from communications.models import Contact, Membership, Organization, Role, Template

CONTACTS = (
    ("Amelia Hart", "amelia@hart-wedding.example", "+447700900101"),
    ("Noah Bennett", "noah@bennett.example", "+447700900102"),
    ("Fleur & Stem (florist)", "orders@fleurandstem.example", "+447700900103"),
)
TEMPLATES = (
    (
        "save-the-date",
        "Save the date: {{ couple }}",
        (
            "Dear {{ name }},\n\n{{ couple }} are getting married on {{ date }}, and would love to "
            "have you there.\n\nWarmly,\nEver After Weddings"
        ),
    ),
    (
        "final-details",
        "The final details for {{ date }}",
        (
            "Dear {{ name }},\n\nHere is everything for the day: {{ details }}\n\n"
            "Reply to this mail with any question.\n\nEver After Weddings"
        ),
    ),
)


class Command(BaseCommand):
    help = "Creates the demo organization, contacts and the login demo / demo. Safe to repeat."

    def handle(self, *_: Any, **__: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo login exists only where DEBUG is on.")
        with transaction.atomic():
            organization, _created = Organization.objects.get_or_create(
                slug="ever-after",
                defaults={"name": "Ever After Weddings"},
            )
            self.login(organization)
            self.contacts(organization)
            self.templates(organization)
        # The schedule's first turn comes after half a minute, when a newcomer has long looked.
        async_task("communications.tasks.sync_templates")

    def login(self, organization: Organization) -> None:
        user, is_new = User.objects.get_or_create(username="demo", defaults={"is_staff": True})
        if is_new:
            user.set_password("demo")
            user.save()
        Membership.objects.get_or_create(
            user=user,
            defaults={"organization": organization, "role": Role.OWNER},
        )
        key = os.environ.get("DEMO_API_TOKEN") or secrets.token_hex(20)
        if not Token.objects.filter(user=user, key=key).exists():
            Token.objects.filter(user=user).delete()
            Token.objects.create(user=user, key=key)

    def contacts(self, organization: Organization) -> None:
        if Contact.objects.filter(organization=organization).exists():
            return
        for name, email, number in CONTACTS:
            contacts.create_contact(
                organization,
                name=name,
                addresses=[("email", email), ("sms", number), ("whatsapp", number)],
            )

    def templates(self, organization: Organization) -> None:
        for name, subject, body in TEMPLATES:
            Template.objects.get_or_create(
                organization=organization,
                name=name,
                channel="email",
                defaults={"subject": subject, "body": body},
            )
