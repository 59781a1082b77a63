"""`manage.py sandbox`: the providers' stand-in alone, with the keys that this project has."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from wedsync_comms.embedded import is_sandbox_installed


class Command(BaseCommand):
    help = "Serves stand-ins for the providers on this machine, and a page to play with them."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=int(os.environ.get("SANDBOX_PORT") or 8025))
        parser.add_argument(
            "--state",
            type=Path,
            metavar="FILE",
            help="where its world is kept over a restart (default: in memory only)",
        )

    def handle(self, *, host: str, port: int, state: Path | None, **_: Any) -> None:
        if not is_sandbox_installed():
            raise CommandError("The sandbox is not installed here: see requirements-run.lock.")
        # By name: production has this command, and no such package.
        sandbox = import_module("sandbox")
        webhooks = f"{settings.PUBLIC_URL}/api/webhooks/communications"
        self.stderr.write(f"Sandbox on http://{host}:{port}/, webhooks to {webhooks}/")
        config = sandbox.SandboxConfig(**addresses(webhooks), **credentials())
        sandbox.run(config, host, port, state)


def addresses(webhooks: str) -> dict[str, Any]:
    return {f"{vendor}_webhook_url": f"{webhooks}/{vendor}" for vendor in POSTS_TO_ONE_ADDRESS}


# The others are told with each subscription where to post.
POSTS_TO_ONE_ADDRESS = ("resend", "twilio", "whatsapp")

# Vendor -> option of the sandbox -> the variable it has in this project.
SECRETS = {
    "resend": {
        "resend_api_key": "RESEND_API_KEY",
        "resend_webhook_secret": "RESEND_WEBHOOK_SECRET",
    },
    "twilio": {
        "twilio_account_sid": "TWILIO_ACCOUNT_SID",
        "twilio_auth_token": "TWILIO_AUTH_TOKEN",
    },
    "whatsapp": {
        "whatsapp_access_token": "WHATSAPP_ACCESS_TOKEN",
        "whatsapp_phone_number_id": "WHATSAPP_PHONE_NUMBER_ID",
        "whatsapp_business_account_id": "WHATSAPP_BUSINESS_ACCOUNT_ID",
        "whatsapp_app_secret": "WHATSAPP_APP_SECRET",
        "whatsapp_verify_token": "WHATSAPP_VERIFY_TOKEN",
    },
    "google": {
        "google_client_id": "GOOGLE_CLIENT_ID",
        "google_client_secret": "GOOGLE_CLIENT_SECRET",
    },
    "microsoft": {
        "microsoft_client_id": "MICROSOFT_CLIENT_ID",
        "microsoft_client_secret": "MICROSOFT_CLIENT_SECRET",
    },
}
# What says that a vendor is stood in for, where it is called otherwise than the others'.
API_URLS = {"microsoft": "MICROSOFT_GRAPH_URL"}


def credentials() -> dict[str, Any]:
    """Those of the vendors that the sandbox stands in for.

    Without an API URL of its own it is the real account, whose secrets a sandbox, which shows them
    to everybody, must not learn.
    """
    return {
        option: os.environ[variable].partition(",")[0]
        for vendor, options in SECRETS.items()
        if os.environ.get(API_URLS.get(vendor, f"{vendor.upper()}_API_URL"))
        for option, variable in options.items()
        if os.environ.get(variable)
    }
