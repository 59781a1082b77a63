"""The whole of it: our verbs and web server on one side, the vendors' sandbox on the other."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from calendars.linking import accounts
from calendars.models import Account, Calendar
from communications.models import Organization
from tests import factories
from tests.calendars.providers.vendor_harness import (
    CALLBACK,
    GoogleHarness,
    MicrosoftHarness,
    VendorHarness,
)
from tests.communications.edges.servers import Live, web
from tests.sandbox_server import SandboxServer


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture(params=[GoogleHarness, MicrosoftHarness], ids=["google", "microsoft"])
def harness(
    request: pytest.FixtureRequest,
    sandbox_server: SandboxServer,
    settings: Settings,
) -> VendorHarness:
    found: VendorHarness = request.param(sandbox_server)
    found.rest()
    settings.CALENDARS = entry(found)
    return found


def entry(harness: VendorHarness) -> dict[str, Any]:
    url = f"{harness.sandbox.url}/{harness.slug}"
    if harness.slug == "google":
        options = {
            "client_id": "google_sandbox.apps.googleusercontent.com",
            "client_secret": "google_sandbox",
            "api_url": url,
            "token_url": f"{url}/token",
            "auth_url": f"{url}/o/oauth2/v2/auth",
        }
        backend = "calendars.providers.google.Google"
    else:
        options = {
            "client_id": "5f1e6f0b-6a0c-4f43-9d7a-2f0c1d3b8a11",
            "client_secret": "microsoft_sandbox",
            "graph_url": f"{url}/v1.0",
            "authority_url": url,
        }
        backend = "calendars.providers.microsoft.Microsoft"
    return {harness.slug: {"BACKEND": backend, "OPTIONS": options}}


@pytest.fixture
def organization(transactional_db: None) -> Organization:  # noqa: ARG001 (a server of ours looks)
    return factories.organization()


@pytest.fixture
def account(harness: VendorHarness, organization: Organization) -> Account:
    """Linked by a person who was sent to the vendor and came back."""
    started = accounts.start_linking(harness.slug, CALLBACK)
    return accounts.finish_linking(organization, started.kept, harness.consents(started.url))


@pytest.fixture
def calendar(account: Account) -> Calendar:
    return account.calendars.get(is_default=True)


@pytest.fixture
def our_env(harness: VendorHarness, process_env: dict[str, str]) -> dict[str, str]:
    """For processes of ours that know this vendor."""
    options = entry(harness)[harness.slug]["OPTIONS"]
    return process_env | {
        f"{harness.slug}_{name}".upper(): value for name, value in options.items()
    }


@pytest.fixture
def ours(our_env: dict[str, str], settings: Settings) -> Iterator[Live]:
    """Where the vendor's pushes arrive: a web server of ours, in a process of its own."""
    with web(our_env) as server:
        settings.PUBLIC_URL = server.http
        yield server
