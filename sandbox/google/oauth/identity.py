"""ID tokens, signed as Google signs them. https://www.rfc-editor.org/rfc/rfc7519"""

import base64
import json
from collections.abc import Collection
from datetime import datetime
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from sandbox.google.model.accounts import Account

Json = dict[str, Any]

LIFE = 3600
KEY_ID = "sandbox"


class Keys:
    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        """Made when it is first needed: it takes a moment."""
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def sign(self, claims: Json) -> str:
        header = {"alg": "RS256", "kid": KEY_ID, "typ": "JWT"}
        signed = ".".join(_encode(json.dumps(part).encode()) for part in (header, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), SHA256())
        return f"{signed}.{_encode(signature)}"

    def as_json(self) -> Json:
        """Returns the public half: https://www.rfc-editor.org/rfc/rfc7517"""
        numbers = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": KEY_ID}
        return {"keys": [{**key, "n": _number(numbers.n), "e": _number(numbers.e)}]}


def claims(account: Account, scopes: Collection[str], client: str, now: datetime) -> Json:
    at = int(now.timestamp())
    shown: Json = {
        "azp": client,
        "aud": client,
        "sub": account.subject,
        "iat": at,
        "exp": at + LIFE,
    }
    if any("email" in scope for scope in scopes):
        shown |= {"email": account.email, "email_verified": True}
    if any("profile" in granted for granted in scopes):
        shown["name"] = account.name
    return shown


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _number(number: int) -> str:
    return _encode(number.to_bytes((number.bit_length() + 7) // 8))
