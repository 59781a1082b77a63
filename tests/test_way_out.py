"""Every client leaves by the proxy that the environment names, and believes its authorities."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sentry_sdk
from pytest_django import Settings

from calendars.providers.google import Google
from calendars.providers.microsoft import Microsoft
from calendars.vocabulary.events import Grant
from communications.providers.resend import Resend
from communications.providers.twilio import Twilio
from communications.providers.whatsapp import WhatsApp
from communications.receiving import self_test
from health.collecting import probes
from health.incidents.apprise_sender import send_by_apprise
from tests.communications.providers.answering import Answer, closed_port
from tests.outside import Outside, outside
from wedsync_comms.lib.environment import way_out
from wedsync_comms.lib.errors import OutcomeUnknown, ProviderError, TransientError
from wedsync_comms.lib.http import Client

OURS = "comms.example"
GRANT = Grant(
    access_token="a",
    refresh_token="r",
    expires_at=datetime(2030, 1, 1, tzinfo=UTC),
    scopes=(),
    subject="s",
    email="a@example.com",
)
VARIABLES = (*way_out.CERTIFICATES, "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


def google() -> Google:
    return Google(client_id="c", client_secret="s")


def microsoft() -> Microsoft:
    return Microsoft(client_id="c", client_secret="s")


def report_error() -> None:
    client = sentry_sdk.Client(dsn="https://key@sentry.example/1", default_integrations=False)
    client.capture_event({"message": "An error."})
    client.close(timeout=5)


CLIENTS: dict[str, Callable[[], object]] = {
    "api.resend.com": lambda: Resend(api_key="k", sender="a@example.com").probe(),
    "api.twilio.com": lambda: Twilio(account_sid="AC1", auth_tokens=["t"], sender="+1").probe(),
    "graph.facebook.com": lambda: WhatsApp(access_token="t", phone_number_id="1").probe(),
    "www.googleapis.com": lambda: google().mailbox("token").calendars(),
    "oauth2.googleapis.com": lambda: google().refresh(GRANT),
    "graph.microsoft.com": lambda: microsoft().mailbox("token").calendars(),
    "login.microsoftonline.com": lambda: microsoft().refresh(GRANT),
    OURS: lambda: self_test.post_sample("resend", "email.delivered"),
    # The calendars' webhook is asked as Microsoft does it.
    f"{OURS}:443": probes.probe_calendar_webhook,
    "alerts.example": lambda: send_by_apprise("jsons://alerts.example", "t", "b", is_good=True),
    "sentry.example": report_error,
}


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> pytest.MonkeyPatch:
    """An environment that names neither proxies nor authorities."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    settings.PUBLIC_URL = f"https://{OURS}"
    return monkeypatch


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Outside]:
    hosts = {host.partition(":")[0] for host in CLIENTS}
    with outside(tmp_path, sorted(hosts), Answer(404, {"error": "nothing"})) as made:
        yield made


def in_new_thread(call: Callable[[], object]) -> None:
    """Clients read the environment once for each thread."""

    def run() -> None:
        with suppress(ProviderError, self_test.NotProcessed):
            call()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
@pytest.mark.parametrize("host", CLIENTS)
def test_every_client_goes_through_the_proxy(
    host: str, variable: str, bare: pytest.MonkeyPatch, world: Outside
) -> None:
    bare.setenv("HTTPS_PROXY", world.proxy.url)
    bare.setenv(variable, str(world.authority))
    with pytest.MonkeyPatch.context() as shared:
        environment = dict[str, str]()
        way_out.share_certificates(environment)
        for name, value in environment.items():
            shared.setenv(name, value)
        in_new_thread(CLIENTS[host])

    assert f"{host.partition(':')[0]}:443" in world.proxy.asked_for
    # Whom it does not believe it asks nothing.
    assert world.server.asked


def client(
    bare: pytest.MonkeyPatch, world: Outside, patience: float = 10.0, **variables: str
) -> Client:
    bare.setenv("REQUESTS_CA_BUNDLE", str(world.authority))
    for name, value in variables.items():
        bare.setenv(name, value)
    return Client(timeout=(patience, patience))


