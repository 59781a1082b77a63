"""Texts that are written once and sent often."""

from django.db import models

from communications.models.contacts import Channel
from communications.models.organizations import Organization


class Template(models.Model):
    """A text with `{{ variables }}`."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    name = models.CharField(max_length=512)
    channel = models.CharField(max_length=8, choices=Channel.choices, default=Channel.EMAIL)
    subject = models.CharField(max_length=250, blank=True)
    body = models.TextField()
    html = models.TextField(blank=True)
    language = models.CharField(
        max_length=16,
        blank=True,
        help_text="Like en or pt_BR. A template may be there once in each language: the contact’s "
        "chooses. Blank: for everybody.",
    )
    # Of a text that the provider must approve; blank for our own.
    category = models.CharField(max_length=20, blank=True)
    approval = models.CharField(max_length=30, blank=True)
    quality = models.CharField(max_length=20, blank=True)
    # What is filled in to send it (`TemplateVariable`); none where the provider did not say yet.
    provider_variables = models.JSONField(null=True, blank=True)
    # Why it cannot be sent from here, where it cannot.
    unsendable = models.CharField(max_length=200, blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "channel", "name", "language"],
                name="template_name_is_unique",
            ),
        ]

    def __str__(self) -> str:
        return self.name
