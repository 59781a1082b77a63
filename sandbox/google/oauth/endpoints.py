"""consent -> code -> tokens -> who it is.

https://developers.google.com/identity/protocols/oauth2/web-server
https://developers.google.com/identity/openid-connect/openid-connect
"""

import base64
import hmac
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from sandbox.google.errors import OAuthRefusedError
from sandbox.google.model.accounts import Account, World
from sandbox.google.model.grants import Grant

from . import consent, identity
from .scopes import SCOPES

Json = dict[str, Any]

LOCAL = ("127.0.0.1", "localhost", "::1")


class OAuth:
    def __init__(self, world: World) -> None:
        self.client_id = ""
        self.client_secret = ""
        # Says yes without showing the page.
        self.auto_consent = False
        self._world = world
        self._keys = identity.Keys()
        self.routes: dict[tuple[str, str], Callable[[Request, bytes], Response]] = {
            ("GET", "/o/oauth2/v2/auth"): self.authorize,
            ("POST", "/o/oauth2/v2/auth"): self.decide,
            ("POST", "/token"): self.token,
            ("POST", "/revoke"): self.revoke,
            ("GET", "/oauth2/v3/certs"): self.certificates,
        }

    def authorize(self, request: Request, _: bytes) -> Response:
        asked = dict(request.query_params)
        if wrong := self._unfit(asked):
            return consent.problem(wrong)
        scopes = tuple(asked["scope"].split())
        if self.auto_consent or asked.get("auto") == "1":
            hinted = asked.get("account") or asked.get("login_hint") or ""
            account = self._world.accounts.get(hinted) or next(iter(self._world.accounts.values()))
            return self._allowed(asked, account.email, scopes)
        accounts = list(self._world.accounts.values())
        return consent.page(asked, scopes, accounts, action=str(request.url.path))

    def decide(self, _: Request, body: bytes) -> Response:
        form = parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
        given = dict(form)
        asked = {
            name.removeprefix("asked."): value for name, value in form if name.startswith("asked.")
        }
        if wrong := self._unfit(asked):
            return consent.problem(wrong)
        if given.get("decision") != "allow" or given.get("account") not in self._world.accounts:
            return _back(asked, {"error": "access_denied"})
        ticked = {value for name, value in form if name == "scope"}
        kept = tuple(
            scope for scope in asked["scope"].split() if scope in ticked or not SCOPES.get(scope)
        )
        return self._allowed(asked, given["account"], kept)

    def token(self, request: Request, body: bytes) -> Response:
        form = dict(parse_qsl(body.decode(errors="replace")))
        self._authenticate(request, form)
        kind = form.get("grant_type")
        if kind == "authorization_code":
            return self._redeem(form)
        if kind == "refresh_token":
            grant = self._world.grants.refresh(form.get("refresh_token", ""))
            return JSONResponse(self._tokens(grant))
        raise OAuthRefusedError("unsupported_grant_type", f"Invalid grant_type: {kind}")

    def revoke(self, request: Request, body: bytes) -> Response:
        form = dict(parse_qsl(body.decode(errors="replace")))
        token = form.get("token") or request.query_params.get("token", "")
        if not self._world.grants.revoke(token):
            raise OAuthRefusedError("invalid_token", "Token expired or revoked")
        return JSONResponse({})

    def certificates(self, _request: Request, _: bytes) -> Response:
        return JSONResponse(self._keys.as_json())

    def _redeem(self, form: Json) -> Response:
        redirect_uri, verifier = form.get("redirect_uri", ""), form.get("code_verifier", "")
        code = self._world.grants.redeem(form.get("code", ""), redirect_uri, verifier)
        answer = self._tokens(code.grant, nonce=code.nonce)
        if code.grant.refresh_token:
            answer["refresh_token"] = code.grant.refresh_token
        return JSONResponse(answer)

    def _tokens(self, grant: Grant, nonce: str = "") -> Json:
        grants = self._world.grants
        answer: Json = {
            "access_token": grants.open(grant),
            "expires_in": grants.token_seconds,
            "scope": " ".join(grant.scopes),
            "token_type": "Bearer",
        }
        if "openid" in grant.scopes:
            account = self._world.accounts[grant.account]
            claims = identity.claims(account, grant.scopes, self.client_id, self._world.clock.now())
            claims["iss"] = "https://accounts.google.com"
            answer["id_token"] = self._keys.sign(claims | ({"nonce": nonce} if nonce else {}))
        return answer

    def _allowed(self, asked: Json, account: str, scopes: tuple[str, ...]) -> Response:
        known = tuple(dict.fromkeys(scope for scope in scopes if scope in SCOPES))
        code = self._world.grants.allow(asked, account, known)
        return _back(asked, {"code": code, "scope": " ".join(known), "authuser": "0"})

    def _unfit(self, asked: Json) -> str:
        """What is wrong with the request, so that nobody is sent back with it."""
        if asked.get("client_id") != self.client_id:
            return "Error 401: invalid_client. The OAuth client was not found."
        target = urlsplit(asked.get("redirect_uri", ""))
        if target.scheme != "https" and target.hostname not in LOCAL:
            return "Error 400: redirect_uri_mismatch"
        if asked.get("response_type") != "code":
            return "Error 400: invalid_request. Required parameter is missing: response_type"
        if unknown := [scope for scope in asked.get("scope", "").split() if scope not in SCOPES]:
            return f"Error 400: invalid_scope. Some requested scopes were invalid: {unknown}"
        if not asked.get("scope"):
            return "Error 400: invalid_request. Missing required parameter: scope"
        return ""

    def _authenticate(self, request: Request, form: Json) -> None:
        """In the form, or by HTTP Basic."""
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, basic = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            client, _, secret = (
                base64.b64decode(basic + "==").decode(errors="replace").partition(":")
            )
        if client != self.client_id:
            raise OAuthRefusedError("invalid_client", "The OAuth client was not found.", 401)
        if not hmac.compare_digest(secret.encode(), self.client_secret.encode()):
            raise OAuthRefusedError("invalid_client", "Unauthorized", 401)


def userinfo(account: Account, path: str) -> Json:
    """Answers who it is; the second version says ``id`` where OpenID Connect says ``sub``."""
    shown = {
        "email": account.email,
        "name": account.name,
        "given_name": account.name.partition(" ")[0],
        "family_name": account.name.partition(" ")[2],
        "picture": "",
    }
    if path == "/oauth2/v2/userinfo":
        return {"id": account.subject, "verified_email": True, **shown}
    return {"sub": account.subject, "email_verified": True, **shown}


def _back(asked: Json, answer: Json) -> Response:
    state = {"state": asked["state"]} if asked.get("state") else {}
    join = "&" if urlsplit(asked["redirect_uri"]).query else "?"
    return RedirectResponse(f"{asked['redirect_uri']}{join}{urlencode(state | answer)}", 302)
