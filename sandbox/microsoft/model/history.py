"""In which order a mailbox changed, and what is no longer in it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Tombstone:
    sequence: int
    folder: str
    id: str
    immutable_id: str
    # When an occurrence of a series would have been; of others it is not known any more.
    at: datetime | None = None

    def shown_id(self, *, immutable: bool) -> str:
        return self.immutable_id if immutable else self.id


class History:
    KEPT = ("position", "tombstones")

    def __init__(self) -> None:
        self.position = 0
        self.tombstones: list[Tombstone] = []

    def step(self) -> int:
        self.position += 1
        return self.position

    def bury(self, folder: str, id_: str, immutable_id: str, at: datetime | None = None) -> None:
        self.tombstones.append(Tombstone(self.step(), folder, id_, immutable_id, at))

    def buried(self, folder: str, since: int) -> list[Tombstone]:
        return [
            tombstone
            for tombstone in self.tombstones
            if tombstone.folder == folder and tombstone.sequence > since
        ]
