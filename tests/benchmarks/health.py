"""The health page, its API and its rules with a long history behind them, and with a short one.

As in `history`; and besides, a day of sums for twenty organizations at five providers. Everything
must answer within 200 ms with a million messages: `--messages 1000000`.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from statistics import median

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.utils import timezone

from communications.models import Organization
from health.collecting import (
    observation,
    rollups,
)
from health.incidents import evaluator
from health.models import Rollup
from health.reporting import summary
from health.rules import evaluation
from health.vocabulary import histogram
from health.vocabulary.readings import FIVE_MINUTES
from tests.benchmarks import history, report, rows
from tests.benchmarks.report import Figures, Row, measured
from tests.benchmarks.stack import Machine, Stack

ORGANIZATIONS = 20
PROVIDERS = ("resend", "django_mail", "twilio", "whatsapp", "twilio_whatsapp")
DAY = timedelta(hours=24)
CATCHING_UP = 20
PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"


def run(machine: Machine, messages: int) -> Iterator[Row]:
    long, short = machine.postgres_with_redis("long"), machine.postgres_with_redis("short")
    variants = {
        f"{count:,} messages": partial(times, filled(stack, count))
        for stack, count in ((long, messages), (short, history.SHORT))
    }
    yield from report.rows(measured(variants, history.ROUNDS), *variants)


def filled(stack: Stack, count: int) -> Stack:
    stack.run(history.fill, count)
    stack.run(busy)
    return stack


def times(stack: Stack) -> Figures:
    return stack.run(timed)


# --- in the stack's own process -----------------------------------------------------------------


def busy() -> None:
    """Sums as of many organizations that send all day."""
    for _ in range(CATCHING_UP):
        rollups.update_rollups()
    names = [f"venue-{number}" for number in range(ORGANIZATIONS)]
    Organization.objects.bulk_create(Organization(name=name, slug=name) for name in names)
    first = rollups.bucket_start(timezone.now() - DAY)
    Rollup.objects.all().delete()
    Rollup.objects.bulk_create(
        (
            filler(provider, organization, first + number * FIVE_MINUTES)
            for organization in (None, *Organization.objects.values_list("pk", flat=True))
            for provider in PROVIDERS
            for number in range(DAY // FIVE_MINUTES)
        ),
        batch_size=2_000,
    )


def filler(provider: str, organization: int | None, at: datetime) -> Rollup:
    counts = histogram.empty_histogram()
    counts[3], counts[5] = 80, 20
    return Rollup(
        provider=provider,
        organization_id=organization,
        at=at,
        accepted=98,
        failed=2,
        receipts=200,
        latency=counts,
        delay=counts,
        reasons={"TransientError 503": 2},
        last_accepted_at=at,
        last_receipt_at=at,
    )


def timed() -> Figures:
    found = {}
    for name, query in queries().items():
        spent = [history.once(query) for _ in range(history.REPETITIONS)]
        found[f"{name}, ms"] = 1000 * median(spent)
    return found


def queries() -> dict[str, Callable[[], object]]:
    owner = rows.organization()
    platform = Client()
    root = {"is_superuser": True, "is_staff": True}
    platform.force_login(User.objects.get_or_create(username="platform", defaults=root)[0])
    member = Client(headers={"Authorization": f"Token {rows.token()}"})
    return {
        "summary of the platform": partial(summary.build_summary, None),
        "summary of an organization": partial(summary.build_summary, owner),
        "GET /api/health/, platform": partial(get, platform, "/api/health/"),
        "GET /api/health/, organization": partial(get, member, "/api/health/"),
        "GET /admin/health/, platform": partial(page, platform, "/admin/health/"),
        "GET /metrics": partial(get, platform, "/metrics"),
        "observe and judge": judge,
        "keep the sums": rollups.update_rollups,
        "whole evaluation": evaluator.Evaluator().evaluate,
    }


def judge() -> None:
    evaluation.evaluate_rules(observation.collect_observation(timezone.now()))


def page(client: Client, path: str) -> None:
    """Named as in development: what a build of the static files adds is no query."""
    with override_settings(STORAGES={**settings.STORAGES, "staticfiles": {"BACKEND": PLAIN}}):
        get(client, path)


def get(client: Client, path: str) -> None:
    answer = client.get(path, headers={"Host": "127.0.0.1"})
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.content[:300]!r}")
