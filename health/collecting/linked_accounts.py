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
    CalendarHealth,
    CountWithExample,
)
from wedsync_comms.lib.leases.row_lease import is_unleased

# Failures in a row: once or twice is every network's business.
MANY_FAILURES_IN_A_ROW = 3
# Readings in a row that found what nobody had announced: one may be chance.
UNANNOUNCED_READINGS = 2
# Schedules run every minute, and a hanging call keeps its lease for five.
LATE_AFTER = timedelta(minutes=10)
# Tries to write an appointment: the sixth comes after six minutes.
MANY_WRITE_TRIES = 5

OwnerKey = tuple[str, int, str]
CountsByOwner = dict[OwnerKey, dict[str, Any]]
Rows = QuerySet[Any]
Conditions = Mapping[str, Q]


def collect_calendar_health(organization: int | None, now: datetime) -> tuple[CalendarHealth, ...]:
    """Returns the sums of each vendor and organization that has accounts; five queries at most."""
    found: CountsByOwner = defaultdict(dict, account_counts(organization))
    # Most installations have few of them, and some have none.
    if found:
        for part in (calendar_counts, subscription_counts, appointment_counts, book_counts):
            for key, values in part(organization, now).items():
                found[key].update(values)
    return tuple(calendar_health(key, values) for key, values in found.items())


def calendar_health(key: OwnerKey, values: dict[str, Any]) -> CalendarHealth:
    vendor, organization, owner = key
    pushes = (values.pop("told_at", None), values.pop("last_push_at", None))
    values["last_push_at"] = max(filter(None, pushes), default=None)
    # Only its name: what a vendor says may hold an address.
    values["why"] = (values.get("why") or "").partition(":")[0]
    return CalendarHealth(vendor=vendor, organization=organization, owner=owner, **values)


# --- what is asked of each table ----------------------------------------------------------------


def account_counts(organization: int | None) -> CountsByOwner:
    works = Q(status=AccountStatus.LINKED)
    failing = works & Q(failures__gte=MANY_FAILURES_IN_A_ROW)
    return counts_by_owner(
        Account.objects.exclude(status=AccountStatus.DISCONNECTED),
        "",
        organization,
        {"reconnect": Q(status=AccountStatus.RECONNECT), "failing": failing},
        accounts=Count("pk", filter=works),
        why=Max("error", filter=failing),
        last_failure_at=Max("error_at"),
    )


def account_works(path: str) -> Q:
    """What an account whose calls fail explains is no trouble of its own."""
    return Q(
        **{f"{path}status": AccountStatus.LINKED, f"{path}failures__lt": MANY_FAILURES_IN_A_ROW}
    )


def calendar_counts(organization: int | None, now: datetime) -> CountsByOwner:
    mine = Subscription.objects.live().filter(calendar=OuterRef("pk"), expires_at__gt=now)
    fine = account_works("account__")
    pushed = fine & Q(poll_only=False)
    idle = is_unleased("pulling_until", now)
    late = (Q(pull_after__lt=now - LATE_AFTER) & idle) | ~Q(error="")
    known = Calendar.objects.filter(is_followed=True, is_gone=False)
    works = Q(account__status=AccountStatus.LINKED)
    return counts_by_owner(
        known.exclude(account__status=AccountStatus.DISCONNECTED).annotate(
            is_announced=Exists(mine),
        ),
        "account__",
        organization,
        {
            "late": fine & late,
            "silent": pushed & Q(misses__gte=UNANNOUNCED_READINGS),
            "unannounced": pushed & Q(is_announced=False),
            "held": works & Q(held_at__isnull=False, held_decision=""),
        },
        followed=Count("pk", filter=works),
        last_poll_at=Max("last_pulled_at"),
        last_push_at=Max("last_pushed_at"),
    )


