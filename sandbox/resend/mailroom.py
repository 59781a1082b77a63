"""accept -> sent -> delivered, bounced or complained: what becomes of a mail."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.lib.state import Ledger, Shelf, Timers
from sandbox.lib.times import iso, now
from sandbox.webhooks.delivery import Deliveries
from sandbox.webhooks.webhook import Delivery

from . import addresses, events, files
from .mail import Mail, Received

Json = dict[str, Any]

TEST_DOMAIN = "resend.dev"
# https://resend.com/docs/dashboard/emails/send-test-emails; a +label is ignored.
TEST_OUTCOMES: Mapping[str, tuple[str, ...]] = {
    "delivered": ("delivered",),
    "bounced": ("bounced",),
    "complained": ("delivered", "complained"),
    "suppressed": ("suppressed",),
}
DELIVERED = ("delivered",)
# event -> why the address is not written to any more
SUPPRESSES = {"bounced": "previous_bounce", "complained": "previous_complaint"}


class Mailroom:
    KEPT = ("mails", "received", "suppressions", "_timers")

    def __init__(self, deliveries: Deliveries, ledger: Ledger) -> None:
        self.receipt_delay = 1.0
        self.auto_receipts = True
        self.mails: Shelf[Mail] = Shelf()
        self.received: Shelf[Received] = Shelf()
        self.suppressions: dict[str, str] = {}
        self._deliveries = deliveries
        self._ledger = ledger
        self._timers = Timers()

    def accept(self, mail: Mail) -> None:
        self.mails.put(mail.id, mail, mail.size)
        self._ledger.count("mails")
        if mail.scheduled_at is not None and mail.scheduled_at > now():
            self.schedule(mail)
            self.record(mail, "scheduled")
        elif self.auto_receipts and not any(map(files.is_never_sent, mail.attachments)):
            self._transmit(mail)

    def schedule(self, mail: Mail) -> None:
        if mail.scheduled_at is None:
            return
        due = mail.scheduled_at
        mail.last_event = "scheduled"
        wait = (due - now()).total_seconds()
        self._timers.later(wait, self._when_due, mail, due.isoformat())

    def cancel(self, mail: Mail) -> None:
        mail.last_event = "canceled"
        self._ledger.touch()

    def record(self, mail: Mail, event: str, details: Json | None = None) -> None:
        """Takes note of an event and tells the webhook."""
        details = details or {}
        body = events.payload(mail, event, details)
        mail.last_event = event
        mail.events.append({"type": event, "at": iso(now())})
        if event in SUPPRESSES and _is_final(body["data"]):
            self._suppress(mail.to, SUPPRESSES[event])
        self._publish(body, mail.id, mail.to[0])

    def receive(self, received: Received) -> None:
        self.received.put(received.id, received, received.size)
        self._ledger.count("received")
        about = received.answers or received.id
        self._publish(events.received_payload(received), about, received.sender)

    def clear(self) -> None:
        self._timers.clear()
        self.mails.clear()
        self.received.clear()
        self.suppressions.clear()

    def _when_due(self, mail: Mail, due: str) -> None:
        """A mail that was cancelled or put off in the meantime is left alone."""
        on_time = mail.scheduled_at is not None and mail.scheduled_at.isoformat() == due
        if on_time and mail.last_event == "scheduled":
            self._transmit(mail)

    def _transmit(self, mail: Mail) -> None:
        wanted = [addresses.bare(address) or address for address in mail.recipients]
        blocked = [recipient for recipient in wanted if recipient in self.suppressions]
        if blocked:
            self.record(mail, "suppressed", {"reason": self.suppressions[blocked[0]]})
        if len(blocked) == len(wanted):
            return
        outcomes = _outcomes(address for address in wanted if address not in self.suppressions)
        if outcomes != list(TEST_OUTCOMES["suppressed"]):
            self.record(mail, "sent")
        for place, outcome in enumerate(outcomes, start=1):
            self._timers.later(self.receipt_delay * place, self._settle, mail, outcome)

    def _settle(self, mail: Mail, outcome: str) -> None:
        if self.auto_receipts:
            self.record(mail, outcome)

    def _suppress(self, recipients: list[str], reason: str) -> None:
        for address in recipients:
            found = addresses.bare(address)
            # The test addresses behave the same every time.
            if found and not found.endswith("@" + TEST_DOMAIN):
                self.suppressions[found] = reason

    def _publish(self, payload: Json, about: str, whom: str) -> None:
        body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
        self._deliveries.publish(Delivery(payload["type"], about, body, whom))


def _is_final(data: Json) -> bool:
    """A bounce for the time being (a full mailbox) suppresses nobody."""
    return bool(data.get("bounce", {"type": "Permanent"})["type"] == "Permanent")


def _outcomes(recipients: Iterable[str]) -> list[str]:
    """Each event once: Resend's events are about a mail, not about one of its recipients."""
    found: dict[str, None] = {}
    for address in recipients:
        local, _, domain = address.partition("@")
        name = local.partition("+")[0] if domain == TEST_DOMAIN else ""
        found |= dict.fromkeys(TEST_OUTCOMES.get(name, DELIVERED))
    return list(found)
