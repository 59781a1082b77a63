"""Google Calendar v3 and People v1, through Google's own client.

https://developers.google.com/workspace/calendar/api
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

from calendars.providers.base import Mailbox
from calendars.providers.google.calendar import GoogleCalendars
from calendars.providers.google.calls import GoogleCalls, google_service
from calendars.providers.google.delta import GoogleDelta
from calendars.providers.google.oauth import CALENDAR, CONTACTS, GoogleOAuth
from calendars.providers.google.people import GoogleContacts
from calendars.providers.google.push import GoogleChannels, GoogleNotifications
from calendars.providers.google.schedules import GoogleFreeBusy
from calendars.providers.token import AccessToken, Renew
from wedsync_comms.lib.http import Client


class GoogleMailbox(GoogleCalendars, GoogleDelta, GoogleFreeBusy, GoogleChannels, GoogleContacts):
    def __init__(self, calls: GoogleCalls) -> None:
        self.calls = calls


class Google(GoogleOAuth, GoogleNotifications):
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
        super().__init__(
            Client(),
            client_id=client_id,
            client_secret=client_secret,
            token_url=token_url,
            auth_url=auth_url,
        )

    def mailbox(
        self,
        access_token: str,
        renew: Renew | None = None,
        zone: str = "UTC",  # noqa: ARG002 (Google's calendars have zones of their own)
    ) -> Mailbox:
        token = AccessToken(access_token, renew)
        return GoogleMailbox(GoogleCalls(self.client, token, self.calendar, self.people))

    # Only described by them: what they build is carried by the mailbox's own wire.

    @cached_property
    def calendar(self) -> Any:
        return google_service("calendar", "v3", self.api_url and f"{self.api_url}/calendar/v3/")

    @cached_property
    def people(self) -> Any:
        return google_service("people", "v1", self.api_url and f"{self.api_url}/")
