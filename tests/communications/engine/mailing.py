"""What the tests of the engine do with messages: send what is due, let time pass, look at mails."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from pytest_django import Settings

from communications.models import Attempt, Call, Event, Message, SenderStanding
from communications.sending import provider_call
from communications.sending.claims import Claim
from communications.sending.dispatcher import Dispatcher
from communications.sending.outcomes import CallResult
from communications.sending.paced_queue import PacedQueue
from communications.sending.reachability import Reachability
from tests.sandbox_server import SandboxServer
from wedsync_comms.lib import shared_state

Json = dict[str, Any]


def account(server: SandboxServer, slug: str, **options: Any) -> Json:
    return account_at(server.url, slug, **options)


def account_at(url: str, slug: str, **options: Any) -> Json:
    return {
        "BACKEND": "communications.providers.resend.Resend",
        "OPTIONS": {
            "api_key": f"re_{slug}",
            "api_url": f"{url}/resend",
            "sender": "Ever After <hello@everafter.example>",
            "rate_per_second": 100_000.0,
            **options,
        },
    }


def mail_account(port: int) -> Json:
    return {
        "BACKEND": "communications.providers.django_mail.DjangoMail",
        "OPTIONS": {
            "backend": "django.core.mail.backends.smtp.EmailBackend",
            "host": "127.0.0.1",
            "port": port,
            "sender": "Ever After <hello@everafter.example>",
            "rate_per_second": 100_000.0,
        },
    }


def send(claim: Claim) -> None:
    provider_call.conclude_calls([provider_call.call_provider(claim)])


class SameThread(ThreadPoolExecutor):
    """Asks at once what it is given, so that a test has one thread and one transaction.

    What a thread of its own does with its connection afterwards would end that transaction.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - kept for whoever asks, as an executor does
            future.set_exception(error)
        return future


class OneThread(Dispatcher):
    """Records each result before it goes on, leaves the test its connection, and hears at once of
    what the test has done."""

    def tick(self) -> float:
        self.wake()
        return super().tick()

    def send(self, queue: PacedQueue, slot: float) -> CallResult:
        return queue.send_at_slot(slot)

    def on_done(self, future: Future[CallResult]) -> None:
        super().on_done(future)
        # Nothing else is in flight, so there is nothing to gather.
        self.in_flight.clear()
        if self.writer.waiting():
            self.writer.write_some()


def released(bucket: shared_state.State | None, _now: float) -> tuple[shared_state.State, None]:
    return {**bucket, "held_until": 0.0, "tat": 0.0} if bucket else {}, None


def dispatcher(*, threads: int = 8) -> Dispatcher:
    made = OneThread(threads=threads)
    made.pool = SameThread()
    made.reachability = Reachability(start=lambda work: work())
    return made


class Mailing:
    def __init__(self, first: SandboxServer, second: SandboxServer, settings: Settings) -> None:
        self.first, self.second, self.settings = first, second, settings
        self.dispatcher = dispatcher()

    def two_accounts(self) -> None:
        self.settings.ROUTES = {"email": ["first", "second"]}

    # --- sending --------------------------------------------------------------------------------

    def send_due(self) -> None:
        """What a dispatcher does until nothing is due."""
        for _ in range(200):
            if self.dispatcher.tick():
                return
        raise AssertionError("The dispatcher never found an end.")

    def pass_time(self) -> None:
        """Until everything planned is due and no provider asks for patience."""
        past = timezone.now() - timedelta(seconds=1)
        Message.objects.waiting().update(send_after=past)
        Call.objects.filter(repeat_after__isnull=False).update(repeat_after=past)
        SenderStanding.objects.closed().update(retry_at=past)
        self.dispatcher.queues.clear()
        for slug in self.settings.PROVIDERS:
            shared_state.update_state(f"limit:{slug}", released)

    def send_until_nothing_is_left(self) -> None:
        """The same, with all the time that the retries take in between."""
        for _ in range(30):
            self.send_due()
            waiting = Message.objects.waiting().exists()
            if not waiting and not Call.objects.filter(repeat_after__isnull=False).exists():
                return
            self.pass_time()
        raise AssertionError("There was always something left to send.")

    # --- faults ---------------------------------------------------------------------------------

    def breaks(self, fault: str, /, *, second: bool = False, **options: Any) -> None:
        server = self.second if second else self.first
        server.control("PATCH", "/resend/faults", {fault: options})

    def recovers(self) -> None:
        self.first.control("DELETE", "/resend/faults")

    # --- looking --------------------------------------------------------------------------------

    def mails(self, message: Message | None = None, *, second: bool = False) -> list[Json]:
        server = self.second if second else self.first
        tag = f"&tag=message:{message.pk}" if message else ""
        found: list[Json] = server.control("GET", f"/resend/emails?limit=1000{tag}")["emails"]
        return found

    def requests(self, *, second: bool = False) -> list[Json]:
        """Oldest first."""
        server = self.second if second else self.first
        found: list[Json] = server.control("GET", "/resend/requests?limit=1000")["requests"]
        return found[::-1]


def statuses(message: Message) -> list[str]:
    """Where the attempts stand."""
    return list(Attempt.objects.filter(message=message).values_list("status", flat=True))


def timeline(message: Message) -> list[str]:
    return list(Event.objects.filter(message=message).values_list("kind", flat=True))


def status(message: Message) -> str:
    message.refresh_from_db()
    return message.status


def delay(message: Message) -> float:
    """Seconds until it is tried next; from its last answer on, if there is one."""
    message.refresh_from_db()
    assert message.send_after is not None
    return since_answer(message, message.send_after)


def since_answer(message: Message, when: datetime) -> float:
    """How busy the machine was after the answer does not matter."""
    answered = message.attempts.latest("number").finished_at if message.attempts.exists() else None
    return (when - (answered or timezone.now())).total_seconds()


def call_of(message: Message) -> Call:
    return Call.objects.filter(attempts__message=message).latest("created_at")
