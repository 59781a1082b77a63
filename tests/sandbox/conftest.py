"""One sandbox and one receiver of webhooks for all tests; each test starts with both empty."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import resend
from resend.http_client_requests import RequestsClient

from tests.sandbox.google import Google, opened
from tests.sandbox.graph import GraphApi
from tests.sandbox.receiver import Receiver
from tests.sandbox_server import SandboxServer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = "re_the_only_key"
RECEIPT_DELAY = 0.1
TWILIO_TOKEN = "twilio_the_only_token"

Json = dict[str, Any]

SUPPRESSIONS: dict[str, Json] = {"resend": {"suppressions": {}}}


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="session")
def server(endpoint: Receiver) -> Iterator[SandboxServer]:
    with SandboxServer(
        resend_api_key=KEY,
        resend_webhook_url=endpoint.url,
        resend_webhook_secret=SECRET,
        twilio_auth_token=TWILIO_TOKEN,
        twilio_webhook_url=endpoint.url + "twilio?from=sandbox",
        whatsapp_webhook_url=endpoint.url + "whatsapp",
        whatsapp_rate_per_second=100_000,
        receipt_delay=RECEIPT_DELAY,
        retry_factor=0.02,
    ) as running:
        yield running


@pytest.fixture
def sandbox(server: SandboxServer, receiver: Receiver) -> Iterator[SandboxServer]:
    """Forgets everything afterwards, so that nothing late arrives in the next test."""
    before = server.control("GET", "/")
    yield server
    server.control("POST", "/reset")
    # What was being posted at this moment counts, and may take an answer, in the next test.
    while any(vendor["webhooks_waiting"] for vendor in server.control("GET", "/").values()):
        time.sleep(0.01)
    server.control("POST", "/reset")
    for slug, now in server.control("GET", "/").items():
        usual = before[slug]["settings"] | SUPPRESSIONS.get(slug, {})
        changed = {name for name, value in now["settings"].items() if value != usual[name]}
        if changed:
            server.control("PATCH", f"/{slug}", {name: usual[name] for name in changed})
    receiver.hooks.clear()


@pytest.fixture
def receiver(endpoint: Receiver) -> Receiver:
    endpoint.hooks.clear()
    endpoint.answers.clear()
    endpoint.pauses.clear()
    endpoint.handshake = lambda _: (405, "")
    endpoint.validation = lambda token: ("text/plain", token)
    return endpoint


@pytest.fixture
def sdk(sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> SandboxServer:
    """The official SDK, pointed at the sandbox."""
    monkeypatch.setattr(resend, "api_key", KEY)
    monkeypatch.setattr(resend, "api_url", f"{sandbox.url}/resend")
    # Its own HTTP, whatever else in this process plugged in.
    monkeypatch.setattr(resend, "default_http_client", RequestsClient())
    return sandbox


class Api:
    """Plain HTTP to Resend's API."""

    def __init__(self, sandbox: SandboxServer, session: requests.Session) -> None:
        self._base = f"{sandbox.url}/resend"
        self._session = session

    def __call__(
        self, method: str, path: str, json: Any = None, **options: Any
    ) -> requests.Response:
        headers = {"authorization": f"Bearer {KEY}"} | options.pop("headers", {})
        options = {"timeout": 10, **options}
        return self._session.request(
            method, self._base + path, json=json, headers=headers, **options
        )

    def send(self, key: str | None = None, **fields: Any) -> requests.Response:
        headers = {"idempotency-key": key} if key is not None else {}
        return self("POST", "/emails", mail(**fields), headers=headers)


@pytest.fixture
def api(sandbox: SandboxServer) -> Iterator[Api]:
    with requests.Session() as session:
        yield Api(sandbox, session)


class TwilioApi:
    """Plain HTTP to Twilio's API."""

    def __init__(self, sandbox: SandboxServer, session: requests.Session) -> None:
        self.sid: str = sandbox.control("GET", "/twilio")["settings"]["account_sid"]
        self.url = f"{sandbox.url}/twilio"
        self.base = f"/2010-04-01/Accounts/{self.sid}"
        self._session = session

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        """Below the account; a path that starts with the version is taken as it is."""
        options = {"timeout": 10, "auth": (self.sid, TWILIO_TOKEN), **options}
        whole = path if path.startswith("/2010") else self.base + path
        return self._session.request(method, self.url + whole, **options)

    def send(self, **fields: Any) -> requests.Response:
        usual = {"To": "+447700900123", "From": "+15550100100", "Body": "See you on Saturday."}
        given = {name: value for name, value in {**usual, **fields}.items() if value is not None}
        return self("POST", "/Messages.json", data=given)


@pytest.fixture
def twilio(sandbox: SandboxServer) -> Iterator[TwilioApi]:
    with requests.Session() as session:
        yield TwilioApi(sandbox, session)


class WhatsAppApi:
    """Plain HTTP to Graph."""

    def __init__(self, sandbox: SandboxServer, session: requests.Session) -> None:
        settings = sandbox.control("GET", "/whatsapp")["settings"]
        self.number: str = settings["phone_number_id"]
        self.account: str = settings["business_account_id"]
        self._token = settings["access_token"]
        self._base = f"{sandbox.url}/graph/v23.0"
        self._session = session

    def __call__(
        self, method: str, path: str, json: Any = None, **options: Any
    ) -> requests.Response:
        headers = {"authorization": f"Bearer {self._token}"} | options.pop("headers", {})
        url = path if path.startswith("http") else self._base + path
        return self._session.request(
            method, url, json=json, headers=headers, **{"timeout": 10, **options}
        )

    def send(self, **fields: Any) -> requests.Response:
        """A text, unless told otherwise."""
        usual = {
            "messaging_product": "whatsapp",
            "to": "447700900123",
            "type": "text",
            "text": {"body": "See you on Saturday."},
        }
        given = {name: value for name, value in {**usual, **fields}.items() if value is not None}
        return self("POST", f"/{self.number}/messages", given)

    def send_template(self, name: str, *texts: str, **fields: Any) -> requests.Response:
        parameters = [{"type": "text", "text": text} for text in texts]
        template = {
            "name": name,
            "language": {"code": "en_US"},
            "components": [{"type": "body", "parameters": parameters}],
        }
        return self.send(type="template", text=None, template=template, **fields)


@pytest.fixture
def whatsapp(sandbox: SandboxServer) -> Iterator[WhatsAppApi]:
    with requests.Session() as session:
        yield WhatsAppApi(sandbox, session)


@pytest.fixture
def google(sandbox: SandboxServer) -> Iterator[Google]:
    yield from opened(sandbox)


@pytest.fixture
def graph(sandbox: SandboxServer) -> Iterator[GraphApi]:
    """Graph as the one at work sees it."""
    with requests.Session() as session:
        yield GraphApi(sandbox, session)


def mail(**fields: Any) -> Json:
    usual = {
        "from": "Rosewood Barn <hello@rosewood.example>",
        "to": ["amelia@example.com"],
        "subject": "Your viewing",
        "text": "See you on Saturday.",
    }
    return {name: value for name, value in {**usual, **fields}.items() if value is not None}
