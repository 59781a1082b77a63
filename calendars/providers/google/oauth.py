"""Google's consent, with PKCE.

https://developers.google.com/identity/protocols/oauth2/web-server
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials

from calendars.providers.base import Consent, GrantGone, Vendor
from calendars.providers.google.errors import google_error_body
from calendars.providers.responses import (
    REDIRECT,
    SERVER_ERROR,
    decode_object,
    malformed_answer,
    vendor_failure,
    vendor_request,
)
from calendars.vocabulary.events import Grant
from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    CredentialsRejected,
    PermanentError,
    ProviderError,
    RateLimited,
    TransientError,
)
from wedsync_comms.lib.http import Client, Response
from wedsync_comms.lib.outside_json import read_json
from wedsync_comms.lib.secrets import is_same
from wedsync_comms.lib.shapes import as_dict, as_text

CALENDAR = "https://www.googleapis.com/auth/calendar"
CONTACTS = "https://www.googleapis.com/auth/contacts"
# Tell whose grant it is.
IDENTITY = ("openid", "email")
# https://www.rfc-editor.org/rfc/rfc6749#section-5.2 and section-4.1.2.1
ERRORS: dict[str, type[ProviderError]] = {
    "invalid_grant": GrantGone,
    "access_denied": GrantGone,
    "invalid_client": CredentialsRejected,
    "unauthorized_client": CredentialsRejected,
    "deleted_client": CredentialsRejected,
    "redirect_uri_mismatch": ConfigurationRejected,
    "invalid_scope": ConfigurationRejected,
    "temporarily_unavailable": TransientError,
    "server_error": TransientError,
    "internal_failure": TransientError,
}
TOO_MANY = 429
HOUR = 3600


class GoogleOAuth(Vendor):
    """Consent, tokens and their end, with google-auth."""

    def __init__(
        self,
        client: Client,
        *,
        client_id: str,
        client_secret: str,
        token_url: str,
        auth_url: str,
    ) -> None:
        self.client = client
        self.client_id = client_id
        self.client_secret = client_secret
        self.token_url = token_url
        self.auth_url = auth_url

    def consent(self, redirect_uri: str, state: str) -> Consent:
        verifier = secrets.token_urlsafe(64)
        query = {
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": " ".join((*IDENTITY, *self.scopes)),
            "state": state,
            "code_challenge": unpadded(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
            # Both, or a person who agreed before comes back without a refresh token.
            "access_type": "offline",
            "prompt": "consent",
        }
        flow = {"state": state, "code_verifier": verifier, "redirect_uri": redirect_uri}
        return Consent(url=f"{self.auth_url}?{urlencode(query)}", flow=flow)

    def redeem(self, flow: dict[str, Any], query: Mapping[str, str]) -> Grant:
        check_state(flow, query)
        answer = self.post(
            self.token_url,
            grant_type="authorization_code",
            code=query["code"],
            code_verifier=str(flow["code_verifier"]),
            redirect_uri=str(flow["redirect_uri"]),
            client_id=self.client_id,
            client_secret=self.client_secret,
        )
        body = decode_object(answer.content)
        if not body.get("access_token") or not body.get("refresh_token"):
            raise PermanentError("Google gave no lasting permission.", code="no_refresh_token")
        claims = claims_of(as_text(body.get("id_token")))
        return Grant(
            access_token=str(body["access_token"]),
            refresh_token=str(body["refresh_token"]),
            expires_at=datetime.now(UTC)
            + timedelta(seconds=token_lifetime_s(body.get("expires_in"))),
            scopes=tuple(as_text(body.get("scope")).split()),
            subject=as_text(claims.get("sub")),
            email=as_text(claims.get("email")),
        )

    def refresh(self, grant: Grant) -> Grant:
        held = Credentials(
            token=None,
            refresh_token=grant.refresh_token,
            token_uri=self.token_url,
            client_id=self.client_id,
            client_secret=self.client_secret,
        )
        try:
            held.refresh(self.carry)
        except RefreshError as error:
            raise malformed_answer(f"Google gave no token: {error}") from error
        # google-auth counts in UTC without saying so.
        expiry = held.expiry or datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=HOUR)
        return Grant(
            access_token=str(held.token),
            refresh_token=str(held.refresh_token),
            expires_at=expiry.replace(tzinfo=UTC),
            scopes=tuple(held.granted_scopes or grant.scopes),
            subject=grant.subject,
            email=grant.email,
        )

    def revoke(self, grant: Grant) -> None:
        """Revokes the grant.
        https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke"""
        parts = urlsplit(self.token_url)
        path = f"{parts.path.rpartition('/')[0]}/revoke"
        try:
            self.post(urlunsplit(parts._replace(path=path)), token=grant.refresh_token)
        except PermanentError:
            # It is invalid already, which is what was wanted.
            return

    def post(self, url: str, **form: str) -> Response:
        answer = vendor_request(self.client, "POST", url, is_safe=True, headers={}, data=form)
        if answer.status >= REDIRECT:
            raise google_oauth_error(answer)
        return answer

    def carry(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> "GoogleAuthResponse":
        """Carries out a request of google-auth's, which would wait and ask again by itself."""
        answer = vendor_request(
            self.client, method, url, is_safe=True, headers=headers or {}, data=body
        )
        if answer.status >= REDIRECT:
            raise google_oauth_error(answer)
        decode_object(answer.content)
        return GoogleAuthResponse(answer)


class GoogleAuthResponse:
    """An answer in the form google-auth reads."""

    def __init__(self, answer: Response) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.data = answer.content


def check_state(flow: Mapping[str, Any], query: Mapping[str, str]) -> None:
    """Checks that it is the person we sent, and that they agreed. Raises GrantGone."""
    kept = str(flow.get("state", ""))
    if not kept or not is_same(query.get("state", ""), kept):
        raise GrantGone("This answer belongs to another request.", code="state")
    if error := query.get("error", ""):
        raise ERRORS.get(error, GrantGone)(f"Google said {error}.", code=error)
    if not query.get("code"):
        raise GrantGone("Google sent no code.", code="no_code")


def google_oauth_error(answer: Response) -> ProviderError:
    body = google_error_body(answer.content)
    code = as_text(body.get("error"))
    by_status = TransientError if answer.status >= SERVER_ERROR else PermanentError
    kind = RateLimited if answer.status == TOO_MANY else ERRORS.get(code, by_status)
    message = as_text(body.get("error_description"))
    return vendor_failure(kind, answer, code=code, message=message, is_safe=True)


def claims_of(id_token: str) -> dict[str, Any]:
    """Returns the claims, not verified: they came from Google itself.
    https://developers.google.com/identity/openid-connect/openid-connect#obtainuserinfo"""
    payload = next(iter(id_token.split(".")[1:2]), "")
    try:
        return as_dict(read_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
    except ValueError:
        return {}


def token_lifetime_s(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else HOUR


def unpadded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
