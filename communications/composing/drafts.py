"""What a caller asks for, checked: every refusal names the field and says what to do."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any

from communications.book import contacts, typed_addresses
from communications.composing import template_values
from communications.composing.placeholders import (
    check_placeholders,
    fill_placeholders,
)
from communications.composing.template_choice import (
    TemplateChoice,
    check_language,
    choose_template,
)
from communications.errors import InvalidAddress, Refused
from communications.models import Channel, Contact, Organization, Priority, Template
from communications.policy import number_confirmation
from communications.policy.channel_fallback import channel_label
from communications.providers import registry
from communications.vocabulary import email_addresses, phone_numbers

HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,80}")
# Ours to set, or the provider's: a caller who set them could forge a mail.
RESERVED_HEADERS = {"from", "to", "cc", "bcc", "subject", "sender", "reply-to", "date"}
MAX_BODY_CHARACTERS = 500_000
MAX_SUBJECT_CHARACTERS = 998
MAX_MEDIA = 10
TEXTS = ("subject", "body", "html")
# https://www.twilio.com/docs/messaging/api/message-resource and
# https://developers.facebook.com/docs/whatsapp/cloud-api/messages/text-messages
MAX_CHARACTERS = {
    Channel.EMAIL: MAX_BODY_CHARACTERS,
    Channel.SMS: 1_600,
    Channel.WHATSAPP: 4_096,
}
# https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages#media-object
MAX_CAPTION_CHARACTERS = 1_024


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What the caller asks for. Either `contact` or `to`; either `template` or a text."""

    channel: str = Channel.EMAIL
    to: str = ""
    contact: int | None = None
    subject: str = ""
    body: str = ""
    html: str = ""
    template: str = ""
    # Of the text; chooses between the languages of a template.
    language: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    reply_to: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    attachments: Sequence[Mapping[str, str]] = ()
    priority: Priority = Priority.NORMAL
    send_at: datetime | None = None
    expires_at: datetime | None = None
    fallback: Sequence[Mapping[str, Any]] = ()
    media: Sequence[str] = ()
    resend_if_unknown: bool = False
    # The texts have their values already: braces in them are somebody's own.
    is_filled: bool = False
    # Insists on a number of the right length that no network is known to have.
    allow_unconfirmed: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RenderedText:
    subject: str
    body: str
    html: str
    language: str = ""
    # Why the template is in this language.
    language_reason: str = ""
    # The approved text it is sent as, if it is.
    ref: dict[str, Any] = field(default_factory=dict)


def check_draft_routes(draft: Draft) -> None:
    """Raises Refused for a channel without a provider: its messages would wait in silence."""
    if not registry.route_slugs(draft.channel):
        raise Refused("channel", f"No provider for {channel_label(draft.channel)} is configured.")
    for step in draft.fallback:
        if not registry.route_slugs(step["channel"]):
            raise Refused(
                "fallback",
                f"No provider for {channel_label(step['channel'])} is configured.",
            )


def resolve_recipient(organization: Organization, draft: Draft) -> tuple[Contact | None, str]:
    """Returns the contact, if there is one, and the address. Raises Refused, also for landlines
    and for numbers that nobody has."""
    contact, to = find_recipient(organization, draft)
    why = number_confirmation.unconfirmed_refusal(
        organization.pk, draft.channel, to, allow_unconfirmed=draft.allow_unconfirmed
    )
    if why:
        raise Refused("to" if draft.contact is None else "contact", why)
    if draft.channel == Channel.SMS and (why := phone_numbers.sms_refusal(to)):
        given = "to" if draft.contact is None else "contact"
        raise Refused(given, f"{why} Give a mobile number, or take another channel.")
    return contact, to


def find_recipient(organization: Organization, draft: Draft) -> tuple[Contact | None, str]:
    if draft.contact is not None:
        return recipient_of_contact(organization, draft)
    if not draft.to:
        raise Refused("to", "Say who it goes to: an address in “to”, or the id of a “contact”.")
    if draft.channel == Channel.WHATSAPP and (
        hidden := contacts.contact_by_handle(organization, draft.to)
    ):
        return hidden, draft.to
    try:
        # Whether it has to be confirmed is asked of the number as it is kept, by the caller.
        to = typed_addresses.check_typed_address(
            draft.channel, draft.to, region=organization.region, allow_unconfirmed=True
        )
    except InvalidAddress as error:
        raise Refused("to", str(error)) from error
    return contacts.contact_by_address(organization, channel=draft.channel, value=to), to


def recipient_of_contact(organization: Organization, draft: Draft) -> tuple[Contact, str]:
    contact = Contact.objects.filter(organization=organization, pk=draft.contact or 0).first()
    if contact is None:
        raise Refused("contact", "There is no such contact.")
    to = contact.reachable_at(draft.channel)
    if not to:
        raise Refused(
            "contact",
            f"{contact} has no {channel_label(draft.channel)} address: add one to the contact.",
        )
    if draft.channel == Channel.EMAIL and (why := email_addresses.delivery_refusal(to)):
        raise Refused("contact", f"{contact} cannot be answered there: {why}")
    return contact, to