def subscription_counts(organization: int | None, now: datetime) -> CountsByOwner:
    late = (
        Q(expires_at__lte=now)
        | Q(tries__gte=MANY_FAILURES_IN_A_ROW)
        | Q(act_after__lt=now - LATE_AFTER)
    )
    return counts_by_owner(
        Subscription.objects.live(),
        "account__",
        organization,
        {"overdue": account_works("account__") & late},
        # Those of an account to reconnect end unrenewed, and that is said already.
        next_expiry_at=Min("expires_at", filter=Q(account__status=AccountStatus.LINKED)),
        told_at=Max("last_message_at"),
    )


def appointment_counts(organization: int | None, now: datetime) -> CountsByOwner:
    """Their outbox."""
    late = Q(tries__gte=MANY_WRITE_TRIES) | Q(write_after__lt=now - LATE_AFTER)
    return counts_by_owner(
        EventLink.objects.filter(write_after__isnull=False),
        "calendar__account__",
        organization,
        {"unwritten": account_works("calendar__account__") & late},
        waiting=Count("pk"),
    )


def book_counts(organization: int | None, now: datetime) -> CountsByOwner:
    idle = is_unleased("syncing_until", now)
    # An error has a name and a colon; what a person stopped has none, and is no trouble.
    late = (Q(sync_after__lt=now - LATE_AFTER) & idle) | Q(error__contains=": ")
    return counts_by_owner(
        ContactBook.objects.followed(),
        "account__",
        organization,
        {
            "late_books": account_works("account__") & late,
            "held_books": Q(held_at__isnull=False, held_decision=""),
        },
    )


def counts_by_owner(
    rows: Rows,
    path: str,
    organization: int | None,
    conditions: Conditions,
    **sums: Aggregate,
) -> CountsByOwner:
    """`path` leads from a row to its account. How many rows meet each condition, and the sums."""
    vendor, owner, name = (
        f"{path}{field}" for field in ("vendor", "organization", "organization__name")
    )
    of = rows.filter(**{f"{vendor}__in": list(settings.CALENDARS)})
    if organization is not None:
        of = of.filter(**{owner: organization})
    first = f"{path}pk" if path else "pk"
    for condition_name, condition in conditions.items():
        sums[f"{condition_name}_count"] = Count("pk", filter=condition)
        sums[f"{condition_name}_first"] = Min(first, filter=condition)
    groups = of.order_by().values(vendor, owner, name).annotate(**sums)
    return {
        (row.pop(vendor), row.pop(owner), row.pop(name)): with_examples(row, conditions)
        for row in groups
    }


def with_examples(values: dict[str, Any], conditions: Iterable[str]) -> dict[str, Any]:
    some = {
        name: CountWithExample(values.pop(f"{name}_count"), values.pop(f"{name}_first"))
        for name in conditions
    }
    return values | some


def vendor_label(vendor: str) -> str:
    """What people call it."""
    return (
        registry.configured_vendor(vendor).label
        if vendor in registry.vendor_slugs()
        else vendor.capitalize()
    )


# --- all of a vendor's --------------------------------------------------------------------------

SUMMED_FIELDS = ("accounts", "followed", "waiting")
COUNTED_FIELDS = (
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
NEWEST_FIELDS = ("last_push_at", "last_poll_at", "last_failure_at")


def vendor_total(vendor: str, found: Iterable[CalendarHealth]) -> CalendarHealth:
    mine = [health for health in found if health.vendor == vendor]
    values: dict[str, Any] = {name: sum(values_of(mine, name)) for name in SUMMED_FIELDS}
    values |= {name: sum_with_example(values_of(mine, name)) for name in COUNTED_FIELDS}
    values |= {
        name: max(filter(None, values_of(mine, name)), default=None) for name in NEWEST_FIELDS
    }
    ends = filter(None, values_of(mine, "next_expiry_at"))
    why = next(filter(None, values_of(mine, "why")), "")
    return CalendarHealth(vendor=vendor, why=why, next_expiry_at=min(ends, default=None), **values)


def values_of(found: Sequence[CalendarHealth], name: str) -> list[Any]:
    return [getattr(health, name) for health in found]


def sum_with_example(found: Sequence[CountWithExample]) -> CountWithExample:
    first = next((health.account for health in found if health.count), None)
    return CountWithExample(sum(health.count for health in found), first)
