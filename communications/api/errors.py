"""Our functions raise sentences; here they become answers."""

from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect, JsonResponse
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt
from rest_framework import status
from rest_framework.permissions import SAFE_METHODS
from rest_framework.response import Response
from rest_framework.views import exception_handler

from communications.api.parsers import BodyTooLarge
from communications.errors import (
    InvalidAddress,
    KeyReused,
    NotPossible,
    Refused,
    Stale,
    StorageAway,
)

log = structlog.get_logger(__name__)

RETRY_AFTER_S = "60"
# A database that is away is usually back in a moment.
RETRY_DATABASE_AFTER_S = "5"
AWAY_READING = "The database cannot be asked at the moment: try again."
AWAY_WRITING = (
    "The database cannot be asked at the moment. Whether this was stored is not known: repeat it "
    "with the same Idempotency-Key, or look whether it is there before you repeat it without one."
)
STATUS_CODES = {
    KeyReused: status.HTTP_422_UNPROCESSABLE_ENTITY,
    NotPossible: status.HTTP_409_CONFLICT,
    Stale: status.HTTP_412_PRECONDITION_FAILED,
}


def as_answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's own handler, and our own errors as JSON that says what to do."""
    if isinstance(error, Refused | InvalidAddress):
        field = getattr(error, "field", "addresses")
        return Response({field: [str(error)]}, status=status.HTTP_400_BAD_REQUEST)
    if isinstance(error, StorageAway):
        return Response(
            {"detail": str(error)},
            status=status.HTTP_503_SERVICE_UNAVAILABLE,
            headers={"Retry-After": RETRY_AFTER_S},
        )
    for kind, code in STATUS_CODES.items():
        if isinstance(error, kind):
            return Response({"detail": str(error)}, status=code)
    if isinstance(error, OperationalError | InterfaceError | InternalError):
        return as_database_away(error, context["request"].method)
    # Django's own limit, where it is the first to look.
    too_large = isinstance(error, RequestDataTooBig)
    return exception_handler(BodyTooLarge() if too_large else error, context)


def as_database_away(error: Exception, method: str) -> Response:
    """It does not answer, has no room left, or takes no changes: that passes, and is logged.

    What was asked for may be stored all the same: the connection may have gone at the commit, or
    after it.
    """
    log.error("database_away", exc_info=error)
    return Response(
        {"detail": AWAY_READING if method in SAFE_METHODS else AWAY_WRITING},
        status=status.HTTP_503_SERVICE_UNAVAILABLE,
        headers={"Retry-After": RETRY_DATABASE_AFTER_S},
    )


@csrf_exempt  # it does nothing, and a refusal of the session's would hide the reason
def unknown_call(request: HttpRequest) -> HttpResponse:
    """Answers what no path of the API takes; without its last slash, a GET is sent on."""
    if not is_known_call(f"{request.path_info}/"):
        return JsonResponse({"detail": "There is no such call: /api/docs/ lists them."}, status=404)
    if request.method in {"GET", "HEAD"}:
        return HttpResponsePermanentRedirect(request.get_full_path(force_append_slash=True))
    return JsonResponse(
        {"detail": f"Put a slash at the end of the path: {request.path}/"},
        status=status.HTTP_400_BAD_REQUEST,
    )


def is_known_call(path: str) -> bool:
    try:
        return resolve(path).func is not unknown_call
    except Resolver404:
        return False
