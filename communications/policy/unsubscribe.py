"""The way out of bulk e-mail: a link in the mail, and one click in the mail program.

https://www.rfc-editor.org/rfc/rfc8058
"""

from html import escape

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from communications.models import Channel, Message, Priority
from communications.policy import suppressions
from communications.vocabulary.events import Reason

SIGNER = Signer(salt="unsubscribe")


class InvalidLink(Exception):
    """Not a link of ours, or one about a message that is gone."""


def add_unsubscribe_link(message: Message) -> None:
    """Puts the way out into a message that is about to be stored, if it is bulk e-mail."""
    if message.priority != Priority.BULK or message.channel != Channel.EMAIL:
        return
    url = unsubscribe_url(message)
    message.headers = {
        **message.headers,
        "List-Unsubscribe": f"<{url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    if message.body:
        message.body += f"\n\n-- \nNo more of these: {url}\n"
    if message.html:
        message.html += f'<p><a href="{escape(url)}">No more of these</a></p>'


def unsubscribe_url(message: Message) -> str:
    return settings.PUBLIC_URL + reverse("unsubscribe", args=[SIGNER.sign(str(message.pk))])


def message_of_link(token: str) -> Message:
    """Returns the message that a link came with. Raises InvalidLink."""
    try:
        found = Message.objects.select_related("organization").filter(pk=SIGNER.unsign(token))
    except BadSignature as error:
        raise InvalidLink(token) from error
    message = found.first()
    if message is None:
        raise InvalidLink(token)
    return message


def unsubscribe_by_link(token: str) -> Message:
    """Closes the address for e-mail of this organization. Safe to repeat. Raises InvalidLink."""
    message = message_of_link(token)
    suppressions.suppress_address(
        message.organization,
        channel=Channel.EMAIL,
        value=message.to,
        reason=Reason.OPT_OUT,
        detail="By the link in a mail.",
        message=message,
    )
    return message
