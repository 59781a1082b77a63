"""What a person allowed us: kept sealed, refreshed by one process at a time, or gone."""

import json
import time
from dataclasses import asdict
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from calendars.models import Account
from calendars.models.accounts import AccountStatus
from calendars.providers.base import GrantGone
from calendars.providers.registry import configured_vendor
from calendars.vocabulary.events import Grant
from wedsync_comms.lib import secrets
from wedsync_comms.lib.errors import ProviderError, TransientError
from wedsync_comms.lib.leases.row_lease import acquire_rows

log = structlog.get_logger(__name__)

# Refreshed so long before it runs out: no call may outlive its token.
REFRESH_MARGIN = timedelta(minutes=2)
# Longer than a refresh can take; a process that died in it gives way then.
REFRESH_LEASE = timedelta(seconds=30)
REFRESH_WAIT_S = 12.0
REFRESH_POLL_S = 0.1
GRANT_GONE = "The permission was taken back or ran out: connect the account again."


def seal_grant(grant: Grant) -> str:
    return secrets.seal(json.dumps(asdict(grant), default=str))


def open_grant(account: Account) -> Grant:
    """Raises GrantGone where there is none that can be read."""
    try:
        kept = json.loads(secrets.unseal(account.grant))
    except secrets.Unreadable as error:
        raise GrantGone(str(error)) from error
    expires_at = datetime.fromisoformat(kept.pop("expires_at"))
    return Grant(**kept | {"scopes": tuple(kept["scopes"])}, expires_at=expires_at)


def fresh_grant(account: Account) -> Grant:
    """Returns a grant that lasts for a while. Waits for the process that refreshes it, if one does.

    Raises GrantGone, and TransientError or RateLimited. Not inside a transaction.
    """
    deadline = time.monotonic() + REFRESH_WAIT_S
    while True:
        account.refresh_from_db()
        if account.status != AccountStatus.LINKED:
            raise GrantGone(account.why or GRANT_GONE)
        grant = open_grant(account)
        now = timezone.now()
        if grant.expires_at > now + REFRESH_MARGIN:
            return grant
        if claim_refresh(account):
            return refresh_grant(account, grant)
        if time.monotonic() >= deadline:
            raise TransientError("Another process is refreshing the permission.")
        time.sleep(REFRESH_POLL_S)


def claim_refresh(account: Account) -> bool:
    """Takes a lease, since no lock may be held across a call. Only of the grant that was read."""
    mine = Account.objects.filter(pk=account.pk, grant=account.grant)
    return bool(acquire_rows(mine, "refreshing_until", REFRESH_LEASE))


def refresh_grant(account: Account, grant: Grant) -> Grant:
    try:
        refreshed = configured_vendor(account.vendor).refresh(grant)
    except GrantGone as error:
        mark_reconnect(account, str(error))
        raise
    except ProviderError:
        release_refresh(account)
        raise
    store_grant(account, refreshed)
    return refreshed


def store_grant(account: Account, grant: Grant) -> None:
    """Stores it over the grant it came from: an older refresh never replaces a newer consent."""
    before = account.grant
    account.grant = seal_grant(grant)
    Account.objects.filter(pk=account.pk, grant=before).update(
        grant=account.grant,
        scopes=list(grant.scopes),
        refreshing_until=None,
    )


def release_refresh(account: Account) -> None:
    Account.objects.filter(pk=account.pk, grant=account.grant).update(refreshing_until=None)


def expire_grant(account: Account, grant: Grant) -> None:
    """Expires what the vendor did not take, whatever its clock says: the next call refreshes it."""
    used = Grant(**vars(grant) | {"expires_at": timezone.now()})
    store_grant(account, used)


def mark_reconnect(account: Account, why: str) -> None:
    """Marks that only a new consent helps. Deletes nothing: all goes on from where it was."""
    lost = Account.objects.filter(pk=account.pk, grant=account.grant, status=AccountStatus.LINKED)
    if lost.update(status=AccountStatus.RECONNECT, why=why or GRANT_GONE, refreshing_until=None):
        log.warning("account", account=account.pk, vendor=account.vendor, outcome="reconnect")


def reseal_stale() -> int:
    """Seals with the newest key what an older one sealed; returns how much. Safe to repeat."""
    count = 0
    for account in Account.objects.exclude(grant="").iterator():
        if secrets.is_stale(account.grant):
            same = Account.objects.filter(pk=account.pk, grant=account.grant)
            count += same.update(grant=secrets.seal(secrets.unseal(account.grant)))
    return count
