"""The bytes of files, which are in Django's storage and not in the database."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q


class FileState(models.TextChoices):
    WRITING = "writing", "being written"
    READY = "ready"
    REMOVING = "removing", "being removed"
    # Its file is gone or damaged: nobody is given it any more, and the content is written anew.
    LOST = "lost"


class StoredFileQuerySet(models.QuerySet["StoredFile"]):
    def ready(self) -> StoredFileQuerySet:
        return self.filter(state=FileState.READY)

    def to_check(self, now: datetime) -> StoredFileQuerySet:
        return self.filter(check_after__lte=now)


class StoredFile(models.Model):
    """One content, stored once however many messages carry it.

    The row comes before its file and goes after it, so every file in the storage has a row, and
    those that nobody uses are found without listing the storage:

        writing -> ready -> removing -> (gone)
           └───────────────────┘  nobody came to use it
                     ready -> lost -> removing  the file is not there any more, or damaged

    What it is called and declared as is said by whoever uses it.
    """

    sha256 = models.CharField("SHA-256", max_length=64)
    size = models.BigIntegerField()
    # In the storage; of our own making, and another one each time the content comes anew: whoever
    # removes an old file never removes its successor.
    name = models.CharField(max_length=120, unique=True)
    state = models.CharField(max_length=8, choices=FileState.choices, default=FileState.WRITING)
    # When somebody next looks whether anybody uses it.
    check_after = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = StoredFileQuerySet.as_manager()

    class Meta:
        constraints = [
            # Also finds a content.
            models.UniqueConstraint(
                fields=["sha256"], condition=Q(state="ready"), name="content_is_stored_once"
            ),
        ]
        indexes = [models.Index(fields=["check_after"], name="stored_file_to_check")]

    def __str__(self) -> str:
        return self.name
