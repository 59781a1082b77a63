"""accepted -> sent -> delivered -> read, or failed: what becomes of a message."""

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta

from sandbox.lib.faults import Faults
from sandbox.lib.state import Ledger, Shelf, Timers
from sandbox.lib.times import iso, now
from sandbox.phones import Phones

from . import payloads
from .message import Event, Json, Received, Sent
from .outbox import Change, Outbox, account_change
from .payloads import Number
from .templates import Template

# These do not count as the person writing.
NOT_WRITING = frozenset({"system", "reaction", "edit", "revoke"})
FINAL = frozenset({"delivered", "read", "failed", "deleted"})


class Exchange:
    KEPT = ("outbox", "sent", "received", "_timers", "_wrote_at", "_no_marketing", "_undelivered")

    def __init__(
        self, number: Number, outbox: Outbox, *, faults: Faults, ledger: Ledger, phones: Phones
    ) -> None:
        self.receipt_delay = 1.0
        self.auto_receipts = True
        self.window_hours = 24.0
        self.number = number
        self.outbox = outbox
        self.sent: Shelf[Sent] = Shelf()
        self.received: Shelf[Received] = Shelf()
        self._faults = faults
        self._ledger = ledger
        self._phones = phones
        self._timers = Timers()
        self._wrote_at: dict[str, datetime] = {}
        self._no_marketing: set[str] = set()
        self._undelivered: dict[str, list[Sent]] = {}

    def accept(self, sent: Sent) -> None:
        self.sent.put(sent.id, sent, sent.size)
        self._ledger.count("messages")
        if not self.auto_receipts:
            return
        if code := self._refused(sent):
            self.record(sent, "failed", code)
            return
        self.record(sent, "sent")
        self._timers.later(self.receipt_delay, self._settle, sent)

    def record(self, sent: Sent, status: str, code: int | None = None, details: str = "") -> None:
        """Takes note of a status and tells the webhook."""
        event = Event(status, now(), code)
        sent.status, sent.error_code = status, code
        sent.events.append(event)
        self._ledger.touch()
        self.outbox.publish(
            Change(
                "messages",
                payloads.status(self.number, sent, details),
                kind=f"status.{status}",
                about=sent.id,
                whom=sent.phone,
                event=event,
            )
        )

    def receive(self, received: Received, context: str = "") -> None:
        self.received.put(received.id, received, received.size)
        self._ledger.count("received")
        if received.type not in NOT_WRITING:
            self._wrote_at[received.phone] = now()
            if received.user_id:
                self._wrote_at[received.user_id] = now()
        value = payloads.message(self.number, received, context)
        kind = f"incoming.{received.type}"
        self.outbox.publish(Change("messages", value, kind, received.id, received.phone))

    def prefer(self, phone: str, value: str) -> None:
        """Chooses to ``stop`` or ``resume`` offers, in the menu of the chat."""
        if value == "stop":
            self._no_marketing.add(phone)
        else:
            self._no_marketing.discard(phone)
        self._ledger.touch()
        shown = payloads.preference(self.number, phone, value, now())
        self.outbox.publish(Change("user_preferences", shown, "user_preferences", phone, phone))

    def tell(self, field: str, value: Json, about: str) -> None:
        self._ledger.touch()
        self.outbox.publish(account_change(field, value, about))

    def set_window(self, phone: str, *, is_open: bool) -> None:
        if is_open:
            self._wrote_at[phone] = now()
        else:
            self._wrote_at.pop(phone, None)
        self._ledger.touch()

    def spoken(self) -> Iterator[Sent | Received]:
        """Yields both kinds, each of which is kept in the order it came in."""
        both: tuple[Iterator[Sent | Received], ...] = (self.sent.newest(), self.received.newest())
        yield from heapq.merge(*both, key=lambda message: message.created_at, reverse=True)

    def standing(self, phone: str) -> Json:
        closes = self._window_closes(phone)
        return {
            "window_closes_at": iso(closes) if closes else None,
            "marketing": "stop" if phone in self._no_marketing else "resume",
        }

    def read(self, phone: str) -> None:
        for sent in list(self.sent.newest()):
            if sent.phone == phone and not sent.seen:
                sent.seen = True
                if sent.status in ("sent", "delivered"):
                    self.record(sent, "read")
        self._ledger.touch()

    def reach_changed(self, phone: str) -> None:
        if not self._phones.find(phone).out_of_reach:
            for sent in self._undelivered.pop(phone, []):
                self._settle(sent)
        self._ledger.touch()

    def clear(self) -> None:
        self._timers.clear()
        self.outbox.clear()
        self.sent.clear()
        self.received.clear()
        self._wrote_at.clear()
        self._no_marketing.clear()
        self._undelivered.clear()

    def _window_closes(self, phone: str) -> datetime | None:
        wrote_at = self._wrote_at.get(phone)
        closes = wrote_at + timedelta(hours=self.window_hours) if wrote_at else None
        return closes if closes and closes > now() else None

    def _refused(self, sent: Sent) -> int | None:
        """Meta accepts all of these and only says later that they went nowhere."""
        if self._phones.find(sent.phone).not_on_whatsapp:
            return 131026
        if sent.type != "template":
            return None if self._window_closes(sent.phone) else 131047
        if sent.category != "marketing":
            return None
        if sent.phone in self._no_marketing:
            return 131050
        # Since April 2025 nobody in the United States gets any.
        return 131049 if sent.phone.startswith("+1") else None

    def _settle(self, sent: Sent) -> None:
        if sent.status in FINAL:
            return
        if self._phones.find(sent.phone).out_of_reach:
            self._undelivered.setdefault(sent.phone, []).append(sent)
        elif self._faults.strikes("webhook_skip_delivered", "status.delivered"):
            self.record(sent, "read")
        else:
            self.record(sent, "delivered")


def template_changes(exchange: Exchange, template: Template, wanted: Json) -> None:
    """Changes it and tells the webhook, each change in a field of its own."""
    if (status := wanted.get("status")) is not None:
        template.status = status
        template.rejected_reason = str(wanted.get("reason", "NONE"))
        value = payloads.template_status(template)
        exchange.tell("message_template_status_update", value, template.name)
    if (quality := wanted.get("quality")) is not None:
        before, template.quality = template.quality, quality
        value = payloads.template_quality(template, before)
        exchange.tell("message_template_quality_update", value, template.name)
    if (category := wanted.get("category")) is not None:
        before, template.category = template.category, category
        value = payloads.template_category(template, before)
        exchange.tell("template_category_update", value, template.name)
