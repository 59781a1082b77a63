"""Our own network, name server or certificates are away: nobody's message is burnt, all of it
waits, says why, and leaves by itself when there is a way again.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from communications.models import Event, Message, Organization, Priority
from communications.policy import unreached_channels
from communications.providers import registry
from communications.sending import reachability
from communications.sending.dispatcher import Dispatcher
from communications.sending.reachability import find_connection
from health.incidents import evaluator
from health.models import Incident
from health.reporting import summary
from tests import factories
from tests.communications.channels.phones import (
    MAIL,
    Phones,
    explanations,
    guest,
    statuses,
    twilio_account,
    whatsapp_account,
    write,
)
from tests.communications.engine import mailing, rows
from tests.communications.engine.mailing import Json, status
from tests.communications.providers.answering import closed_port
from tests.lib.tls_server import TlsServer, write_certificate
from wedsync_comms.lib.breaker import UNREACHABLE

CHANNELS = {"resend": "email", "mail": "email", "twilio": "sms", "whatsapp": "whatsapp"}
WHY = {
    "name": "its name cannot be looked up",
    "port": "nothing listens at its address",
    "certificate": "its certificate is not one that we trust",
}


def resend_account(url: str) -> Json:
    return mailing.account_at(url, "resend", api_key="re_sandbox")


def smtp_account(url: str) -> Json:
    host, _, port = url.partition("://")[2].partition(":")
    made = mailing.mail_account(int(port or 25))
    made["OPTIONS"] |= {"host": host, "use_ssl": url.startswith("https")}
    return made


ACCOUNTS: dict[str, Callable[[str], Json]] = {
    "resend": resend_account,
    "mail": smtp_account,
    "twilio": twilio_account,
    "whatsapp": whatsapp_account,
}


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server whose certificate nobody trusts."""

    def serve(connection: Any, context: Any) -> None:
        context.wrap_socket(connection, server_side=True).close()

    server = TlsServer(serve, write_certificate(tmp_path_factory.mktemp("tls") / "own.pem"))
    yield server.port
    server.close()


@pytest.fixture
def addresses(stranger: int) -> dict[str, str]:
    """By what is missing: the name, the server, the trust."""
    return {
        "name": "http://no-such-host.invalid",
        "port": f"http://127.0.0.1:{closed_port()}",
        "certificate": f"https://localhost:{stranger}",
    }


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachability, "ASK_EVERY_S", 0.0)


class Office:
    """A dispatcher and its providers, each with one address where it is and one where it is not."""

    def __init__(self, phones: Phones) -> None:
        self.phones = phones
        self.dispatcher = mailing.dispatcher()
        self.present = {
            "resend": resend_account(phones.sandbox.url),
            "mail": MAIL,
            "twilio": twilio_account(phones.sandbox.url),
            "whatsapp": whatsapp_account(phones.sandbox.url),
        }
        phones.settings.ROUTES = {
            "email": ["resend"],
            "sms": ["twilio"],
            "whatsapp": ["whatsapp"],
        }
        self.away({})

    def away(self, urls: dict[str, str]) -> None:
        """Those that are named are not reached any more; the others are again."""
        missing = {slug: ACCOUNTS[slug](url) for slug, url in urls.items()}
        self.phones.settings.PROVIDERS = {**self.present, **missing}

    def work(self, ticks: int = 2) -> None:
        for _ in range(ticks):
            self.dispatcher.swept_at = 0.0
            self.dispatcher.tick()

    def later(self, **span: float) -> None:
        self.phones.pass_time(**span)
        self.work()


@pytest.fixture
def office(phones: Phones, impatient: None) -> Office:  # noqa: ARG001
    return Office(phones)


def written(to: Organization, provider: str, **draft: Any) -> Message:
    return write(guest(to), CHANNELS[provider], **draft)


