"""What staff sees of calendars and address books. Importing the pages registers them."""

from calendars.admin import books

__all__ = ["books"]
