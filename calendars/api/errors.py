"""Verbs raise sentences; here they become answers."""

from typing import Any

from rest_framework import status
from rest_framework.response import Response

from calendars.errors import (
    NotFree,
    NotPossible,
    Refused,
    Stale,
)
from communications.api import errors


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(error, Refused):
        return Response({error.field: [str(error)]}, status=status.HTTP_400_BAD_REQUEST)
    if isinstance(error, NotFree | NotPossible):
        return Response({"detail": str(error)}, status=status.HTTP_409_CONFLICT)
    if isinstance(error, Stale):
        return Response({"detail": str(error)}, status=status.HTTP_412_PRECONDITION_FAILED)
    return errors.handle(error, context)
