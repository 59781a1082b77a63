"""Who is alive: every long-running process says so now and then."""

from datetime import timedelta

from django.utils import timezone

from wedsync_comms.lib.models import Heartbeat


def record_beat(process: str, instance: str, **detail: object) -> None:
    """`process` is what it does ("dispatcher"), `instance` which one ("host:pid")."""
    # One statement, so that two beats at once cannot collide.
    Heartbeat.objects.bulk_create(
        [Heartbeat(process=process, instance=instance, beat_at=timezone.now(), detail=detail)],
        update_conflicts=True,
        unique_fields=["process", "instance"],
        update_fields=["beat_at", "detail"],
    )


def is_alive(process: str, within: timedelta) -> bool:
    """Has any instance of it been heard of lately?"""
    return Heartbeat.objects.filter(process=process, beat_at__gte=timezone.now() - within).exists()


def latest_beat(process: str) -> Heartbeat | None:
    return Heartbeat.objects.filter(process=process).order_by("-beat_at").first()


def forget_silent(older_than: timedelta) -> int:
    """Removes instances not heard of for so long; every restart leaves one behind."""
    return Heartbeat.objects.filter(beat_at__lt=timezone.now() - older_than).delete()[0]
