"""Consent, codes, tokens and what becomes of them."""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from google.auth import jwt
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request

from tests.sandbox.google import ACCOUNT, CLIENT_ID, CLIENT_SECRET, Google, refused

CALENDAR = "https://www.googleapis.com/auth/calendar"
CONTACTS = "https://www.googleapis.com/auth/contacts"
REDIRECT = "http://127.0.0.1:8000/calendars/linked/google/"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()
ASKED = {
    "client_id": CLIENT_ID,
    "redirect_uri": REDIRECT,
    "response_type": "code",
    "scope": f"openid email {CALENDAR} {CONTACTS}",
    "state": "s1",
    "access_type": "offline",
    "prompt": "consent",
    "code_challenge": CHALLENGE.rstrip("="),
    "code_challenge_method": "S256",
}


def visit(google: Google, **changes: Any) -> requests.Response:
    asked = {name: value for name, value in {**ASKED, **changes}.items() if value is not None}
    return requests.get(
        f"{google.url}/o/oauth2/v2/auth", params=asked, allow_redirects=False, timeout=10
    )


def decide(google: Google, **form: Any) -> dict[str, str]:
    """The form of the consent page; what the person comes back with."""
    fields = {f"asked.{name}": value for name, value in ASKED.items()}
    given = {"account": ACCOUNT, "decision": "allow", "scope": [CALENDAR, CONTACTS], **form}
    answer = requests.post(
        f"{google.url}/o/oauth2/v2/auth", data=fields | given, allow_redirects=False, timeout=10
    )
    return back(answer)


def back(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(REDIRECT)
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}


def post(google: Google, path: str = "/token", **form: Any) -> requests.Response:
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return requests.post(f"{google.url}{path}", data=client | form, timeout=10)


def redeem(google: Google, code: str, **form: Any) -> requests.Response:
    given = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    return post(google, **{**given, "code_verifier": VERIFIER, **form})


def refresh(google: Google, token: str) -> requests.Response:
    return post(google, grant_type="refresh_token", refresh_token=token)


def test_the_page_asks_for_every_scope_by_itself(google: Google) -> None:
    page = visit(google)

    assert page.status_code == 200
    assert page.text.count('type="checkbox"') == 2
    assert page.text.count('type="radio"') == 2
    assert "form-action" not in page.headers["content-security-policy"]


def test_a_consent_ends_in_tokens_that_open_the_account(google: Google) -> None:
    answer = decide(google)
    assert answer["state"] == "s1"

    tokens = redeem(google, answer["code"]).json()

    assert tokens["expires_in"] == 3599
    assert set(tokens["scope"].split()) == {"openid", "email", CALENDAR, CONTACTS}
    claims = jwt.decode(tokens["id_token"], verify=False)
    assert (claims["aud"], claims["email"]) == (CLIENT_ID, ACCOUNT)
    about = requests.get(
        f"{google.url}/oauth2/v2/userinfo",
        headers={"authorization": f"Bearer {tokens['access_token']}"},
        timeout=10,
    ).json()
    assert (about["email"], about["id"]) == (ACCOUNT, claims["sub"])


def test_an_id_token_is_signed_with_a_published_key(google: Google) -> None:
    tokens = redeem(google, decide(google)["code"]).json()
    keys = requests.get(f"{google.url}/oauth2/v3/certs", timeout=10).json()["keys"]
    header, _, signature = tokens["id_token"].split(".")

    number = int.from_bytes(base64.urlsafe_b64decode(keys[0]["n"] + "=="))
    raised = pow(int.from_bytes(base64.urlsafe_b64decode(signature + "==")), 65537, number)
    signed = tokens["id_token"].rpartition(".")[0].encode()
    assert hashlib.sha256(signed).hexdigest() in f"{raised:x}"
    assert json.loads(base64.urlsafe_b64decode(header + "=="))["kid"] == keys[0]["kid"]


def test_what_was_unticked_is_not_granted(google: Google) -> None:
    tokens = redeem(google, decide(google, scope=[CONTACTS])["code"]).json()
    google.credentials.token = tokens["access_token"]

    assert CALENDAR not in tokens["scope"].split()
    assert refused(google.calendar.calendarList().list()) == (403, "insufficientPermissions")
    assert google.contacts()["connections"]


