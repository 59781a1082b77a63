"""bytes -> row -> file -> ready -> used: stored once, and before whoever uses them commits.

No transaction is open while the storage is asked, which may be on another continent.
"""

import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from communications.errors import FileGone, StorageAway
from communications.models import Attachment, FileState, StoredFile
from wedsync_comms.lib import shared_state, tally

log = structlog.get_logger(__name__)

ALIAS = "files"
# As long as a process may take from writing a file to committing who uses it.
UNUSED_AFTER = timedelta(hours=1)
AWAY = "The storage of files does not answer"
NOT_STORED = f"{AWAY}, so nothing was stored: try again in a minute."
NOT_READ = f"{AWAY}, so the attachments cannot be read now."


# What counts how often the storage failed (`lib.tally`).
FAILURES = "storage of files"


class Vanished(Exception):
    """A stored file was removed, because nobody used it, before somebody came to."""


def file_storage() -> Storage:
    """Returns where the files are (`FILES_URL`)."""
    return storages[ALIAS]


def content_hash(content: bytes) -> str:
    return sha256(content).hexdigest()


def store_contents(contents: Iterable[bytes]) -> dict[str, int]:
    """Returns the ids of stored files with these contents, by hash; writes those that are missing.

    Call it outside of transactions, and `hold_files` in the one that uses them. Raises StorageAway
    where the storage does not take them.
    """
    wanted = {content_hash(content): content for content in contents}
    known = dict(StoredFile.objects.ready().filter(sha256__in=wanted).values_list("sha256", "pk"))
    return {
        digest: known[digest] if digest in known else write_content(digest, content)
        for digest, content in wanted.items()
    }


def write_content(digest: str, content: bytes) -> int:
    """Writes a content under a name of its own; returns the id of the row that has it now."""
    file = StoredFile.objects.create(
        sha256=digest,
        size=len(content),
        name=f"{digest[:2]}/{digest}-{uuid.uuid4().hex[:8]}",
        check_after=timezone.now() + UNUSED_AFTER,
    )
    try:
        saved = file_storage().save(file.name, ContentFile(content))
    except Exception as error:
        note_failure("file_not_written", file.name, error)
        # Part of it may be there.
        StoredFile.objects.filter(pk=file.pk).update(check_after=timezone.now())
        raise StorageAway(NOT_STORED) from error
    return make_ready(file, saved)


def make_ready(file: StoredFile, name: str) -> int:
    """Has others find the file; returns the id of the one they find, which may be another's."""
    ours = StoredFile.objects.filter(pk=file.pk, state=FileState.WRITING)
    try:
        with transaction.atomic():
            is_ready = ours.update(state=FileState.READY, name=name)
    except IntegrityError:
        theirs = StoredFile.objects.ready().filter(sha256=file.sha256).first()
        if theirs is None:
            # It went in this moment.
            return make_ready(file, name)
        ours.update(name=name, check_after=timezone.now())
        return theirs.pk
    if not is_ready:
        # It took so long that nobody waited for it.
        raise StorageAway(NOT_STORED)
    return file.pk


def hold_files(files: Mapping[str, int]) -> None:
    """Keeps files from being removed until the transaction ends. Raises Vanished: store them again.

    As a foreign key does at the commit, and where it can still be answered.
    """
    ids = sorted(set(files.values()))
    if not ids:
        return
    rows = StoredFile.objects.ready().filter(pk__in=ids)
    if connection.vendor == "postgresql":
        # Many may hold a file at once; Django has no word for it.
        sql, parameters = rows.values("pk").order_by("pk").query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(f"{sql} FOR KEY SHARE", parameters)
            found = len(cursor.fetchall())
    else:
        # Transactions are writers from their beginning, one at a time.
        found = rows.count()
    if found != len(ids):
        raise Vanished


def attachment_content(attachment: Attachment) -> bytes:
    """Returns the bytes of an attachment, wherever they are; it asks no database.

    Raises StorageAway where they cannot be read now, and FileGone where they are no longer there:
    bytes that are not the ones that were stored are as good as none.
    """
    if attachment.stored is None:
        # Written by a release before, and not moved yet.
        return bytes(attachment.content or b"")
    name, file = attachment.filename, attachment.stored.pk
    try:
        content = read_content(attachment.stored)
    except FileNotFoundError as error:
        raise FileGone(f"The file “{name}” is no longer in the storage.", file) from error
    except Exception as error:
        raise StorageAway(NOT_READ) from error
    if content_hash(content) != attachment.stored.sha256:
        raise FileGone(f"The file “{name}” is damaged in the storage.", file)
    return content


def read_content(file: StoredFile) -> bytes:
    """Returns what the storage has as a file. Raises whatever the storage does."""
    with file_storage().open(file.name) as opened:
        content: bytes = opened.read()
    return content


def note_failure(what: str, name: str, error: BaseException) -> None:
    """Says it in the log, and to who watches over the storage."""
    log.warning(what, name=name, error=repr(error))
    with suppress(shared_state.Unavailable):
        tally.count_event(FAILURES)


def mark_file_lost(file: int) -> None:
    """Has the content written anew by whoever comes with it next, and nobody else given this file.

    Who carries it already keeps it: it may be back, as where a folder was not mounted.
    """
    StoredFile.objects.ready().filter(pk=file).update(state=FileState.LOST)
