"""The rules for calendars and address books: one incident for each cause, vendor and organization.
Titles name no account; the link leads to it."""

from datetime import timedelta

from health.rules import calendar_conditions as conditions
from health.rules.provider_conditions import MINUTE
from health.rules.rule import Rule
from health.vocabulary.readings import Severity

CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING
RETRIES = "Tries again, less and less often, at least every 15 minutes. Nothing is lost meanwhile. "

RULES: tuple[Rule, ...] = (
    Rule(
        kind="calendars away",
        group="vendor",
        severity=CRITICAL,
        title="{name} fails for most linked accounts",
        did=f"{RETRIES}What it cannot say is not offered as free.",
        advice="See the vendor's status page, and the client's id and secret in the settings.",
        look=conditions.vendor_away,
        close_after=MINUTE,
    ),
    Rule(
        kind="reconnect",
        group="access",
        severity=WARNING,
        title="A {name} account must be connected again",
        did="Stopped asking. Appointments are kept here and written once it is connected.",
        advice="Open the account and connect it again: only its owner can allow it.",
        look=conditions.each(conditions.reconnect),
    ),
    Rule(
        kind="mailbox failing",
        group="mailboxes",
        severity=WARNING,
        title="Calls to a {name} account fail",
        did=f"{RETRIES}What it cannot say is not offered as free.",
        advice="Open the account: it shows the vendor's answer. If it lasts, connect it again.",
        look=conditions.each(conditions.failing, when=conditions.on_its_own),
        open_after=MINUTE,
        close_after=MINUTE,
    ),
    Rule(
        kind="reading late",
        group="mailboxes",
        severity=WARNING,
        title="A calendar or address book of {name} is not up to date",
        did=RETRIES,
        advice="Open the account: it shows what stands in the way. See whether workers keep up.",
        look=conditions.each(conditions.late, when=conditions.worked_on),
        open_after=MINUTE,
        close_after=MINUTE,
    ),
    Rule(
        kind="calendar endpoint",
        group="webhooks",
        severity=WARNING,
        title="Our address for pushes of calendars cannot be reached",
        did="Reads calendars more often instead: they stay right, only later.",
        advice="Check PUBLIC_URL, the proxy and its certificate from outside.",
        look=conditions.address_away,
    ),
    Rule(
        kind="push overdue",
        group="pushes",
        severity=WARNING,
        title="{name} is not asked to announce changes any more",
        did="Keeps asking for a subscription, and reads the calendar regularly.",
        advice="Check that PUBLIC_URL is reached from outside by HTTPS; the account tells more.",
        look=conditions.each(conditions.overdue, when=conditions.worked_on),
        # A new account's first subscriptions take their time.
        open_after=timedelta(minutes=5),
        close_after=MINUTE,
    ),
    Rule(
        kind="push silence",
        group="pushes",
        severity=WARNING,
        title="{name} does not announce changes",
        did="Reads the calendar more often, up to every minute: it stays right, only later.",
        advice="Check that PUBLIC_URL is reached from outside by HTTPS.",
        look=conditions.each(conditions.silent),
        close_after=MINUTE,
    ),
    Rule(
        kind="deletions held",
        group="deletions",
        severity=WARNING,
        title="Much is gone at once from {name}",
        did="Deleted nothing here, and waits for a person.",
        advice="Open it, and say whether it is really gone.",
        look=conditions.each(conditions.held),
    ),
    Rule(
        kind="unwritten",
        group="appointments",
        severity=WARNING,
        title="Appointments are not in their {name} calendar yet",
        did="Keeps their time free here, and tries again; none is written twice.",
        advice="Open the account: it shows what stands in the way.",
        look=conditions.each(conditions.unwritten, when=conditions.worked_on),
        close_after=MINUTE,
    ),
)
