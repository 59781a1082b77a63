"""`manage.py send_test_webhook resend email.delivered`: is our endpoint there, and ours?"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from communications.receiving import self_test


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
            self_test.post_sample(provider, event)
        except LookupError as error:
            raise CommandError(str(error.args[0])) from error
        except self_test.NotProcessed as error:
            raise CommandError(str(error)) from error
        self.stdout.write("Webhook processed successfully")
