"""Linked calendar accounts as our own rows know them: a few sums by vendor and organization.

No vendor is asked, and nothing is kept: what is shown is what the workers just wrote.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Aggregate, Count, Exists, Max, Min, OuterRef, Q, QuerySet

from calendars.models import Account, Calendar, ContactBook, EventLink, Subscription
from calendars.models.accounts import AccountStatus
from calendars.providers import registry
from health.vocabulary.readings import (
    Linked,
    Some,
)

# Failures in a row: once or twice is every network's business.
OFTEN = 3
# Readings in a row that found what nobody had announced: one may be chance.
SILENT = 2
# Schedules run every minute, and a hanging call keeps its lease for five.
LATE = timedelta(minutes=10)
# Tries to write an appointment: the sixth comes after six minutes.
TRIES = 5

Key = tuple[str, int, str]
Found = dict[Key, dict[str, Any]]
Rows = QuerySet[Any]
Conditions = Mapping[str, Q]


def look(organization: int | None, now: datetime) -> tuple[Linked, ...]:
    found: Found = defaultdict(dict, accounts(organization))
    # Most installations have few of them, and some have none.
    if found:
        for part in (calendars, subscriptions, appointments, books):
            for key, values in part(organization, now).items():
                found[key].update(values)
    return tuple(made(key, values) for key, values in found.items())


def made(key: Key, values: dict[str, Any]) -> Linked:
    vendor, organization, owner = key
    pushes = (values.pop("told_at", None), values.pop("last_push_at", None))
    values["last_push_at"] = max(filter(None, pushes), default=None)
    # Only its name: what a vendor says may hold an address.
    values["why"] = (values.get("why") or "").partition(":")[0]
    return Linked(vendor=vendor, organization=organization, owner=owner, **values)


# --- what is asked of each table ----------------------------------------------------------------


def accounts(organization: int | None) -> Found:
    works = Q(status=AccountStatus.LINKED)
    failing = works & Q(failures__gte=OFTEN)
    return grouped(
        Account.objects.exclude(status=AccountStatus.DISCONNECTED),
        "",
        organization,
        {"reconnect": Q(status=AccountStatus.RECONNECT), "failing": failing},
        accounts=Count("pk", filter=works),
        why=Max("error", filter=failing),
        last_failure_at=Max("error_at"),
    )


def quiet(path: str) -> Q:
    """What an account whose calls fail explains is no trouble of its own."""
    return Q(**{f"{path}status": AccountStatus.LINKED, f"{path}failures__lt": OFTEN})


def calendars(organization: int | None, now: datetime) -> Found:
    mine = Subscription.objects.live().filter(calendar=OuterRef("pk"), expires_at__gt=now)
    fine = quiet("account__")
    pushed = fine & Q(poll_only=False)
    idle = Q(pulling_until=None) | Q(pulling_until__lte=now)
    late = (Q(pull_after__lt=now - LATE) & idle) | ~Q(error="")
    known = Calendar.objects.filter(is_followed=True, is_gone=False)
    works = Q(account__status=AccountStatus.LINKED)
    return grouped(
        known.exclude(account__status=AccountStatus.DISCONNECTED).annotate(
            is_announced=Exists(mine),
        ),
        "account__",
        organization,
        {
            "late": fine & late,
            "silent": pushed & Q(misses__gte=SILENT),
            "unannounced": pushed & Q(is_announced=False),
            "held": works & Q(held_at__isnull=False, held_decision=""),
        },
        followed=Count("pk", filter=works),
        last_poll_at=Max("last_pulled_at"),
        last_push_at=Max("last_pushed_at"),
    )


def subscriptions(organization: int | None, now: datetime) -> Found:
    late = Q(expires_at__lte=now) | Q(tries__gte=OFTEN) | Q(act_after__lt=now - LATE)
    return grouped(
        Subscription.objects.live(),
        "account__",
        organization,
        {"overdue": quiet("account__") & late},
        # Those of an account to reconnect end unrenewed, and that is said already.
        next_expiry_at=Min("expires_at", filter=Q(account__status=AccountStatus.LINKED)),
        told_at=Max("last_message_at"),
    )


def appointments(organization: int | None, now: datetime) -> Found:
    """Their outbox."""
    late = Q(tries__gte=TRIES) | Q(write_after__lt=now - LATE)
    return grouped(
        EventLink.objects.filter(write_after__isnull=False),
        "calendar__account__",
        organization,
        {"unwritten": quiet("calendar__account__") & late},
        waiting=Count("pk"),
    )


def books(organization: int | None, now: datetime) -> Found:
    idle = Q(syncing_until=None) | Q(syncing_until__lte=now)
    # An error has a name and a colon; what a person stopped has none, and is no trouble.
    late = (Q(sync_after__lt=now - LATE) & idle) | Q(error__contains=": ")
    return grouped(
        ContactBook.objects.followed(),
        "account__",
        organization,
        {
            "late_books": quiet("account__") & late,
            "held_books": Q(held_at__isnull=False, held_decision=""),
        },
    )


def grouped(
    rows: Rows,
    path: str,
    organization: int | None,
    conditions: Conditions,
    **sums: Aggregate,
) -> Found:
    """`path` leads from a row to its account. How many rows meet each condition, and the sums."""
    vendor, owner, name = (
        f"{path}{one}" for one in ("vendor", "organization", "organization__name")
    )
    of = rows.filter(**{f"{vendor}__in": list(settings.CALENDARS)})
    if organization is not None:
        of = of.filter(**{owner: organization})
    first = f"{path}pk" if path else "pk"
    for one, condition in conditions.items():
        sums[f"{one}_count"] = Count("pk", filter=condition)
        sums[f"{one}_first"] = Min(first, filter=condition)
    groups = of.order_by().values(vendor, owner, name).annotate(**sums)
    return {
        (one.pop(vendor), one.pop(owner), one.pop(name)): paired(one, conditions) for one in groups
    }


def paired(values: dict[str, Any], conditions: Iterable[str]) -> dict[str, Any]:
    some = {one: Some(values.pop(f"{one}_count"), values.pop(f"{one}_first")) for one in conditions}
    return values | some


def label(vendor: str) -> str:
    """What people call it."""
    return (
        registry.configured_vendor(vendor).label
        if vendor in registry.vendor_slugs()
        else vendor.capitalize()
    )


# --- all of a vendor's --------------------------------------------------------------------------

ADDED = ("accounts", "followed", "waiting")
SOME = (
    "reconnect",
    "failing",
    "late",
    "late_books",
    "silent",
    "unannounced",
    "overdue",
    "held",
    "held_books",
    "unwritten",
)
NEWEST = ("last_push_at", "last_poll_at", "last_failure_at")


def total(vendor: str, found: Iterable[Linked]) -> Linked:
    mine = [one for one in found if one.vendor == vendor]
    values: dict[str, Any] = {name: sum(each(mine, name)) for name in ADDED}
    values |= {name: together(each(mine, name)) for name in SOME}
    values |= {name: max(filter(None, each(mine, name)), default=None) for name in NEWEST}
    ends = filter(None, each(mine, "next_expiry_at"))
    why = next(filter(None, each(mine, "why")), "")
    return Linked(vendor=vendor, why=why, next_expiry_at=min(ends, default=None), **values)


def each(found: Sequence[Linked], name: str) -> list[Any]:
    return [getattr(one, name) for one in found]


def together(found: Sequence[Some]) -> Some:
    first = next((one.account for one in found if one.count), None)
    return Some(sum(one.count for one in found), first)
