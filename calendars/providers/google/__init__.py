"""Google Calendar v3 and People v1, through Google's own client.

https://developers.google.com/workspace/calendar/api
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar

from calendars.providers.base import Consent, Mailbox, Vendor
from calendars.providers.google import push
from calendars.providers.google.calendar import GoogleCalendars
from calendars.providers.google.calls import GoogleCalls, google_service
from calendars.providers.google.oauth import CALENDAR, CONTACTS, GoogleOAuth
from calendars.providers.google.people import GoogleContacts
from calendars.providers.google.push import GoogleChannels
from calendars.providers.google.schedules import GoogleFreeBusy
from calendars.providers.token import AccessToken, Renew
from calendars.vocabulary.events import (
    Grant,
    PushNotification,
)
from wedsync_comms.lib.http import Client
from wedsync_comms.lib.web.webhook_request import WebhookRequest


class GoogleMailbox(GoogleCalendars, GoogleFreeBusy, GoogleChannels, GoogleContacts):
    def __init__(self, calls: GoogleCalls) -> None:
        self.calls = calls


class Google(Vendor):
    """One client of the Google Cloud console."""

    label = "Google"
    scopes: ClassVar[Mapping[str, str]] = {CALENDAR: "calendars", CONTACTS: "contacts"}
    overlapping_pushes = True
    pushes_people = False

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        api_url: str = "",
        token_url: str = "https://oauth2.googleapis.com/token",  # noqa: S107 - no secret
        auth_url: str = "https://accounts.google.com/o/oauth2/v2/auth",
    ) -> None:
        self.api_url = api_url.rstrip("/")
        self.http = Client()
        self.oauth = GoogleOAuth(
            self.http,
            client_id=client_id,
            client_secret=client_secret,
            token_url=token_url,
            auth_url=auth_url,
            scopes=tuple(self.scopes),
        )

    def consent(self, redirect_uri: str, state: str) -> Consent:
        return self.oauth.consent(redirect_uri, state)

    def redeem(self, flow: dict[str, Any], query: Mapping[str, str]) -> Grant:
        return self.oauth.redeem(flow, query)

    def refresh(self, grant: Grant) -> Grant:
        return self.oauth.refresh(grant)

    def revoke(self, grant: Grant) -> None:
        self.oauth.revoke(grant)

    def mailbox(self, access_token: str, renew: Renew | None = None) -> Mailbox:
        token = AccessToken(access_token, renew)
        return GoogleMailbox(GoogleCalls(self.http, token, self.calendar, self.people))

    def recognizes(self, request: WebhookRequest) -> bool:
        return push.recognizes(request)

    def pushed(self, request: WebhookRequest) -> Iterator[PushNotification]:
        return push.pushed(request)

    # Only described by them: what they build is carried by the mailbox's own wire.

    @cached_property
    def calendar(self) -> Any:
        return google_service("calendar", "v3", self.api_url and f"{self.api_url}/calendar/v3/")

    @cached_property
    def people(self) -> Any:
        return google_service("people", "v1", self.api_url and f"{self.api_url}/")
