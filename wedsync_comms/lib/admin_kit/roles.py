"""What somebody who belongs to an organization may do in it."""

from django.db.models import TextChoices


class Role(TextChoices):
    OWNER = "owner"
    STAFF = "staff"
    VIEWER = "viewer"


ACTING = frozenset({Role.OWNER, Role.STAFF})
OWNING = frozenset({Role.OWNER})
