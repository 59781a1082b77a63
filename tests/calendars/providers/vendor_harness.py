"""Each vendor's people at the other side, and the sandbox's words for what goes wrong there."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import requests

from calendars.providers.base import Mailbox, Vendor
from calendars.providers.google import Google
from calendars.providers.microsoft import Microsoft
from calendars.vocabulary.events import Grant
from tests.sandbox_server import SandboxServer

CALLBACK = "http://localhost/callback"
GOOGLE_CLIENT = ("google_sandbox.apps.googleusercontent.com", "google_sandbox")
MICROSOFT_CLIENT = ("5f1e6f0b-6a0c-4f43-9d7a-2f0c1d3b8a11", "microsoft_sandbox")


@dataclass
class VendorHarness:
    """`owner` is the person whose mailbox it is."""

    sandbox: SandboxServer
    slug: ClassVar[str]
    owner: ClassVar[str]
    zone: ClassVar[str] = "Europe/London"
    # Ways of the vendor to say that a cursor is no longer good: fault, and its settings.
    expiries: ClassVar[tuple[dict[str, Any], ...]]
    token_path: ClassVar[str]
    tokens: ClassVar[dict[str, str]]

    def vendor(self, secret: str = "") -> Vendor:
        raise NotImplementedError

    def control(self, method: str, path: str, json: Any = None) -> Any:
        return self.sandbox.control(method, f"/{self.slug}{path}", json)

    def fault(self, **faults: dict[str, Any]) -> None:
        self.control("PUT", "/faults", faults)

    def no_faults(self) -> None:
        self.control("DELETE", "/faults")

    def rest(self) -> None:
        self.sandbox.control("POST", "/reset")
        self.control("PATCH", "", {"auto_consent": True})

    # --- the person -----------------------------------------------------------------------------

    def consents(self, url: str) -> dict[str, str]:
        """What the person comes back with."""
        answer = requests.get(url, allow_redirects=False, timeout=10)
        assert answer.status_code == 302, answer.text
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    def grant(self, vendor: Vendor) -> Grant:
        consent = vendor.consent(CALLBACK, "state")
        return vendor.redeem(consent.flow, self.consents(consent.url))

    def mailbox(self) -> Mailbox:
        """The consent outlives a reset, so the person is asked once."""
        vendor = self.vendor()
        if self.sandbox.url not in self.tokens:
            self.tokens[self.sandbox.url] = self.grant(vendor).access_token
        return vendor.mailbox(self.tokens[self.sandbox.url])

    def revoke(self) -> None:
        """Also what `mailbox` opens, so it asks again afterwards."""
        self.tokens.clear()

    def adds(self, **fields: Any) -> str:
        """An event, of an hour if nothing else is said; its id."""
        end = datetime.fromisoformat(fields["start"]) + timedelta(hours=1)
        fields = {"end": end.isoformat(), **fields}
        found: str = self.control("POST", "/events", {"calendar": self.owner, **fields})["id"]
        return found

    def changes(self, event: str, **fields: Any) -> None:
        self.control("PATCH", f"/events/{event}", fields)

    def deletes(self, event: str) -> None:
        self.control("DELETE", f"/events/{event}")

    def answers(self, event: str, email: str, answer: str) -> None:
        self.control("POST", f"/events/{event}/answers", {"email": email, "answer": answer})

    def repeated(self) -> dict[str, int]:
        found: dict[str, int] = self.control("GET", "/stats")["repeated"]
        return found

    def mails(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control("GET", "/invitations")["invitations"]
        return found

    def adds_person(self, **fields: Any) -> str:
        found: str = self.control("POST", "/people", {"account": self.owner, **fields})["id"]
        return found

    def adds_people(self, count: int) -> None:
        self.control("POST", "/people", {"account": self.owner, "count": count})

    def changes_person(self, person: str, **fields: Any) -> None:
        self.control("PATCH", f"/people/{person}", fields)

    def deletes_person(self, person: str) -> None:
        self.control("DELETE", f"/people/{person}")


class GoogleHarness(VendorHarness):
    slug = "google"
    owner = "hello@everafter.example"
    expiries = (
        {"cursor_expired": {"reason": "fullSyncRequired"}},
        {"cursor_expired": {"reason": "updatedMinTooLongAgo"}},
    )
    token_path = "/token"
    tokens: ClassVar[dict[str, str]] = {}

    def vendor(self, secret: str = "") -> Google:
        url = f"{self.sandbox.url}/google"
        return Google(
            client_id=GOOGLE_CLIENT[0],
            client_secret=secret or GOOGLE_CLIENT[1],
            api_url=url,
            token_url=f"{url}/token",
            auth_url=f"{url}/o/oauth2/v2/auth",
        )

    def revoke(self) -> None:
        super().revoke()
        self.control("POST", f"/accounts/{self.owner}/revoke")

    def deletes_person(self, person: str) -> None:
        super().deletes_person(person.removeprefix("people/"))

    def changes_person(self, person: str, **fields: Any) -> None:
        super().changes_person(person.removeprefix("people/"), **fields)


class MicrosoftHarness(VendorHarness):
    slug = "microsoft"
    owner = "hannah@everafter.example"
    expiries = (
        {"cursor_expired": {"code": "syncStateNotFound"}},
        {"cursor_expired": {"code": "syncStateInvalid"}},
        {"cursor_expired": {"code": "resyncRequired"}},
        {"cursor_expired": {"code": "SyncStateNotFound"}},
    )
    token_path = "/common/oauth2/v2.0/token"
    tokens: ClassVar[dict[str, str]] = {}

    def vendor(self, secret: str = "") -> Microsoft:
        return Microsoft(
            client_id=MICROSOFT_CLIENT[0],
            client_secret=secret or MICROSOFT_CLIENT[1],
            graph_url=f"{self.sandbox.url}/microsoft/v1.0",
            authority_url=f"{self.sandbox.url}/microsoft",
        )

    def revoke(self) -> None:
        super().revoke()
        self.control("POST", f"/accounts/{self.owner}/revoke")
