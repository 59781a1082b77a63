"""Accounts are connected, refreshed by one process at a time, and let go."""
# ruff: noqa: ARG001 (fixtures that only have to be there)

import threading
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from calendars.contacts import (
    books,
    sync,
)
from calendars.linking import accounts
from calendars.mailbox import (
    grants,
    mailbox,
)
from calendars.models import Account, BusyBlock, Calendar, ContactBook
from calendars.models.accounts import AccountStatus
from calendars.providers.base import GrantGone
from calendars.subscriptions import lifecycle
from communications.models import Organization
from tests import factories
from tests.calendars import rows
from tests.calendars.fake_vendor import FakeVendor
from wedsync_comms.lib.errors import CredentialsRejected, TransientError

REDIRECT = "http://testserver/calendars/linked/fake/"


def linked(organization: Organization, **query: str) -> Account:
    started = accounts.start_linking("fake", REDIRECT)
    answer = {"state": started.kept["state"], "code": "c", **query}
    return accounts.finish_linking(organization, started.kept, answer)


def test_a_consent_becomes_an_account_with_its_calendars(
    organization: Organization,
    fake_vendor: FakeVendor,
) -> None:
    account = linked(organization)
    assert account.email == "planner@example.com"
    assert "refresh" not in account.grant
    found = {calendar.remote_id: calendar for calendar in account.calendars.all()}
    assert found["main"].is_followed
    assert found["main"].is_default
    assert not found["holidays"].is_followed
    again = linked(organization)
    assert again.pk == account.pk
    assert Calendar.objects.count() == 2


def test_contacts_are_read_from_the_start(
    organization: Organization, fake_vendor: FakeVendor
) -> None:
    account = linked(organization)
    book = account.contact_book
    assert book.direction == "read"
    assert sync.due_books() == [book.pk]
    books.configure_book(book, direction="both", groups=["friends"])
    linked(organization)
    again = ContactBook.objects.get()
    assert (again.direction, again.groups) == ("both", ["friends"])


def test_contacts_that_nobody_allowed_are_not_read(
    organization: Organization,
    fake_vendor: FakeVendor,
) -> None:
    fake_vendor.granted = ("cal",)
    linked(organization)
    assert not ContactBook.objects.exists()
    fake_vendor.granted = ("cal", "con")
    book = linked(organization).contact_book
    assert sync.due_books() == [book.pk]


def test_somebody_elses_answer_is_refused(
    organization: Organization, fake_vendor: FakeVendor
) -> None:
    for kept in ({}, accounts.start_linking("fake", REDIRECT).kept):
        with pytest.raises(accounts.NotLinked, match="no request of yours"):
            accounts.finish_linking(organization, kept, {"state": "guessed", "code": "c"})
    with pytest.raises(accounts.NotLinked, match="access_denied"):
        linked(organization, error="access_denied")


@pytest.mark.parametrize("state", ["guessed", ""])
def test_an_administrators_own_consent_links_nothing_and_says_what_is_next(
    organization: Organization, state: str
) -> None:
    query = {"admin_consent": "True", "tenant": "t", "state": state}
    with pytest.raises(accounts.NotLinked, match="administrator has agreed"):
        accounts.finish_linking(organization, {}, query)
    with pytest.raises(accounts.NotLinked, match="belongs to no request"):
        accounts.finish_linking(organization, {}, {**query, "error": "access_denied"})


def test_what_was_unticked_is_handled(organization: Organization, fake_vendor: FakeVendor) -> None:
    fake_vendor.granted = ("con",)
    account = linked(organization)
    assert account.why == "Not allowed: calendars. Connect again to allow more."
    assert not accounts.allows_purpose(account, "calendars")
    assert accounts.allows_purpose(account, "contacts")
    assert not account.calendars.exists()
    fake_vendor.granted = ()
    with pytest.raises(accounts.NotLinked, match="Nothing was allowed"):
        linked(organization)


def run_out(account: Account, fake_vendor: FakeVendor) -> None:
    account.grant = grants.seal_grant(fake_vendor.grant(expires_at=timezone.now()))
    account.save()


def test_a_grant_is_refreshed_before_it_runs_out(account: Account, fake_vendor: FakeVendor) -> None:
    grants.fresh_grant(account)
    assert fake_vendor.refreshes == 0
    run_out(account, fake_vendor)
    first = grants.fresh_grant(account)
    assert grants.fresh_grant(Account.objects.get()) == first
    assert fake_vendor.refreshes == 1


