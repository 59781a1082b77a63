"""What staff sees. Importing the pages registers them; each is scoped by the login."""

from communications.admin import (
    contacts,
    deliveries,
    memberships,
    messages,
    organizations,
    platform,
    suppressions,
    templates,
)

__all__ = [
    "contacts",
    "deliveries",
    "memberships",
    "messages",
    "organizations",
    "platform",
    "suppressions",
    "templates",
]