def render_draft(
    organization: Organization, draft: Draft, contact: Contact | None = None
) -> RenderedText:
    """Returns the texts of the draft or of its template, filled in. Raises Refused."""
    choice = find_template(organization, draft, contact) if draft.template else None
    chosen = choice.template if choice else None
    if chosen is None:
        language = check_language(draft.language)
        source = RenderedText(draft.subject, draft.body, draft.html, language)
    else:
        source = RenderedText(
            draft.subject or chosen.subject, chosen.body, chosen.html, chosen.language
        )
    if draft.is_filled and chosen is None:
        check_text(source, draft)
        return source
    check_source(source, draft, chosen)
    reference = template_reference(chosen, draft.variables) if chosen else {}
    text = RenderedText(
        subject=fill_placeholders(source.subject, draft.variables),
        body=fill_placeholders(source.body, draft.variables),
        html=fill_placeholders(
            source.html, {name: escape(value) for name, value in draft.variables.items()}
        ),
        language=source.language,
        language_reason=choice.reason if choice else "",
        ref=reference,
    )
    if reference:
        template_values.check_body_length(text.body)
    check_text(text, draft)
    return text


def check_source(source: RenderedText, draft: Draft, chosen: Template | None) -> None:
    """Raises Refused for what would be sent with its braces."""
    for name, text in vars(source).items():
        if name in TEXTS:
            is_ours = chosen is None or (name == "subject" and draft.subject)
            check_placeholders(name if is_ours else "template", text, draft.variables)


def find_template(
    organization: Organization, draft: Draft, contact: Contact | None
) -> TemplateChoice:
    if draft.body or draft.html:
        raise Refused("template", "Send either a template or a text, not both.")
    return choose_template(
        organization,
        draft.channel,
        draft.template,
        contact=contact,
        language=draft.language,
    )


def template_reference(template: Template, variables: Mapping[str, str]) -> dict[str, Any]:
    """Returns what the provider needs to find its own copy of the text; empty for texts of ours.

    Raises Refused.
    """
    if not template.approval:
        return {}
    values = template_values.provider_values(template, variables)
    return {
        "name": template.name,
        "language": template.language,
        "category": template.category,
        # Read by the release before this one.
        "parameters": [value["value"] for value in values if value["part"] == "body"],
        "values": values,
    }


def check_text(text: RenderedText, draft: Draft) -> None:
    channels = {draft.channel, *(step["channel"] for step in draft.fallback)}
    if not (text.body.strip() or text.html.strip() or draft.media):
        raise Refused("body", "Write a text: “body”, or “html”, or name a “template”.")
    if not text.body.strip() and channels != {Channel.EMAIL}:
        raise Refused("body", "SMS and WhatsApp carry plain text: write a “body” as well.")
    check_length(text, draft, channels)
    if Channel.EMAIL in channels:
        check_subject(text.subject)


def check_length(text: RenderedText, draft: Draft, channels: set[str]) -> None:
    longest = min(MAX_CHARACTERS[Channel(channel)] for channel in channels)
    if draft.media and Channel.WHATSAPP in channels:
        longest = MAX_CAPTION_CHARACTERS
        check_whatsapp_media(text, draft)
    if len(text.body) > longest or len(text.html) > MAX_BODY_CHARACTERS:
        raise Refused("body", f"Keep the text under {longest:,} characters.")


def check_whatsapp_media(text: RenderedText, draft: Draft) -> None:
    if len(draft.media) > 1:
        raise Refused("media", "A WhatsApp message carries one picture or document.")
    if text.ref:
        raise Refused("media", "A template has its picture in its “variables”, or none.")


def check_subject(subject: str) -> None:
    if not subject.strip():
        raise Refused("subject", "An e-mail needs a subject.")
    if len(subject) > MAX_SUBJECT_CHARACTERS or any(c in subject for c in "\r\n\0"):
        raise Refused("subject", "Keep the subject on one line of at most 998 characters.")


def check_media(addresses: Sequence[str]) -> list[str]:
    """Providers fetch them, so they must be public."""
    if len(addresses) > MAX_MEDIA or not all(
        address.startswith("https://") for address in addresses
    ):
        raise Refused("media", f"Give at most {MAX_MEDIA} public addresses beginning with https.")
    return list(addresses)


def check_reply_to(value: str) -> str:
    """Returns the address in its one form, blank if none is given. Raises Refused."""
    if not value:
        return ""
    try:
        return contacts.normalise_email(value)
    except InvalidAddress as error:
        raise Refused("reply_to", str(error)) from error


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Returns the headers. Raises Refused for those that are ours, or more than a line."""
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name) or name.lower() in RESERVED_HEADERS:
            raise Refused("headers", f"“{name}” cannot be set as a header here.")
        if any(character in value for character in "\r\n\0"):
            raise Refused("headers", f"The value of “{name}” must be a single line.")
    return dict(headers)


def check_times(draft: Draft, now: datetime) -> None:
    """Raises Refused for a draft that would expire before it is sent."""
    starts = max(draft.send_at or now, now)
    if draft.expires_at is not None and draft.expires_at <= starts:
        raise Refused("expires_at", "It would expire before it is sent: choose a later time.")
