"""`/ws/status/?since=ID`: what happens to messages, as it happens."""

import asyncio
import contextlib
import json
from typing import Any
from urllib.parse import parse_qs

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError, InterfaceError

from communications.live import event_stream
from communications.live.hub import OVERFLOW, QUEUE_LIMIT, current_hub
from communications.live.staff_feed import Queue
from communications.models import Membership

log = structlog.get_logger(__name__)

# https://developer.mozilla.org/en-US/docs/Web/API/CloseEvent/code
TRY_AGAIN_LATER = 1013
UNAUTHORIZED = 4401
MAX_ID_DIGITS = 18


class StatusConsumer(AsyncWebsocketConsumer):
    """Replays what came after `since`, says "ready", then goes on live.

    A frame may come twice, in the replay and live; none is left out. Staff hears the notices too;
    platform administrators belong to no organization and hear nothing else.
    """

    organization: int | None = None
    queue: Queue | None = None
    pump: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        user = self.scope["user"]
        membership = await database_sync_to_async(Membership.objects.of)(user)
        if membership is None and not is_platform_admin(user):
            # Refused before the handshake is accepted: the client sees a 403.
            await self.close(UNAUTHORIZED)
            return
        self.organization = membership.organization_id if membership else None
        await self.accept()
        # First the queue, then the replay: what happens in between is in both, never in neither.
        self.queue = await self.join()
        self.pump = asyncio.create_task(self.stream(self.queue))
        if user.is_staff:
            current_hub().staff_feed.join(self.queue)

    async def join(self) -> Queue:
        if self.organization is None:
            return asyncio.Queue(QUEUE_LIMIT)
        return await current_hub().join(self.organization)

    async def stream(self, queue: Queue) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            try:
                await self.catch_up()
                while (item := await queue.get()) is not OVERFLOW:
                    await self.send(text_data=item[1])
            except (DatabaseError, InterfaceError):
                # An open connection that stays silent would look like nothing happening.
                log.exception("not_replayed")
            await self.close(TRY_AGAIN_LATER)

    async def catch_up(self) -> None:
        last_id = await database_sync_to_async(event_stream.last_event_id)()
        since = self.since()
        if since is not None and self.organization is not None:
            frames = await database_sync_to_async(event_stream.replay_frames)(
                self.organization, since
            )
            if frames is None:
                await self.send_json({"type": "resync"})
            for frame in frames or []:
                await self.send(text_data=frame)
        await self.send_json({"type": "ready", "last_id": last_id})

    def since(self) -> int | None:
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        value = query.get("since", [""])[0]
        return (
            int(value)
            if value.isascii() and value.isdigit() and len(value) < MAX_ID_DIGITS
            else None
        )

    async def send_json(self, content: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(content))

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 (the framework's signature)
        if self.pump is not None:
            self.pump.cancel()
        if self.queue is None:
            return
        current_hub().staff_feed.leave(self.queue)
        if self.organization is not None:
            current_hub().leave(self.organization, self.queue)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Ignores what browsers send: there is nothing to say to us."""


def is_platform_admin(user: Any) -> bool:
    return bool(user.is_active and user.is_staff and user.is_superuser)
