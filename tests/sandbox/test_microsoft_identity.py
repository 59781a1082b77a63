"""The identity platform, as msal and a browser see it."""

import base64
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msal
import pytest
import requests

from tests.sandbox.graph import BACK, HOME, WORK, GraphApi
from tests.sandbox_server import SandboxServer

SCOPES = ["Calendars.ReadWrite", "Contacts.ReadWrite", "User.Read"]
LOGIN = "https://login.microsoftonline.com"


class Rerouted(requests.Session):
    """To the sandbox instead of Microsoft."""

    def __init__(self, to: str) -> None:
        super().__init__()
        self.to = to

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        return super().request(method, str(url).replace(LOGIN, self.to), *args, **options)


def application(
    sandbox: SandboxServer, tenant: str = "common"
) -> msal.ConfidentialClientApplication:
    settings = sandbox.control("GET", "/microsoft")["settings"]
    return msal.ConfidentialClientApplication(
        settings["client_id"],
        client_credential=settings["client_secret"],
        authority=f"{LOGIN}/{tenant}",
        http_client=Rerouted(f"{sandbox.url}/microsoft"),
        instance_discovery=False,
    )


def start(app: msal.ConfidentialClientApplication, **options: Any) -> dict[str, Any]:
    with pytest.warns(UserWarning, match="form_post"):
        flow: dict[str, Any] = app.initiate_auth_code_flow(
            SCOPES, redirect_uri=BACK, state="s1", **options
        )
    return flow


def returned(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(BACK)
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def choose(url: str, user: str) -> dict[str, str]:
    """On the page of consent."""
    return returned(requests.post(url, data={"user": user}, allow_redirects=False, timeout=5))


def user_id(sandbox: SandboxServer, address: str) -> str:
    with requests.Session() as session:
        me = GraphApi(sandbox, session, address)("GET", "/me")
    return str(me.json()["id"])


@pytest.mark.parametrize("tenant", ["common", "organizations"])
def test_msal_gets_tokens_with_a_consent(sandbox: SandboxServer, tenant: str) -> None:
    app = application(sandbox, tenant)
    flow = start(app)
    page = requests.get(flow["auth_uri"], timeout=5)
    assert "Have full access to your calendars" in page.text
    assert (HOME in page.text) == (tenant == "common")

    answer = app.acquire_token_by_auth_code_flow(
        flow, choose(flow["auth_uri"], user_id(sandbox, WORK))
    )

    assert answer["id_token_claims"]["preferred_username"] == WORK
    assert set(SCOPES) <= set(answer["scope"].split())
    assert app.get_accounts()[0]["username"] == WORK


def test_msal_refreshes_silently_until_the_grant_is_gone(sandbox: SandboxServer) -> None:
    app = application(sandbox)
    flow = start(app, login_hint=WORK)
    app.acquire_token_by_auth_code_flow(flow, choose(flow["auth_uri"], user_id(sandbox, WORK)))
    account = app.get_accounts()[0]
    fresh = app.acquire_token_silent_with_error(SCOPES, account, force_refresh=True)
    assert fresh["access_token"]

    assert sandbox.control("POST", f"/microsoft/accounts/{WORK}/revoke")["revoked"] >= 1

    refused = app.acquire_token_silent_with_error(SCOPES, account, force_refresh=True)
    assert (refused["error"], refused["suberror"]) == ("invalid_grant", "bad_token")


def test_denying_comes_back_as_an_error(sandbox: SandboxServer) -> None:
    flow = start(application(sandbox))
    said = choose(flow["auth_uri"], "")
    assert (said["error"], said["state"]) == ("access_denied", "s1")


def test_consent_can_be_given_without_asking(sandbox: SandboxServer) -> None:
    sandbox.control("PATCH", "/microsoft", {"auto_consent": True})
    app = application(sandbox)
    flow = start(app, login_hint=HOME)
    said = returned(requests.get(flow["auth_uri"], allow_redirects=False, timeout=5))
    claims = app.acquire_token_by_auth_code_flow(flow, said)["id_token_claims"]
    assert (claims["preferred_username"], claims["nonce"]) == (HOME, hidden(flow))


def hidden(flow: dict[str, Any]) -> str:
    return dict(parse_qsl(urlsplit(str(flow["auth_uri"])).query))["nonce"]


def test_the_answer_can_come_as_a_form(sandbox: SandboxServer) -> None:
    sandbox.control("PATCH", "/microsoft", {"auto_consent": True})
    flow = application(sandbox).initiate_auth_code_flow(
        SCOPES, redirect_uri=BACK, state="s<1>", response_mode="form_post"
    )
    page = requests.get(flow["auth_uri"], timeout=5).text
    assert f'action="{BACK}"' in page
    assert 'name="state" value="s&lt;1&gt;"' in page


def test_a_scope_can_be_left_out(sandbox: SandboxServer) -> None:
    sandbox.control("PATCH", "/microsoft", {"refused_scopes": ["Contacts.ReadWrite"]})
    with requests.Session() as session:
        graph = GraphApi(sandbox, session)
    assert "Contacts" not in graph.tokens["scope"]
    assert graph("GET", "/me/contacts").status_code == 403
    assert graph("GET", "/me/calendars").status_code == 200


def test_a_code_works_once_and_only_with_its_verifier(graph: GraphApi) -> None:
    challenge = base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")
    asked = {**graph.client, "response_type": "code", "redirect_uri": BACK, "scope": "openid",
             "prompt": "none", "code_challenge": challenge}  # fmt: skip
    for verifier in ("wrong", ""):
        answer = graph.session.get(f"{graph.login}/authorize", params=asked, allow_redirects=False)
        code = returned(answer)["code"]
        given = {"code": code, "redirect_uri": BACK, "code_verifier": verifier}
        assert graph.token(grant_type="authorization_code", **given).json()["error_codes"] == [
            501481
        ]
        assert graph.token(grant_type="authorization_code", **given).json()["error_codes"] == [
            70008
        ]


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "wrong"}, 400, "unauthorized_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"refresh_token": "wrong"}, 400, "invalid_grant"),
    ],
)
def test_tokens_that_are_refused(
    graph: GraphApi, fields: dict[str, str], status: int, error: str
) -> None:
    usual = {"grant_type": "refresh_token", "refresh_token": graph.tokens["refresh_token"]}
    answer = graph.token(**{**usual, **fields})
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"].startswith("AADSTS")


