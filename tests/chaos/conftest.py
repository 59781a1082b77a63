"""What each fault was survived with is collected, shown at the end, and written down."""

import os
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.chaos.survival import Survival, table, write_down

Survived = Callable[[Survival], None]


@pytest.fixture(scope="session")
def survivals() -> Iterator[list[Survival]]:
    found: list[Survival] = []
    yield found
    if not found:
        return
    rows = {survival.fault: survival.row() for survival in found}
    sys.stdout.write(f"\n{table(rows)}\n")
    # `make chaos` sets it: whoever runs one test may not want the document changed.
    if os.environ.get("WRITE_FAULTS"):
        write_down(found)


@pytest.fixture
def survived(survivals: list[Survival]) -> Survived:
    """`survived(Survival(…))`: takes it down; fails where anything is lost, doubled or stuck."""

    def take_down(found: Survival) -> None:
        survivals.append(found)
        assert found.is_whole(), found

    return take_down
