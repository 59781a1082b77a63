"""What a message said before: its texts in their order, in whatever order its edits come.

Each of a message's `edits` is an earlier text, with the time at which the next one replaced it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from communications.models import Message
from wedsync_comms.lib.text import sanitise

# In the content of a message whose edit came before itself: when the earliest edit known was
# written. It goes once the first text is here.
FIRST_EDIT = "is_edit"
MAX_EDITS = 100
COLUMNS = ("body", "html", "media", "content", "edits", "updated_at")


def replace_text(message: Message, columns: Mapping[str, Any], at: datetime) -> None:
    """Puts what an edit of a time says where it belongs: it may be older than the last one.

    Does not save: COLUMNS are what it may change.
    """
    first_edit = message.content.get(FIRST_EDIT)
    # The text that is not here yet has its place all the same.
    known = [{"body": "", "at": first_edit}] if first_edit else []
    known += message.edits
    time = at.isoformat()
    place = next((place for place, edit in enumerate(known) if edit["at"] > time), None)
    if place is None:
        known.append(earlier_text(message.body, time))
        for name, value in columns.items():
            # Of a picture only the words beside it are edited.
            if name != "media" or value:
                setattr(message, name, value)
    else:
        replaced_at = known[place]["at"]
        known[place : place + 1] = [
            {**known[place], "at": time},
            earlier_text(columns["body"], replaced_at),
        ]
    if first_edit:
        message.content = {**message.content, FIRST_EDIT: known.pop(0)["at"]}
    message.edits = known[-MAX_EDITS:]


def put_first_text(message: Message, columns: Mapping[str, Any]) -> None:
    """Adds the text that came after edits of it; where it is here already, it changes nothing.

    Does not save: COLUMNS are what it may change.
    """
    first_edit = message.content.get(FIRST_EDIT)
    if not first_edit:
        return
    message.content = {
        name: value for name, value in message.content.items() if name != FIRST_EDIT
    } or columns["content"]
    message.media = message.media or columns["media"]
    message.edits = [earlier_text(columns["body"], first_edit), *message.edits]


def earlier_text(text: str, replaced_at: str) -> dict[str, str]:
    return {"body": sanitise(text), "at": replaced_at}
