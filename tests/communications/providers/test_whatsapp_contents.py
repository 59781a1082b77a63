"""Whatever stands under the type of a message of Meta's is read, and can be stored."""

import json
from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from communications.providers.whatsapp.contents import READERS
from communications.vocabulary.events import (
    MessageDeleted,
    MessageEchoed,
    MessageEdited,
    MessageReceived,
    ReactionChanged,
)
from tests.communications.providers.contract import JSON
from tests.communications.providers.whatsapp_account import change, request, whatsapp
from wedsync_comms.lib.outside_json import as_storable

KINDS = [*READERS, "reaction", "edit", "revoke", "poll"]
KEYS = st.sampled_from(
    [
        "type",
        "nfm_reply",
        "response_json",
        "list_reply",
        "product_items",
        "name",
        "phones",
        "org",
        "latitude",
        "message",
        "message_id",
        "original_message_id",
        "emoji",
        "wa_id",
        "user_id",
        "id",
    ],
)
CONTENT = st.recursive(
    JSON, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4)
)


@given(kind=st.sampled_from(KINDS), content=CONTENT, beside=st.dictionaries(KEYS, JSON))
@hypothesis_settings(max_examples=50)
def test_any_content_of_any_type_is_read(kind: str, content: Any, beside: dict[str, Any]) -> None:
    entry = {"id": "w", "from": "447700900123", **beside, "type": kind, kind: content}
    entry |= {"context": content, "referral": content, "group_id": content}
    for body in (
        change("messages", messages=[entry], contacts=content),
        change("smb_message_echoes", message_echoes=[entry, content], contacts=content),
    ):
        for event in whatsapp().parse(request(body)):
            match event:
                case MessageReceived():
                    check(event)
                case MessageEchoed() | MessageEdited() | ReactionChanged():
                    check(event.message)
                case MessageDeleted():
                    assert isinstance(event.original, str)


def check(message: MessageReceived) -> None:
    assert isinstance(message.text, str)
    assert json.loads(json.dumps(as_storable(dict(message.content)), allow_nan=False)) is not None
