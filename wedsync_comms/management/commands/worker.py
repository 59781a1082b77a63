"""`manage.py worker`: executes the periodic and the slow tasks, whatever happens to it."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from wedsync_comms import cluster
from wedsync_comms.process_group import GroupRecords
from wedsync_comms.watchdog import Patience, Watchdog


class Command(BaseCommand):
    help = "Runs a django-q2 cluster and replaces it when it exits or executes nothing any more."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--stuck-after",
            type=float,
            default=30,
            metavar="SECONDS",
            help="replace a cluster that has started no task for so long (default: 30)",
        )
        parser.add_argument(
            "--grace",
            type=float,
            default=5,
            metavar="SECONDS",
            help="how long running tasks may take to finish when stopping (default: 5)",
        )
        parser.add_argument(
            "--cluster-of",
            type=int,
            metavar="PID",
            help="used by the watchdog: be the cluster of the watchdog with this process id",
        )

    def handle(self, **options: Any) -> None:
        if options["cluster_of"]:
            cluster.run_cluster(options["cluster_of"])
            return
        patience = Patience(
            stuck_after=timedelta(seconds=options["stuck_after"]),
            grace=timedelta(seconds=options["grace"]),
        )
        Watchdog(patience, GroupRecords(settings.VAR_DIR / "workers")).run()
