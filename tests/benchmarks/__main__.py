"""Benchmarks: two variants side by side in one run, and their ratio.

    python -m tests.benchmarks [NAME…] [--messages N]

Everything needed is started here: PostgreSQL, Redis, sandboxes, the product's own processes. The
ratios can be compared between machines; the absolute figures beside them belong to this one.
"""

import argparse
import os
import platform
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib import import_module
from types import FrameType

import psycopg
from redis import Redis

from tests.benchmarks import report
from tests.benchmarks.stack import COMMON, Machine, conninfo, enter

NAMES = (
    "sending",
    "pace",
    "fairness",
    "webhooks",
    "crowd",
    "latency",
    "fanout",
    "history",
    "retention",
    "health",
    "search",
)


def main() -> int:
    given = arguments()
    signal.signal(signal.SIGTERM, leave)
    with ExitStack() as exits:
        folder = exits.enter_context(tempfile.TemporaryDirectory(prefix="wedsync-bench-"))
        # The models have to be known here as well; nothing is written to this database.
        unused = f"sqlite:///{folder}/unused.sqlite3"
        enter({**COMMON, "DATABASE_URL": unused, "REDIS_URL": "", "LOG_LEVEL": "ERROR"})
        machine = Machine(exits)
        report.say(facts(machine))
        for name in given.names or NAMES:
            benchmark = import_module(f"tests.benchmarks.{name}")
            began = time.monotonic()
            report.title(f"{name}: {(benchmark.__doc__ or name).splitlines()[0]}")
            try:
                # Each line as soon as it is known.
                for row in benchmark.run(machine, given.messages):
                    report.line(row)
            finally:
                machine.close()
            report.say(f"  took {time.monotonic() - began:.0f} s")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument(
        "--messages",
        type=int,
        default=200_000,
        help="how many are in “history”, or queued in “fairness” (default: 200000)",
    )
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}: {', '.join(NAMES)}")
    return given


def facts(machine: Machine) -> str:
    with psycopg.connect(conninfo(machine.postgres)) as connection:
        postgres = connection.info.server_version // 10_000
    with Redis.from_url(machine.redis) as redis:
        version = redis.info("server")["redis_version"]
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    return (
        f"{os.cpu_count()} cores ({platform.machine()}, {platform.system()}), load {load}; "
        f"Python {platform.python_version()}, PostgreSQL {postgres}, Redis {version}"
    )


def leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
