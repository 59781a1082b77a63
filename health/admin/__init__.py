"""What staff sees of the system's health. Importing the pages registers them."""

from health.admin import records

__all__ = ["records"]
