"""Channels. https://developers.google.com/workspace/calendar/api/guides/push"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from calendars.providers.base import Gone, Mailbox, PollOnly, Vendor
from calendars.providers.google.calls import GoogleCalls
from calendars.providers.responses import malformed_answer
from calendars.vocabulary.events import (
    PushNotification,
    RemoteSubscription,
)
from calendars.vocabulary.zones import EARLIEST, LATEST
from wedsync_comms.lib.errors import MalformedRequest
from wedsync_comms.lib.shapes import as_text
from wedsync_comms.lib.web.webhook_request import WebhookRequest

CHANNEL_ID = "x-goog-channel-id"
# exists and not_exists say the same: something is different now.
STATES = {"sync": "live", "exists": "changed", "not_exists": "changed"}
# Longest that Google keeps one; its answer says how long it really does.
LIFETIME = timedelta(days=7)
LONGEST_ID = 64
PEOPLE = "people"


class GoogleChannels(Mailbox):
    calls: GoogleCalls

    def subscribe(self, resource: str, *, id: str, url: str, secret: str) -> RemoteSubscription:  # noqa: A002
        """Opens a channel; its first message may come before this returns.

        Raises OutcomeUnknown where the answer was lost: the messages of a channel that came to be
        all the same tell its second id.
        """
        if resource == PEOPLE:
            raise PollOnly("Google announces no changes of contacts.", code="people")
        until = datetime.now(UTC) + LIFETIME
        body = {
            "id": id,
            "type": "web_hook",
            "address": url,
            "token": secret,
            "expiration": str(int(until.timestamp() * 1000)),
        }
        watch = self.calls.calendar.events().watch(calendarId=resource, body=body)
        answer = self.calls.run(watch, is_safe=False)
        return RemoteSubscription(
            id=id,
            resource_id=as_text(answer.get("resourceId")),
            expires_at=from_milliseconds(answer.get("expiration")),
        )

    def renew(self, push: RemoteSubscription) -> RemoteSubscription:
        raise PollOnly("A channel of Google's is replaced by a new one.", code=push.id)

    def unsubscribe(self, push: RemoteSubscription) -> None:
        body = {"id": push.id, "resourceId": push.resource_id}
        try:
            self.calls.do(self.calls.calendar.channels().stop(body=body))
        except Gone:
            return


def from_milliseconds(value: object) -> datetime:
    digits = str(value)
    if not (digits.isascii() and digits.isdigit()):
        raise malformed_answer(f"This is no time: {value!r}.")
    try:
        return min(datetime.fromtimestamp(int(digits) / 1000, UTC), LATEST)
    except (ValueError, OverflowError, OSError) as error:
        raise malformed_answer(f"This is no time: {value!r}.") from error


def channel_expiration(headers: Mapping[str, str]) -> datetime | None:
    """Parses the header: a date for people, and not the milliseconds of the API."""
    try:
        at = parsedate_to_datetime(headers.get("x-goog-channel-expiration", ""))
    except (ValueError, OverflowError):
        return None
    if not EARLIEST.year <= at.year < LATEST.year:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class GoogleNotifications(Vendor):
    """What Google posts to us."""

    def recognizes(self, request: WebhookRequest) -> bool:
        return CHANNEL_ID in request.headers

    def pushed(self, request: WebhookRequest) -> Iterator[PushNotification]:
        """Reads the headers, where all is; a body is not looked at."""
        headers = request.headers
        channel = headers.get(CHANNEL_ID, "")
        if not channel or len(channel) > LONGEST_ID:
            raise MalformedRequest("This is no channel's id.")
        yield PushNotification(
            subscription=channel,
            secret=headers.get("x-goog-channel-token", ""),
            resource_id=headers.get("x-goog-resource-id", ""),
            # A state that is new to us is looked into like any change.
            what=STATES.get(headers.get("x-goog-resource-state", ""), "changed"),
            expires_at=channel_expiration(headers),
        )
