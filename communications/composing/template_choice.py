"""Which version of a template a message is made of: one that may be sent, in the right language."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Q

from communications.errors import Refused
from communications.models import Channel, Contact, Organization, Template
from communications.policy.template_state import template_refusal
from communications.vocabulary import languages
from communications.vocabulary.template_approval import UNUSABLE

# Meta's word for a template that may be sent.
APPROVED = "APPROVED"
# What can be sent: approved, not taken back since, and of parts that we know to fill in.
SENDABLE = ~Q(approval="") & ~Q(approval__in=UNUSABLE) & Q(unsendable="")


@dataclass(frozen=True)
class TemplateChoice:
    """A version of a template, and in a sentence why this one; blank where there was no choice."""

    template: Template
    reason: str = ""


def choose_template(
    organization: Organization,
    channel: str,
    name: str,
    *,
    contact: Contact | None = None,
    language: str = "",
) -> TemplateChoice:
    """Returns the version of a template to send. Raises Refused.

    An asked-for `language` is taken or refused. Otherwise the contact's chooses, then the
    organization's, then English.
    """
    named = Template.objects.filter(organization=organization, channel=channel, name=name)
    known = list(named.order_by("language", "pk"))
    usable = [template for template in known if not unusable_reason(template)]
    if not known:
        raise Refused("template", f"There is no {channel} template “{name}”.")
    if language:
        return version_in(language, known, usable, organization)
    if not usable:
        raise Refused("template", choice_refusal(known[0]))
    return best_version(usable, organization, contact)


def is_sendable(template: Template) -> bool:
    """Returns whether its provider takes a template now, as far as we know."""
    if template.channel != Channel.WHATSAPP:
        return True
    return bool(template.approval) and template.approval not in UNUSABLE


def unusable_reason(template: Template) -> str:
    """Returns why a template cannot be sent; blank if it can."""
    if not is_sendable(template):
        return template_refusal(template)
    return template.unsendable


def choice_refusal(template: Template) -> str:
    """Returns what whoever chose a template is told, of one with an `unusable_reason`."""
    if is_sendable(template):
        return f"“{template.name}” is not offered. {template.unsendable}"
    return template_refusal(template)


def version_in(
    language: str, known: list[Template], usable: list[Template], organization: Organization
) -> TemplateChoice:
    """Returns the version in the language that was asked for. Raises Refused."""
    for versions in (usable, known):
        if found := matching_version(language, versions, organization, is_strict=True):
            if found not in usable:
                raise Refused("language", choice_refusal(found))
            return TemplateChoice(found, choice_reason(found, "as it was asked for"))
    there = ", ".join(template.language for template in usable if template.language)
    raise Refused(
        "language",
        f"“{known[0].name}” is not there in “{language[:40]}”. It is in: {there}."
        if there
        else f"“{known[0].name}” is not there in “{language[:40]}”, only without a language.",
    )


def best_version(
    usable: list[Template], organization: Organization, contact: Contact | None
) -> TemplateChoice:
    """Returns the version that a contact reads best, of those that may be sent."""
    for language, whose in preferences(organization, contact):
        if found := matching_version(language, usable, organization):
            return TemplateChoice(found, choice_reason(found, whose))
    if len(usable) == 1:
        return TemplateChoice(usable[0], choice_reason(usable[0], "the only one it is in"))
    found = matching_version("en", usable, organization) or usable[0]
    whose = "because it is in neither the contact’s nor the organization’s language"
    return TemplateChoice(found, choice_reason(found, whose))


def preferences(organization: Organization, contact: Contact | None) -> Iterator[tuple[str, str]]:
    if contact is not None and contact.language:
        yield contact.language, "because it is the contact’s language"
    for language in organization.languages:
        yield language, "because it is the organization’s language"
    # Without a language it is for everybody.
    yield "", ""


def matching_version(
    language: str,
    versions: Sequence[Template],
    organization: Organization,
    *,
    is_strict: bool = False,
) -> Template | None:
    by_language = {template.language: template for template in versions}
    found = languages.best_match(
        language, list(by_language), region=organization.region, is_strict=is_strict
    )
    return None if found is None else by_language[found]


def choice_reason(template: Template, why: str) -> str:
    if not template.language:
        return ""
    return f"“{template.name}” in {languages.language_label(template.language)}, {why}."


def check_language(value: str) -> str:
    """Returns a language tag in its one form; blank if there is none. Raises Refused."""
    if not value.strip():
        return ""
    tag = languages.parse_tag(value)
    if tag is None:
        raise Refused("language", f"“{value[:40]}” is no language: {languages.EXAMPLES}")
    return str(tag)
