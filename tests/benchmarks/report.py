"""Measured side by side -> medians -> a table with figures A and B and their ratio."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median

# What was measured, with its unit -> the figure.
Figures = dict[str, float]


@dataclass(frozen=True)
class Row:
    """One line of the table; without a B it is an absolute figure."""

    what: str
    a: str
    figure_a: float
    b: str = ""
    figure_b: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.figure_a / self.figure_b if self.figure_b else None


def measured(variants: Mapping[str, Callable[[], Figures]], rounds: int) -> dict[str, Figures]:
    """Returns the median of each variant's rounds.

    They take turns, in changing order, so that a noisy neighbour does not hit one of them only.
    """
    found: dict[str, list[Figures]] = {variant: [] for variant in variants}
    for number in range(rounds):
        order = list(variants)[:: 1 if number % 2 == 0 else -1]
        for variant in order:
            found[variant].append(variants[variant]())
    return {variant: medians(figures) for variant, figures in found.items()}


def medians(rounds: list[Figures]) -> Figures:
    return {what: median(result[what] for result in rounds) for what in rounds[0]}


def rows(figures: Mapping[str, Figures], a: str, b: str) -> list[Row]:
    """A line for each thing that both variants measured."""
    return [
        Row(what, a, figure, b, figures[b][what])
        for what, figure in figures[a].items()
        if what in figures[b]
    ]


def percentile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(name: str, seconds: Iterable[float], *shares: float) -> Figures:
    values = list(seconds)
    return {f"{name} p{share * 100:.0f}, ms": 1000 * percentile(values, share) for share in shares}


def title(text: str) -> None:
    say(f"\n{text}\n  {'':38}{'A':30}{'':>9}  {'B':30}{'':>9}{'A/B':>8}")


def line(row: Row) -> None:
    other = "" if row.figure_b is None else number(row.figure_b)
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    figures = f"{row.a:30}{number(row.figure_a):>9}  {row.b:30}{other:>9}{ratio:>8}"
    say(f"  {row.what:38}{figures}")


def number(value: float) -> str:
    """Three digits that mean something."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
