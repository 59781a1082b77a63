"""What a machine does to an installation: nothing that a client was promised is lost by it."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos import faults
from tests.chaos.conftest import Survived
from tests.chaos.faults import House, house, survive

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(420)]

MESSAGES = 120
STRIKES: dict[str, Callable[[House], None]] = {
    "TLS to the provider broken at each step, for 15 s": faults.break_tls,
    "PostgreSQL restarted, away for 4 s": faults.restart_postgresql,
    "PostgreSQL read-only for 5 s": faults.make_read_only,
    "Redis killed, away for 6 s": faults.cut_redis,
    "web, dispatcher and worker killed at once (kill -9)": faults.kill_all,
}


@pytest.mark.parametrize("fault", STRIKES)
def test_what_was_promised_arrives_once(fault: str, survived: Survived, tmp_path: Path) -> None:
    with house(tmp_path) as found:
        survived(survive(found, fault, STRIKES[fault], MESSAGES))


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 120 MB, most of which a database takes with nothing in it."""
    # Not below pytest's own folder, which only its user may enter: PostgreSQL has another.
    disk = Path(tempfile.mkdtemp(prefix="wedsync-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        disk.rmdir()
        pytest.skip("mounting a small disk is for root only")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)  # noqa: S607 (wherever it is)
    disk.rmdir()


def test_a_full_disk_refuses_with_a_sentence_and_loses_nothing(
    survived: Survived, small_disk: Path, tmp_path: Path
) -> None:
    with house(tmp_path, small_disk) as found:
        survived(survive(found, "disk full for 8 s", faults.fill_disk(small_disk), MESSAGES))
