"""unused -> removing -> file removed -> row removed: what nobody uses any more goes.

Each file is asked about when it is let go of, and again every month, so that nothing stays for ever
because a process ended in between, or rows went by a way that nobody thought of.
"""

import time
from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from communications.files.contents import file_storage, note_failure
from communications.models import Attachment, FileState, StoredFile

CHECK_AGAIN = timedelta(days=30)
# A storage that does not answer is asked again after so long.
STORAGE_AWAY = timedelta(minutes=5)
SWEEP_BATCH = 200
# Below the time after which django-q2 ends a task.
SWEEP_S = 40.0


def detach_files(attachments: Iterable[Attachment]) -> list[int]:
    """Removes attachments, and has their files looked at as soon as the transaction is over.

    Returns the ids of the files, for `remove_unused`. Call it in a transaction.
    """
    ids: list[int] = []
    files: set[int] = set()
    for attachment in attachments:
        ids.append(attachment.pk)
        if attachment.stored_id is not None:
            files.add(attachment.stored_id)
    Attachment.objects.filter(pk__in=ids).delete()
    # In one order for everybody, so that two never wait for each other.
    rows = StoredFile.objects.filter(pk__in=files)
    list(rows.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
    rows.update(check_after=timezone.now())
    return sorted(files)


def sweep_files() -> int:
    """Looks at files whose time has come, for as long as a task may last.

    Returns how many it removed.
    """
    now, ends, removed = timezone.now(), time.monotonic() + SWEEP_S, 0
    due = StoredFile.objects.to_check(now).order_by("check_after").values_list("pk", flat=True)
    while (ids := list(due[:SWEEP_BATCH])) and time.monotonic() < ends:
        removed += remove_unused(ids)
        if due.filter(pk__in=ids).exists():
            # The storage is away.
            break
    return removed


def remove_unused(ids: Iterable[int]) -> int:
    """Removes those of the files that nobody uses. Call it outside of transactions.

    Returns how many. A storage that does not answer is not asked about the others: they, and what
    it did not remove, go with a later sweep.
    """
    removed = 0
    for pk in list(ids):
        name = condemn_file(pk)
        if name is None:
            continue
        try:
            file_storage().delete(name)
        except Exception as error:  # noqa: BLE001 - whatever the storage raises, the row remembers
            note_failure("file_not_removed", name, error)
            StoredFile.objects.filter(pk=pk).update(check_after=timezone.now() + STORAGE_AWAY)
            break
        StoredFile.objects.filter(pk=pk).delete()
        removed += 1
    return removed


def condemn_file(pk: int) -> str | None:
    """Marks a file that nobody uses and returns its name; None if it stays.

    Whoever comes to use it holds its row (`contents.hold_files`): either they are seen here, or
    they see the mark. So the lock comes first, and the question in a statement of its own.
    """
    with transaction.atomic():
        file = StoredFile.objects.select_for_update().filter(pk=pk).first()
        if file is None:
            return None
        if Attachment.objects.filter(stored=pk).exists():
            StoredFile.objects.filter(pk=pk).update(check_after=timezone.now() + CHECK_AGAIN)
            return None
        StoredFile.objects.filter(pk=pk).update(state=FileState.REMOVING)
        return file.name
