"""WhatsApp's 24-hour window: for a day after somebody wrote, they may be answered in free text.

https://developers.facebook.com/docs/whatsapp/pricing#customer-service-windows
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from communications.models import Address, Channel, Handle, Message
from communications.vocabulary.phone_numbers import number_variants

SERVICE_WINDOW = timedelta(hours=24)
# A message that arrives there in the last minute may be judged by Meta in the next.
WINDOW_MARGIN = timedelta(minutes=1)
WINDOW_CLOSED = "the 24-hour window is closed, so only an approved template is taken."


def is_window_open(message: Message, to: str) -> bool:
    """Returns whether free text may be sent to an address on WhatsApp now, without a template."""
    return window_end(message.organization_id, to) is not None


def window_end(organization: int, to: str) -> datetime | None:
    """Returns when the window of an address closes; None if it is closed."""
    opened: datetime | None = max(
        (row.window_opened_at for row in opened_rows(organization, to)), default=None
    )
    if opened is None or opened + SERVICE_WINDOW - WINDOW_MARGIN <= timezone.now():
        return None
    return opened + SERVICE_WINDOW


def opened_rows(organization: int, to: str) -> Iterator[Any]:
    """Yields what knows when somebody wrote: the number in all its forms, or WhatsApp's id."""
    opened = Q(organization=organization, window_opened_at__isnull=False)
    yield from Address.objects.filter(
        opened, channel=Channel.WHATSAPP, value__in=number_variants(to)
    )
    if not to.startswith("+"):
        yield from Handle.objects.filter(opened, value=to)


def open_service_window(organization: int, value: str, when: datetime) -> None:
    """Opens the window of whoever wrote. News of an older message does not move it back."""
    earlier = Q(window_opened_at=None) | Q(window_opened_at__lt=when)
    Address.objects.filter(
        earlier,
        organization=organization,
        channel=Channel.WHATSAPP,
        value__in=number_variants(value),
    ).update(window_opened_at=when)
    if not value.startswith("+"):
        Handle.objects.filter(earlier, organization=organization, value=value).update(
            window_opened_at=when
        )
