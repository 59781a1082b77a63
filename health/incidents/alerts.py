"""incident -> rows in an outbox -> (commit) -> administrators, once for each incident and channel.

Sent after the commit and outside of transactions: a channel that is away costs nobody's time, and
what could not be said is said again later, less and less often, and is an incident of its own.
"""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils import timezone

from health.incidents import alert_channels
from health.incidents.alert_channels import Channel
from health.models import Alert, Incident
from wedsync_comms.lib.text import storable

log = structlog.get_logger(__name__)

BATCH = 10
# How long whoever takes an alert may need for it.
LEASE = timedelta(seconds=60)
PAUSES = (5, 15, 60, 300, 900, 3600)
# What is older is no news.
GIVE_UP_AFTER = timedelta(days=1)

WORDS = {
    Alert.Kind.OPENED: "Incident",
    Alert.Kind.ESCALATED: "Still open",
    Alert.Kind.RECOVERED: "Recovered",
}


def plan(incident: Incident, kind: Alert.Kind) -> None:
    """In the transaction that changes the incident. Nobody hears of the end of what they were
    never told the beginning of."""
    now = timezone.now()
    told = set(incident.alerts.values_list("channel_key", flat=True))
    Alert.objects.bulk_create(
        [
            Alert(
                incident=incident,
                kind=kind,
                channel=one.name,
                channel_key=one.key,
                send_after=now,
                created_at=now,
            )
            for one in alert_channels.every()
            if kind == Alert.Kind.OPENED or one.key in told
            # A channel is not told, through itself, that it does not work.
            if one.name != incident.cause.removeprefix("alerts:")
        ],
        ignore_conflicts=True,
    )


def send_due() -> int:
    """Returns how many were sent."""
    return sum(send(one) for one in claim())


def claim() -> list[Alert]:
    now = timezone.now()
    with transaction.atomic():
        due = Alert.objects.due(now).exclude(Exists(earlier())).order_by("pk")
        taken = list(due.select_for_update(skip_locked=True)[:BATCH])
        rows = Alert.objects.filter(pk__in=[one.pk for one in taken])
        rows.update(send_after=now + LEASE)
    return list(rows.select_related("incident").order_by("pk"))


def earlier() -> QuerySet[Alert]:
    """What the same channel is still to be told first about the same incident."""
    return Alert.objects.filter(
        incident=OuterRef("incident"),
        channel_key=OuterRef("channel_key"),
        pk__lt=OuterRef("pk"),
        send_after__isnull=False,
    )


def send(alert: Alert) -> bool:
    channel = next((one for one in alert_channels.every() if one.key == alert.channel_key), None)
    error = deliver(alert, channel) if channel else "This channel is not in ALERT_URLS any more."
    settle(alert, error, again=channel is not None)
    log.info(
        "alert",
        incident=alert.incident_id,
        kind=alert.kind,
        channel=alert.channel,
        outcome=error or "sent",
    )
    return not error


def deliver(alert: Alert, channel: Channel) -> str:
    """Empty, or what stood in the way."""
    is_good = alert.kind == Alert.Kind.RECOVERED
    try:
        alert_channels.tell(channel, title(alert), body(alert), is_good=is_good)
    except alert_channels.NotTold as error:
        return storable(str(error))
    return ""


def settle(alert: Alert, error: str, *, again: bool) -> None:
    now = timezone.now()
    alert.tries += 1
    alert.error = error
    if not error:
        alert.sent_at, alert.send_after = now, None
    elif again and now - alert.created_at < GIVE_UP_AFTER:
        pause = PAUSES[min(alert.tries, len(PAUSES)) - 1]
        alert.send_after = now + timedelta(seconds=pause)
    else:
        alert.send_after = None
    alert.save(update_fields=["tries", "error", "sent_at", "send_after"])


def title(alert: Alert) -> str:
    return f"{WORDS[Alert.Kind(alert.kind)]}: {alert.incident.title}"


def body(alert: Alert) -> str:
    one = alert.incident
    since = f"Since {one.opened_at:%d %B %Y %H:%M:%S} UTC."
    link = f"{settings.PUBLIC_URL}{reverse('admin:index')}health/"
    if alert.kind == Alert.Kind.RECOVERED:
        ended = f"Until {one.resolved_at:%H:%M:%S} UTC." if one.resolved_at else ""
        return "\n".join(filter(None, (since, ended, link)))
    facts = [f"{name}: {value}" for name, value in one.evidence.items()]
    about = settings.PUBLIC_URL + one.link if one.link else ""
    told = (since, *facts, f"Done: {one.did}", f"To do: {one.advice}", about, link)
    parts = filter(None, told)
    return "\n".join(parts)
