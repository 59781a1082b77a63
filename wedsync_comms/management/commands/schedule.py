"""`manage.py schedule`: the periodic tasks as `wedsync_comms/schedules.py` declares them."""

from typing import Any

from django.core.management.base import BaseCommand

from wedsync_comms.schedules import declare_schedules


class Command(BaseCommand):
    help = "Makes the periodic tasks in the database equal to the declared ones."

    def handle(self, **_: Any) -> None:
        self.stdout.write("\n".join(declare_schedules()) or "nothing changed")
