"""A mail whose files cannot be read now: it waits, nothing is burnt, and everybody else goes on."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from communications.errors import FilesBusy
from communications.files import reading
from communications.models import Attempt, Call, Event, Message, Organization
from communications.policy.retry_policy import Action, Detour, decide_after
from communications.providers import registry
from communications.providers.resend import Resend
from communications.sending import claims, provider_call, reconciliation, unsent
from communications.sending.claims import Claim
from communications.sending.dispatcher import Dispatcher
from communications.vocabulary.events import Outbound
from tests import factories
from tests.communications.engine import rows
from tests.communications.engine.mailing import Mailing, account, delay, mail_account, status
from tests.communications.engine.test_compose import attachment
from tests.communications.engine.test_dispatcher import in_a_thread
from tests.communications.files.conftest import Outage, away, files_in, folder, hanging
from tests.processes.running import eventually
from wedsync_comms.lib.errors import FilesGone, NotReady

pytestmark = pytest.mark.django_db

__all__ = ["away", "folder", "hanging"]


@pytest.fixture
def heavy(venue: Organization, mailing: Mailing, folder: Any) -> Message:  # noqa: ARG001
    return factories.message(venue, attachments=[attachment()])


def claimed() -> Claim:
    [claim] = claims.claim_due("email", "first", usable=["first"], limit=1)
    return claim


def conclude(claim: Claim) -> None:
    provider_call.conclude_calls([provider_call.call_provider(claim)])


def waits_since(message: Message, **ago: float) -> None:
    """It was told so long ago that the files of a message cannot be read."""
    message.attempts.update(finished_at=timezone.now() - timedelta(**ago))


def told(message: Message) -> list[str]:
    return list(Event.objects.filter(message=message).values_list("detail", flat=True))


def test_it_waits_and_leaves_once_when_the_storage_is_back(
    heavy: Message, venue: Organization, mailing: Mailing, away: Outage
) -> None:
    light = factories.message(venue)
    away.begins()
    mailing.send_due()

    assert (status(heavy), status(light)) == ("queued", "sent")
    assert 14 < delay(heavy) <= 15
    [attempt] = Attempt.objects.filter(message=heavy)
    assert (attempt.status, attempt.error_class) == ("failed", "NotReady")
    assert "The storage of files does not answer, so the attachments cannot be read now." in told(
        heavy
    )
    assert "Next try in 15 s." in told(heavy)

    away.ends()
    mailing.send_until_nothing_is_left()
    assert status(heavy) == "sent"
    [mail] = mailing.mails(heavy)
    shown = mailing.first.control("GET", f"/resend/emails/{mail['id']}")
    assert [file["filename"] for file in shown["attachments"]] == ["menu.pdf"]


def test_it_says_so_once_however_long_it_waits(
    heavy: Message, mailing: Mailing, away: Outage
) -> None:
    away.begins()
    mailing.send_due()
    before = told(heavy)
    for waited_s, pause_s in ((16, 16), (100, 100), (9000, 300), (90_000, 300)):
        waits_since(heavy, seconds=waited_s)
        mailing.pass_time()
        mailing.send_due()
        heavy.refresh_from_db()
        assert heavy.send_after is not None
        wait_s = (heavy.send_after - timezone.now()).total_seconds()
        assert pause_s - 3 < wait_s < pause_s + 3
    assert status(heavy) == "queued"
    assert told(heavy) == before
    assert (heavy.attempts.count(), Call.objects.count()) == (1, 1)


@pytest.mark.usefixtures("heavy")
def test_it_says_nothing_about_the_provider_and_asks_no_other(
    mailing: Mailing, away: Outage
) -> None:
    mailing.two_accounts()
    away.begins()
    for _ in range(12):
        mailing.send_due()
        mailing.pass_time()
    assert set(Attempt.objects.values_list("provider", flat=True)) == {"first"}
    assert registry.breaker_for("first").state().state == "closed"
    assert mailing.requests() == mailing.requests(second=True) == []


def test_a_call_that_may_have_arrived_is_asked_about_again_as_it_was(
    heavy: Message, mailing: Mailing, away: Outage
) -> None:
    mailing.breaks("drop_connection", mode="after", count=1)
    mailing.send_due()
    assert status(heavy) == "unknown"
    away.begins()
    for _ in range(4):
        mailing.pass_time()
        mailing.send_due()
    assert status(heavy) == "unknown"
    assert heavy.attempts.count() == 2

    away.ends()
    mailing.send_until_nothing_is_left()
    assert status(heavy) == "sent"
    assert len(mailing.mails(heavy)) == 1
    assert Attempt.objects.filter(message=heavy).values("call").distinct().count() == 1


def test_another_way_is_none_for_what_is_missing_here() -> None:
    error = NotReady("Away.", retry_after=unsent.FILES_PAUSE)
    decision = decide_after(
        error, retries_used=0, idempotent=True, detour=Detour(is_open=True, is_fresh=True)
    )
    assert (decision.action, decision.delay) == (Action.RETRY, unsent.FILES_PAUSE)


# --- a file that is lost ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "The file “menu.pdf” is no longer in the storage."),
        (b"", "The file “menu.pdf” is damaged in the storage."),
    ],
)
def test_a_file_that_is_lost_is_looked_for_for_an_hour(
    heavy: Message, mailing: Mailing, folder: Path, content: bytes | None, sentence: str
) -> None:
    [path] = files_in(folder)
    path.unlink() if content is None else path.write_bytes(content)
    mailing.send_due()
    assert status(heavy) == "queued"
    assert sentence in told(heavy)
    waits_since(heavy, minutes=59)
    mailing.pass_time()
    mailing.send_due()
    assert (status(heavy), heavy.attempts.count()) == ("queued", 1)

    waits_since(heavy, minutes=61)
    mailing.pass_time()
    mailing.send_due()
    assert (status(heavy), heavy.error) == ("failed", sentence)
    assert heavy.attempts.count() == 2
    assert mailing.requests() == []
    assert registry.breaker_for("first").state().state == "closed"


def test_a_call_that_may_have_arrived_is_found_out_about_without_its_file(
    heavy: Message, mailing: Mailing, folder: Path
) -> None:
    mailing.breaks("drop_connection", mode="after", count=1)
    mailing.send_due()
    [path] = files_in(folder)
    path.unlink()
    for _ in range(2):
        mailing.pass_time()
        mailing.send_due()
        waits_since(heavy, minutes=61)
    mailing.pass_time()
    mailing.send_due()
    assert status(heavy) == "unknown"
    assert not Call.objects.filter(repeat_after__isnull=False).exists()

    Attempt.objects.update(started_at=timezone.now() - timedelta(minutes=2))
    assert reconciliation.resolve_unknown() == 1
    assert status(heavy) == "sent"
    assert len(mailing.mails(heavy)) == 1


def test_only_what_may_have_arrived_is_found_out_about() -> None:
    error = FilesGone("Gone.")
    assert decide_after(error, retries_used=0, idempotent=True).action is Action.FAIL
    doubtful = decide_after(error, retries_used=0, idempotent=True, repeated=True)
    assert doubtful.action is Action.ASK


# --- a storage that hangs -----------------------------------------------------------------------


@pytest.fixture
def running(mailing: Mailing, folder: Path) -> Iterator[Dispatcher]:  # noqa: ARG001
    sender = Dispatcher(threads=8)
    thread = in_a_thread(sender)
    yield sender
    sender.stop()
    thread.join(timeout=30)
    assert not thread.is_alive()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("running")
def test_everybody_else_goes_on_while_the_storage_hangs(
    venue: Organization, hanging: threading.Event
) -> None:
    files = {"attachments": [attachment()]}
    stuck = [factories.message(venue, **files) for _ in range(6)]
    eventually(lambda: len(reading.READER.reading) == reading.READING_PLACES)
    others = [factories.message(factories.organization()) for _ in range(3)]
    began = time.monotonic()
    eventually(lambda: {status(message) for message in others} == {"sent"})
    assert time.monotonic() - began < 10
    assert {status(message) for message in stuck} == {"queued"}

    hanging.set()
    eventually(lambda: {status(message) for message in stuck} == {"sent"})


def test_a_place_that_is_taken_is_waited_for_without_a_word(
    heavy: Message, mailing: Mailing, hanging: threading.Event
) -> None:
    reading.READER.places = 0
    before = told(heavy)
    mailing.send_due()
    assert (status(heavy), heavy.attempts.count(), told(heavy)) == ("queued", 0, before)
    assert hanging
    reading.READER.places = 1
    hanging.set()
    mailing.pass_time()
    mailing.send_due()
    assert status(heavy) == "sent"


def test_reading_takes_only_its_part_of_a_lease(
    heavy: Message, settings: Settings, hanging: threading.Event
) -> None:
    settings.LEASE_SECONDS = 0.6
    settings.PROVIDERS = {"first": mail_account(1)}
    claim = claimed()
    called = provider_call.call_provider(claim)
    assert claims.renew_lease(claim.call)
    provider_call.conclude_calls([called])
    assert (status(heavy), heavy.error_code) == ("queued", "files_away")
    assert not hanging.is_set()


def test_a_call_has_its_whole_lease_again_once_its_files_are_read(
    heavy: Message, mailing: Mailing
) -> None:
    claim = claimed()
    Call.objects.update(repeat_after=timezone.now())
    conclude(claim)
    assert status(heavy) == "sent"
    assert len(mailing.mails(heavy)) == 1


def test_a_call_that_another_took_over_meanwhile_is_not_made(
    heavy: Message, mailing: Mailing
) -> None:
    claim = claimed()
    Call.objects.update(repeat_after=timezone.now())
    theirs = claims.claim_repeat(claim.call.pk)
    assert theirs is not None
    conclude(claim)
    assert mailing.requests() == []
    conclude(theirs)
    assert status(heavy) == "sent"
    assert len(mailing.mails(heavy)) == 1


def test_what_was_learned_meanwhile_is_not_undone_by_waiting(heavy: Message) -> None:
    claim = claimed()
    Attempt.objects.update(status="delivered")
    conclude_busy(claim)
    assert (status(heavy), heavy.send_after) == ("delivered", None)
    assert not Call.objects.filter(repeat_after__isnull=False).exists()


def test_a_call_that_is_anothers_is_not_given_back(heavy: Message) -> None:
    claim = claimed()
    Call.objects.update(tries=2)
    conclude_busy(claim)
    assert (heavy.attempts.count(), Call.objects.filter(tries=2).count()) == (1, 1)


def conclude_busy(claim: Claim) -> None:
    called = unsent.wait_for_files(claim, FilesBusy(reading.BUSY))
    provider_call.conclude_calls([called])


# --- finding out about lost answers -------------------------------------------------------------


@pytest.fixture
def lost(heavy: Message, mailing: Mailing) -> Message:
    """The provider has it, its answer was lost, and nobody asks with the key any more."""
    mailing.breaks("drop_connection", mode="after", count=1)
    conclude(claimed())
    assert status(heavy) == "unknown"
    Call.objects.update(repeat_after=None)
    Attempt.objects.update(started_at=timezone.now() - timedelta(minutes=2))
    return heavy


class Confused(Resend):
    """A provider of ours with a bug, which some messages bring to light."""

    def find_batch_by_content(
        self, outbounds: Sequence[Outbound], since: datetime, turn_page: Callable[[], None]
    ) -> list[list[str]]:
        if outbounds[0].subject == "Crashes":
            raise ZeroDivisionError
        found = super().find_batch_by_content(outbounds, since, turn_page)
        return [] if outbounds[0].subject == "Is forgotten" else found


def test_a_bug_with_one_lost_answer_stops_none_of_the_others(
    lost: Message, mailing: Mailing
) -> None:
    venue, place = lost.organization, f"{__name__}.{Confused.__name__}"
    mailing.settings.PROVIDERS = {
        slug: {**account(server, slug), "BACKEND": place}
        for slug, server in (("first", mailing.first), ("second", mailing.second))
    }
    subjects = {"first": "Crashes", "second": "Is forgotten"}
    broken = [
        rows.attempt(rows.message(venue, subject=subject), provider=slug, status="unknown")
        for slug, subject in subjects.items()
    ]
    Attempt.objects.update(started_at=timezone.now() - timedelta(minutes=5))

    assert reconciliation.resolve_unknown() == 1
    assert status(lost) == "sent"
    for attempt in broken:
        attempt.refresh_from_db()
        assert (attempt.status, attempt.polled_at is None) == ("unknown", False)

    Attempt.objects.update(started_at=timezone.now() - timedelta(hours=2))
    assert reconciliation.resolve_unknown() == 1
    assert status(broken[0].message) == "failed"


class Unaskable(Resend):
    @property
    def finds_by_content(self) -> bool:  # type: ignore[override]
        raise RuntimeError


def test_a_bug_of_one_provider_stops_no_other(lost: Message, mailing: Mailing) -> None:
    other = rows.attempt(rows.message(lost.organization), provider="buggy", status="unknown")
    Attempt.objects.update(started_at=timezone.now() - timedelta(minutes=5))
    buggy = {**account(mailing.second, "second"), "BACKEND": f"{__name__}.{Unaskable.__name__}"}
    mailing.settings.PROVIDERS = {"buggy": buggy, **mailing.settings.PROVIDERS}
    assert reconciliation.resolve_unknown() == 1
    assert status(lost) == "sent"
    other.refresh_from_db()
    assert other.polled_at is not None


def test_a_database_that_is_away_ends_the_round(lost: Message, mailing: Mailing) -> None:
    with (
        pytest.raises(OperationalError),
        transaction.atomic(),
        connection.execute_wrapper(unreachable),
    ):
        reconciliation.resolve_unknown_at("first")
    assert status(lost) == "unknown"
    assert mailing


def unreachable(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
    if sql.startswith("UPDATE"):
        raise OperationalError
    return execute(sql, params, many, context)


def test_what_became_of_a_mail_is_found_out_while_the_storage_is_away(
    lost: Message, away: Outage
) -> None:
    away.begins()
    assert reconciliation.resolve_unknown() == 1
    assert status(lost) == "sent"
