"""How the providers sign, written from their documents and from nothing else."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable

SVIX_PREFIX = "whsec_"


def new_svix_secret() -> str:
    return SVIX_PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()


def is_svix_secret(secret: str) -> bool:
    try:
        return bool(_svix_key(secret))
    except binascii.Error:
        return False


def _svix_key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(SVIX_PREFIX), validate=True)


def svix_headers(*, secret: str, event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Signs by Svix v1, known as Standard Webhooks: HMAC-SHA256 over ``id.timestamp.body``."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    digest = hmac.new(_svix_key(secret), signed, hashlib.sha256).digest()
    return {
        "svix-id": event_id,
        "svix-timestamp": str(timestamp),
        "svix-signature": "v1," + base64.b64encode(digest).decode(),
    }


def link_signature(key: bytes, path: str, expires: int) -> str:
    return hmac.new(key, f"{path}?{expires}".encode(), hashlib.sha256).hexdigest()


def twilio_signature(token: str, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """Returns ``X-Twilio-Signature``: HMAC-SHA1 over the address called and the sorted fields.

    https://www.twilio.com/docs/usage/webhooks/webhooks-security
    """
    named: dict[str, set[str]] = {}
    for name, value in fields:
        named.setdefault(name, set()).add(value)
    signed = url.partition("#")[0] + "".join(
        name + value for name in sorted(named) for value in sorted(named[name])
    )
    digest = hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def hub_headers(secret: str, body: bytes) -> dict[str, str]:
    """Signs as Meta does, over the bytes posted; the old SHA-1 header still comes along.

    https://developers.facebook.com/docs/graph-api/webhooks/getting-started
    """
    key = secret.encode()
    return {
        "x-hub-signature": "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest(),
        "x-hub-signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
    }
