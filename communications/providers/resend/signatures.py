"""Whether a request is Resend's. https://docs.svix.com/receiving/verifying-payloads/how-manual"""

from collections.abc import Iterable

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

from wedsync_comms.lib.errors import InvalidSignature, MalformedRequest
from wedsync_comms.lib.web.webhook_request import WebhookRequest

TIMESTAMP_DIGITS = 12


def verify_svix_signature(request: WebhookRequest, webhooks: Iterable[Webhook]) -> str:
    """Returns the delivery's id. Raises MalformedRequest or InvalidSignature."""
    headers = {name: svix_header(request, name) for name in ("id", "timestamp", "signature")}
    if not headers["signature"]:
        raise InvalidSignature("The header svix-signature is missing.")
    missing = [name for name, value in headers.items() if not value]
    if missing:
        raise MalformedRequest(f"The header svix-{missing[0]} is missing.")
    timestamp = headers["timestamp"]
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < TIMESTAMP_DIGITS):
        raise MalformedRequest("The header svix-timestamp must be in whole seconds.")
    named = {f"webhook-{name}": value for name, value in headers.items()}
    if not any(svix_matches(webhook, request.body, named) for webhook in webhooks):
        raise InvalidSignature("The signature does not match, or is more than 5 minutes old.")
    return headers["id"]


def svix_header(request: WebhookRequest, name: str) -> str:
    return request.headers.get(f"svix-{name}") or request.headers.get(f"webhook-{name}", "")


def svix_verifier(secret: str) -> Webhook:
    """Returns what verifies signatures with a secret. Raises ValueError if that is no base64."""
    try:
        return Webhook(secret)
    except EmptyWebhookSecretError as error:
        raise ValueError("A webhook secret is empty, or no base64.") from error


def svix_matches(webhook: Webhook, body: bytes, headers: dict[str, str]) -> bool:
    try:
        webhook.verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):
        # ValueError: the library lets broken base64, a missing comma and non-ASCII through as such.
        return False
    return True
