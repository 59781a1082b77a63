"""What counts as an incident of linked calendars and address books: one for each cause, vendor and
organization. Titles name no account; the link leads to it. Each condition stands above its rule."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from django.urls import reverse

from health.collecting.linked_accounts import vendor_label
from health.collecting.observation import Observation
from health.rules.infrastructure import is_dead
from health.rules.rule import CRITICAL, MINUTE, Condition, Evidence, Finding, Rule
from health.vocabulary.readings import CalendarHealth, CountWithExample

# Rows in trouble, by what they are called; the first of them leads to the account.
Counts = dict[str, CountWithExample]

RETRIES = "Tries again, less and less often, at least every 15 minutes. Nothing is lost meanwhile. "
NOT_FREE = "What it cannot say is not offered as free."


def of_each_owner(
    count: Callable[[CalendarHealth], Counts],
    *,
    unless: Callable[[CalendarHealth, Observation], bool] = lambda _health, _now: False,
) -> Condition:
    """Returns a condition that is asked about every vendor and organization; it applies where
    there are any of the rows, unless something else explains them."""

    def find(now: Observation) -> Iterator[Finding]:
        for health in now.calendars:
            counts = {name: found for name, found in count(health).items() if found.count}
            if counts and not unless(health, now):
                yield owners_finding(health, counts)

    return find


def owners_finding(health: CalendarHealth, counts: Counts) -> Finding:
    evidence: Evidence = {"organization": health.owner}
    evidence |= {name: found.count for name, found in counts.items()}
    if health.failing.count and health.why:
        evidence["the last answer"] = health.why
    if health.waiting:
        evidence["appointments to be written"] = health.waiting
    return Finding(
        subject=f"{health.vendor}:{health.organization}",
        name=vendor_label(health.vendor),
        provider=health.vendor,
        organization=health.organization,
        link=account_page(next(iter(counts.values())).account),
        evidence=evidence,
    )


def account_page(account: int | None) -> str:
    return reverse("admin:calendars_account_change", args=[account]) if account else ""


# --- the vendor ---------------------------------------------------------------------------------

# So many organizations, and so much of all accounts, have no fault of their own in common.
SEVERAL_OWNERS, MOST_ACCOUNTS = 2, 0.5


def is_vendor_away(vendor: str, now: Observation) -> bool:
    owners = [health for health in now.calendars if health.vendor == vendor]
    failing = sum(health.failing.count for health in owners)
    affected = sum(bool(health.failing.count) for health in owners)
    accounts = sum(health.accounts for health in owners)
    return affected >= SEVERAL_OWNERS and failing > MOST_ACCOUNTS * accounts


def vendor_away(now: Observation) -> Iterator[Finding]:
    for vendor in dict.fromkeys(health.vendor for health in now.calendars):
        if is_vendor_away(vendor, now):
            owners = [health for health in now.calendars if health.vendor == vendor]
            evidence: Evidence = {
                "accounts": sum(health.accounts for health in owners),
                "of which fail": sum(health.failing.count for health in owners),
                "the last answer": next((health.why for health in owners if health.why), ""),
            }
            name = vendor_label(vendor)
            yield Finding(subject=vendor, name=name, provider=vendor, evidence=evidence)


def explained_by_vendor(health: CalendarHealth, now: Observation) -> bool:
    return is_vendor_away(health.vendor, now)


def explained_by_worker(_: CalendarHealth, now: Observation) -> bool:
    """A dead worker explains what is late."""
    return is_dead(now, "worker")


VENDOR_AWAY = Rule(
    kind="calendars away",
    group="vendor",
    severity=CRITICAL,
    title="{name} fails for most linked accounts",
    did=f"{RETRIES}{NOT_FREE}",
    advice="See the vendor's status page, and the client's id and secret in the settings.",
    condition=vendor_away,
    close_after=MINUTE,
)

# --- accounts and their mailboxes ---------------------------------------------------------------

RECONNECT = Rule(
    kind="reconnect",
    group="access",
    title="A {name} account must be connected again",
    did="Stopped asking. Appointments are kept here and written once it is connected.",
    advice="Open the account and connect it again: only its owner can allow it.",
    condition=of_each_owner(lambda health: {"accounts": health.reconnect}),
)
MAILBOX_FAILING = Rule(
    kind="mailbox failing",
    group="mailboxes",
    title="Calls to a {name} account fail",
    did=f"{RETRIES}{NOT_FREE}",
    advice="Open the account: it shows the vendor's answer. If it lasts, connect it again.",
    condition=of_each_owner(
        lambda health: {"accounts that fail": health.failing},
        unless=explained_by_vendor,
    ),
    open_after=MINUTE,
    close_after=MINUTE,
)
READING_LATE = Rule(
    kind="reading late",
    group="mailboxes",
    title="A calendar or address book of {name} is not up to date",
    did=RETRIES,
    advice="Open the account: it shows what stands in the way. See whether workers keep up.",
    condition=of_each_owner(
        lambda health: {
            "calendars not read": health.late,
            "address books not read": health.late_books,
        },
        unless=explained_by_worker,
    ),
    open_after=MINUTE,
    close_after=MINUTE,
)

# --- push webhooks ------------------------------------------------------------------------------

SELF_TESTED_TWICE = 2


def endpoint_unreachable(now: Observation) -> Iterator[Finding]:
    probe = now.calendar_endpoint
    if probe and not probe.ok and probe.streak >= SELF_TESTED_TWICE:
        evidence: Evidence = {"the self-test says": probe.reason, "in a row": probe.streak}
        yield Finding(subject=probe.subject, name=probe.subject, evidence=evidence)


CALENDAR_ENDPOINT = Rule(
    kind="calendar endpoint",
    group="webhooks",
    title="Our address for pushes of calendars cannot be reached",
    did="Reads calendars more often instead: they stay right, only later.",
    advice="Check PUBLIC_URL, the proxy and its certificate from outside.",
    condition=endpoint_unreachable,
)
PUSH_OVERDUE = Rule(
    kind="push overdue",
    group="pushes",
    title="{name} is not asked to announce changes any more",
    did="Keeps asking for a subscription, and reads the calendar regularly.",
    advice="Check that PUBLIC_URL is reached from outside by HTTPS; the account tells more.",
    condition=of_each_owner(
        lambda health: {
            "subscriptions not renewed": health.overdue,
            "calendars without one": health.unannounced,
        },
        unless=explained_by_worker,
    ),
    # A new account's first subscriptions take their time.
    open_after=timedelta(minutes=5),
    close_after=MINUTE,
)
PUSH_SILENCE = Rule(
    kind="push silence",
    group="pushes",
    title="{name} does not announce changes",
    did="Reads the calendar more often, up to every minute: it stays right, only later.",
    advice="Check that PUBLIC_URL is reached from outside by HTTPS.",
    condition=of_each_owner(lambda health: {"calendars": health.silent}),
    close_after=MINUTE,
)

# --- deletions and appointments -----------------------------------------------------------------

DELETIONS_HELD = Rule(
    kind="deletions held",
    group="deletions",
    title="Much is gone at once from {name}",
    did="Deleted nothing here, and waits for a person.",
    advice="Open it, and say whether it is really gone.",
    condition=of_each_owner(
        lambda health: {"calendars": health.held, "address books": health.held_books},
    ),
)
UNWRITTEN = Rule(
    kind="unwritten",
    group="appointments",
    title="Appointments are not in their {name} calendar yet",
    did="Keeps their time free here, and tries again; none is written twice.",
    advice="Open the account: it shows what stands in the way.",
    condition=of_each_owner(
        lambda health: {"appointments that wait for long": health.unwritten},
        unless=explained_by_worker,
    ),
    close_after=MINUTE,
)

# In this order: the first that applies names the cause.
RULES = (
    *(VENDOR_AWAY, RECONNECT, MAILBOX_FAILING, READING_LATE, CALENDAR_ENDPOINT),
    *(PUSH_OVERDUE, PUSH_SILENCE, DELETIONS_HELD, UNWRITTEN),
)
