"""Nothing is lost, nothing arrives twice, nothing is stuck, whoever dies and whenever."""

import sys
from pathlib import Path

import pytest

from communications.models import Message
from tests.chaos.conftest import Survived
from tests.chaos.killing import Count, kill_while_sending
from tests.chaos.survival import Survival


def check(count: Count, messages: int) -> None:
    sys.stdout.write(f"\n{messages} messages: {count}\n")
    assert (count.lost, count.duplicated, count.stuck) == (0, 0, 0)
    assert Message.objects.filter(status="delivered").count() == messages


def test_killing_the_dispatcher_and_the_web_process_loses_and_doubles_nothing(
    process_env: dict[str, str],
    tmp_path: Path,
) -> None:
    check(kill_while_sending(process_env, tmp_path, messages=150, kills=2), 150)


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_killing_them_again_and_again_loses_and_doubles_nothing(
    process_env: dict[str, str],
    tmp_path: Path,
    survived: Survived,
) -> None:
    count = kill_while_sending(process_env, tmp_path, messages=1_000, kills=6)
    survived(
        Survival(
            fault="dispatcher and web killed in turn (kill -9)",
            times=count.kills,
            messages=1_000,
            lost=count.lost,
            doubled=count.duplicated,
            stuck=count.stuck,
            meanwhile="webhooks are delivered again",
        )
    )
    check(count, 1_000)
