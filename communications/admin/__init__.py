"""What staff sees. Importing the pages registers them; each is scoped by the login."""

from communications.admin import (
    contacts,
    deliveries,
    duplicates,
    imports,
    memberships,
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
    "memberships",
    "messages",
    "organizations",
    "platform",
    "suppressions",
    "texts",
]
