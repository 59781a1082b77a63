"""Verbs raise sentences; here they become answers."""

from typing import Any

from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from communications.book.contacts import InvalidAddress
from communications.book.facts import InvalidFact
from communications.composing.compose import KeyReused
from communications.composing.drafts import Refused
from communications.messages.staff_actions import NotPossible


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's own handler, and the errors of our verbs as JSON that says what to do."""
    if isinstance(error, Refused | InvalidFact):
        return Response({error.field: [str(error)]}, status=status.HTTP_400_BAD_REQUEST)
    if isinstance(error, InvalidAddress):
        return Response({"addresses": [str(error)]}, status=status.HTTP_400_BAD_REQUEST)
    if isinstance(error, KeyReused):
        return Response({"detail": str(error)}, status=status.HTTP_422_UNPROCESSABLE_ENTITY)
    if isinstance(error, NotPossible):
        return Response({"detail": str(error)}, status=status.HTTP_409_CONFLICT)
    return exception_handler(error, context)
