"""`manage.py move_attachments`: the bytes of attachments, from the database to the storage."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from communications.errors import StorageAway
from communications.files import moving


class Command(BaseCommand):
    help = (
        "Moves the attachments that version 0.1 kept in the database to FILES_URL. Run it once all "
        "processes are new; it may be interrupted, and goes on where it was."
    )

    def handle(self, *_: Any, **__: Any) -> None:
        moved = 0
        try:
            for moved in moving.move_contents():
                self.stdout.write(f"{moved} moved")
        except StorageAway as error:
            raise CommandError(f"{moved} were moved, then: {error}") from error
        if left := moving.unmoved().count():
            raise CommandError(f"{left} are left, which others were at: run it again.")
        self.stdout.write("All attachments are in the storage.")
