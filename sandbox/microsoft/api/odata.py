"""Query options of collections: $filter, $expand, $select, $orderby, $top, $skip.

https://learn.microsoft.com/en-us/graph/query-parameters
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from sandbox.microsoft.errors import bad
from sandbox.microsoft.model.item import Item, property_id

from .call import Call

Json = dict[str, Any]
Test = Callable[[Item, Json], bool]

USUAL_PAGE, MAX_PAGE = 10, 1000
OPTIONS = {"$filter", "$expand", "$select", "$orderby", "$top", "$skip", "$count", "$search"}

ANY_PROPERTY = re.compile(
    r"singleValueExtendedProperties/any\(\s*(\w+)\s*:\s*\1/id\s+eq\s+'((?:[^']|'')*)'"
    r"\s+and\s+\1/value\s+eq\s+'((?:[^']|'')*)'\s*\)",
    re.IGNORECASE,
)
COMPARISON = re.compile(r"([\w/]+)\s+(eq|ne|ge|gt|le|lt)\s+('(?:[^']|'')*'|[\w.:+-]+)")
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
}
EXPANDED = re.compile(
    r"singleValueExtendedProperties\(\s*\$filter\s*=\s*(.+)\)", re.IGNORECASE | re.DOTALL
)
EXPANDED_ID = re.compile(r"id\s+eq\s+'((?:[^']|'')*)'", re.IGNORECASE)


def collection(call: Call, items: Sequence[Item], show: Callable[[Item], Json]) -> Response:
    """Answers a page of the items, filtered and sorted, with the link to the next."""
    keep = read_filter(call.query.get("$filter"))
    shown = [(item, body) for item in items if keep(item, body := show(item))]
    _sort(shown, call.query.get("$orderby"))
    size = _whole(call, "$top", call.prefer.page_size or USUAL_PAGE)
    skip = _whole(call, "$skip", 0)
    page = [expand(call, item, select(call, body)) for item, body in shown[skip : skip + size]]
    answer: Json = {"@odata.context": f"{call.base}/$metadata#{_path(call)}", "value": page}
    if call.query.get("$count") == "true":
        answer["@odata.count"] = len(shown)
    if skip + size < len(shown):
        answer["@odata.nextLink"] = _next_link(call, skip + size)
    return call.answer(answer)


def item_response(call: Call, item: Item, body: Json, status: int = 200) -> Response:
    shown = expand(call, item, select(call, body))
    context = {"@odata.context": f"{call.base}/$metadata#{_path(call)}/$entity"}
    return call.answer({**context, **shown}, status, item)


def refuse_options(call: Call, *refused: str) -> None:
    for name in refused:
        if name in call.query:
            raise bad(
                f"The query parameter '{name}' is not supported for change tracking.",
                "ErrorInvalidUrlQuery",
            )


def select(call: Call, body: Json) -> Json:
    wanted = call.query.get("$select")
    if not wanted:
        return body
    names = {name.strip() for name in wanted.split(",")} | {"id"}
    return {k: v for k, v in body.items() if k in names or k.startswith("@odata.")}


def expand(call: Call, item: Item, body: Json) -> Json:
    """Adds the extended properties that were asked for by their ids."""
    wanted = call.query.get("$expand")
    if not wanted:
        return body
    found = EXPANDED.fullmatch(wanted.strip())
    ids = EXPANDED_ID.findall(found[1]) if found else []
    if not ids:
        raise bad(f"The $expand clause '{wanted}' is not understood.", "ErrorInvalidUrlQuery")
    known = {property_id(_unquoted(id_)): _unquoted(id_) for id_ in ids}
    values = [
        {"id": spelled, "value": item.properties[id_]}
        for id_, spelled in known.items()
        if id_ in item.properties
    ]
    return {**body, "singleValueExtendedProperties": values} if values else body


def read_filter(text: str | None) -> Test:
    """Comparisons joined with ``and``."""
    if not text:
        return lambda _item, _body: True
    tests: list[Test] = []
    rest = text.strip()
    while rest:
        test, rest = _first_test(rest, text)
        tests.append(test)
        rest = rest.strip()
        if rest:
            joint, _, rest = rest.partition(" ")
            if joint != "and" or not rest:
                raise _bad_filter(text)
            rest = rest.strip()
    return lambda item, body: all(test(item, body) for test in tests)


def _first_test(rest: str, whole: str) -> tuple[Test, str]:
    if found := ANY_PROPERTY.match(rest):
        return _has_property(_unquoted(found[2]), _unquoted(found[3])), rest[found.end() :]
    if found := COMPARISON.match(rest):
        return _compares(found[1], found[2], _literal(found[3])), rest[found.end() :]
    raise _bad_filter(whole)


def _has_property(id_: str, value: str) -> Test:
    wanted = property_id(id_)
    return lambda item, _: item.properties.get(wanted) == value


def _compares(path: str, how: str, wanted: Any) -> Test:
    compare = COMPARE[how]

    def test(_: Item, body: Json) -> bool:
        value: Any = body
        for step in path.split("/"):
            value = value.get(step) if isinstance(value, dict) else None
        if type(value) is not type(wanted):
            return how == "ne"
        return compare(value, wanted)

    return test


def _literal(text: str) -> Any:
    if text.startswith("'"):
        return _unquoted(text[1:-1])
    known = {"true": True, "false": False, "null": None}
    if text in known:
        return known[text]
    return int(text) if text.lstrip("-").isdecimal() else text


def _unquoted(text: str) -> str:
    return text.replace("''", "'")


def _bad_filter(text: str) -> Exception:
    return bad(f"Invalid filter clause: '{text}'.", "BadRequest")


def _sort(shown: list[tuple[Item, Json]], order: str | None) -> None:
    for clause in reversed((order or "").split(",")):
        path, _, direction = clause.strip().partition(" ")
        if path:
            shown.sort(key=lambda pair: _sortable(pair[1], path), reverse=direction == "desc")


def _sortable(body: Json, path: str) -> str:
    value: Any = body
    for step in path.split("/"):
        value = value.get(step) if isinstance(value, dict) else None
    return str(value or "")


def _whole(call: Call, name: str, usual: int) -> int:
    text = call.query.get(name)
    if text is None:
        return usual
    if not text.isdecimal() or (name == "$top" and not 1 <= int(text) <= MAX_PAGE):
        raise bad(f"Invalid value '{text}' for {name} query option found.", "BadRequest")
    return int(text)


def _next_link(call: Call, skip: int) -> str:
    kept = [(name, value) for name, value in call.query.multi_items() if name != "$skip"]
    return f"{call.base}/{_path(call)}?{urlencode([*kept, ('$skip', str(skip))])}"


def _path(call: Call) -> str:
    return call.request.url.path.partition("/v1.0/")[2]
