"""The conference that is made on request.

https://developers.google.com/workspace/calendar/api/guides/create-events#conferencing
"""

import hashlib
from typing import Any

from sandbox.google.errors import CalendarRefusedError

from .event import Event

Json = dict[str, Any]


def apply(event: Event, given: Json | None) -> None:
    """Carries out a request once per ``requestId``; null takes the conference away."""
    if given is None:
        event.content.pop("conferenceData", None)
        event.content.pop("hangoutLink", None)
        return
    request = given.get("createRequest")
    if request is None:
        event.content["conferenceData"] = given
        return
    wanted = request.get("requestId")
    kind = (request.get("conferenceSolutionKey") or {}).get("type", "hangoutsMeet")
    if not wanted or kind != "hangoutsMeet":
        raise CalendarRefusedError("invalid", "Invalid conference type value.")
    if wanted in event.seen_conferences:
        return
    event.seen_conferences.add(wanted)
    event.content["conferenceData"] = _meet(event.id, wanted)
    link = event.content["conferenceData"]["entryPoints"][0]["uri"]
    event.content["hangoutLink"] = link


def _meet(event: str, request: str) -> Json:
    letters = hashlib.sha256(f"{event} {request}".encode()).hexdigest().translate(LETTERS)
    code = f"{letters[:3]}-{letters[3:7]}-{letters[7:10]}"
    return {
        "createRequest": {
            "requestId": request,
            "conferenceSolutionKey": {"type": "hangoutsMeet"},
            "status": {"statusCode": "success"},
        },
        "entryPoints": [
            {
                "entryPointType": "video",
                "uri": f"https://meet.google.com/{code}",
                "label": f"meet.google.com/{code}",
            }
        ],
        "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"},
        "conferenceId": code,
    }


LETTERS = str.maketrans("0123456789", "ghijkmnopq")