def test_a_refresh_token_is_replaced_and_the_old_one_may_go(
    graph: GraphApi, sandbox: SandboxServer
) -> None:
    first = graph.refresh().json()["refresh_token"]
    assert first != graph.tokens["refresh_token"]
    assert graph.refresh().status_code == 200
    sandbox.control("PATCH", "/microsoft", {"old_refresh_tokens_work": False})
    assert graph.refresh(first).status_code == 200
    assert graph.refresh(first).json()["error"] == "invalid_grant"


def test_a_token_ends_when_the_clock_has_jumped(graph: GraphApi, sandbox: SandboxServer) -> None:
    sandbox.control("POST", "/microsoft/clock", {"seconds": 3601})
    refused = graph("GET", "/me")
    assert (refused.status_code, refused.json()["error"]["code"]) == (
        401,
        "InvalidAuthenticationToken",
    )
    graph.tokens = graph.refresh().json()
    assert graph("GET", "/me").json()["mail"] == WORK


def test_tokens_end_early_or_not_at_all(graph: GraphApi, sandbox: SandboxServer) -> None:
    sandbox.control("POST", f"/microsoft/accounts/{WORK}/expire-tokens")
    assert graph("GET", "/me").status_code == 401
    graph.tokens = graph.refresh().json()
    sandbox.control("PUT", "/microsoft/faults", {"token_expired": {"count": 1}})
    assert [graph("GET", "/me").status_code for _ in range(2)] == [401, 200]
    sandbox.control("PUT", "/microsoft/faults", {"grant_gone": {"count": 1}})
    assert [graph.refresh().status_code for _ in range(2)] == [400, 200]


def test_tokens_are_given_without_a_consent(graph: GraphApi, sandbox: SandboxServer) -> None:
    given = {"scopes": ["openid", "offline_access", "Contacts.Read"]}
    graph.tokens = sandbox.control("POST", f"/microsoft/accounts/{HOME}/tokens", given)
    assert graph("GET", "/me/contacts").status_code == 200
    assert graph("POST", "/me/contacts", {"givenName": "x"}).status_code == 403
    assert graph("GET", "/me/calendars").status_code == 403
    shown = sandbox.control("GET", "/microsoft/accounts")["accounts"]
    assert [(account["email"], account["personal"]) for account in shown] == [
        (WORK, False),
        (HOME, True),
    ]
    assert given in shown[1]["grants"]
    assert graph.refresh().status_code == 200


def test_claims_are_those_of_the_person(graph: GraphApi) -> None:
    body = graph.tokens["id_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    info = graph.tokens["client_info"]
    who = json.loads(base64.urlsafe_b64decode(info + "=" * (-len(info) % 4)))
    assert (claims["oid"], claims["tid"]) == (who["uid"], who["utid"])
    assert graph("GET", "/me").json()["id"] == claims["oid"]


@pytest.mark.parametrize("header", ["", "Bearer ", "Basic x", "Bearer unheard-of"])
def test_nothing_opens_without_a_token(graph: GraphApi, header: str) -> None:
    refused = graph("GET", "/me", headers={"authorization": header})
    assert refused.status_code == 401
