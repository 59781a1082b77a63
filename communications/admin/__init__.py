"""What staff sees. Importing the pages registers them; each is scoped by `scope`."""

from communications.admin import (
    contacts,
    deliveries,
    duplicates,
    imports,
    messages,
    organizations,
    platform,
    suppressions,
    texts,
)

__all__ = [
    "contacts",
    "deliveries",
    "duplicates",
    "imports",
    "messages",
    "organizations",
    "platform",
    "suppressions",
    "texts",
]
