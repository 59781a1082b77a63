"""`manage.py send_test_webhook resend email.delivered`: is our endpoint there, and ours?"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from communications.providers import registry
from wedsync_comms.lib.errors import ProviderError
from wedsync_comms.lib.http import Client

OK = 200


class Command(BaseCommand):
    help = "Signs a sample event with the configured secret and posts it to the public URL."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider", help="for example: resend")
        parser.add_argument("event", help="the vendor's name, for example: email.delivered")

    def handle(self, *_: Any, provider: str, event: str, **__: Any) -> None:
        if provider not in settings.PROVIDERS:
            known = ", ".join(settings.PROVIDERS) or "none"
            raise CommandError(f"“{provider}” is not configured. Configured: {known}.")
        try:
            sample = registry.provider(provider).sample(event)
        except LookupError as error:
            raise CommandError(str(error.args[0])) from error
        url = settings.PUBLIC_URL + reverse(f"webhook-{provider}")
        try:
            answer = Client().request("post", url, headers=sample.headers, data=sample.body)
        except ProviderError as error:
            raise CommandError(f"{url} does not answer: {error}") from error
        if answer.status != OK:
            said = answer.content[:500].decode(errors="replace")
            raise CommandError(f"{url} answered {answer.status}: {said}")
        self.stdout.write("Webhook processed successfully")
