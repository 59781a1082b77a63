"""incident -> rows in an outbox -> (commit) -> administrators, once for each incident and channel.

Sent after the commit and outside of transactions: a channel that is away costs nobody's time, and
what could not be said is said again later, less and less often, and is an incident of its own.
"""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils import timezone

from health.incidents import alert_channels
from health.incidents.alert_channels import AlertChannel
from health.models import Alert, Incident
from wedsync_comms.lib.backoff import backoff_delay
from wedsync_comms.lib.leases.row_lease import acquire_batch
from wedsync_comms.lib.text import sanitise

log = structlog.get_logger(__name__)

ALERT_BATCH = 10
# How long whoever takes an alert may need for it.
ALERT_LEASE = timedelta(seconds=60)
ALERT_BACKOFF_S = (5, 15, 60, 300, 900, 3600)
# What is older is no news.
ALERT_GIVE_UP_AFTER = timedelta(days=1)

ALERT_WORDS = {
    Alert.Kind.OPENED: "Incident",
    Alert.Kind.ESCALATED: "Still open",
    Alert.Kind.RECOVERED: "Recovered",
}


def queue_alerts(incident: Incident, kind: Alert.Kind) -> None:
    """In the transaction that changes the incident. Nobody hears of the end of what they were
    never told the beginning of."""
    now = timezone.now()
    told = set(incident.alerts.values_list("channel_key", flat=True))
    Alert.objects.bulk_create(
        [
            Alert(
                incident=incident,
                kind=kind,
                channel=channel.name,
                channel_key=channel.key,
                send_after=now,
                created_at=now,
            )
            for channel in alert_channels.configured_channels()
            if kind == Alert.Kind.OPENED or channel.key in told
            # A channel is not told, through itself, that it does not work.
            if channel.name != incident.cause.removeprefix("alerts:")
        ],
        ignore_conflicts=True,
    )


def send_due_alerts() -> int:
    """Returns how many were sent."""
    return sum(send_alert(alert) for alert in claim_alerts())


def claim_alerts() -> list[Alert]:
    """Takes a batch of due alerts for as long as the lease lasts: nobody else sends them."""
    due = Alert.objects.due(timezone.now()).exclude(Exists(earlier_alerts())).order_by("pk")
    taken = acquire_batch(due, "send_after", ALERT_LEASE, ALERT_BATCH)
    rows = Alert.objects.filter(pk__in=[alert.pk for alert in taken])
    return list(rows.select_related("incident").order_by("pk"))


def earlier_alerts() -> QuerySet[Alert]:
    """What the same channel is still to be told first about the same incident."""
    return Alert.objects.filter(
        incident=OuterRef("incident"),
        channel_key=OuterRef("channel_key"),
        pk__lt=OuterRef("pk"),
        send_after__isnull=False,
    )


def send_alert(alert: Alert) -> bool:
    channel = next(
        (found for found in alert_channels.configured_channels() if found.key == alert.channel_key),
        None,
    )
    error = (
        deliver_alert(alert, channel) if channel else "This channel is not in ALERT_URLS any more."
    )
    record_delivery(alert, error, again=channel is not None)
    log.info(
        "alert",
        incident=alert.incident_id,
        kind=alert.kind,
        channel=alert.channel,
        outcome=error or "sent",
    )
    return not error


def deliver_alert(alert: Alert, channel: AlertChannel) -> str:
    """Empty, or what stood in the way."""
    is_good = alert.kind == Alert.Kind.RECOVERED
    try:
        alert_channels.send_to_channel(
            channel, alert_title(alert), alert_body(alert), is_good=is_good
        )
    except alert_channels.AlertNotDelivered as error:
        return sanitise(str(error))
    return ""


def record_delivery(alert: Alert, error: str, *, again: bool) -> None:
    now = timezone.now()
    alert.tries += 1
    alert.error = error
    if not error:
        alert.sent_at, alert.send_after = now, None
    elif again and now - alert.created_at < ALERT_GIVE_UP_AFTER:
        alert.send_after = now + backoff_delay(alert.tries, ALERT_BACKOFF_S)
    else:
        alert.send_after = None
    alert.save(update_fields=["tries", "error", "sent_at", "send_after"])


def alert_title(alert: Alert) -> str:
    return f"{ALERT_WORDS[Alert.Kind(alert.kind)]}: {alert.incident.title}"


def alert_body(alert: Alert) -> str:
    incident = alert.incident
    since = f"Since {incident.opened_at:%d %B %Y %H:%M:%S} UTC."
    link = f"{settings.PUBLIC_URL}{reverse('admin:index')}health/"
    if alert.kind == Alert.Kind.RECOVERED:
        ended = f"Until {incident.resolved_at:%H:%M:%S} UTC." if incident.resolved_at else ""
        return "\n".join(filter(None, (since, ended, link)))
    facts = [f"{name}: {value}" for name, value in incident.evidence.items()]
    about = settings.PUBLIC_URL + incident.link if incident.link else ""
    told = (since, *facts, f"Done: {incident.did}", f"To do: {incident.advice}", about, link)
    parts = filter(None, told)
    return "\n".join(parts)