@pytest.mark.parametrize("missing", WHY)
@pytest.mark.parametrize("provider", CHANNELS)
def test_what_cannot_leave_waits_unharmed_and_leaves_when_there_is_a_way_again(
    venue: Organization, office: Office, addresses: dict[str, str], provider: str, missing: str
) -> None:
    office.phones.settings.ROUTES = {CHANNELS[provider]: [provider]}
    office.away({provider: addresses[missing]})
    first = written(venue, provider)
    office.work()
    second = written(venue, provider)
    # Longer than all retries take.
    office.later(minutes=1)
    office.later(minutes=1)

    # One try told it all; none was used up, and nothing else was claimed.
    assert (statuses(first), statuses(second)) == (["failed"], [])
    assert (status(first), status(second)) == ("queued", "queued")
    for message in (first, second):
        assert explanations(message).count(WHY[missing]) <= 2
        told = Event.objects.get(message=message, kind="held")
        assert WHY[missing] in told.detail
        assert "It waits, and leaves when that is over." in told.detail
    (shown,) = [row for row in summary.build_summary(venue).providers if row.provider == provider]
    assert (shown.status, shown.breaker and shown.breaker.state) == ("down", "open")
    assert shown.reason.startswith(f"We cannot reach {registry.provider_for(provider).label}: ")
    assert WHY[missing] in shown.reason
    assert "Messages wait" in shown.reason

    office.away({})
    office.work()

    assert (status(first), status(second)) == ("sent", "sent")
    assert registry.breaker_for(provider).state().state == "closed"


def test_the_breaker_of_one_does_not_hold_the_others(
    venue: Organization, office: Office, addresses: dict[str, str]
) -> None:
    """One organization's account has a typing error in its host; another's is right."""
    office.phones.settings.ROUTES["email"] = ["mail"]
    office.away({"resend": addresses["name"], "twilio": addresses["name"]})
    other = factories.organization()
    stuck = [written(venue, "twilio") for _ in range(3)]
    free = [written(other, "mail"), written(other, "whatsapp")]
    office.work()
    assert {status(message) for message in stuck} == {"queued"}
    assert {status(message) for message in free} == {"sent"}


def test_another_provider_of_the_route_takes_it_at_once(
    venue: Organization, office: Office, addresses: dict[str, str]
) -> None:
    office.phones.settings.ROUTES["email"] = ["resend", "mail"]
    office.away({"resend": addresses["name"]})
    first = written(venue, "resend")
    office.work()
    second = written(venue, "resend")
    office.work()
    assert [status(message) for message in (first, second)] == ["sent", "sent"]
    assert statuses(second) == ["sent"]
    assert "Next through mail." in explanations(first)
    assert "we cannot reach Resend" in explanations(second)
    assert len(mail.outbox) == 2


def test_with_no_network_at_all_everything_waits_and_it_is_one_incident(
    venue: Organization, office: Office, addresses: dict[str, str]
) -> None:
    office.phones.settings.ROUTES["email"] = ["resend", "mail"]
    office.away(dict.fromkeys(CHANNELS, addresses["name"]))
    planned = written(venue, "twilio", fallback=[{"channel": "email"}])
    messages = [planned, written(venue, "resend"), written(venue, "whatsapp")]
    office.work(ticks=6)
    for slug in CHANNELS:
        age_outage(slug, minutes=5)
    office.later(minutes=5)

    assert {status(message) for message in messages} == {"queued"}
    planned.refresh_from_db()
    assert planned.leg == 0
    evaluator.Evaluator().evaluate()
    assert [row.title for row in Incident.objects.open()] == [
        "No provider can be reached from here"
    ]

    office.away({})
    office.work(ticks=6)
    assert {status(message) for message in messages} == {"sent"}


def test_where_one_channel_is_not_reached_for_long_the_plan_goes_on(
    venue: Organization, office: Office, addresses: dict[str, str]
) -> None:
    office.phones.settings.ROUTES["email"] = ["mail"]
    office.away({"twilio": addresses["name"]})
    person = guest(venue)
    planned = write(person, "sms", fallback=[{"channel": "email"}])
    alone = write(person, "sms")
    office.work()
    assert (status(planned), status(alone)) == ("queued", "queued")

    age_outage("twilio", seconds=unreached_channels.PATIENCE.total_seconds() + 1)
    office.later(minutes=1)

    assert (status(planned), status(alone)) == ("sent", "queued")
    assert len(mail.outbox) == 1
    assert "we cannot reach Twilio" in explanations(planned)


