"""The table of faults in `docs/operating.md`: what each was survived with, and when last.

A row is replaced when its test has run; the others stay.
"""

import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "operating.md"
BEGIN, END = "<!-- faults: made by `make chaos` -->", "<!-- end of faults -->"
HEAD = "| fault | how often | messages | lost | doubled | stuck | meanwhile | last run |"
LINE = "|---|---|---|---|---|---|---|---|"


@dataclass(frozen=True)
class Survival:
    """What became of the messages that somebody was promised, while something broke."""

    fault: str
    times: int
    messages: int
    lost: int = 0
    doubled: int = 0
    stuck: int = 0
    # What others notice of it.
    meanwhile: str = ""

    def row(self) -> str:
        counts = (self.times, self.messages, self.lost, self.doubled, self.stuck)
        cells = (self.fault, *counts, self.meanwhile, run_of_today())
        return f"| {' | '.join(map(str, cells))} |"

    def is_whole(self) -> bool:
        return not (self.lost or self.doubled or self.stuck)


def survival(
    fault: str, times: int, promised: Collection[str], sent: Mapping[str, int], *, stuck: int = 0
) -> Survival:
    """From the ids of those that somebody was promised, and how often each was sent."""
    return Survival(
        fault=fault,
        times=times,
        messages=len(promised),
        lost=len(set(promised) - set(sent)),
        doubled=sum(count - 1 for count in sent.values()),
        stuck=stuck,
    )


def run_of_today() -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 (git is wherever it is)
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return f"{datetime.now(UTC):%Y-%m-%d} {commit}".strip()


def table(rows: dict[str, str]) -> str:
    return "\n".join([HEAD, LINE, *(rows[fault] for fault in sorted(rows))])


def rows_of(text: str) -> dict[str, str]:
    """Returns the rows between the two markers, by fault."""
    lines = text.partition(BEGIN)[2].partition(END)[0].strip().splitlines()[2:]
    return {line.split("|")[1].strip(): line for line in lines}


def with_rows(text: str, found: list[Survival]) -> str:
    """Returns the document with what was found in its table."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"The document has no {BEGIN} and {END}.")
    rows = rows_of(text) | {survival.fault: survival.row() for survival in found}
    return f"{before}{begin}\n\n{table(rows)}\n\n{end}{after}"


def write_down(found: list[Survival], document: Path = DOCUMENT) -> None:
    document.write_text(with_rows(document.read_text(), found))
