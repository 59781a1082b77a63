"""The senders that providers refuse now, and whose they are."""

from dataclasses import dataclass
from datetime import datetime

from communications.models import SenderStanding
from communications.policy import senders
from communications.providers import registry


@dataclass(frozen=True, kw_only=True)
class ClosedSender:
    provider: str
    channel: str
    sender: str
    # The country to whose numbers alone it is closed; blank: to all.
    region: str = ""
    organization: int
    organization_name: str
    # Its own; else it is the installation's.
    is_own: bool
    # It may send again later, by itself.
    is_busy: bool = False
    reason: str
    closed_at: datetime | None = None
    retry_at: datetime | None = None


def collect_closed_senders() -> tuple[ClosedSender, ...]:
    rows = SenderStanding.objects.closed().select_related("organization").order_by("pk")
    return tuple(closed_sender(row) for row in rows if senders.is_in_use(row))


def closed_sender(row: SenderStanding) -> ClosedSender:
    channel = registry.provider_for(row.provider).channel
    return ClosedSender(
        provider=row.provider,
        channel=channel,
        sender=row.sender,
        region=row.region,
        organization=row.organization_id,
        organization_name=row.organization.name,
        is_own=bool(row.organization.sender(channel)),
        is_busy=row.is_busy,
        reason=row.detail or row.error_code,
        closed_at=row.closed_at,
        retry_at=row.retry_at,
    )
