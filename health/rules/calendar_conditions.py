"""What may be wrong with linked accounts: one finding for each vendor and organization."""

from collections.abc import Callable, Iterator

from django.urls import reverse

from health.collecting.linked_accounts import vendor_label
from health.collecting.observation import Observation
from health.rules.provider_conditions import (
    PROBED_TWICE,
    Evidence,
    Seen,
    is_dead,
)
from health.vocabulary.readings import (
    CalendarHealth,
    CountWithExample,
)

# So many organizations, and so much of all accounts, have no fault of their own in common.
SEVERAL, MOST = 2, 0.5

Look = Callable[[Observation], Iterator[Seen]]
# Which rows it is about, by what they are called; the first of them leads to the account.
Test = Callable[[CalendarHealth], dict[str, CountWithExample]]


def each(test: Test, *, when: Callable[[CalendarHealth, Observation], bool] | None = None) -> Look:
    """A rule that is asked about every vendor and organization; it applies where there are any."""

    def look(now: Observation) -> Iterator[Seen]:
        for one in now.linked:
            found = {name: some for name, some in test(one).items() if some.count}
            if found and (when is None or when(one, now)):
                yield seen(one, found)

    return look


def seen(one: CalendarHealth, found: dict[str, CountWithExample]) -> Seen:
    evidence: Evidence = {"organization": one.owner}
    evidence |= {name: some.count for name, some in found.items()}
    if one.failing.count and one.why:
        evidence["the last answer"] = one.why
    if one.waiting:
        evidence["appointments to be written"] = one.waiting
    return Seen(
        subject=f"{one.vendor}:{one.organization}",
        name=vendor_label(one.vendor),
        provider=one.vendor,
        organization=one.organization,
        link=page(next(iter(found.values())).account),
        evidence=evidence,
    )


def page(account: int | None) -> str:
    return reverse("admin:calendars_account_change", args=[account]) if account else ""


# --- what the vendor answers --------------------------------------------------------------------


def vendor_away(now: Observation) -> Iterator[Seen]:
    for vendor in dict.fromkeys(one.vendor for one in now.linked):
        if is_away(vendor, now):
            mine = [one for one in now.linked if one.vendor == vendor]
            evidence: Evidence = {
                "accounts": sum(one.accounts for one in mine),
                "of which fail": sum(one.failing.count for one in mine),
                "the last answer": next((one.why for one in mine if one.why), ""),
            }
            yield Seen(
                subject=vendor, name=vendor_label(vendor), provider=vendor, evidence=evidence
            )


def is_away(vendor: str, now: Observation) -> bool:
    mine = [one for one in now.linked if one.vendor == vendor]
    failing = sum(one.failing.count for one in mine)
    affected = sum(bool(one.failing.count) for one in mine)
    return affected >= SEVERAL and failing > MOST * sum(one.accounts for one in mine)


def on_its_own(one: CalendarHealth, now: Observation) -> bool:
    """And not because the vendor is away for everybody."""
    return not is_away(one.vendor, now)


def worked_on(_: CalendarHealth, now: Observation) -> bool:
    """A dead worker explains what is late."""
    return not is_dead(now, "worker")


def address_away(now: Observation) -> Iterator[Seen]:
    probe = now.calendar_endpoint
    if probe and not probe.ok and probe.streak >= PROBED_TWICE:
        evidence: Evidence = {"the self-test says": probe.reason, "in a row": probe.streak}
        yield Seen(subject=probe.subject, name=probe.subject, evidence=evidence)


# --- what our rows say --------------------------------------------------------------------------


def reconnect(one: CalendarHealth) -> dict[str, CountWithExample]:
    return {"accounts": one.reconnect}


def failing(one: CalendarHealth) -> dict[str, CountWithExample]:
    return {"accounts that fail": one.failing}


def late(one: CalendarHealth) -> dict[str, CountWithExample]:
    return {"calendars not read": one.late, "address books not read": one.late_books}


def overdue(one: CalendarHealth) -> dict[str, CountWithExample]:
    return {"subscriptions not renewed": one.overdue, "calendars without one": one.unannounced}


def silent(one: CalendarHealth) -> dict[str, CountWithExample]:
    return {"calendars": one.silent}


def held(one: CalendarHealth) -> dict[str, CountWithExample]:
    return {"calendars": one.held, "address books": one.held_books}


def unwritten(one: CalendarHealth) -> dict[str, CountWithExample]:
    return {"appointments that wait for long": one.unwritten}
