"""A folder for files, as durable as the database that refers to them."""

import os
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.files.storage import FileSystemStorage


class FolderStorage(FileSystemStorage):
    """Returns from `save` once the file would survive a power cut: its row is committed next.

    An empty folder is a volume that is not mounted, which says nothing about a file.
    """

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        try:
            return super()._open(name, mode)  # type: ignore[misc,no-any-return]
        except FileNotFoundError as error:
            folder = Path(self.location)
            if not folder.is_dir() or not any(folder.iterdir()):
                raise OSError(f"{folder} is empty, as if nothing were mounted there.") from error
            raise

    def _save(self, name: str, content: Any) -> str:
        saved: str = super()._save(name, content)  # type: ignore[misc]
        path = Path(self.path(saved))
        sync_to_disk(path)
        sync_to_disk(path.parent)
        return saved


def sync_to_disk(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
