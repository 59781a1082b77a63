"""What can go wrong at Microsoft's, and what can be set."""

from sandbox.lib import settings
from sandbox.lib.faults import REQUEST_FAULTS, WEBHOOK_FAULTS, FaultKind

from .model.tracking import EXPIRED

# Nothing is signed, and so no moment either.
FAULTS = (
    *(kind for kind in REQUEST_FAULTS + WEBHOOK_FAULTS if kind.name != "webhook_clock_skew"),
    FaultKind(
        "cursor_expired",
        "Expired delta links",
        "Answers that a delta link or next link is no longer good.",
        {"code": "syncStateNotFound"},
        {"code": tuple(EXPIRED)},
    ),
    FaultKind("token_expired", "Expired access token", "Answers 401 to a token that was good."),
    FaultKind("grant_gone", "Revoked grant", "Gives no token: the consent was taken back."),
    FaultKind(
        "etag_conflict", "Changed meanwhile", "Refuses an etag although it is the present one."
    ),
    FaultKind(
        "cut_list",
        "Emptied or shortened lists",
        "Leaves out all but the first few items of a list, and says nothing of it.",
        {"items": 0},
    ),
    FaultKind(
        "free_busy_error", "Unknown free/busy", "Cannot tell of a schedule whether it is free."
    ),
)
RETRY_AFTER = ("seconds", "date", "missing")

CHECKS: settings.Checks = {
    "client_id": settings.is_filled,
    "client_secret": settings.is_filled,
    "auto_consent": settings.is_switch,
    "refused_scopes": settings.is_texts,
    "token_seconds": lambda value: settings.is_whole(value) and value > 0,
    "old_refresh_tokens_work": settings.is_switch,
    "retry_factor": settings.is_duration,
    "retry_after": lambda value: value in RETRY_AFTER,
    "concurrent_requests": settings.is_rate,
    "notification_delay": settings.is_duration,
    "extra_updates": settings.is_whole,
    "subscription_minutes": lambda value: settings.is_whole(value) and value > 0,
    "subscriptions_need_authorization": settings.is_switch,
    "delta_seconds": settings.is_rate,
    "tells_of_occurrences": settings.is_switch,
    "transaction_seconds": settings.is_rate,
    "schedule_refuses_personal": settings.is_switch,
}
