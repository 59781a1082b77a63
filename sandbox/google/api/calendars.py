"""https://developers.google.com/workspace/calendar/api/v3/reference"""

import secrets

from starlette.responses import Response

from sandbox.google.errors import CalendarRefusedError
from sandbox.google.model import rules
from sandbox.google.model.accounts import Account, World
from sandbox.google.model.calendar import Calendar
from sandbox.google.model.cursors import seal, unseal
from sandbox.google.model.event import Json

from . import freebusy
from .calls import Call, Line, answer, line, nothing
from .showing import show_calendar, show_entry

BASE = "/calendar/v3"
LIST = f"{BASE}/users/me/calendarList"
CALENDARS = f"{BASE}/calendars"
RANKS = ("freeBusyReader", "reader", "writer", "owner")


class CalendarsApi:
    def __init__(self, world: World) -> None:
        self._world = world

    def lines(self) -> list[Line]:
        return [
            line("GET", LIST, "list.read", self.list_all),
            line("POST", f"{LIST}/watch", "list.read", self.watch),
            line("GET", LIST + "/{calendar}", "list.read", self.entry),
            line("POST", CALENDARS, "calendars.write", self.insert),
            line("GET", CALENDARS + "/{calendar}", "calendars.read", self.get),
            line("DELETE", CALENDARS + "/{calendar}", "calendars.write", self.delete),
            line("POST", f"{BASE}/freeBusy", "freebusy", self.free_busy),
            line("POST", f"{BASE}/channels/stop", "", self.stop),
        ]

    def list_all(self, call: Call) -> Response:
        account, query = call.account, call.query
        since = self._since(call)
        size = query.number("maxResults", 100, 1, 250)
        start = int(query.get("pageToken") or 0)
        least = RANKS.index(query.get("minAccessRole") or RANKS[0])
        found = [
            show_entry(self._world.calendars[calendar_id], role, account.listed[calendar_id])
            for calendar_id, role in account.roles.items()
            if account.listed[calendar_id] > since and RANKS.index(role) >= least
        ]
        if not since and not query.switch("showDeleted"):
            found = [entry for entry in found if not entry.get("deleted")]
        if cut := self._world.draw("cut_list", call.subject):
            found = found[: cut["items"]]
        shown: Json = {
            "kind": "calendar#calendarList",
            "etag": f'"{account.revision:016}"',
            "items": found[start : start + size],
        }
        if found[start + size :]:
            shown["nextPageToken"] = str(start + size)
        else:
            shown["nextSyncToken"] = seal({"a": account.email, "v": account.revision})
        return answer(shown)

    def entry(self, call: Call, calendar: str) -> Response:
        found = self._world.calendar(call.account, calendar)
        return answer(
            show_entry(found, call.account.roles[found.id], call.account.listed[found.id])
        )

    def insert(self, call: Call) -> Response:
        given = call.json()
        if not given.get("summary"):
            raise CalendarRefusedError("required", "Missing title.")
        zone = given.get("timeZone") or "UTC"
        if not rules.is_zone(zone):
            raise CalendarRefusedError("invalid", "Invalid time zone.")
        wanted = f"c_{secrets.token_hex(26)}@group.calendar.google.com"
        made = Calendar(wanted, str(given["summary"]), zone, owner=call.account.email)
        self._world.add_calendar(made, "owner", call.account)
        self._world.channels.changed(_list_of(call.account))
        return answer(show_calendar(made))

    def get(self, call: Call, calendar: str) -> Response:
        return answer(show_calendar(self._world.calendar(call.account, calendar)))

    def delete(self, call: Call, calendar: str) -> Response:
        found = self._world.calendar(call.account, calendar, writes=True)
        if found.primary:
            raise CalendarRefusedError("forbidden", "Cannot delete a primary calendar.")
        found.deleted = True
        for account in self._world.accounts.values():
            if found.id in account.roles:
                account.enlist(found.id, account.roles[found.id])
                self._world.channels.changed(_list_of(account))
        return nothing()

    def free_busy(self, call: Call) -> Response:
        broken = self._world.draw("free_busy_error", call.subject) or {}

        def find(wanted: str) -> Calendar | None:
            try:
                return self._world.calendar(call.account, wanted)
            except CalendarRefusedError:
                return None

        return answer(freebusy.answer(call.json(), find, broken.get("reason", "")))

    def watch(self, call: Call) -> Response:
        channel = self._world.channels.watch(
            call.json(),
            account=call.account.email,
            resource=_list_of(call.account),
            uri=f"{call.base}/users/me/calendarList?alt=json",
        )
        return answer(channel.as_json())

    def stop(self, call: Call) -> Response:
        self._world.channels.stop(call.json(), call.account.email)
        return nothing()

    def _since(self, call: Call) -> int:
        token = call.query.get("syncToken")
        if not token:
            return 0
        cursor = unseal(token)
        expired = self._world.strikes("cursor_expired", call.subject)
        if expired or cursor is None or cursor.get("a") != call.account.email:
            raise CalendarRefusedError("fullSyncRequired", location="syncToken")
        return int(cursor["v"])


def _list_of(account: Account) -> str:
    return f"calendarList of {account.email}"
