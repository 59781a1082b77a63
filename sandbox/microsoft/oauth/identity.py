"""The identity platform: configuration, consent and tokens.

https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-auth-code-flow
"""

import hmac
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from sandbox.lib.clock import Clock
from sandbox.microsoft.errors import OAuthRefusedError, RefusedError
from sandbox.microsoft.model import users
from sandbox.microsoft.model.tokens import Grant, Tokens, client_info, granted, id_token
from sandbox.microsoft.model.users import CONSUMERS, User

from . import consent

Json = dict[str, Any]

PATH = re.compile(r"/([^/]+)/(v2\.0/\.well-known/openid-configuration|(?:oauth2|discovery)/.+)")
# What a token is for; these are not permissions of Graph.
OPEN_ID = ("openid", "profile", "offline_access", "email")
LOGIN = "https://login.microsoftonline.com"


class Identity:
    KEPT = ("tokens",)

    def __init__(self, client_id: str, client_secret: str, clock: Clock) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.tokens = Tokens(clock)
        # Consents without asking, as for somebody who has done so before.
        self.auto_consent = False
        # Scopes that nobody is granted.
        self.refused_scopes: list[str] = []
        self._clock = clock
        self._routes: Mapping[tuple[str, str], Any] = {
            ("GET", "v2.0/.well-known/openid-configuration"): self.configuration,
            ("GET", "discovery/v2.0/keys"): self.keys,
            ("GET", "oauth2/v2.0/authorize"): self.authorize,
            ("POST", "oauth2/v2.0/authorize"): self.decide,
            ("POST", "oauth2/v2.0/token"): self.token,
            ("GET", "oauth2/v2.0/logout"): self.logout,
        }

    def answer(self, request: Request, path: str, body: bytes) -> Response | None:
        """Answers; None if it is no path of the identity platform."""
        found = PATH.fullmatch(path)
        if found is None:
            return None
        endpoint = self._routes.get((request.method, found[2]))
        if endpoint is None:
            raise RefusedError(404, "ResourceNotFound", "There is nothing here.")
        fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        answer: Response = endpoint(request, found[1], fields)
        return answer

    def configuration(self, request: Request, tenant: str, _: Json) -> Response:
        """Describes it under Microsoft's own name, as msal insists; a person is sent here."""
        here = f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}/{tenant}"
        issuer = "{tenantid}" if tenant in {"common", "organizations"} else tenant
        return JSONResponse(
            {
                "issuer": f"{LOGIN}/{issuer}/v2.0",
                "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
                "token_endpoint": f"{LOGIN}/{tenant}/oauth2/v2.0/token",
                "end_session_endpoint": f"{here}/oauth2/v2.0/logout",
                "jwks_uri": f"{LOGIN}/{tenant}/discovery/v2.0/keys",
                "response_types_supported": ["code"],
                "response_modes_supported": ["query", "form_post"],
                "scopes_supported": list(OPEN_ID),
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }
        )

    def keys(self, _request: Request, _tenant: str, _: Json) -> Response:
        return JSONResponse({"keys": []})

    def logout(self, _request: Request, _tenant: str, _: Json) -> Response:
        return Response("You are signed out.", media_type="text/plain")

    def authorize(self, request: Request, tenant: str, _: Json) -> Response:
        asked = dict(request.query_params)
        self._check(asked)
        hinted = users.by_address(asked.get("login_hint", ""))
        if self.auto_consent or asked.get("prompt") == "none":
            return self._consented(asked, hinted or _allowed(tenant)[0])
        shown = [hinted] if hinted else _allowed(tenant)
        return consent.page(self._scopes(asked), shown, str(request.url.query))

    def decide(self, request: Request, _tenant: str, fields: Json) -> Response:
        asked = dict(request.query_params)
        self._check(asked)
        user = users.by_id(str(fields.get("user")))
        if user is None:
            return _back(
                asked, error="access_denied", error_description="The user has denied access."
            )
        return self._consented(asked, user)

    def token(self, _request: Request, _tenant: str, fields: Json) -> Response:
        self._authenticate(fields)
        kind, nonce = fields.get("grant_type"), ""
        if kind == "authorization_code":
            verifier = fields.get("code_verifier", "")
            code = self.tokens.redeem(
                fields.get("code", ""), fields.get("redirect_uri", ""), verifier
            )
            grant, nonce = code.grant, code.nonce
        elif kind == "refresh_token":
            grant = self.tokens.refresh(fields.get("refresh_token", ""))
        else:
            raise OAuthRefusedError("unsupported_grant_type", 70003, f"The grant is {kind!r}.")
        return JSONResponse(self._issued(grant, nonce), headers={"cache-control": "no-store"})

    def give(self, user: User, scopes: tuple[str, ...]) -> Json:
        """Gives what comes of a consent, without one."""
        grant = Grant(user, self.client_id, scopes)
        self.tokens.grants.append(grant)
        return self._issued(grant, nonce="")

    def _issued(self, grant: Grant, nonce: str) -> Json:
        access, fresh = self.tokens.issue(grant)
        life = self.tokens.life
        at = self._clock.now()
        issued: Json = {
            "token_type": "Bearer",
            "scope": " ".join(scope for scope in grant.scopes if scope != "offline_access"),
            "expires_in": life,
            "ext_expires_in": life,
            "access_token": access,
            "client_info": client_info(grant.user),
        }
        if "offline_access" in grant.scopes:
            issued["refresh_token"] = fresh
        if "openid" in grant.scopes:
            issued["id_token"] = id_token(grant, issued_at=at, nonce=nonce, life=life)
        return issued

    def _authenticate(self, fields: Json) -> None:
        if fields.get("client_id") != self.client_id:
            raise OAuthRefusedError("unauthorized_client", 700016, "There is no such application.")
        given = str(fields.get("client_secret", "")).encode()
        if not hmac.compare_digest(given, self.client_secret.encode()):
            raise OAuthRefusedError("invalid_client", 7000215, "Invalid client secret provided.")

    def _check(self, asked: Mapping[str, str]) -> None:
        """Without a place to go back to, the person is told instead."""
        if asked.get("client_id") != self.client_id:
            raise OAuthRefusedError("unauthorized_client", 700016, "There is no such application.")
        if not re.match(r"https?://", asked.get("redirect_uri", "")):
            raise OAuthRefusedError("invalid_request", 50011, "The redirect URI does not match.")
        if asked.get("response_type") != "code" or not asked.get("scope"):
            raise OAuthRefusedError("invalid_request", 900144, "A parameter is missing.")

    def _scopes(self, asked: Mapping[str, str]) -> tuple[str, ...]:
        return granted(asked.get("scope", "").split(), self.refused_scopes)

    def _consented(self, asked: Mapping[str, str], user: User) -> Response:
        grant = Grant(user, self.client_id, self._scopes(asked))
        code = self.tokens.new_code(
            grant,
            redirect_uri=asked["redirect_uri"],
            challenge=asked.get("code_challenge", ""),
            nonce=asked.get("nonce", ""),
        )
        return _back(asked, code=code, client_info=client_info(user))


def _allowed(tenant: str) -> list[User]:
    if tenant == "organizations":
        return [user for user in users.USERS if not user.is_personal]
    if tenant in {"consumers", CONSUMERS}:
        return [person for person in users.USERS if person.is_personal]
    return [user for user in users.USERS if tenant in {"common", user.tenant}] or [users.USERS[0]]


def _back(asked: Mapping[str, str], **says: str) -> Response:
    if "state" in asked:
        says["state"] = asked["state"]
    uri = asked["redirect_uri"]
    if asked.get("response_mode") == "form_post":
        return consent.posting(uri, says)
    joint = "&" if "?" in uri else "?"
    return RedirectResponse(f"{uri}{joint}{urlencode(says)}", status_code=302)
