"""Bytes that a release before kept in the database -> the storage, one file at a time.

Nothing is locked and no transaction lasts: each file is written, then its row is pointed at it and
emptied by one UPDATE. Whoever reads it meanwhile finds the bytes in one place or the other. It may
be interrupted anywhere, and run twice at once.
"""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import QuerySet

from communications.files.contents import Vanished, hold_files, store_contents
from communications.models import Attachment

MOVE_BATCH = 100


def unmoved() -> QuerySet[Attachment]:
    return Attachment.objects.filter(stored=None, content__isnull=False).order_by("pk")


def move_contents() -> Iterator[int]:
    """Moves what is left, and yields how many were moved after each batch. Raises StorageAway."""
    last, moved = 0, 0
    while ids := list(unmoved().filter(pk__gt=last).values_list("pk", flat=True)[:MOVE_BATCH]):
        moved += sum(move_content(pk) for pk in ids)
        last = ids[-1]
        yield moved


def move_content(pk: int) -> bool:
    """Moves the bytes of one attachment; False if somebody else has, or it is gone."""
    content = unmoved().filter(pk=pk).values_list("content", flat=True).first()
    if content is None:
        return False
    files = store_contents([bytes(content)])
    try:
        with transaction.atomic():
            hold_files(files)
            [stored] = files.values()
            return bool(unmoved().filter(pk=pk).update(stored=stored, content=None))
    except Vanished:
        # For the next run.
        return False
