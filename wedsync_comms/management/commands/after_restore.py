"""`manage.py after_restore`: before anything runs on a database that was restored from a dump.

docs/operating.md says what a dump does not know, and what this makes of it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from calendars.models import Notice
from calendars.notifications import plan, send
from communications.sending import restoration

# What was written a moment ago was not written by what this was restored from.
QUIET_FOR = timedelta(minutes=2)
# More rows than any installation loses.
IDS_SKIPPED = 1_000_000


class Command(BaseCommand):
    help = (
        "Makes a restored database safe to go on with: what may have left since the dump is asked "
        "for at the providers, and not sent again. Run it once, before any process is started."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dumped-at",
            type=as_moment,
            metavar="TIME",
            help="when the dump was begun, as 2026-12-01T10:30Z (default: the newest row's time)",
        )

    def handle(self, *_: Any, dumped_at: datetime | None, **__: Any) -> None:
        since = dumped_at or moment_of_dump()
        if since > timezone.now():
            raise CommandError(f"{since:%Y-%m-%d %H:%M:%S} UTC is still to come.")
        skip_lost_ids()
        # What was to be told by now becomes messages first, which are then asked for as well.
        plan.plan_reminders()
        compose_due_notifications(since)
        count, waiting = restoration.find_out_due(since), restoration.postpone_escalations()
        self.stdout.write(
            f"Dumped at {since:%Y-%m-%d %H:%M:%S} UTC. Messages that were due since then and are "
            f"found out now: {count}. Plans that wait for receipts before their next step: "
            f"{waiting}. Start the processes."
        )


def as_moment(text: str) -> datetime:
    """Raises ValueError, which the parser turns into a sentence."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def moment_of_dump() -> datetime:
    """Returns the time of the newest row. Raises CommandError where that is too new."""
    newest = restoration.last_sign_of_life()
    if newest is None:
        raise CommandError("Nothing has ever happened in this database: is it the restored one?")
    if newest > timezone.now() - QUIET_FOR:
        raise CommandError(
            "Something was written to this database in the last two minutes. If a process runs on "
            "it, or this command has run already, the time of the dump is not in it any more: stop "
            "every process and say it, with --dumped-at 2026-12-01T10:30Z."
        )
    return newest


def compose_due_notifications(since: datetime) -> None:
    """Raises CommandError where some cannot be composed, which would else be sent later."""
    while send.send_due_notifications():
        pass
    waiting = Notice.objects.due(timezone.now()).count()
    if waiting:
        raise CommandError(
            f"The storage of files does not answer, and {waiting} notifications that are due take "
            "a file along: have FILES_URL lead to one that does. Then run this again, before any "
            f"process is started, with --dumped-at {since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        )


def skip_lost_ids() -> None:
    """Gives no new row an id that a lost one had: providers, browsers and programs may know it."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for sequence in connection.introspection.sequence_list():
            cursor.execute("SELECT pg_get_serial_sequence(%(table)s, %(column)s)", sequence)
            name = cursor.fetchone()[0]
            cursor.execute("SELECT setval(%s, nextval(%s) + %s)", [name, name, IDS_SKIPPED])