def walk_at_whatsapp(
    office: Office, addresses: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> unreached_channels.PlanWalk:
    """Neither WhatsApp nor SMS is reached, for long; e-mail is open. A step judges one message."""
    monkeypatch.setattr(unreached_channels, "JUDGED_AT_ONCE", 1)
    monkeypatch.setattr(unreached_channels, "READ_AT_ONCE", 2)
    office.phones.settings.ROUTES["email"] = ["mail"]
    office.away({"twilio": addresses["port"], "whatsapp": addresses["port"]})
    for slug in ("twilio", "whatsapp"):
        long_ago = timezone.now() - unreached_channels.PATIENCE - timedelta(seconds=1)
        registry.breaker_for(slug).close_off("We cannot reach it.", since=long_ago)
    return unreached_channels.PlanWalk("whatsapp")


def planned_rows(of: Organization, count: int, *plan: str, **columns: Any) -> list[Message]:
    """On WhatsApp, due, each with the other channels of its plan; to somebody who has all."""
    values = {
        "contact": guest(of),
        "channel": "whatsapp",
        "fallback": [{"channel": channel} for channel in plan],
        "send_after": timezone.now() - timedelta(minutes=10),
        **columns,
    }
    return [rows.message(of, **values) for _ in range(count)]


def channels_of(messages: list[Message]) -> list[str]:
    found = Message.objects.filter(pk__in=[message.pk for message in messages])
    return list(found.values_list("leg_channel", flat=True))


def test_what_can_go_no_other_way_keeps_nobody_on_a_channel_that_is_not_reached(
    venue: Organization,
    office: Office,
    addresses: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    walk = walk_at_whatsapp(office, addresses, monkeypatch)
    other = factories.organization()
    stuck = planned_rows(venue, 5, "sms")
    later_open = planned_rows(venue, 3, "sms", "email")
    theirs = planned_rows(other, 2, "email")
    scheduled = planned_rows(other, 1, "email", send_after=timezone.now() + timedelta(days=1))

    assert sum(walk.leave_unreached() for _ in range(2)) == 5

    assert set(channels_of(stuck + scheduled)) == {"whatsapp"}
    assert set(channels_of(later_open + theirs)) == {"email"}
    assert "Not by SMS: no provider takes anything there now." in explanations(later_open[0])


def test_what_was_looked_at_is_left_alone_for_a_while(
    venue: Organization,
    office: Office,
    addresses: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: Any,
) -> None:
    walk = walk_at_whatsapp(office, addresses, monkeypatch)
    planned_rows(venue, 2, "sms")
    assert walk.leave_unreached() == 0
    late = planned_rows(venue, 1, "email")

    with django_assert_num_queries(0):
        assert walk.leave_unreached() == 0

    walk.rests_until = 0.0
    assert walk.leave_unreached() == 1
    assert channels_of(late) == ["email"]


def test_a_look_is_bounded_and_the_next_goes_on_with_whose_turn_it_is(
    venue: Organization,
    office: Office,
    addresses: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    walk = walk_at_whatsapp(office, addresses, monkeypatch)
    monkeypatch.setattr(unreached_channels, "JUDGED_A_LOOK", 3)
    other = factories.organization()
    flood, few = planned_rows(venue, 6, "email"), planned_rows(other, 1, "email")
    urgent = planned_rows(venue, 1, "email", priority=Priority.URGENT)
    later = planned_rows(other, 1, "email", priority=Priority.BULK)

    assert walk.leave_unreached() == 3

    # The urgent one, and then one of each organization.
    assert channels_of(urgent + few) == ["email", "email"]
    assert channels_of(flood).count("email") == 1
    assert [walk.leave_unreached() for _ in range(3)] == [3, 3, 0]
    assert set(channels_of(flood + later)) == {"email"}


def test_deadlines_hold_while_nothing_is_reached(
    venue: Organization, office: Office, addresses: dict[str, str]
) -> None:
    office.away(dict.fromkeys(CHANNELS, addresses["port"]))
    short = written(venue, "twilio", expires_at=timezone.now() + timedelta(seconds=30))
    office.work()
    Message.objects.filter(pk=short.pk).update(expires_at=timezone.now())
    office.later(seconds=31)
    assert status(short) == "expired"


def test_what_a_person_paused_stays_paused_when_it_is_reached_again(
    venue: Organization, office: Office, addresses: dict[str, str]
) -> None:
    breaker = registry.breaker_for("twilio")
    office.away({"twilio": addresses["port"]})
    written(venue, "twilio")
    office.work()
    breaker.pause("Invoice unpaid.", hold=True)
    office.away({})
    office.work()
    assert (breaker.state().state, breaker.state().held) == ("open", True)


def test_a_machine_that_is_cut_off_does_not_stop_one_that_is_not(
    venue: Organization, office: Office, addresses: dict[str, str]
) -> None:
    """Two dispatchers, one with a way and one without."""
    cut_off, free = office.dispatcher, mailing.dispatcher()
    office.away({"twilio": addresses["name"]})
    first = written(venue, "twilio")
    office.work()
    breaker = registry.breaker_for("twilio")
    assert breaker.state().cause == UNREACHABLE

    office.away({})
    free.tick()
    assert breaker.state().state == "closed"
    office.away({"twilio": addresses["name"]})
    second = written(venue, "twilio")
    cut_off.tick()
    # It claims nothing, and does not close it off again for everybody.
    assert (breaker.state().state, statuses(second)) == ("closed", [])
    office.away({})
    free.tick()
    assert (status(first), status(second)) == ("sent", "sent")


def test_a_trial_that_is_not_reached_has_failed(
    venue: Organization, office: Office, addresses: dict[str, str]
) -> None:
    breaker = registry.breaker_for("twilio")
    breaker.pause("Wrong key.", lasts=timedelta(0))
    office.away({"twilio": addresses["port"]})
    message = written(venue, "twilio")
    office.work()
    assert (breaker.state().state, breaker.state().cause) == ("open", "")
    assert status(message) == "queued"


def test_only_no_connection_says_that_there_is_none(
    office: Office, addresses: dict[str, str]
) -> None:
    assert find_connection("twilio") is None
    office.phones.sandbox.control("PATCH", "/twilio/faults", {"status": {"status": 503}})
    assert find_connection("twilio") is None
    office.phones.settings.PROVIDERS = {"twilio": twilio_account("http://x", auth_tokens=[])}
    assert find_connection("twilio") is None
    office.away({"twilio": "gopher://nowhere"})
    failure = find_connection("twilio")
    assert failure is not None
    assert failure.why == "its address, or that of the proxy, cannot be used"
    office.away({"twilio": addresses["name"]})
    assert find_connection("twilio") is not None


@pytest.mark.django_db(transaction=True)
def test_a_dispatcher_that_runs_holds_and_resumes_by_itself_within_seconds(
    phones: Phones, addresses: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reachability, "ASK_EVERY_S", 0.2)
    office = Office(phones)
    office.dispatcher = running = Dispatcher(threads=4)
    office.away({"twilio": addresses["port"]})
    message = written(factories.organization(), "twilio")
    deadline = time.monotonic() + 10
    while registry.breaker_for("twilio").state().cause != UNREACHABLE:
        assert time.monotonic() < deadline
        running.tick()
    office.away({})
    back = time.monotonic()
    while registry.breaker_for("twilio").state().state != "closed":
        assert time.monotonic() < deadline
        running.tick()
    assert time.monotonic() - back < 3
    assert running.is_open("twilio")
    running.pool.shutdown()
    assert status(message) == "queued"


def age_outage(slug: str, **span: float) -> None:
    """Has it begun so long ago."""
    breaker = registry.breaker_for(slug)
    reason = breaker.state().reason
    breaker.reached()
    breaker.close_off(reason, since=timezone.now() - timedelta(**span))