def get(made: Client, url: str = "https://api.resend.com/") -> int:
    return made.request("GET", url, headers={}).status


def test_a_proxy_may_want_a_password(bare: pytest.MonkeyPatch, world: Outside) -> None:
    url = world.proxy.url.replace("//", "//ann:secret@")

    assert get(client(bare, world, HTTPS_PROXY=url)) == 404
    assert world.proxy.credentials == ["Proxy-Authorization: Basic YW5uOnNlY3JldA=="]


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "503"),
        (b"", "does not answer in time"),
        (b"no HTTP at all\r\n\r\n", "No connection"),
    ],
)
def test_what_a_proxy_refuses_never_left(
    refusal: bytes, says: str, bare: pytest.MonkeyPatch, world: Outside
) -> None:
    world.proxy.refusal = refusal
    url = world.proxy.url.replace("//", "//ann:secret@")

    with pytest.raises(TransientError, match=says) as error:
        get(client(bare, world, 10.0 if refusal else 0.5, HTTPS_PROXY=url))
    assert "secret" not in str(error.value)


def test_a_proxy_that_is_away_is_no_connection(bare: pytest.MonkeyPatch, world: Outside) -> None:
    away = f"http://127.0.0.1:{closed_port()}"

    with pytest.raises(TransientError):
        get(client(bare, world, HTTPS_PROXY=away))
    with pytest.raises(TransientError):
        get(client(bare, world, HTTP_PROXY=away), "http://api.resend.com/")


def test_what_breaks_behind_a_proxy_may_have_arrived(
    bare: pytest.MonkeyPatch, world: Outside
) -> None:
    world.server.answers = [Answer(hangs_up=True)]

    with pytest.raises(OutcomeUnknown):
        get(client(bare, world, HTTPS_PROXY=world.proxy.url))


def test_a_certificate_is_looked_at_behind_a_proxy_too(
    bare: pytest.MonkeyPatch, world: Outside
) -> None:
    made = client(bare, world, HTTPS_PROXY=world.proxy.url)

    with pytest.raises(TransientError, match="certificate"):
        get(made, "https://somebody.else/")


@pytest.mark.parametrize("named", ["api.resend.com", ".resend.com", "x.example, resend.com", "*"])
def test_whom_no_proxy_names_is_asked_directly(
    named: str, bare: pytest.MonkeyPatch, world: Outside
) -> None:
    made = client(bare, world, HTTPS_PROXY=world.proxy.url, NO_PROXY=named)
    made._session()

    assert made._local.way_out.proxies_for("https://api.resend.com/emails") == {}
    # As compose.yaml has it, where nobody adds a name.
    asked_by_proxy = client(bare, world, NO_PROXY="web,proxy,localhost,127.0.0.1,")
    assert get(asked_by_proxy) == 404


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "wedsync.localhost"])
def test_this_machine_is_never_asked_through_a_proxy(host: str, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("HTTP_PROXY", "http://proxy.example:3128")

    assert way_out.WayOut().proxies_for(f"http://{host}:8025/resend") == {}
    assert way_out.WayOut().proxies_for("http://192.0.2.1/")["http"] == "http://proxy.example:3128"


def test_what_no_call_could_use_is_refused_with_a_sentence(
    bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    way_out.check_way_out()
    bare.setenv("SSL_CERT_FILE", str(tmp_path / "away.pem"))
    with pytest.raises(way_out.UnusableWayOut, match=r"SSL_CERT_FILE names .*away\.pem, which is"):
        way_out.check_way_out()
    bare.delenv("SSL_CERT_FILE")
    bare.setenv("ALL_PROXY", "socks5h://proxy.example:1080")
    with pytest.raises(way_out.UnusableWayOut, match=r"ALL_PROXY names .* kind “socks5h”"):
        way_out.check_way_out()
    bare.setenv("https_proxy", "proxy.example:3128")
    way_out.check_way_out()


def test_through_a_proxy_that_is_not_spoken_to_nothing_leaves(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")

    with pytest.raises(TransientError):
        get(Client(timeout=(0.5, 0.5)))
