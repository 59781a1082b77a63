"""The file: one row per vendor, all replaced in one transaction or none, whatever happens."""

import logging
import sqlite3
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

logger = logging.getLogger(__name__)

# Raised when rows mean something else than before; a dataclass with other fields is noticed anyway.
FORMAT = 1
UNREADABLE = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})


class InUseError(RuntimeError):
    """Another sandbox has the file open."""


class StateFile:
    """Held by one process from opening to closing.

    Opening raises an InUseError if another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # A write in a thread may still be under way when the last one comes.
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = self._opened()

    def read(self) -> dict[str, str]:
        rows = self._connection.execute("SELECT name, content FROM world").fetchall()
        return dict(rows)

    def write(self, rows: Mapping[str, str]) -> None:
        """Replaces the rows of these names, all or none."""
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT OR REPLACE INTO world (name, content) VALUES (?, ?)", rows.items()
            )

    def start_afresh(self, why: str) -> None:
        """Sets the file aside under another name and opens an empty one."""
        self._connection.close()
        self._set_aside(why)
        self._connection = _connected(self._path)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _opened(self) -> sqlite3.Connection:
        try:
            return _connected(self._path)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise InUseError(f"{self._path} is in use by another sandbox.") from error
            if error.sqlite_errorcode not in UNREADABLE:
                raise
            self._set_aside(str(error))
        except ValueError as error:
            self._set_aside(str(error))
        return _connected(self._path)

    def _set_aside(self, why: str) -> None:
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        aside = self._path.with_name(f"{self._path.stem}.set-aside-{now}{self._path.suffix}")
        # A journal that stayed behind would be played into the file that comes next.
        for suffix in ("", "-journal"):
            left = Path(f"{self._path}{suffix}")
            if left.exists():
                left.rename(f"{aside}{suffix}")
        logger.warning(
            "The sandbox starts with a fresh world: %s could not be read (%s) and is now %s",
            self._path,
            why,
            aside.name,
        )


def _connected(path: Path) -> sqlite3.Connection:
    """Raises a ValueError for a database of another format or of somebody else's."""
    connection = sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    # The lock of the first transaction is kept until the connection is closed.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    # A process that is killed leaves its writes to the system; only a power cut could lose them.
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN EXCLUSIVE")
    ((written_as,),) = connection.execute("PRAGMA user_version")
    ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_master")
    if written_as != FORMAT and (written_as or tables):
        raise ValueError(f"its format is {written_as}, not {FORMAT}")
    connection.execute("CREATE TABLE IF NOT EXISTS world (name TEXT PRIMARY KEY, content TEXT)")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")
