"""Plain HTTP to Graph, with a token of somebody who has allowed everything."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from tests.sandbox_server import SandboxServer

Json = dict[str, Any]

SCOPES = "openid offline_access Calendars.ReadWrite Contacts.ReadWrite User.Read"
WORK, HOME = "hannah@everafter.example", "marlow.finch@outlook.example"
BACK = "http://127.0.0.1:9/back"
KEY = "String {00020329-0000-0000-C000-000000000046} Name wedsync"
WINDOW = {"startDateTime": "2027-01-01T00:00:00Z", "endDateTime": "2027-12-31T00:00:00Z"}


class GraphApi:
    def __init__(self, sandbox: SandboxServer, session: requests.Session, user: str = WORK) -> None:
        self.sandbox = sandbox
        self.base = f"{sandbox.url}/microsoft/v1.0"
        self.login = f"{sandbox.url}/microsoft/common/oauth2/v2.0"
        self.session = session
        settings = sandbox.control("GET", "/microsoft")["settings"]
        self.client = {"client_id": settings["client_id"]}
        self._secret = {"client_secret": settings["client_secret"]}
        self.tokens = self.connect(user)

    def __call__(
        self, method: str, path: str, json: Any = None, **options: Any
    ) -> requests.Response:
        headers = {"authorization": f"Bearer {self.tokens['access_token']}"}
        headers |= options.pop("headers", {})
        url = path if path.startswith("http") else self.base + path
        return self.session.request(
            method, url, json=json, headers=headers, **{"timeout": 10, **options}
        )

    def connect(self, user: str) -> Json:
        asked = {
            **self.client,
            "response_type": "code",
            "redirect_uri": BACK,
            "scope": SCOPES,
            "prompt": "none",
            "login_hint": user,
        }
        answer = self.session.get(f"{self.login}/authorize", params=asked, allow_redirects=False)
        code = dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"]
        answer = self.token(grant_type="authorization_code", code=code, redirect_uri=BACK)
        answer.raise_for_status()
        tokens: Json = answer.json()
        return tokens

    def token(self, **fields: str) -> requests.Response:
        data = {**self.client, **self._secret, **fields}
        return self.session.post(f"{self.login}/token", data=data, timeout=10)

    def refresh(self, token: str = "") -> requests.Response:
        return self.token(
            grant_type="refresh_token", refresh_token=token or self.tokens["refresh_token"]
        )

    def calendar(self, name: str = "Calendar") -> str:
        """Its id."""
        every = self("GET", "/me/calendars").json()["value"]
        return str(next(entry["id"] for entry in every if entry["name"] == name))

    def create(self, calendar: str = "", **fields: Any) -> requests.Response:
        path = f"/me/calendars/{calendar}/events" if calendar else "/me/events"
        return self("POST", path, event(**fields))

    def round(self, url: str, **options: Any) -> tuple[list[Json], str]:
        """All pages of it, and the link of the next round."""
        found: list[Json] = []
        for page in self.pages(url, **options):
            found.extend(page["value"])
        return found, str(page["@odata.deltaLink"])

    def pages(
        self, url: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Iterator[Json]:
        while url:
            answer = self("GET", url, headers=headers or {}, **options)
            assert answer.status_code == 200, answer.text
            page: Json = answer.json()
            yield page
            url, options = page.get("@odata.nextLink", ""), {}


def event(**fields: Any) -> Json:
    """At ten in London, in winter; a None leaves a field out."""
    usual = {
        "subject": "Viewing",
        "start": graph_time("2027-02-10T10:00:00"),
        "end": graph_time("2027-02-10T11:00:00"),
    }
    return {name: value for name, value in {**usual, **fields}.items() if value is not None}


def graph_time(text: str, zone: str = "GMT Standard Time") -> Json:
    return {"dateTime": text, "timeZone": zone}


def guest(address: str) -> Json:
    return {"type": "required", "emailAddress": {"address": address, "name": address}}


def keyed(value: str) -> list[Json]:
    return [{"id": KEY, "value": value}]


def code_of(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]
