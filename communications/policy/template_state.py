"""Whether WhatsApp takes an approved text now: Meta pauses, disables and rejects templates.

https://developers.facebook.com/docs/whatsapp/message-templates/guidelines#template-status
"""

from collections.abc import Iterable
from uuid import UUID

from communications.models import Channel, Message, Template
from communications.vocabulary.template_approval import UNUSABLE


def template_refusals(messages: Iterable[Message]) -> dict[UUID, str]:
    """Returns, by message id, why WhatsApp would refuse the template of a message now.

    Only of messages whose template it would refuse; a template we have no row of is not judged.
    """
    with_template = [message for message in messages if message.template_ref]
    if not with_template:
        return {}
    rows = Template.objects.filter(
        channel=Channel.WHATSAPP,
        organization__in={message.organization_id for message in with_template},
        name__in={message.template_ref["name"] for message in with_template},
        approval__in=UNUSABLE,
    )
    unusable = {(row.organization_id, row.name, row.language): row for row in rows}
    found = {
        message.pk: unusable.get(
            (
                message.organization_id,
                message.template_ref["name"],
                message.template_ref["language"],
            )
        )
        for message in with_template
    }
    return {pk: template_refusal(row) for pk, row in found.items() if row is not None}


def template_refusal(template: Template) -> str:
    state = template.approval.replace("_", " ").lower() or "not approved"
    return f"WhatsApp does not take the template “{template.name}” now, it is {state}."
