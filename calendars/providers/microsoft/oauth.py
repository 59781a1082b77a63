"""Microsoft's consent, through msal. https://learn.microsoft.com/en-us/entra/msal/python/

An application is made for every use. One that is kept remembers the tokens of everybody, and a
refusal for a minute: a person who has just mended something would be refused on.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msal

from calendars.providers.base import AdminConsented, Consent, GrantGone, Vendor
from calendars.providers.responses import (
    SERVER_ERROR,
    decode_object,
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
from wedsync_comms.lib.shapes import as_dict, as_text

# msal takes no other host without asking this one about it.
LOGIN = "https://login.microsoftonline.com"
# Microsoft may write a scope with the address of what it is for.
GRAPH = "https://graph.microsoft.com/"
# https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes
ERRORS: dict[str, type[ProviderError]] = {
    **dict.fromkeys(
        (
            "access_denied",
            "consent_required",
            "interaction_required",
            "invalid_grant",
            "login_required",
        ),
        GrantGone,
    ),
    **dict.fromkeys(("invalid_client", "unauthorized_client"), CredentialsRejected),
    **dict.fromkeys(
        ("invalid_request", "invalid_resource", "invalid_scope"),
        ConfigurationRejected,
    ),
    **dict.fromkeys(("temporarily_unavailable", "server_error"), TransientError),
}
# A form that is posted from elsewhere brings no session of ours along, so the person comes back by
# a link. msal warns of every mode but the first.
POSTED, LINKED = "form_post", "query"
TOO_MANY, REFUSED = 429, 400
ADMIN_CONSENTED = (
    "The administrator has agreed for everybody there: connect once more, it is allowed now."
)
HOUR = 3600


class MicrosoftOAuth(Vendor):
    """Consent and tokens, with msal."""

    def __init__(
        self,
        client: Client,
        *,
        client_id: str,
        client_secret: str,
        tenant: str,
        authority_url: str,
    ) -> None:
        self.client = client
        self.client_id = client_id
        self.client_secret = client_secret
        self.tenant = tenant
        self.wire = MsalTransport(client, authority_url.rstrip("/"))

    def application(self) -> msal.ConfidentialClientApplication:
        try:
            return msal.ConfidentialClientApplication(
                self.client_id,
                client_credential=self.client_secret,
                authority=f"{LOGIN}/{self.tenant}",
                http_client=self.wire,
                # Whether Microsoft knows the authority is no question for a stand-in.
                instance_discovery=False if self.wire.is_elsewhere else None,
            )
        except ValueError as error:
            raise ConfigurationRejected(str(error), code="authority") from error

    def consent(self, redirect_uri: str, state: str) -> Consent:
        flow = self.application().initiate_auth_code_flow(
            list(self.scopes),
            redirect_uri=redirect_uri,
            state=state,
            # Whoever has several accounts is asked which.
            prompt="select_account",
            response_mode=POSTED,
        )
        url = self.wire.rerouted(flow["auth_uri"])
        return Consent(url=url.replace(POSTED, LINKED), flow=flow)

    def redeem(self, flow: dict[str, Any], query: Mapping[str, str]) -> Grant:
        if is_admin_consent(query):
            raise AdminConsented(ADMIN_CONSENTED, code="admin_consent")
        try:
            answer = self.application().acquire_token_by_auth_code_flow(flow, dict(query))
        except (ValueError, RuntimeError) as error:
            # Another state, another nonce, no code: whatever it is, it is not what we sent.
            raise GrantGone(f"This answer belongs to another request: {error}") from error
        claims = as_dict(answer.get("id_token_claims"))
        return msal_grant(
            answer,
            Grant(
                access_token="",
                refresh_token="",
                expires_at=datetime.now(UTC),
                scopes=(),
                subject=".".join(
                    filter(None, (as_text(claims.get("oid")), as_text(claims.get("tid"))))
                ),
                email=as_text(claims.get("email")) or as_text(claims.get("preferred_username")),
            ),
        )

    def refresh(self, grant: Grant) -> Grant:
        wanted = [scope for scope in self.scopes if scope in grant.scopes] or list(self.scopes)
        answer = self.application().acquire_token_by_refresh_token(grant.refresh_token, wanted)
        return msal_grant(answer, grant)

    def revoke(self, grant: Grant) -> None:
        """Does nothing: no permission can be given back without ending all of a person's sessions.
        They do it at https://myapps.microsoft.com."""


def is_admin_consent(query: Mapping[str, str]) -> bool:
    """Returns whether an administrator agreed for the whole organization: that brings no code.
    https://learn.microsoft.com/en-us/entra/identity-platform/v2-admin-consent#successful-response
    """
    agreed = query.get("admin_consent", "").casefold() == "true"
    return agreed and not query.get("code") and not query.get("error")


def msal_grant(answer: Mapping[str, Any], before: Grant) -> Grant:
    """Returns the grant; its refresh token is a new one where Microsoft gives one."""
    if "access_token" not in answer:
        raise msal_error(answer)
    refresh_token = as_text(answer.get("refresh_token")) or before.refresh_token
    if not refresh_token:
        raise PermanentError("Microsoft gave no lasting permission.", code="no_refresh_token")
    seconds = answer.get("expires_in")
    lifetime = timedelta(seconds=seconds if isinstance(seconds, int) else HOUR)
    scopes = [scope.removeprefix(GRAPH) for scope in as_text(answer.get("scope")).split()]
    return Grant(
        access_token=str(answer["access_token"]),
        refresh_token=refresh_token,
        expires_at=datetime.now(UTC) + lifetime,
        scopes=tuple(scopes) or before.scopes,
        subject=before.subject,
        email=before.email,
    )


def msal_error(answer: Mapping[str, Any]) -> ProviderError:
    code = as_text(answer.get("error"))
    message = as_text(answer.get("error_description")) or f"Microsoft said {code or 'nothing'}."
    suberror = as_text(answer.get("suberror"))
    response: dict[str, object] = {"code": code, "suberror": suberror, "message": message}
    return ERRORS.get(code, PermanentError)(message, code=code, response=response)


class MsalTransport:
    """What msal asks through: two methods of a session of requests."""

    def __init__(self, client: Client, authority_url: str) -> None:
        self.client = client
        self.authority_url = authority_url
        self.is_elsewhere = authority_url != LOGIN

    def rerouted(self, url: str) -> str:
        if not url.startswith(f"{LOGIN}/"):
            return url
        return self.authority_url + url.removeprefix(LOGIN)

    def get(self, url: str, **values: Any) -> "MsalResponse":
        return self.carry("GET", url, **values)

    def post(self, url: str, **values: Any) -> "MsalResponse":
        return self.carry("POST", url, **values)

    def close(self) -> None:
        """Does nothing: the pool outlives the application."""

    def carry(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Any = None,
        data: Any = None,
        **_: Any,
    ) -> "MsalResponse":
        answer = vendor_request(
            self.client,
            method,
            self.rerouted(url),
            is_safe=True,
            headers=headers or {},
            params=params,
            data=data,
        )
        if answer.status >= SERVER_ERROR or answer.status == TOO_MANY:
            kind = RateLimited if answer.status == TOO_MANY else TransientError
            raise vendor_failure(kind, answer, code="", message="", is_safe=True)
        if answer.status < REFUSED:
            decode_object(answer.content)
        return MsalResponse(answer)


class MsalResponse:
    """An answer in the form msal reads."""

    def __init__(self, answer: Response) -> None:
        self.status_code = answer.status
        self.headers = answer.headers
        self.text = answer.content.decode(errors="replace")
