"""What Meta says of a template, and which of its words mean that it may not be sent.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/message_template_status_update
"""

# Meta's words for what it does not send, and ours (DELETED) for what it does not list any more. A
# word that nobody knows yet stops nothing.
UNUSABLE = frozenset(
    {
        "ARCHIVED",
        "DELETED",
        "DISABLED",
        "IN_APPEAL",
        "LIMIT_EXCEEDED",
        "PAUSED",
        "PENDING",
        "PENDING_DELETION",
        "REJECTED",
    }
)
# After these events it may be sent, maybe again.
SENDABLE_AFTER = frozenset({"APPROVED", "REINSTATED", "UNARCHIVED"})
# These say something else: at risk of being disabled, not to be edited.
SENDABLE_STILL = frozenset({"FLAGGED", "LOCKED", "UNLOCKED"})


def approval_in_list(word: str) -> str:
    """Returns what a status in Meta's list means; a word that nobody knows yet stays as it is."""
    return "APPROVED" if word.upper() in SENDABLE_AFTER | SENDABLE_STILL else word


def approval_after(event: str) -> str:
    """Returns what an event makes of a template's approval; blank where it changes nothing, or is
    of a kind that nobody knows yet: then the list tells."""
    if event.upper() in SENDABLE_AFTER:
        return "APPROVED"
    return event.upper() if event.upper() in UNUSABLE else ""
