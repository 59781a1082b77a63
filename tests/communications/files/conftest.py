"""A storage of files that can be away."""

from pathlib import Path

import pytest
from pytest_django import Settings

from wedsync_comms.lib.storage.storage_settings import storage_settings


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """Where the files of this test are."""
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


@pytest.fixture
def away(settings: Settings, folder: Path) -> Outage:
    return Outage(settings, folder)


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
