"""accepted -> queued -> sending -> sent -> delivered, or not: what becomes of a message."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from sandbox.lib.state import Ledger, Shelf, Timers
from sandbox.lib.times import iso, now
from sandbox.phones import Phones
from sandbox.webhooks.courier import Attempt
from sandbox.webhooks.delivery import Deliveries
from sandbox.webhooks.webhook import Delivery

from . import callbacks, optouts
from .message import FINAL, WHATSAPP, Json, Message
from .replies import UnusableError, replies
from .segments import segments

WINDOW = timedelta(hours=24)


class Switchboard:
    KEPT = ("messages", "opt_outs", "_timers", "_services", "_wrote_at", "_undelivered")

    def __init__(self, deliveries: Deliveries, ledger: Ledger, phones: Phones) -> None:
        self.receipt_delay = 1.0
        self.auto_receipts = True
        self.advanced_opt_out = False
        # What a Messaging Service sends from.
        self.service_sender = "+15550100100"
        self.messages: Shelf[Message] = Shelf()
        self.opt_outs = optouts.OptOuts()
        self._deliveries = deliveries
        self._ledger = ledger
        self._phones = phones
        self._timers = Timers()
        # (our number, phone) -> the service that wrote to it last
        self._services: dict[tuple[str, str], str] = {}
        # (our number, phone) -> when the person last wrote to it on WhatsApp
        self._wrote_at: dict[tuple[str, str], datetime] = {}
        self._undelivered: dict[str, list[Message]] = {}
        deliveries.answered = self._answered

    def spoken(self) -> Iterator[Message]:
        return self.messages.newest()

    def standing(self, phone: str) -> Json:
        return {"opted_out_of": self.opt_outs.of(phone)}

    def read(self, phone: str) -> None:
        """Marks it as read; SMS knows no receipt for that, WhatsApp does."""
        for message in list(self.messages.newest()):
            if message.phone == phone and message.outbound and not message.seen:
                message.seen = True
                if message.channel == "whatsapp" and message.status in ("sent", "delivered"):
                    self.record(message, "read")
        self._ledger.touch()

    def accept(self, message: Message) -> None:
        self.messages.put(message.sid, message, message.size)
        self._ledger.count("messages")
        if message.send_at is not None:
            wait = (message.send_at - now()).total_seconds()
            self._timers.later(wait, self._when_due, message)
        elif self.auto_receipts:
            self._transmit(message)

    def record(self, message: Message, status: str, error_code: int | None = None) -> None:
        """Takes note of a status and tells the message's own callback."""
        message.status = status
        message.updated_at = now()
        if error_code is not None:
            message.error_code = error_code
        if status == "sent":
            message.sent_at = message.sent_at or now()
        message.events.append({"type": status, "at": iso(now()), "error_code": error_code})
        self._ledger.touch()
        if message.status_callback:
            self._deliveries.publish(callbacks.status_callback(message))

    def receive(self, message: Message, extra: Mapping[str, str]) -> None:
        pair = (message.to, message.phone)
        message.service_sid = self._services.get(pair)
        self.messages.put(message.sid, message, message.size)
        self._ledger.count("received")
        word = None
        if message.channel == "whatsapp":
            self._wrote_at[pair] = now()
        else:
            word = optouts.opt_out_keyword(message.body)
        tells = {"OptOutType": word} if word and self.advanced_opt_out else {}
        self._deliveries.publish(callbacks.incoming(message, {**tells, **extra}))
        if word and self.opt_outs.apply_keyword(
            word, message.service_sid or message.to, message.phone
        ):
            self._say(message, optouts.REPLIES[word], status="delivered")

    def reach_changed(self, phone: str) -> None:
        if not self._phones.find(phone).out_of_reach:
            for message in self._undelivered.pop(phone, []):
                self._settle(message)
        self._ledger.touch()

    def clear(self) -> None:
        self._timers.clear()
        self.messages.clear()
        self.opt_outs.clear()
        for memory in (self._services, self._wrote_at, self._undelivered):
            memory.clear()

    def _when_due(self, message: Message) -> None:
        if message.status == "scheduled" and self.auto_receipts:
            self._transmit(message)

    def _transmit(self, message: Message) -> None:
        if message.service_sid and not message.sender:
            whatsapp = message.channel == "whatsapp"
            message.sender = (WHATSAPP if whatsapp else "") + self.service_sender
            self.record(message, "queued")
        if message.service_sid and message.sender:
            self._services[message.sender, message.phone] = message.service_sid
        self.record(message, "sending")
        if code := self._refused(message):
            self.record(message, "failed", code)
            return
        self.record(message, "sent")
        self._timers.later(self.receipt_delay, self._settle, message)

    def _refused(self, message: Message) -> int | None:
        if message.channel != "whatsapp":
            return None
        if self._phones.find(message.phone).not_on_whatsapp:
            return 63003
        wrote_at = self._wrote_at.get((message.sender or "", message.phone))
        is_open = wrote_at is not None and now() - wrote_at < WINDOW
        return None if is_open or "ContentSid" in message.form else 63016

    def _settle(self, message: Message) -> None:
        if message.status in FINAL:
            return
        if not self._phones.find(message.phone).out_of_reach:
            self.record(message, "delivered")
        elif message.channel == "whatsapp":
            # WhatsApp waits for the phone to come back; the network of an SMS gives up.
            self._undelivered.setdefault(message.phone, []).append(message)
        else:
            self.record(message, "undelivered", 30003)

    def _answered(self, delivery: Delivery, attempt: Attempt) -> None:
        question = self.messages.find(delivery.about)
        if question is None or not delivery.kind.startswith("incoming."):
            return
        try:
            for text in replies(attempt):
                self._say(question, text)
        except UnusableError as error:
            attempt.error = str(error)

    def _say(self, question: Message, text: str, status: str = "queued") -> None:
        """Answers for the product, in its name: to TwiML and plain text, and to STOP."""
        answer = Message(
            account_sid=question.account_sid,
            to=question.sender or "",
            sender=question.to,
            body=text,
            status=status,
            direction="outbound-reply",
            segments=segments(text),
        )
        if status == "queued":
            self.accept(answer)
        else:
            self.messages.put(answer.sid, answer, answer.size)
            self._ledger.count("messages_of_twilio")
