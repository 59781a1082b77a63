"""Twilio and Meta by real HTTP to a stranger's servers; e-mail into Django's own outbox."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from pytest_django import Settings

from communications.models import Organization
from tests import factories
from tests.communications.channels.phones import MAIL, Phones, twilio_account, whatsapp_account
from tests.sandbox_server import SandboxServer


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(whatsapp_rate_per_second=100_000) as server:
        # What becomes of a message is told by the tests.
        for name in ("twilio", "whatsapp"):
            server.control("PATCH", f"/{name}", {"auto_receipts": False})
        yield server


@pytest.fixture
def phones(sandbox: SandboxServer, settings: Settings, db: None) -> Iterator[Phones]:  # noqa: ARG001
    settings.PROVIDERS = {
        "twilio": twilio_account(sandbox.url),
        "whatsapp": whatsapp_account(sandbox.url),
        "mail": MAIL,
    }
    settings.ROUTES = {"sms": ["twilio"], "whatsapp": ["whatsapp"], "email": ["mail"]}
    cache.clear()
    made = Phones(sandbox, settings)
    yield made
    made.rest()
    sandbox.control("POST", "/reset")


@pytest.fixture
def venue(db: None) -> Organization:  # noqa: ARG001
    return factories.organization()
