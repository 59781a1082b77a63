"""The tenant, and who may do what in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from communications.vocabulary import email_addresses
from wedsync_comms.lib.admin_kit.roles import ACTING, Role

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

# Enough to say who comes first, and nobody waits a hundred times as long as it should.
MAX_SENDING_WEIGHT = 100
# Meta repeats a webhook for a week: what it is about and whether it came before is known so long.
MIN_KEEP_DAYS = 7
# A hundred years. A time that long ago can still be computed.
MAX_KEEP_DAYS = 36_500


class Organization(models.Model):
    name = models.CharField(max_length=120)
    slug = models.SlugField(unique=True)
    email_from = models.CharField(
        max_length=320,
        blank=True,
        help_text="Who its e-mails come from, like “Ever After &lt;hello@everafter.example&gt;”. "
        "Blank: the address of the whole installation. Replies to it find this organization.",
    )
    sms_from = models.CharField(
        "SMS from",
        max_length=40,
        blank=True,
        help_text="A number of yours like +447700900000. Blank: the installation’s.",
    )
    whatsapp_from = models.CharField(
        "WhatsApp from",
        max_length=40,
        blank=True,
        help_text="The id of a phone number at Meta. Blank: the installation’s.",
    )
    time_zone = models.CharField(max_length=64, default="Europe/London")
    region = models.CharField(
        max_length=2,
        default="GB",
        help_text="Two-letter country whose telephone numbers need no prefix.",
    )
    languages = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        blank=True,
    )
    quiet_from = models.TimeField(
        "quiet from",
        null=True,
        blank=True,
        help_text="From then on no SMS and no WhatsApp message leaves, unless it is urgent.",
    )
    quiet_until = models.TimeField("quiet until", null=True, blank=True)
    opt_out_words = models.TextField(
        "more opt-out words",
        blank=True,
        default="",
        db_default="",
        help_text="One word or phrase a line, beside those below. Whoever replies with one of "
        "them by SMS or WhatsApp is not written to any more.",
    )
    opt_in_words = models.TextField(
        "more opt-in words",
        blank=True,
        default="",
        db_default="",
        help_text="One word or phrase a line. Whoever replies with one of them may be written to "
        "again.",
    )
    # Its part of a provider that it shares with others: see `sending/fairness`.
    sending_weight = models.PositiveSmallIntegerField(
        default=1,
        db_default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_SENDING_WEIGHT)],
        help_text="Where organizations share a provider’s account and more is due than it takes, "
        "one of weight 2 gets twice as much of it as one of weight 1, and so on up to "
        f"{MAX_SENDING_WEIGHT}.",
    )
    # How many days what is kept; blank: as long as the installation keeps it (RETENTION_DAYS).
    keep_text_days = models.PositiveIntegerField(
        "days to keep texts and attachments",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_KEEP_DAYS)],
    )
    keep_message_days = models.PositiveIntegerField(
        "days to keep messages",
        null=True,
        blank=True,
        validators=[MinValueValidator(MIN_KEEP_DAYS), MaxValueValidator(MAX_KEEP_DAYS)],
    )
    keep_attempt_days = models.PositiveIntegerField(
        "days to keep attempts",
        null=True,
        blank=True,
        validators=[MinValueValidator(MIN_KEEP_DAYS), MaxValueValidator(MAX_KEEP_DAYS)],
    )
    keep_delivery_days = models.PositiveIntegerField(
        "days to keep webhooks",
        null=True,
        blank=True,
        validators=[MinValueValidator(MIN_KEEP_DAYS), MaxValueValidator(MAX_KEEP_DAYS)],
    )
    keep_event_days = models.PositiveIntegerField(
        "days to keep timelines",
        null=True,
        blank=True,
        validators=[MinValueValidator(MIN_KEEP_DAYS), MaxValueValidator(MAX_KEEP_DAYS)],
    )
    # The highest id of its events that retention has removed: who saw less may have missed some.
    events_removed_to = models.BigIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(sending_weight__range=(1, MAX_SENDING_WEIGHT)),
                name="sending_weight_is_in_range",
            ),
            # A beginning without an end would be silence for ever.
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="quiet_hours_have_two_ends",
                violation_error_message="Quiet hours need a beginning and an end.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def sender(self, channel: str) -> str:
        """Who it writes as on a channel; blank where it has no identity of its own."""
        own = str(getattr(self, f"{channel}_from"))
        return email_addresses.sender_header(own) if channel == "email" else own


class MembershipQuerySet(models.QuerySet["Membership"]):
    def of(self, user: AbstractBaseUser | AnonymousUser) -> Membership | None:
        """The user's membership; None for strangers and for platform administrators."""
        if not user.is_authenticated:
            return None
        return self.select_related("organization").filter(user_id=user.pk).first()


class Membership(models.Model):
    """A login belongs to one organization, so no request ever has to say which one it means."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="membership",
    )
    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        related_name="memberships",
    )
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.STAFF)

    objects = MembershipQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.user}, {self.get_role_display()} of {self.organization}"

    @property
    def may_write(self) -> bool:
        return self.role in ACTING
