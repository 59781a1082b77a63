"""What staff sees. Importing the pages registers them; each is scoped by `communications`."""

from calendars.admin import accounts, appointments, books, contact_panel, rules, support

__all__ = ["accounts", "appointments", "books", "contact_panel", "rules", "support"]
