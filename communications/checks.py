"""Misconfiguration, said before anything is sent."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 (Django's name)

from communications.models import Channel
from communications.providers import registry
from communications.vocabulary.email_addresses import sender_problem


@register
def check_providers(**_: Any) -> list[CheckMessage]:
    return [message for slug in settings.PROVIDERS for message in provider_problems(slug)]


def provider_problems(slug: str) -> Iterator[CheckMessage]:
    try:
        provider = registry.provider_for(slug)
    except (ImportError, LookupError, TypeError, ValueError, AssertionError) as error:
        yield Error(
            f"The provider “{slug}” cannot be built: {type(error).__name__}: {error}",
            hint="Compare its settings with .env.example.",
            id="communications.E001",
        )
        return
    if not provider.sender:
        yield Error(
            f"The provider “{slug}” has nobody to write as.",
            hint="Set EMAIL_FROM, for example to “Ever After <hello@everafter.example>”.",
            id="communications.E002",
        )
    elif provider.channel == Channel.EMAIL and (problem := sender_problem(provider.sender)):
        yield Error(
            f"The provider “{slug}” cannot write as what EMAIL_FROM says: {problem}",
            hint="Set it to one address, with a name in front if you like. Put a name that has "
            'commas, colons or the like into quotes: "Hart, Weddings" <hello@hart.example>.',
            id="communications.E004",
        )
    if problem := provider.misconfiguration():
        yield Error(
            f"The provider “{slug}” cannot work: {problem}",
            hint="Compare its settings with .env.example.",
            id="communications.E005",
        )
    if not provider.takes_webhooks:
        yield Warning(
            f"The webhooks of “{slug}” cannot be verified, so all of them are refused.",
            hint="Set its webhook secret; the provider shows it where webhooks are set up.",
            id="communications.W001",
        )


@register(Tags.security, deploy=True)
def check_any_provider(**_: Any) -> list[CheckMessage]:
    if settings.PROVIDERS:
        return []
    return [
        Warning(
            "No provider is configured, so no message can leave.",
            hint="Set RESEND_API_KEY and EMAIL_FROM for e-mail, TWILIO_ACCOUNT_SID for SMS or "
            "WHATSAPP_ACCESS_TOKEN for WhatsApp; .env.example lists what belongs to each.",
            id="communications.W002",
        )
    ]


@register
def check_routes(**_: Any) -> list[CheckMessage]:
    return [
        Error(
            f"The route of {channel} names “{slug}”, which is not configured.",
            hint="Every slug in ROUTES must be a key of PROVIDERS.",
            id="communications.E003",
        )
        for channel, slugs in settings.ROUTES.items()
        for slug in slugs
        if slug not in settings.PROVIDERS
    ]
