"""A time as the clock on the wall shows it."""

from datetime import datetime
from typing import Any

from django.db import models

# Of the second pass through an hour that a clock going back repeats.
REPEATED = " (second)"


class WallField(models.CharField):  # type: ignore[type-arg] # not subscriptable when it runs
    """A datetime without a zone, whose `fold` is kept: no database has a type for that."""

    # What attributes of this kind are set to and give, for the type checker.
    _pyi_private_set_type: datetime  # type: ignore[assignment]
    _pyi_private_get_type: datetime  # type: ignore[assignment]

    def __init__(self, *args: Any, **options: Any) -> None:
        options["max_length"] = 40
        super().__init__(*args, **options)

    def from_db_value(self, value: str | None, *_: Any) -> datetime | None:
        return self.to_python(value)

    def to_python(self, value: Any) -> datetime | None:
        if value in (None, ""):
            return None
        if isinstance(value, datetime):
            return value
        text = str(value)
        fold = int(text.endswith(REPEATED))
        return datetime.fromisoformat(text.removesuffix(REPEATED)).replace(fold=fold)

    def get_prep_value(self, value: Any) -> str | None:
        wall = self.to_python(value)
        if wall is None:
            return None
        if wall.tzinfo is not None:
            raise ValueError(f"A wall time has no offset of its own: {wall}")
        return wall.replace(fold=0).isoformat() + (REPEATED if wall.fold else "")

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj)) or ""
