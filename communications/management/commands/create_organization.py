"""`manage.py create_organization "Ever After" --owner ann@example.com`: what an organization needs.

No password passes through the command: the owner chooses one behind a link that works once.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from communications.errors import NotPossible
from communications.organizations import founding


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
        name, email = options["name"], options["owner"]
        try:
            if options["new_link"]:
                self.offer_link(founding.owner_without_password(name, email))
            else:
                self.found(name, email, with_token=options["token"])
        except NotPossible as error:
            raise CommandError(str(error)) from error
        except IntegrityError as error:
            raise CommandError("Somebody else is creating it right now; look again.") from error

    def found(self, name: str, email: str, *, with_token: bool) -> None:
        founded = founding.found_organization(name, email, with_token=with_token)
        self.stdout.write(f"“{founded.organization}” is there, and {founded.owner} owns it.")
        self.offer_link(founded.owner)
        if founded.token:
            self.stdout.write(f"API token, which is not shown again:\n\n  {founded.token}\n")

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


def password_link(owner: User) -> str:
    """Returns the address at which a login's password is chosen, once."""
    arguments = [
        urlsafe_base64_encode(force_bytes(owner.pk)),
        default_token_generator.make_token(owner),
    ]
    return settings.PUBLIC_URL + reverse("password_reset_confirm", args=arguments)
