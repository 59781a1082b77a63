"""What of ours is in Microsoft's items: extended properties, which only we see.

https://learn.microsoft.com/en-us/graph/api/resources/extended-properties-overview
"""

from collections.abc import Mapping
from typing import Any

from wedsync_comms.lib.shapes import as_dicts, as_text


def odata_string(value: str) -> str:
    """Returns a string as it stands within a filter."""
    return "'" + value.replace("'", "''") + "'"


NAMESPACE = "String {00020329-0000-0000-C000-000000000046} Name"
# Its key with us, the hash of what we wrote last, and our name of its zone, of which Microsoft
# has fewer.
KEY, HASH, ZONE = (f"{NAMESPACE} {name}" for name in ("wedsync", "wedsyncHash", "wedsyncZone"))
FIELD = "singleValueExtendedProperties"
# They are left out of every answer that does not ask for them by name.
EXPAND = (
    f"{FIELD}($filter={' or '.join(f'id eq {odata_string(name)}' for name in (KEY, HASH, ZONE))})"
)


def query_by_key(key: str) -> dict[str, str]:
    """Returns the query for what has our key."""
    having = f"{FIELD}/Any(ep: ep/id eq {odata_string(KEY)} and ep/value eq {odata_string(key)})"
    return {"$filter": having, "$expand": EXPAND}


def own_properties(item: Mapping[str, Any]) -> dict[str, str]:
    """Returns them by id, as spelled here: Graph may change the case of the GUID."""
    values = {
        as_text(entry.get("id")).lower(): as_text(entry.get("value"))
        for entry in as_dicts(item.get(FIELD))
    }
    return {name: values.get(name.lower(), "") for name in (KEY, HASH, ZONE)}


def property_list(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"id": name, "value": value} for name, value in values.items() if value]


def with_properties(item: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """Adds the properties to an answer to a write, which shows none of them."""
    return {**item, FIELD: property_list({**own_properties(item), **values})}
