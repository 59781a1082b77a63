"""Codes, grants and tokens: who has allowed what to whom, and until when."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.lib.clock import Clock
from sandbox.microsoft.errors import OAuthRefusedError

from .users import CONSUMERS, User

Json = dict[str, Any]

CODE_LIFE = timedelta(minutes=10)


@dataclass
class Grant:
    """One consent. When it is revoked, nothing that came of it works any longer."""

    user: User
    client_id: str
    scopes: tuple[str, ...]
    revoked: bool = False


@dataclass(frozen=True)
class Code:
    grant: Grant
    redirect_uri: str
    challenge: str
    nonce: str
    expires_at: datetime


@dataclass(frozen=True)
class Access:
    """What an access token opens."""

    grant: Grant
    expires_at: datetime
    token: str = field(repr=False)

    def allows(self, scope: str) -> bool:
        return scope.casefold() in {granted.casefold() for granted in self.grant.scopes}


class Tokens:
    KEPT = ("grants", "_codes", "_access", "_refresh")

    def __init__(self, clock: Clock) -> None:
        self.life = 3600
        # The identity platform goes on accepting one that was exchanged for another.
        self.old_refresh_tokens_work = True
        self.grants: list[Grant] = []
        self._clock = clock
        self._codes: dict[str, Code] = {}
        self._access: dict[str, Access] = {}
        self._refresh: dict[str, Grant] = {}

    def new_code(self, grant: Grant, *, redirect_uri: str, challenge: str, nonce: str) -> str:
        self.grants.append(grant)
        code = f"1.{secrets.token_urlsafe(64)}"
        expires_at = self._clock.now() + CODE_LIFE
        self._codes[code] = Code(grant, redirect_uri, challenge, nonce, expires_at)
        return code

    def redeem(self, code: str, redirect_uri: str, verifier: str) -> Code:
        """Redeems a code, once."""
        found = self._codes.pop(code, None)
        if found is None or found.expires_at <= self._clock.now():
            raise OAuthRefusedError(
                "invalid_grant", 70008, "The provided authorization code is invalid or expired."
            )
        if found.redirect_uri != redirect_uri:
            raise OAuthRefusedError("invalid_grant", 500112, "The reply address does not match.")
        if found.challenge and not hmac.compare_digest(found.challenge, challenge_of(verifier)):
            raise OAuthRefusedError("invalid_grant", 501481, "The Code_Verifier does not match.")
        return found

    def refresh(self, token: str) -> Grant:
        grant = self._refresh.get(token)
        if grant is None:
            raise OAuthRefusedError("invalid_grant", 9002313, "The refresh token is malformed.")
        if grant.revoked:
            raise revoked()
        if not self.old_refresh_tokens_work:
            del self._refresh[token]
        return grant

    def issue(self, grant: Grant) -> tuple[str, str]:
        """Issues an access token and a refresh token."""
        access, fresh = f"EwB{secrets.token_urlsafe(96)}", f"1.A{secrets.token_urlsafe(96)}"
        expires_at = self._clock.now() + timedelta(seconds=self.life)
        self._access[access] = Access(grant, expires_at, access)
        self._refresh[fresh] = grant
        return access, fresh

    def access(self, token: str) -> Access | None:
        """Returns the access; None if there is no such token, it is old, or its grant is gone."""
        found = self._access.get(token)
        if found is None or found.grant.revoked or found.expires_at <= self._clock.now():
            return None
        return found

    def expire(self, user: User) -> None:
        """Expires the access tokens; fresh ones can be had."""
        kept = {
            token: access for token, access in self._access.items() if access.grant.user != user
        }
        self._access = kept

    def of(self, user: User) -> list[Grant]:
        return [grant for grant in self.grants if grant.user == user and not grant.revoked]

    def revoke(self, user: User) -> int:
        mine = self.of(user)
        for grant in mine:
            grant.revoked = True
        return len(mine)

    def clear(self) -> None:
        for kept in (self._codes, self._access, self._refresh, self.grants):
            kept.clear()


def revoked() -> OAuthRefusedError:
    return OAuthRefusedError(
        "invalid_grant",
        50173,
        "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
        suberror="bad_token",
    )


def challenge_of(verifier: str) -> str:
    """Returns the S256 challenge of a verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def granted(scopes: Sequence[str], refused: Sequence[str]) -> tuple[str, ...]:
    return tuple(scope for scope in scopes if scope not in refused)


def id_token(grant: Grant, *, issued_at: datetime, nonce: str, life: int) -> str:
    """Returns an id token that nobody could verify: over TLS from the endpoint nobody has to."""
    user, at = grant.user, int(issued_at.timestamp())
    claims: Json = {
        "aud": grant.client_id,
        "iss": f"https://login.microsoftonline.com/{user.tenant}/v2.0",
        "iat": at,
        "nbf": at,
        "exp": at + life,
        "name": user.name,
        "oid": user.id,
        "preferred_username": user.address,
        "email": user.address,
        "sub": hashlib.sha256(f"{grant.client_id} {user.id}".encode()).hexdigest()[:43],
        "tid": user.tenant or CONSUMERS,
        "ver": "2.0",
    }
    if nonce:
        claims["nonce"] = nonce
    head = {"typ": "JWT", "alg": "RS256", "kid": "sandbox"}
    return ".".join((_encoded(head), _encoded(claims), secrets.token_urlsafe(32)))


def client_info(user: User) -> str:
    return _encoded({"uid": user.id, "utid": user.tenant})


def _encoded(value: Json) -> str:
    text = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()
