"""Files are read by few, for so long and no longer, whatever the storage does."""

import threading
import time
from pathlib import Path

import pytest

from communications.errors import FileGone, FilesBusy, StorageAway
from communications.files.reading import STORAGE_HOLD_S, FileReader
from communications.models import Attachment
from tests import factories
from tests.communications.engine.test_compose import attachment
from tests.communications.files.conftest import Outage, files_in
from tests.processes.running import eventually

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(folder: Path) -> list[Attachment]:  # noqa: ARG001
    message = factories.message(attachments=[attachment()])
    return list(message.attachments.select_related("stored"))


def test_a_storage_that_hangs_is_waited_for_so_long_and_then_left_alone(
    rows: list[Attachment], hanging: threading.Event
) -> None:
    reader = FileReader(places=1)
    began = time.monotonic()
    with pytest.raises(StorageAway):
        reader.read(rows, 0.1)
    # Not asked at all, and later held to be away as long as that hangs which was asked.
    with pytest.raises(StorageAway):
        reader.read(rows, 5)
    reader.held_until = 0.0
    with pytest.raises(StorageAway):
        reader.read(rows, 5)
    assert time.monotonic() - began < 2

    hanging.set()
    eventually(lambda: not reader.reading)
    assert not reader.abandoned
    assert [len(content) for content in reader.read(rows, 5)] == [rows[0].stored.size]  # type: ignore[union-attr]
    assert reader.threads == 1


def test_who_finds_no_place_comes_again(rows: list[Attachment], hanging: threading.Event) -> None:
    reader = FileReader(places=1)
    job = reader.take_place(rows)
    with pytest.raises(FilesBusy):
        reader.read(rows, 5)
    hanging.set()
    job.result(5)
    assert reader.read(rows, 5) == job.result()


def test_what_comes_in_the_last_moment_is_taken(rows: list[Attachment]) -> None:
    reader = FileReader()
    job = reader.take_place(rows)
    job.result(5)
    assert not reader.abandon(job)


def test_a_storage_that_failed_is_not_asked_for_some_seconds(
    rows: list[Attachment], away: Outage
) -> None:
    reader = FileReader()
    away.begins()
    with pytest.raises(StorageAway):
        reader.read(rows, 5)
    away.ends()
    with pytest.raises(StorageAway):
        reader.read(rows, 5)
    assert 0 < reader.held_until - time.monotonic() <= STORAGE_HOLD_S


def test_one_file_that_is_gone_says_nothing_about_the_storage(
    rows: list[Attachment], folder: Path
) -> None:
    reader = FileReader()
    [path] = files_in(folder)
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(FileGone, match="is no longer in the storage"):
        reader.read(rows, 5)
    path.write_bytes(content)
    assert reader.read(rows, 5) == [content]


def test_an_empty_folder_is_a_volume_that_is_not_mounted(
    rows: list[Attachment], folder: Path
) -> None:
    [path] = files_in(folder)
    path.unlink()
    path.parent.rmdir()
    with pytest.raises(StorageAway):
        FileReader().read(rows, 5)
