"""Who allowed what: codes, refresh tokens and access tokens.

https://developers.google.com/identity/protocols/oauth2/web-server
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.google.errors import OAuthRefusedError
from sandbox.lib.clock import Clock

Json = dict[str, Any]

CODE_LIFE = timedelta(minutes=10)


@dataclass
class Grant:
    account: str
    scopes: tuple[str, ...]
    refresh_token: str = ""
    revoked: bool = False


@dataclass
class Code:
    grant: Grant
    redirect_uri: str
    challenge: str
    method: str
    nonce: str
    expires_at: datetime
    used: bool = False


class Grants:
    KEPT = ("_every", "_codes", "_access")

    def __init__(self, clock: Clock) -> None:
        # How long an access token opens anything.
        self.token_seconds = 3599
        self._clock = clock
        self._every: list[Grant] = []
        self._codes: dict[str, Code] = {}
        self._access: dict[str, tuple[Grant, datetime]] = {}

    def allow(self, asked: Json, account: str, scopes: tuple[str, ...]) -> str:
        """Returns the code that goes back with the person."""
        grant = Grant(account, scopes)
        if asked.get("access_type") == "offline" and self._gets_refresh_token(asked, account):
            grant.refresh_token = f"1//{secrets.token_urlsafe(60)}"
        self._every.append(grant)
        code = f"4/{secrets.token_urlsafe(48)}"
        self._codes[code] = Code(
            grant,
            redirect_uri=asked["redirect_uri"],
            challenge=asked.get("code_challenge", ""),
            method=asked.get("code_challenge_method") or "plain",
            nonce=asked.get("nonce", ""),
            expires_at=self._clock.now() + CODE_LIFE,
        )
        return code

    def redeem(self, code: str, redirect_uri: str, verifier: str) -> Code:
        """Redeems a code once; one that comes twice was stolen, and what it opened is shut."""
        found = self._codes.get(code)
        if found is None or found.expires_at < self._clock.now():
            raise OAuthRefusedError("invalid_grant", "Malformed auth code.")
        if found.used:
            found.grant.revoked = True
            raise OAuthRefusedError("invalid_grant", "Bad Request")
        if redirect_uri != found.redirect_uri:
            raise OAuthRefusedError("redirect_uri_mismatch", "Bad Request")
        _check_verifier(found, verifier)
        found.used = True
        return found

    def refresh(self, refresh_token: str) -> Grant:
        for grant in self._every:
            if grant.refresh_token and _same(grant.refresh_token, refresh_token):
                if grant.revoked:
                    break
                return grant
        raise OAuthRefusedError("invalid_grant", "Token has been expired or revoked.")

    def open(self, grant: Grant) -> str:
        token = f"ya29.{secrets.token_urlsafe(80)}"
        end = self._clock.now() + timedelta(seconds=self.token_seconds)
        self._access[token] = (grant, end)
        return token

    def find(self, access_token: str) -> Grant | None:
        grant, end = self._access.get(access_token, (None, self._clock.now()))
        alive = grant is not None and not grant.revoked and end > self._clock.now()
        return grant if alive else None

    def give(self, account: str, scopes: tuple[str, ...]) -> Grant:
        """Grants without asking anybody: for the control API."""
        grant = Grant(account, scopes, refresh_token=f"1//{secrets.token_urlsafe(60)}")
        self._every.append(grant)
        return grant

    def revoke(self, token: str) -> bool:
        """Revokes a grant by either of its tokens."""
        grant, _ = self._access.get(token, (None, None))
        found = [
            candidate
            for candidate in self._every
            if candidate is grant or candidate.refresh_token == token != ""
        ]
        alive = [candidate for candidate in found if not candidate.revoked]
        for held in alive:
            held.revoked = True
        return bool(alive)

    def revoke_account(self, account: str) -> int:
        alive = [held for held in self._every if held.account == account and not held.revoked]
        for grant in alive:
            grant.revoked = True
        return len(alive)

    def expire_tokens(self, account: str) -> None:
        self._access = {
            token: held for token, held in self._access.items() if held[0].account != account
        }

    def of(self, account: str) -> list[Grant]:
        return [grant for grant in self._every if grant.account == account and not grant.revoked]

    def _gets_refresh_token(self, asked: Json, account: str) -> bool:
        """The first time, and whenever consent is asked for again."""
        return "consent" in asked.get("prompt", "") or not any(
            grant.refresh_token for grant in self.of(account)
        )


def _check_verifier(code: Code, verifier: str) -> None:
    if not code.challenge:
        return
    if not verifier:
        raise OAuthRefusedError("invalid_grant", "Missing code verifier.")
    given = verifier
    if code.method == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        given = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    if not _same(given, code.challenge):
        raise OAuthRefusedError("invalid_grant", "Invalid code verifier.")


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())
