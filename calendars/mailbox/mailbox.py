"""A person's mailbox, opened for a few calls; and what their outcome means for the account."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from django.db.models import F, Q
from django.utils import timezone

from calendars.mailbox import grants
from calendars.mailbox.concurrency import mailbox_slot
from calendars.models import Account
from calendars.providers.base import GrantGone, Mailbox
from calendars.providers.registry import configured_vendor
from calendars.vocabulary.events import Grant
from wedsync_comms.lib.backoff import backoff_delay
from wedsync_comms.lib.errors import (
    CredentialsRejected,
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    ProviderPaused,
    RateLimited,
)

log = structlog.get_logger(__name__)

# After the n-th failure in a row; the last one is repeated until it works again.
MAILBOX_BACKOFF_S = (2, 5, 15, 60, 300, 900)
# A vendor that says "later" without saying when, or says "in a second" all day.
MIN_RETRY_AFTER = timedelta(seconds=1)


class MailboxToken:
    """An account's grant, while its mailbox is open."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.grant: Grant | None = None

    def token(self) -> str:
        self.grant = grants.fresh_grant(self.account)
        return self.grant.access_token

    def refused(self) -> None:
        if self.grant:
            grants.expire_grant(self.account, self.grant)

    def another(self) -> str:
        """Refreshes what the vendor did not take, unless another process did so already."""
        self.refused()
        return self.token()


@contextmanager
def open_mailbox(account: Account) -> Iterator[Mailbox]:
    """Yields an account's mailbox, for calls in one thread, outside of transactions.

    Rate limited, and at most MAX_CONCURRENT_CALLS at once over all processes.

    What goes wrong is noted with the account and raised on. While `retry_at` lies ahead, nobody
    opens it by schedule; whoever does it for a person may.
    """
    permission = MailboxToken(account)
    try:
        token = permission.token()
        with mailbox_slot(account):
            vendor, zone = configured_vendor(account.vendor), account.organization.time_zone
            yield vendor.mailbox(token, permission.another, zone)
    except GrantGone as error:
        grants.mark_reconnect(account, str(error))
        raise
    except CredentialsRejected as error:
        permission.refused()
        record_failure(account, error)
        raise
    except PermanentError:
        # About one calendar or event: the mailbox itself answers.
        record_success(account)
        raise
    except ProviderError as error:
        record_failure(account, error)
        raise
    record_success(account)


def record_failure(account: Account, error: ProviderError) -> None:
    now = timezone.now()
    failures = account.failures + 1
    wait = backoff_delay(failures, MAILBOX_BACKOFF_S)
    if isinstance(error, RateLimited):
        wait = max(error.retry_after, wait if failures > 1 else MIN_RETRY_AFTER)
    if isinstance(error, ProviderPaused):
        wait = timedelta(seconds=MAILBOX_BACKOFF_S[-1])
    if isinstance(error, OutcomeUnknown):
        wait = min(wait, timedelta(seconds=MAILBOX_BACKOFF_S[2]))
    Account.objects.filter(pk=account.pk).update(
        failures=F("failures") + 1,
        retry_at=now + wait,
        error=f"{type(error).__name__}: {error}",
        error_at=now,
    )
    log.info(
        "mailbox",
        account=account.pk,
        vendor=account.vendor,
        outcome=type(error).__name__,
        retry_in=wait.total_seconds(),
    )


def record_success(account: Account) -> None:
    """Clears failures; writes only where something was wrong, since success is the rule."""
    wrong = Q(failures__gt=0) | Q(retry_at__isnull=False)
    Account.objects.filter(wrong, pk=account.pk).update(failures=0, retry_at=None)
