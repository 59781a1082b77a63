"""What staff sees. Importing the pages registers them; each is scoped by the login."""

from calendars.admin import accounts, appointments, books, contact_panel, rules, sidebar, support

__all__ = ["accounts", "appointments", "books", "contact_panel", "rules", "sidebar", "support"]
