"""The first page of the admin: what went wrong lately, and how much there is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from communications.admin import message_badges
from communications.models import Message, WebhookDelivery
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.admin_kit.roles import ACTING
from wedsync_comms.lib.admin_kit.scope import Scope, scope_of

DAY = timedelta(hours=24)
RECENT = 8
# Counting stops here: beyond, the number itself does not matter any more.
MANY = 10_000

NEEDS_A_LOOK = [Status.FAILED, Status.BOUNCED, Status.UNKNOWN]
TILES = [
    ("Arrived", "mark_email_read", [Status.DELIVERED, Status.READ]),
    ("With a provider", "outbox", [Status.SENT]),
    ("Failed or bounced", "error", [Status.FAILED, Status.BOUNCED]),
    ("Outcome unknown", "help", [Status.UNKNOWN]),
]


TileBuilder = Callable[[HttpRequest], dict[str, Any]]
ADDED_TILES: list[TileBuilder] = []


def add_tile(builder: TileBuilder) -> TileBuilder:
    """For other apps; theirs stand behind ours."""
    ADDED_TILES.append(builder)
    return builder


def dashboard_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    scope = scope_of(request)
    if scope.role is None:
        return context
    return {
        **context,
        "title": scope.organization.name if scope.organization else "All organizations",
        "organization": scope.organization,
        "zone": scope.time_zone,
        "tiles": [
            waiting_tile(scope),
            *outcome_tiles(scope),
            unapplied_tile(scope),
            *(build(request) for build in ADDED_TILES),
        ],
        "troubles": [
            (message_badges.status_badge(message.status), message)
            for message in newest_troubles(scope)
        ],
        "may_compose": scope.role in ACTING,
    }


def waiting_tile(scope: Scope) -> dict[str, Any]:
    rows = scope.rows(Message.objects.waiting())
    link = list_url("message", "status__exact", [Status.QUEUED])
    return count_tile("Waiting to be sent", "schedule", rows[:MANY].count(), link)


def outcome_tiles(scope: Scope) -> list[dict[str, Any]]:
    rows = scope.rows(Message.objects.outbound().filter(created_at__gte=timezone.now() - DAY))
    counts = dict(rows.order_by().values_list("status").annotate(count=Count("pk")))
    return [
        count_tile(
            title,
            icon,
            sum(counts.get(status, 0) for status in statuses),
            list_url("message", "status__exact", statuses)
            + "&direction__exact=outbound&created=day",
            is_bad=title.startswith("Failed"),
        )
        for title, icon, statuses in TILES
    ]


def unapplied_tile(scope: Scope) -> dict[str, Any]:
    rows = scope.rows(WebhookDelivery.objects.filter(applied_at=None, apply_after=None))
    link = reverse("admin:communications_webhookdelivery_changelist") + "?state=failed"
    return count_tile("Webhooks not applied", "webhook", rows[:MANY].count(), link, is_bad=True)


def newest_troubles(scope: Scope) -> Any:
    """The newest of each status by the index that begins with it, then the newest of those."""
    columns = ("id", "status", "to", "subject", "body", "direction", "error", "created_at")
    rows = scope.rows(Message.objects.outbound()).order_by("-created_at").only(*columns)
    newest = [row for status in NEEDS_A_LOOK for row in rows.filter(status=status)[:RECENT]]
    return sorted(newest, key=lambda message: message.created_at, reverse=True)[:RECENT]


def list_url(model: str, lookup: str, values: list[Status]) -> str:
    query = "&".join(f"{lookup}={value}" for value in values)
    return f"{reverse(f'admin:communications_{model}_changelist')}?{query}"


def count_tile(
    title: str, icon: str, count: int, link: str, *, is_bad: bool = False
) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "count": f"{count:,}" if count < MANY else f"{MANY:,}+",
        "link": link,
        "is_bad": is_bad and count > 0,
    }
