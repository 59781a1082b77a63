"""`manage.py create_organization "Ever After" --owner ann@example.com`: what an organization needs.

No password passes through the command: the owner chooses one behind a link that works once.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.text import slugify
from rest_framework.authtoken.models import Token

from communications.models import Membership, Organization, Role

# What their columns hold.
LONGEST_NAME = 120
LONGEST_LOGIN = 150
SLUG_WITHOUT_LETTERS = "organization"


@dataclass(frozen=True)
class Created:
    organization: Organization
    owner: User
    token: str


class Command(BaseCommand):
    help = (
        "Creates an organization and the login of its owner, and prints (and mails, where "
        "EMAIL_URL is set) a link with which the owner chooses a password."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="for example: “Ever After Weddings”")
        parser.add_argument("--owner", required=True, metavar="EMAIL", help="who signs in with it")
        parser.add_argument(
            "--token", action="store_true", help="make an API token as well, shown this once"
        )
        parser.add_argument(
            "--new-link",
            action="store_true",
            help="they exist already: only make a new link, where the owner has no password yet",
        )

    def handle(self, **options: Any) -> None:
        name, email = checked_name(options["name"]), checked_email(options["owner"])
        if options["new_link"]:
            self.offer_link(owner_without_password(name, email))
            return
        try:
            created = create_organization(name, email, with_token=options["token"])
        except IntegrityError as error:
            raise CommandError("Somebody else is creating it right now; look again.") from error
        self.stdout.write(f"“{name}” is there, and {email} owns it.")
        self.offer_link(created.owner)
        if created.token:
            self.stdout.write(f"API token, which is not shown again:\n\n  {created.token}\n")

    def offer_link(self, owner: User) -> None:
        link = password_link(owner)
        days = settings.PASSWORD_RESET_TIMEOUT // (24 * 60 * 60)
        self.stdout.write(f"A password is chosen here, once, within {days} days:\n\n  {link}\n\n")
        if settings.EMAIL_URL_IS_SET:
            self.mail_link(owner, link)

    def mail_link(self, owner: User, link: str) -> None:
        text = f"Choose a password for WedSync Communications here:\n\n{link}\n"
        try:
            send_mail("Your login", text, settings.SERVER_EMAIL, [owner.email])
        except OSError as error:
            self.stderr.write(f"It could not be mailed ({error}): pass the link on yourself.")
        else:
            self.stdout.write(f"It was mailed to {owner.email} as well.")


def checked_name(given: str) -> str:
    """Returns it without spaces around it. Raises CommandError."""
    name = " ".join(given.split())
    if not name or len(name) > LONGEST_NAME:
        raise CommandError(f"A name has 1 to {LONGEST_NAME} characters.")
    return name


def checked_email(given: str) -> str:
    """Returns the address as it is signed in with. Raises CommandError."""
    email = given.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise CommandError(f"“{given}” is no e-mail address.") from error
    if len(email) > LONGEST_LOGIN:
        raise CommandError(f"A login has at most {LONGEST_LOGIN} characters: take another address.")
    return email


def create_organization(name: str, email: str, *, with_token: bool) -> Created:
    """All of it or nothing. Raises CommandError for what exists already."""
    with transaction.atomic():
        refuse_what_exists(name, email)
        organization = Organization.objects.create(name=name, slug=free_slug(name))
        owner = User.objects.create_user(username=email, email=email, is_staff=True)
        Membership.objects.create(user=owner, organization=organization, role=Role.OWNER)
        token = str(Token.objects.create(user=owner).key) if with_token else ""
    return Created(organization, owner, token)


def refuse_what_exists(name: str, email: str) -> None:
    if found := Organization.objects.filter(name__iexact=name).first():
        raise CommandError(
            f"“{found.name}” exists already, and nothing was changed. "
            "--new-link makes another link for its owner, while that has no password."
        )
    if login_of(email):
        raise CommandError(
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


def owner_without_password(name: str, email: str) -> User:
    """Raises CommandError for who is no owner of it, and for who can sign in."""
    owner = login_of(email)
    owned = Membership.objects.filter(user=owner, organization__name__iexact=name, role=Role.OWNER)
    if owner is None or not owned.exists():
        raise CommandError(f"{email} is no owner of “{name}”.")
    if owner.has_usable_password():
        raise CommandError(
            f"{email} has a password. `manage.py changepassword {owner.username}` sets another."
        )
    return owner


def password_link(owner: User) -> str:
    """Returns the address at which a login's password is chosen, once."""
    arguments = [
        urlsafe_base64_encode(force_bytes(owner.pk)),
        default_token_generator.make_token(owner),
    ]
    return settings.PUBLIC_URL + reverse("password_reset_confirm", args=arguments)
