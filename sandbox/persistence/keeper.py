"""change -> a moment later, the vendor's whole world as text -> the file; and back at the start.

Whole worlds instead of single changes: what a vendor knows is a few dozen small classes whose
objects refer to each other, and a demo's world is written in milliseconds. One that has grown large
is written less often, so that at most a tenth of the time goes into it.
"""

import asyncio
import copy
import json
import logging
import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.phones import Phones
from sandbox.provider import Provider

from .codec import Decoder, Encoder
from .parts import check, collect, restore
from .state_file import StateFile

logger = logging.getLogger(__name__)

Json = dict[str, Any]

# Together with the writing itself: half a second.
SAVE_EVERY_S = 0.4
SHARE_OF_TIME = 0.1
READS = ("GET", "HEAD")
PHONES = "phones"


class Keeper:
    def __init__(self, file: StateFile, providers: Sequence[Provider], phones: Phones) -> None:
        self._file = file
        self._providers = {provider.slug: provider for provider in providers}
        self._phones = phones
        # As the options of this start have them; what differs was changed by hand.
        self._usual = {slug: _settings(provider) for slug, provider in self._providers.items()}
        # Requests that may have changed something without the page having to know.
        self.writes = 0
        self._saved: dict[str, tuple[int, int]] = {}
        self._hashes: dict[str, int] = {}
        self._writing: asyncio.Future[None] | None = None

    def restore(self) -> None:
        """Reads the world, or leaves the fresh one and sets the file aside.

        Needs a running loop, for the timers.
        """
        try:
            worlds = {name: self._read(name, text) for name, text in self._file.read().items()}
        except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
            self._file.start_afresh(f"{type(error).__name__}: {error}")
            return
        for name, world in worlds.items():
            self._take_in(name, world)

    async def run(self) -> None:
        """Saves until it is cancelled."""
        took = 0.0
        while True:
            await asyncio.sleep(max(SAVE_EVERY_S, took / SHARE_OF_TIME))
            began = time.thread_time()
            changed = self._changed()
            took = time.thread_time() - began
            if changed:
                self._writing = asyncio.ensure_future(asyncio.to_thread(self._write, changed))
                await asyncio.shield(self._writing)

    async def save(self) -> None:
        """Writes the world for the last time, after a write that is still under way."""
        if self._writing is not None:
            await self._writing
        self._write(self._changed())
        self._file.close()

    def _changed(self) -> dict[str, str]:
        """Returns the worlds that differ from the last ones returned, as text."""
        stamps = {
            slug: (provider.ledger.revision, self.writes)
            for slug, provider in self._providers.items()
        }
        stamps[PHONES] = (sum(revision for revision, _ in stamps.values()), self.writes)
        due = [name for name, stamp in stamps.items() if self._saved.get(name) != stamp]
        self._saved = stamps
        texts = {name: self._text(name) for name in due}
        changed = {n: text for n, text in texts.items() if self._hashes.get(n) != hash(text)}
        self._hashes |= {name: hash(text) for name, text in changed.items()}
        return changed

    def _write(self, worlds: Mapping[str, str]) -> None:
        try:
            self._file.write(worlds)
        except sqlite3.Error:
            # The stand-in goes on standing in; only its memory is short.
            logger.exception("The sandbox could not save its world")

    def _text(self, name: str) -> str:
        if name == PHONES:
            return json.dumps(Encoder(self._phones.KINDS).encode(collect(self._phones)))
        provider = self._providers[name]
        world = Encoder(provider.KINDS).encode(collect(provider))
        usual = self._usual[name]
        settings = {n: v for n, v in _settings(provider).items() if v != usual[n]}
        return json.dumps(
            {"settings": settings, "faults": provider.faults.as_json(), "world": world}
        )

    def _read(self, name: str, text: str) -> Json:
        """Raises a ValueError, KeyError or TypeError for what this version did not write."""
        given = json.loads(text)
        if name == PHONES:
            given = {"world": Decoder(self._phones.KINDS).decode(given)}
            check(self._phones, given["world"])
            return given
        provider = self._providers[name]
        given["world"] = Decoder(provider.KINDS).decode(given["world"])
        check(provider, given["world"])
        return {part: given[part] for part in ("settings", "faults", "world")}

    def _take_in(self, name: str, given: Json) -> None:
        if name == PHONES:
            restore(self._phones, given["world"])
            return
        provider = self._providers[name]
        try:
            provider.change(given["settings"])
            provider.faults.replace(given["faults"])
        except ValueError as error:
            logger.warning("%s: not all settings and faults could be kept: %s", name, error)
        restore(provider, given["world"])
        provider.ledger.touch()


class CountsWrites:
    """In front of the control API: whoever asks for more than to read may change anything."""

    def __init__(self, app: ASGIApp, keeper: Keeper | None) -> None:
        self._app = app
        self._keeper = keeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
        if self._keeper is not None and scope.get("method") not in READS:
            self._keeper.writes += 1


def _settings(provider: Provider) -> Json:
    return copy.deepcopy(provider.settings())
