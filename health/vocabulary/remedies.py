"""What a person can do about it: one sentence for each remedy, and for each kind of incident."""

REMEDIES = {
    "CredentialsRejected": "Put the right key into the settings and restart, then resume it.",
    "ConfigurationRejected": "Set up the account or the sender at the provider, then resume it.",
    "TransientError": "Nothing: it is tried again, then through the next provider.",
    "RateLimited": "Nothing: sending slows down by itself. If it lasts, ask for a higher limit.",
    "OutcomeUnknown": "Nothing: receipts and questions find out. Look at those that stay unknown.",
    "ServerFailed": "Nothing yet: the provider has a problem. See its status page if it lasts.",
    "InvalidRecipient": "Correct the addresses of these contacts.",
    "RouteRejected": "Allow the destination country or the sender in the provider's account.",
    "OptedOut": "Respect it: these people refuse messages on this channel.",
    "OptedOutOfMarketing": "Respect it: these people refuse advertising on this channel.",
    "ContentRejected": "Change the text, the attachments or the template.",
    "PermanentError": "Look at an example: it will not succeed as it is.",
}


def remedy_for(error_class: str) -> str:
    """Returns what a person can do about an error of this class."""
    return REMEDIES.get(error_class, "Look at an example.")
