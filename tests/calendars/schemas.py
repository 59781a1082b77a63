"""Whatever the vendors' own descriptions allow, and what JSON can carry besides."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from hypothesis import strategies as st

from wedsync_comms.lib.outside_json import read_json

Json = dict[str, Any]

# Also what no database takes: NUL, lone surrogates; and what is wider than any column.
TEXTS = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=()), max_size=12),
    st.sampled_from(["", "\ud83d", "a\0b", "x" * 5000, "<b>Tasting</b>", "é\u202e", "0"]),
)
MOMENTS = st.sampled_from(
    [
        *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "2027-01-01T10:00:00+14:00"),
        *("2027-01-01T10:00:00", "2027-01-01T10:00:00.1234567", "2027-03-28T02:30:00", "soon", ""),
    ]
)
DAYS = st.sampled_from(["0001-01-01", "9999-12-31", "2027-01-01", "2027-02-30", ""])
ZONES = st.sampled_from(
    [
        *("UTC", "Europe/Vienna", "W. Europe Standard Time", "tzone://Microsoft/Custom"),
        *("Customized Time Zone", "", "\ud83d", "Mars/Olympus"),
    ]
)
DEEPEST = 4


def as_told(value: Any) -> Any:
    """As it comes over the wire, and in through our edge."""
    return read_json(json.dumps(value))


@cache
def google_schemas() -> Json:
    """https://www.googleapis.com/discovery/v1/apis/calendar/v3/rest, as Google's client has it."""
    found = files("googleapiclient.discovery_cache.documents").joinpath("calendar.v3.json")
    schemas: Json = json.loads(found.read_text())["schemas"]
    return schemas


def google_events() -> st.SearchStrategy[Json]:
    return of_schema(google_schemas()["Event"], 0)


def of_schema(schema: Json, depth: int) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return of_schema(google_schemas()[schema["$ref"]], depth)
    kind, form = schema.get("type"), schema.get("format", "")
    if form in ("date", "date-time"):
        return DAYS if form == "date" else MOMENTS
    if kind == "object" and depth < DEEPEST:
        return of_object(schema, depth)
    if kind == "array" and depth < DEEPEST:
        return st.lists(of_schema(schema["items"], depth + 1), max_size=3)
    plain: dict[str, st.SearchStrategy[Any]] = {
        "boolean": st.booleans(),
        "integer": st.integers(-(2**40), 2**40),
        "number": st.floats(allow_nan=True),
        "object": st.just({}),
        "array": st.just([]),
    }
    return plain.get(str(kind), TEXTS)


def of_object(schema: Json, depth: int) -> st.SearchStrategy[Json]:
    properties = schema.get("properties", {})
    if not properties:
        return st.dictionaries(TEXTS, TEXTS, max_size=2)
    optional = {name: of_schema(part, depth + 1) for name, part in properties.items()}
    return st.fixed_dictionaries({}, optional=optional)


def graph_events() -> st.SearchStrategy[Json]:
    """https://learn.microsoft.com/en-us/graph/api/resources/event, each property optional."""
    moment = some(dateTime=MOMENTS, timeZone=ZONES)
    person = some(emailAddress=some(name=TEXTS, address=TEXTS))
    kinds = ("singleInstance", "occurrence", "exception", "seriesMaster")
    return some(
        subject=TEXTS,
        body=some(contentType=st.sampled_from(["text", "html"]), content=TEXTS),
        start=moment,
        end=moment,
        isAllDay=st.booleans(),
        isCancelled=st.booleans(),
        isOnlineMeeting=st.booleans(),
        isOrganizer=st.booleans(),
        hideAttendees=st.booleans(),
        onlineMeeting=st.none() | some(joinUrl=TEXTS),
        location=st.none() | some(displayName=TEXTS),
        organizer=st.none() | person,
        attendees=st.lists(
            some(
                emailAddress=st.none() | some(name=TEXTS, address=TEXTS),
                type=st.sampled_from(["required", "optional", "resource"]),
                status=some(response=st.sampled_from(["accepted", "none"]), time=MOMENTS),
            ),
            max_size=3,
        ),
        originalStartTimeZone=ZONES,
        iCalUId=TEXTS,
        seriesMasterId=st.none() | TEXTS,
        type=st.sampled_from(kinds),
        showAs=TEXTS,
        lastModifiedDateTime=MOMENTS,
        transactionId=st.none() | TEXTS,
        singleValueExtendedProperties=st.lists(some(id=TEXTS, value=TEXTS), max_size=2),
    )


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional=optional)
