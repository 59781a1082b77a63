"""A page or a program that listens to the stream, and things for it to hear."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from communications.live import event_stream
from communications.models import Event, Message
from communications.vocabulary.events import (
    Kind,
    Source,
)
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.edges.servers import Live

Frame = dict[str, Any]


class Ear:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def next(self, seconds: float = 30.0) -> Frame:
        """The next about messages: notices come when they like, to staff."""
        while (frame := self.any(seconds))["type"] == "health":
            pass
        return frame

    def any(self, seconds: float = 30.0) -> Frame:
        frame: Frame = json.loads(self.socket.recv(seconds))
        return frame

    def until(self, wanted: Callable[[Frame], bool], seconds: float = 30.0) -> list[Frame]:
        """Every frame up to and with the first that is wanted."""
        deadline = time.monotonic() + seconds
        found: list[Frame] = []
        while not found or not wanted(found[-1]):
            found.append(self.next(max(0.001, deadline - time.monotonic())))
        return found

    def until_ready(self) -> list[Frame]:
        return self.until(lambda frame: frame["type"] == "ready")

    def until_closed(self) -> tuple[list[Frame], int]:
        """What comes before the server closes, and the code with which it does."""
        found: list[Frame] = []
        try:
            while True:
                found.append(self.next(20))
        except ConnectionClosed as closed:
            return found, closed.rcvd.code if closed.rcvd else 0

    def hears_nothing(self, seconds: float = 1.0) -> bool:
        try:
            self.next(seconds)
        except TimeoutError:
            return True
        return False


def token_headers(user: User) -> dict[str, str]:
    return {"Authorization": f"Token {factories.token(user)}"}


def session_headers(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}


@contextmanager
def listening(
    server: Live,
    user: User,
    *,
    since: object = None,
    **options: Any,
) -> Iterator[Ear]:
    query = "" if since is None else f"?since={since}"
    headers = token_headers(user)
    with connect(server.ws + query, additional_headers=headers, proxy=None, **options) as socket:
        yield Ear(socket)


def happen(message: Message, count: int = 1, detail: str = "") -> list[int]:
    """Things happen to the message, in one transaction; returns their ids."""
    with transaction.atomic():
        found = Event.objects.bulk_create(occurrence(message, detail) for _ in range(count))
        event_stream.announce_events()
    return [event.pk for event in found]


def occurrence(message: Message, detail: str = "") -> Event:
    now = timezone.now()
    return Event(
        organization=message.organization,
        message=message,
        kind=Kind.OTHER,
        source=Source.SYSTEM,
        message_status=Status.SENT,
        detail=detail,
        occurred_at=now,
        recorded_at=now,
    )


@contextmanager
def uncommitted(message: Message) -> Iterator[int]:
    """Something happens in another transaction, which is committed when the block ends."""
    ids: list[int] = []
    began, may_end = threading.Event(), threading.Event()

    def work() -> None:
        try:
            with transaction.atomic():
                ids.extend(happen(message))
                began.set()
                may_end.wait(30)
        finally:
            began.set()
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    began.wait(30)
    try:
        yield ids[0]
    finally:
        may_end.set()
        thread.join()
