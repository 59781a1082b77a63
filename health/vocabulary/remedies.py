"""What a person can do about it: one sentence for each remedy, and for each kind of incident."""

REMEDIES = {
    "CredentialsRejected": "Put the right key into the settings and restart, then resume it.",
    "ConfigurationRejected": "Set up the account at the provider, then resume it.",
    "QuotaExceeded": "Wait, or book more at the provider and resume it.",
    "SenderRejected": "Verify or register this sender at the provider, or write as another.",
    "SenderBusy": "Nothing: it is tried again later. If it lasts, share the load among senders.",
    "TransientError": "Nothing: it is tried again, then through the next provider.",
    "NoConnection": "Nothing: it waits, and no try is used up. See the network if it lasts.",
    "ExpiredUnsent": "Nothing: it was not sent in its time. See the provider's queue if it lasts.",
    "RecipientUnreachable": "Nothing: a phone that was off is tried again, minutes apart.",
    "RateLimited": "Nothing: sending slows down by itself. If it lasts, ask for a higher limit.",
    "OutcomeUnknown": "Nothing: receipts and questions find out. Look at those that stay unknown.",
    "ServerFailed": "Nothing yet: the provider has a problem. See its status page if it lasts.",
    "InvalidRecipient": "Correct the addresses of these contacts.",
    "RouteRejected": "Allow the destination country or the sender in the provider's account.",
    "OptedOut": "Respect it: these people refuse messages on this channel.",
    "OptedOutOfMarketing": "Respect it: these people refuse advertising on this channel.",
    "TemplateRejected": "Wait until Meta takes the template again, or use another.",
    "ContentRejected": "Change the text, the attachments or the template.",
    "FilesGone": "Put the files back into the storage from its backup, then send again.",
    "PermanentError": "Look at an example: it will not succeed as it is.",
}


def remedy_for(error_class: str) -> str:
    """Returns what a person can do about an error of this class."""
    return REMEDIES.get(error_class, "Look at an example.")
