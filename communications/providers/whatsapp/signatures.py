"""Whether a request is Meta's."""

import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from wedsync_comms.lib.errors import InvalidSignature, MalformedRequest
from wedsync_comms.lib.secrets import is_same
from wedsync_comms.lib.web.webhook_request import WebhookRequest


def meta_challenge(request: WebhookRequest, verify_token: str) -> str:
    """Returns the challenge to answer with. Raises MalformedRequest or InvalidSignature.

    https://developers.facebook.com/docs/graph-api/webhooks/getting-started#verification
    """
    query = parse_qs(urlsplit(request.url).query, keep_blank_values=True)
    token = query.get("hub.verify_token", [""])[0]
    if query.get("hub.mode") != ["subscribe"] or "hub.challenge" not in query:
        raise MalformedRequest("This is not Meta's handshake.")
    if not verify_token or not is_same(token, verify_token):
        raise InvalidSignature("The verify token is another one.")
    return query["hub.challenge"][0]


def verify_meta_signature(request: WebhookRequest, secrets: Iterable[str]) -> None:
    """Raises InvalidSignature unless one of the secrets made it.

    https://developers.facebook.com/docs/graph-api/webhooks/getting-started#event-notifications
    """
    given = request.headers.get("x-hub-signature-256", "")
    if not given:
        raise InvalidSignature("The header X-Hub-Signature-256 is missing.")
    if not any(is_same(given, sign_meta_body(request.body, secret)) for secret in secrets):
        raise InvalidSignature("The signature does not match.")


def sign_meta_body(body: bytes, secret: str) -> str:
    """Returns the value of X-Hub-Signature-256 for a body."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
