"""Google's own clients, pointed at the sandbox."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cached_property
from typing import Any

import pytest
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from tests.sandbox_server import SandboxServer

Json = dict[str, Any]

ACCOUNT = "hello@everafter.example"
CLIENT_ID = "google_sandbox.apps.googleusercontent.com"
CLIENT_SECRET = "google_sandbox"


class Google:
    """One person's Calendar and People API."""

    def __init__(self, sandbox: SandboxServer, account: str = ACCOUNT) -> None:
        self.sandbox = sandbox
        self.account = account
        self.url = f"{sandbox.url}/google"
        self._closing = ExitStack()

    @cached_property
    def credentials(self) -> Credentials:
        given = self.control("POST", f"/accounts/{self.account}/tokens")
        return Credentials(
            given["access_token"],
            refresh_token=given["refresh_token"],
            token_uri=f"{self.url}/token",
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
        )

    @cached_property
    def calendar(self) -> Any:
        return self._build("calendar", "v3", "/calendar/v3/")

    @cached_property
    def people(self) -> Any:
        return self._build("people", "v1", "/")

    @property
    def events(self) -> Any:
        return self.calendar.events()

    def control(self, method: str, path: str, json: Any = None) -> Any:
        return self.sandbox.control(method, f"/google{path}", json)

    def faults(self, **wanted: Json) -> None:
        self.control("PUT", "/faults", wanted)

    def insert(self, **fields: Any) -> Json:
        made: Json = self.events.insert(calendarId="primary", body=event(**fields)).execute()
        return made

    def list(self, **options: Any) -> Json:
        found: Json = self.events.list(calendarId="primary", **options).execute()
        return found

    def contacts(self, **options: Any) -> Json:
        usual = {"personFields": "names,emailAddresses,phoneNumbers", "requestSyncToken": True}
        wanted = {"resourceName": "people/me", **usual, **options}
        found: Json = self.people.people().connections().list(**wanted).execute()
        return found

    def close(self) -> None:
        self._closing.close()

    def _build(self, name: str, version: str, base: str) -> Any:
        service = build(
            name,
            version,
            credentials=self.credentials,
            static_discovery=True,
            cache_discovery=False,
            client_options={"api_endpoint": self.url + base},
        )
        return self._closing.enter_context(service)


def event(**fields: Any) -> Json:
    usual = {
        "summary": "Viewing",
        "start": {"dateTime": "2027-03-05T10:00:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2027-03-05T11:00:00", "timeZone": "Europe/Berlin"},
    }
    return {name: value for name, value in {**usual, **fields}.items() if value is not None}


def refused(request: Any) -> tuple[int, str]:
    """The status and the reason with which a request is refused."""
    with pytest.raises(HttpError) as caught:
        request.execute()
    details = caught.value.error_details
    reason = details[0].get("reason", "") if isinstance(details, list) else ""
    return int(caught.value.resp.status), str(reason)


def opened(sandbox: SandboxServer) -> Iterator[Google]:
    """Takes every consent back afterwards: a reset leaves them alone."""
    google = Google(sandbox)
    yield google
    google.close()
    for account in google.control("GET", "/accounts")["accounts"]:
        google.control("POST", f"/accounts/{account['email']}/revoke")
