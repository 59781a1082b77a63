"""A storage of files that can be away."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from communications.files import reading
from wedsync_comms.lib.storage.folder import FolderStorage
from wedsync_comms.lib.storage.storage_settings import storage_settings


@pytest.fixture
def folder(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the files of this test are."""
    monkeypatch.setattr(reading, "READER", reading.FileReader())
    found = tmp_path / "files"
    settings.STORAGES = {**settings.STORAGES, "files": storage_settings(str(found))}
    return found


class Outage:
    """Takes the folder away, as a volume that is not mounted, and brings it back."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        # A file stands where the folder should be.
        stone = folder.with_name("stone")
        stone.write_bytes(b"")
        self.settings, self.here = settings, settings.STORAGES
        self.gone = {**self.here, "files": storage_settings(str(stone / "files"))}

    def begins(self) -> None:
        self.settings.STORAGES = self.gone

    def ends(self) -> None:
        self.settings.STORAGES = self.here
        # So much time has passed.
        reading.READER.held_until = 0.0


@pytest.fixture
def away(settings: Settings, folder: Path) -> Outage:
    return Outage(settings, folder)


class HangingStorage(FolderStorage):
    """A network drive whose server is gone: whoever opens a file waits."""

    is_back = threading.Event()

    def _open(self, name: str, mode: str = "rb") -> Any:
        assert self.is_back.wait(60)
        return super()._open(name, mode)


@pytest.fixture
def hanging(settings: Settings, folder: Path) -> Iterator[threading.Event]:
    """The storage hangs until the event is set."""
    backend = f"{__name__}.{HangingStorage.__name__}"
    files = {**storage_settings(str(folder)), "BACKEND": backend}
    settings.STORAGES = {**settings.STORAGES, "files": files}
    HangingStorage.is_back.clear()
    yield HangingStorage.is_back
    HangingStorage.is_back.set()


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
