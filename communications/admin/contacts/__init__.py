"""Contacts: found, edited, compared, imported, exported, forgotten."""

from communications.admin.contacts import contacts, duplicates, imports

__all__ = ["contacts", "duplicates", "imports"]
