"""Messages: the queue, and where each of them stands."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone

from communications.models.contacts import Channel, Contact
from communications.models.files import StoredFile
from communications.models.organizations import MIN_KEEP_DAYS, Organization
from communications.vocabulary.consent.consent_keywords import Consent
from communications.vocabulary.statuses import (
    CHAIN,
    DECISIONS,
    REACHED,
    Status,
)

# As long as receipts come: Meta repeats its webhooks for a week.
RECEIPT_WINDOW = timedelta(days=MIN_KEEP_DAYS)
STATUSES = [(status.value, status.label) for status in CHAIN]


class Priority(models.IntegerChoices):
    """In the order in which they are sent."""

    URGENT = 0
    NORMAL = 1
    BULK = 2


class Trimmed(models.IntegerChoices):
    """What the rules of retention have taken from a message, as bits."""

    NOTHING = 0
    TEXT = 1
    ATTEMPTS = 2
    BOTH = 3


class Direction(models.TextChoices):
    OUTBOUND = "outbound"
    INBOUND = "inbound"


class MessageQuerySet(models.QuerySet["Message"]):
    def due(self, now: datetime) -> MessageQuerySet:
        return self.filter(send_after__lte=now)

    def waiting(self) -> MessageQuerySet:
        return self.filter(send_after__isnull=False)

    def settled(self) -> MessageQuerySet:
        """Those with nothing ahead: not queued, scheduled, under way, unknown or to be fetched."""
        ended = self.filter(send_after=None, escalate_at=None, fetch_after=None)
        return ended.exclude(status__in=[Status.QUEUED, Status.UNKNOWN])

    def over_since(self, before: datetime) -> MessageQuerySet:
        """Those settled before then: composed, due, received and last tried earlier.

        What a provider took, and has not said more about, is not over while receipts still come.
        """
        settled = self.settled().filter(created_at__lt=before).exclude(send_at__gte=before)
        over = settled.exclude(attempts__started_at__gte=before)
        # Where the attempts are gone, what was last written to it says how late they were.
        over = over.exclude(trimmed__gte=Trimmed.ATTEMPTS, updated_at__gte=before)
        awaited = timezone.now() - RECEIPT_WINDOW
        return over.exclude(status=Status.SENT, attempts__started_at__gte=awaited)

    def outbound(self) -> MessageQuerySet:
        return self.filter(direction=Direction.OUTBOUND)

    def in_conversation(self, contact: int) -> MessageQuerySet:
        """What a contact wrote and was sent, and what others answered in their place."""
        return self.filter(Q(contact=contact) | Q(thread=contact))


class Message(models.Model):
    """One text in one direction. One of ours never changes once it is composed; what people write
    they may edit, and take back.

    The row is the queue as well: the outbox holds it while `send_after` is set.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    contact = models.ForeignKey(Contact, null=True, blank=True, on_delete=models.SET_NULL)
    direction = models.CharField(
        max_length=8,
        choices=Direction.choices,
        default=Direction.OUTBOUND,
    )
    channel = models.CharField(max_length=8, choices=Channel.choices)
    # Of one of ours: who it was last tried as, and once a provider has it, as whom that one does.
    # Before its first call who its organization wrote as when it was composed; blank there: the
    # installation.
    sender = models.CharField("from", max_length=320, blank=True)
    to = models.CharField(max_length=320)
    subject = models.CharField(max_length=998, blank=True)
    body = models.TextField(blank=True)
    html = models.TextField("HTML", blank=True)
    reply_to = models.CharField(max_length=320, blank=True)
    headers = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    fallback = models.JSONField(default=list, blank=True)
    media = models.JSONField(default=list, blank=True)
    # Of its text, where that is known.
    language = models.CharField(max_length=35, blank=True, default="", db_default="")
    # The approved text it is sent as: name, language, category, parameters.
    template_ref = models.JSONField(default=dict, blank=True)
    has_attachments = models.BooleanField(default=False)
    priority = models.SmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    # Ours: suppressed, cancelled, expired, or failed where no provider can ever send it. The
    # status is computed from it and the attempts.
    decision = models.CharField(
        max_length=10,
        blank=True,
        choices=[(status.value, status.label) for status in DECISIONS],
    )
    error = models.TextField(blank=True)
    error_code = models.CharField(max_length=80, blank=True)
    # The provider that has it (or that it came from), and its own id for it.
    provider = models.CharField(max_length=40, blank=True)
    provider_id = models.CharField(max_length=255, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    clicked_at = models.DateTimeField(null=True, blank=True)
    complained_at = models.DateTimeField(null=True, blank=True)

    send_at = models.DateTimeField(null=True, blank=True)
    send_after = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    # Where in its plan it is: 0 is its own channel, n the n-th step of `fallback`; and what that
    # means for the next attempt.
    leg = models.PositiveSmallIntegerField(default=0)
    leg_channel = models.CharField(max_length=8, choices=Channel.choices)
    leg_to = models.CharField(max_length=320)
    # Not delivered by then: on to the next step of the plan.
    escalate_at = models.DateTimeField(null=True, blank=True)
    # Whether a second copy is better than none, where a provider's answer was lost.
    resend_if_unknown = models.BooleanField(default=False)
    # The provider the next attempt goes to; blank: the first of the route that works.
    via = models.CharField(max_length=40, blank=True)
    # The retry epoch: attempts before this number count no more, since somebody sent it anew.
    ladder_start = models.PositiveIntegerField(default=1)
    # Inbound only: its body is still at the provider. It is asked for from `fetch_after` on; with
    # none, and tries made, nobody asks any more, and `error` says why.
    is_complete = models.BooleanField(default=True)
    fetch_after = models.DateTimeField(null=True, blank=True)
    fetch_tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    # What a text cannot hold: a place, the fields of a form, an order. `kind` says which.
    content = models.JSONField(
        default=dict, blank=True, db_default=models.Value({}, models.JSONField())
    )
    # Its earlier texts, the first one first, each with the time at which it was written anew.
    edits = models.JSONField(
        default=list, blank=True, db_default=models.Value([], models.JSONField())
    )
    # Who answered it with which emoji, one of each person.
    reactions = models.JSONField(
        default=list, blank=True, db_default=models.Value([], models.JSONField())
    )
    # Whoever wrote it took it back then. The text stays.
    deleted_at = models.DateTimeField(null=True, blank=True)
    # The message it answers or quotes.
    in_reply_to = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        db_index=False,
        related_name="replies",
    )
    # Whose conversation it continues, where somebody else answered a mail of ours.
    thread = models.ForeignKey(
        Contact,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        db_index=False,
        related_name="continued_by",
    )
    # Of a mail: the id in its header, and the ids of the mails before it, the last one last.
    internet_message_id = models.CharField(max_length=998, blank=True, default="", db_default="")
    references = models.JSONField(
        default=list, blank=True, db_default=models.Value([], models.JSONField())
    )
    # Written by a machine, like an absence note: nobody waits for an answer.
    is_automatic = models.BooleanField(default=False, db_default=False)
    # Outbound, and written with the provider's own app on somebody's telephone.
    is_echo = models.BooleanField(default=False, db_default=False)
    # WhatsApp's id of the group it was written in. It is in nobody's thread.
    group = models.CharField(max_length=255, blank=True, default="", db_default="")
    # Inbound only: what it says about being written to.
    consent = models.CharField(
        max_length=20, choices=Consent.choices, blank=True, default="", db_default=""
    )

    # What retention took of it, when it took the text, and what proves the text that there was
    # (`messages.text_removal.content_fingerprint`).
    trimmed = models.SmallIntegerField(
        choices=Trimmed.choices, default=Trimmed.NOTHING, db_default=0
    )
    text_removed_at = models.DateTimeField(null=True, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True, default="", db_default="")

    idempotency_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 (NULLs do not collide)
    request_hash = models.CharField(max_length=64, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            # The outbox of 0.1.0, whose dispatchers may run beside these. To be removed after 0.2.
            models.Index(
                fields=["leg_channel", "priority", "send_after"],
                condition=Q(send_after__isnull=False),
                name="message_outbox",
            ),
            # The dispatcher's poll: whether something is due, by priority. Stays as small as the
            # outbox, like the next one.
            models.Index(
                fields=["leg_channel", "priority", "via", "send_after"],
                condition=Q(send_after__isnull=False),
                name="message_due",
            ),
            # Its claim: which organizations have something due, and what is first of each.
            models.Index(
                fields=["leg_channel", "priority", "via", "organization", "send_after"],
                condition=Q(send_after__isnull=False),
                name="message_turn",
            ),
            # The walk past what has another channel in its plan, while this one is not reached.
            models.Index(
                fields=["leg_channel", "priority", "organization", "id"],
                condition=Q(send_after__isnull=False) & ~Q(fallback=[]),
                name="message_planned",
            ),
            # The sweep for messages that waited too long.
            models.Index(
                fields=["expires_at"],
                condition=Q(send_after__isnull=False, expires_at__isnull=False),
                name="message_expiring",
            ),
            # The sweep for plans whose next step is due.
            models.Index(
                fields=["escalate_at"],
                condition=Q(escalate_at__isnull=False),
                name="message_escalating",
            ),
            # Inbound messages whose body is to be fetched.
            models.Index(
                fields=["created_at"],
                condition=Q(is_complete=False),
                name="message_incomplete",
            ),
            # Lists in the API, the admin and the overview.
            models.Index(fields=["organization", "-created_at", "-id"], name="message_newest"),
            # The same for platform administrators, who see every organization's.
            models.Index(fields=["-created_at", "-id"], name="message_newest_of_all"),
            models.Index(
                fields=["organization", "status", "-created_at"],
                name="message_by_status",
            ),
            models.Index(fields=["contact", "-created_at"], name="message_thread"),
            # Finds the mail that another one answers.
            models.Index(
                fields=["organization", "internet_message_id"],
                condition=~Q(internet_message_id=""),
                name="message_by_internet_id",
            ),
            # Finds the mail whose writer wants answers at another address.
            models.Index(
                fields=["organization", "reply_to"],
                condition=Q(direction="inbound") & ~Q(reply_to=""),
                name="message_answer_wanted_at",
            ),
            # Few messages have these two, so each is found without an entry for all the others.
            models.Index(
                fields=["in_reply_to"],
                condition=Q(in_reply_to__isnull=False),
                name="message_answered",
            ),
            models.Index(
                fields=["thread", "-created_at"],
                condition=Q(thread__isnull=False),
                name="message_continued_thread",
            ),
            # What retention goes through, from the oldest on: with a text, with attempts.
            models.Index(
                fields=["organization", "trimmed", "created_at"],
                condition=Q(trimmed__lt=Trimmed.BOTH),
                name="message_to_trim",
            ),
            # Searching for an address, whatever its case.
            models.Index(
                "organization",
                Upper("to"),
                F("created_at").desc(),
                name="message_to",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "idempotency_key"],
                name="message_composed_once_per_key",
            ),
            models.UniqueConstraint(
                fields=["organization", "provider", "provider_id"],
                condition=Q(direction="inbound"),
                name="message_received_once",
            ),
            models.CheckConstraint(
                condition=Q(send_after__isnull=True) | Q(decision="", direction="outbound"),
                name="message_decided_is_not_in_the_outbox",
            ),
        ]

    def __str__(self) -> str:
        return self.subject or f"{self.get_channel_display()} to {self.to}"

    def channel_of(self, leg: int) -> str:
        """By which channel a step of its plan goes; 0 is its own."""
        return str(self.fallback[leg - 1]["channel"]) if leg else self.channel

    @property
    def shown_reactions(self) -> list[dict[str, str]]:
        """The emojis that stand now: a blank one was taken back."""
        return [reaction for reaction in self.reactions if reaction["emoji"]]

    @property
    def went_by(self) -> str:
        """The channel that has it; where none has it yet, the one it is tried by."""
        if self.status in REACHED:
            for attempt in self.attempts.all():
                if (attempt.provider, attempt.provider_id) == (self.provider, self.provider_id):
                    return self.channel_of(attempt.leg)
        return self.leg_channel


class Attachment(models.Model):
    """A file of a mail. Its bytes are `stored`; in `content` where a release before that wrote it
    and nobody has moved them yet (`manage.py move_attachments`)."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attachments")
    filename = models.CharField(max_length=255)
    content_type = models.CharField(max_length=120)
    content = models.BinaryField(null=True)
    stored = models.ForeignKey(
        StoredFile,
        null=True,
        on_delete=models.PROTECT,
        db_index=False,
        related_name="attachments",
    )
    # Of a picture inside the text.
    content_id = models.CharField(max_length=127, blank=True, default="", db_default="")

    class Meta:
        ordering = ["pk"]
        indexes = [
            # Whether anybody uses a stored file.
            models.Index(
                fields=["stored"],
                condition=Q(stored__isnull=False),
                name="attachment_of_file",
            ),
        ]

    def __str__(self) -> str:
        return self.filename
