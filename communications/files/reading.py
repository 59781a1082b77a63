"""Files are read for messages that leave: by few threads of their own, for so long and no longer.

A folder on a network or a bucket may hang for ever. It then holds these threads, and nobody who
waits for another message.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from queue import SimpleQueue

from communications.errors import FileGone, FilesBusy, StorageAway
from communications.files.contents import NOT_READ, attachment_content, mark_file_lost, note_failure
from communications.models import Attachment

# How many messages' files are read at once by one process.
READING_PLACES = 4
# How long nobody asks a storage that did not answer.
STORAGE_HOLD_S = 10.0
BUSY = "Other files are being read at the moment."

Job = tuple[Future[list[bytes]], Sequence[Attachment]]


class FileReader:
    """Threads that read files, and what this process remembers of the storage."""

    def __init__(self, places: int = READING_PLACES) -> None:
        self.places = places
        self.lock = threading.Lock()
        self.jobs: SimpleQueue[Job] = SimpleQueue()
        self.threads = 0
        # What is being read, and which of that nobody waits for any more.
        self.reading: set[Future[list[bytes]]] = set()
        self.abandoned: set[Future[list[bytes]]] = set()
        # On `time.monotonic`.
        self.held_until = 0.0

    def read(self, attachments: Sequence[Attachment], within_s: float) -> list[bytes]:
        """Returns the bytes of attachments.

        Raises StorageAway where they cannot be read now, FileGone where one is no longer there,
        and FilesBusy where others are read at the moment.
        """
        try:
            return self.wait_for(attachments, within_s)
        except FileGone as gone:
            mark_file_lost(gone.file)
            raise

    def wait_for(self, attachments: Sequence[Attachment], within_s: float) -> list[bytes]:
        job = self.take_place(attachments)
        try:
            return job.result(within_s)
        except TimeoutError as error:
            if not self.abandon(job):
                # It came in this moment, or the storage itself has given up.
                return job.result()
            self.hold(attachments, error)
            raise StorageAway(NOT_READ) from error
        except StorageAway as error:
            self.hold(attachments, error)
            raise

    def take_place(self, attachments: Sequence[Attachment]) -> Future[list[bytes]]:
        with self.lock:
            if time.monotonic() < self.held_until:
                raise StorageAway(NOT_READ)
            if len(self.reading) >= self.places:
                # Those that hang are told of as such, however long they do.
                raise StorageAway(NOT_READ) if self.abandoned else FilesBusy(BUSY)
            job: Future[list[bytes]] = Future()
            self.reading.add(job)
            self.jobs.put((job, attachments))
            if self.threads < len(self.reading):
                self.threads += 1
                # Those that hang keep no process from ending.
                threading.Thread(target=self.run, name="files", daemon=True).start()
            return job

    def abandon(self, job: Future[list[bytes]]) -> bool:
        """Waits for it no longer; returns False if it is done."""
        with self.lock:
            if job not in self.reading:
                return False
            self.abandoned.add(job)
            return True

    def hold(self, attachments: Sequence[Attachment], error: Exception) -> None:
        self.held_until = time.monotonic() + STORAGE_HOLD_S
        names = ", ".join(row.stored.name for row in attachments if row.stored)
        note_failure("file_not_read", names, error.__cause__ or error)

    def run(self) -> None:
        while True:
            job, attachments = self.jobs.get()
            try:
                found: list[bytes] | Exception = [attachment_content(row) for row in attachments]
            except Exception as error:  # noqa: BLE001 - kept for whoever waits, as an executor does
                found = error
            self.leave_place(job, found)

    def leave_place(self, job: Future[list[bytes]], found: list[bytes] | Exception) -> None:
        with self.lock:
            self.reading.discard(job)
            self.abandoned.discard(job)
        if isinstance(found, Exception):
            job.set_exception(found)
        else:
            job.set_result(found)


READER = FileReader()
