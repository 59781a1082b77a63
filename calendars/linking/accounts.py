"""An account is connected, its calendars are chosen, it is disconnected."""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from django.db import transaction
from django.utils import timezone

from calendars import enqueue
from calendars.contacts import books
from calendars.linking import default_texts
from calendars.mailbox import grants
from calendars.mailbox.mailbox import open_mailbox
from calendars.models import Account, BusyBlock, Calendar, EventLink, Subscription
from calendars.models.accounts import AccountStatus
from calendars.models.subscriptions import SubscriptionState
from calendars.providers.base import AdminConsented, GrantGone
from calendars.providers.registry import configured_vendor
from calendars.vocabulary import zones
from calendars.vocabulary.events import (
    Grant,
    RemoteCalendar,
)
from communications.models import Organization
from wedsync_comms.lib.errors import ProviderError
from wedsync_comms.lib.secrets import is_same

if TYPE_CHECKING:
    from django.contrib.auth.models import User

__all__ = [
    "NotLinked",
    "allows_purpose",
    "choose_calendars",
    "disconnect_account",
    "finish_linking",
    "open_mailbox",
    "start_linking",
]
log = structlog.get_logger(__name__)

# A calendar whose id is longer cannot be kept, and is not offered.
MAX_REMOTE_ID = 512


class NotLinked(Exception):
    """A sentence for the person who tried."""


@dataclass(frozen=True)
class StartedConsent:
    """Where the person is sent to, and what their session keeps until they are back."""

    url: str
    kept: dict[str, Any]


def start_linking(slug: str, redirect_uri: str) -> StartedConsent:
    """Begins a consent. Raises KeyError for a vendor that is not configured."""
    state = secrets.token_urlsafe(32)
    consent = configured_vendor(slug).consent(redirect_uri, state)
    return StartedConsent(consent.url, {"vendor": slug, "state": state, "flow": consent.flow})


def finish_linking(
    organization: Organization,
    kept: Mapping[str, Any],
    query: Mapping[str, str],
    *,
    by: "User | None" = None,
) -> Account:
    """Links the account of a person who came back from the vendor. Raises NotLinked."""
    grant = redeem_consent(kept, query)
    if not granted_purposes(kept["vendor"], grant.scopes):
        raise NotLinked(
            "Nothing was allowed: connect again, and leave the boxes for calendars and contacts "
            "ticked.",
        )
    account = link_account(organization, str(kept["vendor"]), grant, by)
    if allows_purpose(account, "calendars"):
        try:
            refresh_calendars(account)
        except ProviderError as error:
            # It is linked. The schedule asks again.
            log.info("calendars_not_listed", account=account.pk, error=str(error))
    if allows_purpose(account, "contacts"):
        # Read only, until somebody wants more of it.
        books.follow_book(account)
    return account


def redeem_consent(kept: Mapping[str, Any], query: Mapping[str, str]) -> Grant:
    if not kept or not is_same(query.get("state", ""), str(kept["state"])):
        agreed = query.get("admin_consent", "").casefold() == "true"
        if agreed and not query.get("error"):
            # By a link of the administrator's own, which knows nothing of us: nothing is linked.
            raise NotLinked(
                "The administrator has agreed for everybody there. Connect the account now: it is "
                "allowed."
            )
        raise NotLinked("This answer belongs to no request of yours: please connect again.")
    try:
        return configured_vendor(kept["vendor"]).redeem(kept["flow"], query)
    except AdminConsented as error:
        raise NotLinked(str(error)) from error
    except GrantGone as error:
        raise NotLinked(f"The permission was not given: {error}") from error
    except ProviderError as error:
        raise NotLinked(f"It did not work just now: {error} Please connect again.") from error


@transaction.atomic
def link_account(organization: Organization, slug: str, grant: Grant, by: "User | None") -> Account:
    """Stores the grant: a new account, or the one that this person had here before.

    What waited for the permission (pulls, pushes, subscriptions) goes on at once.
    """
    default_texts.seed_default_texts(organization)
    account, _ = Account.objects.update_or_create(
        organization=organization,
        vendor=slug,
        subject=grant.subject or grant.email,
        defaults={
            "email": grant.email,
            "grant": grants.seal_grant(grant),
            "scopes": list(grant.scopes),
            "linked_by": by,
            "status": AccountStatus.LINKED,
            "why": missing_purposes(slug, grant.scopes),
            "error": "",
            "failures": 0,
            "retry_at": None,
            "refreshing_until": None,
        },
    )
    now = timezone.now()
    account.calendars.filter(is_followed=True).update(pull_after=now)
    account.subscriptions.filter(act_after__isnull=False).update(act_after=now)
    EventLink.objects.filter(
        calendar__account=account,
        write_after__isnull=False,
    ).update(write_after=now)
    enqueue.enqueue_maintenance(account.pk)
    log.info("account", account=account.pk, vendor=slug, outcome="linked")
    return account


