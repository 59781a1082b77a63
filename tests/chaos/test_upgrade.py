"""An installation of the previous release becomes this one while its queue is full."""

import sys
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings

from tests.chaos.conftest import Survived
from tests.chaos.installation import (
    installation,
    newest_release,
    sent_mails,
    titles_in_google,
)
from tests.chaos.survival import survival
from tests.processes.running import eventually

MESSAGES, LATER, APPOINTMENTS = 200, 10, 6
PATIENCE = 240
UNSETTLED = ("queued", "sent", "unknown")


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_an_upgrade_amid_a_full_queue_loses_and_doubles_nothing(
    process_env: dict[str, str],
    tmp_path: Path,
    survived: Survived,
) -> None:
    here, previous = settings.BASE_DIR, newest_release(tmp_path)
    with installation(process_env, tmp_path) as (installed, sandbox):
        installed.manage(previous, "migrate", "--verbosity", "0")
        composed = installed.fill(previous, MESSAGES, LATER, APPOINTMENTS)["messages"]
        old = installed.processes(previous, with_worker=False)
        eventually(lambda: sent_mails(sandbox) >= MESSAGES // 3, PATIENCE)
        for process in old:
            process.end(9)
        before = installed.standing(previous)
        installed.manage(here, "migrate", "--verbosity", "0")
        new = installed.processes(here, with_worker=True)
        try:
            eventually(partial(installed.is_settled, here), PATIENCE)
            eventually(lambda: len(titles_in_google(sandbox)) >= APPOINTMENTS, PATIENCE)
            eventually(lambda: not installed.standing(here)["tasks"], PATIENCE)
        finally:
            for process in new:
                process.end()
        after = installed.standing(here)
        times_sent = sandbox.control("GET", "/resend/stats?tag=message")["tags"]
        titles = titles_in_google(sandbox)

    sys.stdout.write(f"\nbefore {before}\nafter  {after}\n")
    waiting = sum(after["messages"].get(status, 0) for status in UNSETTLED)
    survived(survival("upgrade amid a full queue", 1, composed, times_sent, stuck=waiting))
    assert before["messages"].get("queued", 0) > LATER
    assert before["tasks"] > 0
    assert set(composed) == set(times_sent), "lost"
    assert set(times_sent.values()) == {1}, "sent twice"
    assert after["messages"] == {"delivered": MESSAGES + LATER}
    assert titles == sorted(f"Tasting {number}" for number in range(APPOINTMENTS))
    assert after["failed_tasks"] == []
