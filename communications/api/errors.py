"""Our functions raise sentences; here they become answers."""

from typing import Any

from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from communications.errors import (
    InvalidAddress,
    KeyReused,
    NotPossible,
    Refused,
    Stale,
    StorageAway,
)

RETRY_AFTER_S = "60"
STATUS_CODES = {
    KeyReused: status.HTTP_422_UNPROCESSABLE_ENTITY,
    NotPossible: status.HTTP_409_CONFLICT,
    Stale: status.HTTP_412_PRECONDITION_FAILED,
}


def as_answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's own handler, and our own errors as JSON that says what to do."""
    if isinstance(error, Refused):
        return Response({error.field: [str(error)]}, status=status.HTTP_400_BAD_REQUEST)
    if isinstance(error, InvalidAddress):
        return Response({"addresses": [str(error)]}, status=status.HTTP_400_BAD_REQUEST)
    if isinstance(error, StorageAway):
        return Response(
            {"detail": str(error)},
            status=status.HTTP_503_SERVICE_UNAVAILABLE,
            headers={"Retry-After": RETRY_AFTER_S},
        )
    for kind, code in STATUS_CODES.items():
        if isinstance(error, kind):
            return Response({"detail": str(error)}, status=code)
    return exception_handler(error, context)