def granted_purposes(slug: str, granted: Collection[str]) -> set[str]:
    """Returns the purposes of which all scopes were granted."""
    asked = configured_vendor(slug).scopes
    return set(asked.values()) - {asked[scope] for scope in asked if scope not in granted}


def allows_purpose(account: Account, purpose: str) -> bool:
    """Returns whether the person allowed "calendars", or "contacts": they may have unticked one."""
    return purpose in granted_purposes(account.vendor, account.scopes)


def missing_purposes(slug: str, granted: Collection[str]) -> str:
    left_out = set(configured_vendor(slug).scopes.values()) - granted_purposes(slug, granted)
    if not left_out:
        return ""
    return f"Not allowed: {', '.join(sorted(left_out))}. Connect again to allow more."


def refresh_calendars(account: Account) -> None:
    """Learns of new, renamed and vanished calendars. Raises as a mailbox does."""
    with open_mailbox(account) as box:
        remotes = box.calendars()
    with transaction.atomic():
        is_new = not account.calendars.exists()
        for remote in [remote for remote in remotes if 0 < len(remote.id) <= MAX_REMOTE_ID]:
            upsert_calendar(
                account, remote, chosen=is_new and remote.is_primary and remote.may_write
            )
        known = [remote.id for remote in remotes]
        account.calendars.exclude(remote_id__in=known).update(is_gone=True)


def refresh_all_calendars() -> int:
    """Refreshes every account's list of calendars, and returns how many accounts answered."""
    count = 0
    for account in Account.objects.workable(timezone.now()):
        if allows_purpose(account, "calendars"):
            try:
                refresh_calendars(account)
            except ProviderError as error:
                log.info("calendars_not_listed", account=account.pk, error=str(error))
            else:
                count += 1
    return count


def known_zone(name: str) -> str:
    """Returns the IANA zone; blank for one that is in no table, as for none."""
    try:
        return zones.iana_zone(name)
    except zones.UnknownZone:
        return ""


def upsert_calendar(account: Account, remote: RemoteCalendar, *, chosen: bool) -> None:
    remote_values = {
        "name": remote.name[:255],
        "zone": known_zone(remote.zone),
        "may_write": remote.may_write,
        "is_gone": False,
    }
    initial_values: dict[str, Any] = {"is_followed": chosen, "is_default": chosen}
    if chosen:
        initial_values["pull_after"] = timezone.now()
    Calendar.objects.update_or_create(
        account=account,
        remote_id=remote.id,
        defaults=remote_values,
        create_defaults=remote_values | initial_values,
    )


@transaction.atomic
def choose_calendars(
    account: Account, followed: Collection[int], default: int | None = None
) -> None:
    """Stores which calendars are synchronised, and which one bookings go to."""
    account.calendars.update(is_default=False)
    wanted = account.calendars.filter(pk__in=followed)
    wanted.filter(is_followed=False).update(is_followed=True, pull_after=timezone.now())
    if default is not None:
        account.calendars.filter(pk=default, pk__in=followed, may_write=True).update(
            is_default=True,
        )
    stop_following(account.calendars.filter(is_followed=True).exclude(pk__in=followed))
    enqueue.enqueue_maintenance(account.pk)


def stop_following(calendars: Any) -> None:
    """Stops reading calendars. Appointments in them stay, and so do their events."""
    keys = list(calendars.values_list("pk", flat=True))
    BusyBlock.objects.filter(calendar__in=keys).delete()
    Subscription.objects.filter(calendar__in=keys).update(
        state=SubscriptionState.STOPPING,
        act_after=timezone.now(),
    )
    Calendar.objects.filter(pk__in=keys).update(
        is_followed=False,
        is_default=False,
        cursor="",
        window_start=None,
        window_end=None,
        pull_after=None,
        last_pulled_at=None,
        unapplied={},
        held_at=None,
        held_reason="",
        held_decision="",
    )


def disconnect_account(account: Account, *, why: str = "") -> None:
    """Stops the announcements and gives the permission back, as far as the vendor answers."""
    try:
        with open_mailbox(account) as box:
            for subscription in account.subscriptions.exclude(expires_at=None):
                box.unsubscribe(subscription.as_push())
        configured_vendor(account.vendor).revoke(grants.open_grant(account))
    except (ProviderError, KeyError) as error:
        # What is left dies with the permission or by itself within days, and has no effect here.
        log.info("disconnected_alone", account=account.pk, error=str(error))
    with transaction.atomic():
        stop_following(account.calendars.all())
        account.subscriptions.all().delete()
        Account.objects.filter(pk=account.pk).update(
            status=AccountStatus.DISCONNECTED,
            why=why or "Disconnected here.",
            grant="",
        )
    log.info("account", account=account.pk, vendor=account.vendor, outcome="disconnected")
