"""Outlook: calendars and contacts in Microsoft Graph.

https://learn.microsoft.com/en-us/graph/api/overview
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from calendars.providers.base import Consent, Mailbox, Vendor
from calendars.providers.microsoft import push
from calendars.providers.microsoft.calendar import GraphCalendars
from calendars.providers.microsoft.calls import GraphCalls
from calendars.providers.microsoft.delta import GraphDelta
from calendars.providers.microsoft.oauth import LOGIN, MicrosoftOAuth
from calendars.providers.microsoft.people import GraphContacts
from calendars.providers.microsoft.push import GraphSubscriptions
from calendars.providers.microsoft.schedules import GraphFreeBusy
from calendars.providers.token import AccessToken, Renew
from calendars.vocabulary.events import (
    Grant,
    PushNotification,
)
from wedsync_comms.lib.http import Client
from wedsync_comms.lib.web.webhook_request import WebhookRequest

# A subscription is answered only after Microsoft had two answers of ours, for ten seconds each.
TIMEOUT = (3.05, 25.0)


class MicrosoftMailbox(
    GraphCalendars, GraphDelta, GraphFreeBusy, GraphSubscriptions, GraphContacts
):
    def __init__(self, calls: GraphCalls) -> None:
        self.calls = calls


class Microsoft(Vendor):
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
        self.http = Client(TIMEOUT)
        self.oauth = MicrosoftOAuth(
            self.http,
            client_id=client_id,
            client_secret=client_secret,
            tenant=tenant,
            authority_url=authority_url,
            scopes=tuple(self.scopes),
        )

    def consent(self, redirect_uri: str, state: str) -> Consent:
        return self.oauth.consent(redirect_uri, state)

    def redeem(self, flow: dict[str, Any], query: Mapping[str, str]) -> Grant:
        return self.oauth.redeem(flow, query)

    def refresh(self, grant: Grant) -> Grant:
        return self.oauth.refresh(grant)

    def revoke(self, grant: Grant) -> None:
        """There is no way to give back one permission without ending all of a person's sessions.
        They do it at https://myapps.microsoft.com."""

    def mailbox(self, access_token: str, renew: Renew | None = None) -> Mailbox:
        token = AccessToken(access_token, renew)
        return MicrosoftMailbox(GraphCalls(self.http, self.graph_url, token))

    def recognizes(self, request: WebhookRequest) -> bool:
        return push.recognizes(request)

    def pushed(self, request: WebhookRequest) -> Iterator[PushNotification]:
        return push.pushed(request)