def test_who_says_no_comes_back_with_the_reason(google: Google) -> None:
    assert decide(google, decision="deny") == {"state": "s1", "error": "access_denied"}


def test_consent_can_be_given_without_the_page(google: Google) -> None:
    barn = "events@rosewood.example"
    assert "code" in back(visit(google, auto="1"))

    google.control("PATCH", "", {"auto_consent": True})
    tokens = redeem(google, back(visit(google, login_hint=barn))["code"]).json()
    assert jwt.decode(tokens["id_token"], verify=False)["email"] == barn


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"client_id": "somebody"}, 401),
        ({"redirect_uri": "http://wedsync.example/"}, 400),
        ({"response_type": None}, 400),
        ({"scope": "https://www.googleapis.com/auth/everything"}, 400),
        ({"scope": None}, 400),
    ],
)
def test_nobody_is_sent_back_from_a_wrong_address(
    google: Google, changes: dict[str, Any], status: int
) -> None:
    answer = visit(google, auto="1", **changes)

    assert answer.status_code == status
    assert "location" not in answer.headers


def test_a_code_is_good_once_and_its_theft_shuts_what_it_opened(google: Google) -> None:
    code = decide(google)["code"]
    tokens = redeem(google, code).json()
    again = redeem(google, code)

    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert refresh(google, tokens["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"code_verifier": "other"}, 400, "invalid_grant"),
        ({"code_verifier": ""}, 400, "invalid_grant"),
        ({"redirect_uri": "https://other.example/"}, 400, "redirect_uri_mismatch"),
        ({"code": "4/unknown"}, 400, "invalid_grant"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "somebody"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_code_is_not_redeemed_by_others(
    google: Google, form: dict[str, str], status: int, error: str
) -> None:
    answer = redeem(google, **{"code": decide(google)["code"], **form})

    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_code_is_good_for_ten_minutes(google: Google) -> None:
    code = decide(google)["code"]
    google.control("POST", "/clock", {"seconds": 601})

    assert redeem(google, code).json()["error"] == "invalid_grant"


def test_a_refresh_token_comes_only_when_it_is_asked_for_and_the_first_time(
    google: Google,
) -> None:
    def got(**asked: Any) -> bool:
        code = back(visit(google, auto="1", **asked))["code"]
        return "refresh_token" in redeem(google, code).json()

    assert not got(access_type=None)
    assert got(prompt=None)
    assert not got(prompt=None)
    assert got()


def test_a_client_that_meets_an_expired_token_refreshes_it_and_goes_on(google: Google) -> None:
    google.list()
    before = google.credentials.token
    google.control("POST", f"/accounts/{ACCOUNT}/expire-tokens")

    assert google.list()["items"]
    assert google.credentials.token != before

    google.control("POST", "/clock", {"seconds": 3700})
    assert google.list()["items"]


@pytest.mark.parametrize("how", ["control", "fault", "token"])
def test_a_revoked_grant_cannot_be_refreshed(google: Google, how: str) -> None:
    google.list()
    if how == "control":
        google.control("POST", f"/accounts/{ACCOUNT}/revoke")
    elif how == "fault":
        google.faults(grant_gone={}, token_expired={"count": 1})
    else:
        assert post(google, "/revoke", token=google.credentials.refresh_token).ok
        assert post(google, "/revoke", token=google.credentials.refresh_token).status_code == 400

    with pytest.raises(RefreshError, match="invalid_grant") as caught:
        google.list()
    assert not caught.value.retryable


def test_basic_authentication_will_do(google: Google) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": google.credentials.refresh_token}
    answer = requests.post(
        f"{google.url}/token", data=form, auth=(CLIENT_ID, CLIENT_SECRET), timeout=10
    )

    assert answer.ok
    google.credentials.refresh(Request())


def test_without_a_token_nothing_opens(google: Google) -> None:
    for path in ("/calendar/v3/users/me/calendarList", "/v1/people/me/connections"):
        answer = requests.get(google.url + path, timeout=10)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["error"]["code"] == 401


def test_an_unknown_address_is_not_found(google: Google) -> None:
    answer = requests.get(f"{google.url}/calendar/v3/nothing", timeout=10)

    assert answer.status_code == 404
