"""What is left of an idempotency key when its message is gone."""

from django.db import models

from communications.models.organizations import Organization


class SpentKey(models.Model):
    """A key whose message retention has removed: a repeat of its request sends nothing again.

    It holds hashes only, so nothing of what was written or to whom.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False)
    key_hash = models.CharField(max_length=64)
    request_hash = models.CharField(max_length=64)
    # The id the message had.
    message = models.UUIDField()

    class Meta:
        constraints = [
            # Also finds a key.
            models.UniqueConstraint(fields=["organization", "key_hash"], name="key_is_spent_once"),
        ]

    def __str__(self) -> str:
        return self.key_hash
