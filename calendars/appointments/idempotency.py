"""A request that comes again with its key gets its appointment again, and never a second one."""

import hashlib
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from django.utils import timezone

from calendars.appointments import booking
from calendars.appointments.booking import (
    BookingRequest,
    IdempotencyKey,
)
from calendars.errors import NotFree
from calendars.models import Appointment
from calendars.models.appointments import AppointmentStatus
from communications.errors import KeyReused
from communications.models import Organization

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# How long a repeat waits for the first one, which asks the calendars meanwhile.
REPEAT_WAIT_S = 20.0
REPEAT_POLL_S = 0.1


def book_once(
    organization: Organization,
    booking_request: BookingRequest,
    *,
    key: str = "",
    by: "User | None" = None,
) -> Appointment:
    """Books an appointment once per key, and returns it again for a repeat.

    Raises Refused, NotFree, and KeyReused if the key came with another request.

    A booking that was refused is not remembered: its key may be tried again.
    """
    if not key:
        return booking.book_appointment(organization, booking_request, by=by)
    asked = IdempotencyKey(key, request_digest(booking_request))
    deadline = time.monotonic() + REPEAT_WAIT_S
    while True:
        if booked := earlier_booking(organization, asked, deadline):
            return booked
        try:
            return booking.book_appointment(organization, booking_request, by=by, asked=asked)
        except NotFree:
            # Perhaps it is this very request that took the time.
            if not appointment_of_key(organization, key):
                raise


def request_digest(booking_request: BookingRequest) -> str:
    # By `repr`, which tells a repeated hour apart.
    canonical = json.dumps(asdict(booking_request), sort_keys=True, default=repr)
    return hashlib.sha256(canonical.encode()).hexdigest()


def appointment_of_key(organization: Organization, key: str) -> Appointment | None:
    return Appointment.objects.filter(organization=organization, idempotency_key=key).first()


def earlier_booking(
    organization: Organization, asked: IdempotencyKey, deadline: float
) -> Appointment | None:
    """Returns what the key stands for, once that is decided; None if the key is free.

    Raises NotFree where it is not decided within REPEAT_WAIT_S.
    """
    while booked := appointment_of_key(organization, asked.key):
        if booked.request_hash != asked.digest:
            raise KeyReused("This Idempotency-Key was used for another request: choose a new one.")
        if booked.status != AppointmentStatus.HELD:
            return booked
        if booked.held_until and booked.held_until <= timezone.now():
            # Of a process that died.
            booking.release_hold(booked)
        elif time.monotonic() >= deadline:
            raise NotFree("The same request is still being worked on: ask again with its key.")
        else:
            time.sleep(REPEAT_POLL_S)
    return None
