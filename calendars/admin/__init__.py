"""What staff sees. Importing the pages registers them; each is scoped by `communications`."""

from calendars.admin import accounts, appointments, rules, support

__all__ = ["accounts", "appointments", "rules", "support"]
