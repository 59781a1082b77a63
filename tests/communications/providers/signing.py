"""Signatures by the vendors' documents, independent of the code the product uses.

https://docs.svix.com/receiving/verifying-payloads/how-manual
"""

import base64
import hashlib
import hmac
import time

from tests.environment import SECRET

Headers = dict[str, str]
Fields = list[tuple[str, str]]


def signature(event_id: str, timestamp: int | str, body: bytes, secret: str = SECRET) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{event_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def svix(
    body: bytes,
    *,
    event_id: str = "msg_1",
    secret: str = SECRET,
    age: float = 0,
    brand: str = "svix",
) -> Headers:
    timestamp = int(time.time() - age)
    return {
        f"{brand}-id": event_id,
        f"{brand}-timestamp": str(timestamp),
        f"{brand}-signature": signature(event_id, timestamp, body, secret),
    }


def twilio(url: str, fields: Fields, token: str, algorithm: str = "sha1") -> str:
    """https://www.twilio.com/docs/usage/security#validating-requests"""
    signed = url
    for name in sorted({name for name, _ in fields}):
        for value in sorted({value for other, value in fields if other == name}):
            signed += name + value
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), algorithm)).decode()


def meta(body: bytes, secret: str) -> Headers:
    """https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads"""
    return {"x-hub-signature-256": "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()}
