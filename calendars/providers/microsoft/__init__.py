"""Outlook: calendars and contacts in Microsoft Graph.

https://learn.microsoft.com/en-us/graph/api/overview
"""

from collections.abc import Mapping
from typing import ClassVar

from calendars.providers.base import Mailbox
from calendars.providers.microsoft.calendar import GraphCalendars
from calendars.providers.microsoft.calls import GraphCalls
from calendars.providers.microsoft.delta import GraphDelta
from calendars.providers.microsoft.oauth import LOGIN, MicrosoftOAuth
from calendars.providers.microsoft.people import GraphContacts
from calendars.providers.microsoft.push import GraphSubscriptions, MicrosoftNotifications
from calendars.providers.microsoft.schedules import GraphFreeBusy
from calendars.providers.token import AccessToken, Renew
from wedsync_comms.lib.http import Client

# A subscription is answered only after Microsoft had two answers of ours, for ten seconds each.
TIMEOUT = (3.05, 25.0)


class MicrosoftMailbox(
    GraphCalendars, GraphDelta, GraphFreeBusy, GraphSubscriptions, GraphContacts
):
    def __init__(self, calls: GraphCalls, zone: str) -> None:
        self.calls = calls
        self.zone = zone


class Microsoft(MicrosoftOAuth, MicrosoftNotifications):
    """One application registered with Microsoft Entra."""

    label = "Outlook"
    scopes: ClassVar[Mapping[str, str]] = {
        "Calendars.ReadWrite": "calendars",
        "Contacts.ReadWrite": "contacts",
    }
    # "Subscription Id <> already exists for the requested combination"
    overlapping_pushes = False
    pushes_people = True

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        tenant: str = "common",
        graph_url: str = "https://graph.microsoft.com/v1.0",
        authority_url: str = LOGIN,
    ) -> None:
        self.graph_url = graph_url
        super().__init__(
            Client(TIMEOUT),
            client_id=client_id,
            client_secret=client_secret,
            tenant=tenant,
            authority_url=authority_url,
        )

    def mailbox(self, access_token: str, renew: Renew | None = None, zone: str = "UTC") -> Mailbox:
        token = AccessToken(access_token, renew)
        return MicrosoftMailbox(GraphCalls(self.client, self.graph_url, token), zone)
