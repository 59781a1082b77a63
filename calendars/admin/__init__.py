"""What staff sees. Importing the pages registers them; each is scoped by the login."""

from calendars.admin import contact_panel, rule_admin, sidebar, support_admin, synced_panel
from calendars.admin.accounts import account_admin
from calendars.admin.appointments import appointment_admin
from calendars.admin.books import book_admin

__all__ = [
    "account_admin",
    "appointment_admin",
    "book_admin",
    "contact_panel",
    "rule_admin",
    "sidebar",
    "support_admin",
    "synced_panel",
]