@pytest.mark.django_db(transaction=True)
def test_many_at_once_refresh_it_once(fake_vendor: FakeVendor) -> None:
    account = rows.account(vendor="fake", grant=grants.seal_grant(fake_vendor.grant()))
    run_out(account, fake_vendor)
    tokens = set()

    def use() -> None:
        tokens.add(grants.fresh_grant(Account.objects.get(pk=account.pk)).access_token)
        connection.close()

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fake_vendor.refreshes == 1
    assert len(tokens) == 1


def test_a_process_that_died_refreshing_gives_way(
    account: Account, fake_vendor: FakeVendor
) -> None:
    run_out(account, fake_vendor)
    Account.objects.update(refreshing_until=timezone.now() - timedelta(seconds=1))
    grants.fresh_grant(account)
    assert fake_vendor.refreshes == 1


def test_a_grant_that_is_gone_asks_its_owner(account: Account, fake_vendor: FakeVendor) -> None:
    run_out(account, fake_vendor)
    fake_vendor.revoked = True
    with pytest.raises(GrantGone), accounts.open_mailbox(account):
        pass
    account.refresh_from_db()
    assert account.status == AccountStatus.RECONNECT
    with pytest.raises(GrantGone), accounts.open_mailbox(account):
        pass
    assert fake_vendor.refreshes == 1


def test_a_refused_token_is_refreshed_before_the_next_call(
    account: Account, fake_vendor: FakeVendor
) -> None:
    with pytest.raises(CredentialsRejected), accounts.open_mailbox(account):
        raise CredentialsRejected("401")
    with accounts.open_mailbox(account):
        pass
    assert fake_vendor.refreshes == 1
    account.refresh_from_db()
    assert account.failures == 0


def test_a_refused_token_is_exchanged_at_once(account: Account, fake_vendor: FakeVendor) -> None:
    permission = mailbox.MailboxToken(account)
    first = permission.token()
    assert permission.another() != first
    assert fake_vendor.refreshes == 1


def test_what_another_process_refreshed_is_taken(account: Account, fake_vendor: FakeVendor) -> None:
    slow = mailbox.MailboxToken(account)
    slow.token()
    fast = mailbox.MailboxToken(Account.objects.get())
    fast.token()
    assert slow.another() == fast.another()
    assert fake_vendor.refreshes == 1


def test_failures_wait_longer_and_longer(account: Account, fake_vendor: FakeVendor) -> None:
    waits = []
    for _ in range(4):
        with pytest.raises(TransientError), accounts.open_mailbox(account):
            raise TransientError("503")
        account.refresh_from_db()
        assert account.retry_at
        waits.append((account.retry_at - timezone.now()).total_seconds())
    assert waits == sorted(waits)
    assert waits[-1] > 50


def test_keys_rotate_by_schedule(account: Account, settings: Settings) -> None:
    new = Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [new, *settings.ENCRYPTION_KEYS]
    assert grants.reseal_stale() == 1
    assert grants.reseal_stale() == 0
    settings.ENCRYPTION_KEYS = [new]
    account.refresh_from_db()
    assert grants.open_grant(account).subject == "me"


def test_a_lost_key_asks_for_a_new_consent(account: Account, settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(GrantGone, match="ENCRYPTION_KEYS"), accounts.open_mailbox(account):
        pass
    account.refresh_from_db()
    assert account.status == AccountStatus.RECONNECT


@pytest.mark.parametrize("is_down", [False, True])
def test_disconnecting_stops_everything(
    calendar: Calendar,
    fake_vendor: FakeVendor,
    is_down: bool,  # noqa: FBT001
) -> None:
    account = calendar.account
    lifecycle.maintain_subscriptions(account.pk)
    now = timezone.now()
    BusyBlock.objects.create(calendar=calendar, remote_id="x", starts_at=now, ends_at=now)
    fake_vendor.down = TransientError("503") if is_down else None
    accounts.disconnect_account(account)
    account.refresh_from_db()
    assert (account.status, account.grant) == (AccountStatus.DISCONNECTED, "")
    assert not BusyBlock.objects.exists()
    assert not account.subscriptions.exists()
    assert bool(fake_vendor.pushes) == is_down
    assert fake_vendor.revoked != is_down


def test_choosing_follows_and_forgets(account: Account, fake_vendor: FakeVendor) -> None:
    accounts.refresh_calendars(account)
    main, holidays = account.calendars.order_by("-may_write")
    accounts.choose_calendars(account, [main.pk, holidays.pk], default=holidays.pk)
    assert not account.calendars.filter(is_default=True).exists()
    accounts.choose_calendars(account, [main.pk], default=main.pk)
    assert account.calendars.get(is_followed=True).is_default
    foreign_calendar = rows.calendar(rows.account(factories.organization()), is_followed=False)
    accounts.choose_calendars(account, [foreign_calendar.pk])
    foreign_calendar.refresh_from_db()
    assert not foreign_calendar.is_followed
