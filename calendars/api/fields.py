"""Wall times in JSON: without an offset, because the zone stands beside them."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from calendars.content import conversion


@extend_schema_field({"type": "string", "example": "2027-06-05T10:00:00"})
class WallTimeField(serializers.Field[datetime, Any, str, Any]):
    """`2027-06-05T10:00:00`; with ` (second)` behind it in an hour that clocks show twice."""

    default_error_messages = {
        "invalid": "Write it like 2027-06-05T10:00:00, without an offset: “zone” says where.",
    }

    def to_internal_value(self, data: Any) -> datetime:
        try:
            wall = conversion.parse_wall(str(data))
        except ValueError:
            self.fail("invalid")
        if wall.tzinfo is not None:
            self.fail("invalid")
        return wall

    def to_representation(self, value: datetime) -> str:
        return conversion.format_wall(value)
