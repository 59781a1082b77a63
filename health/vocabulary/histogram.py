"""How long things took, as counts in slots: sums of them are cheap, and percentiles near enough."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

# The upper ends of the slots in milliseconds; one more slot takes what is longer. Fine where calls
# usually end, and up to the minutes that a receipt may take.
BOUNDS = (
    *(20, 50, 100, 200, 350, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 7_500, 10_000),
    *(15_000, 20_000, 30_000, 60_000, 120_000, 300_000, 900_000, 3_600_000),
)
SLOT_COUNT = len(BOUNDS) + 1


def empty_histogram() -> list[int]:
    return [0] * SLOT_COUNT


def merge_histograms(histograms: Iterable[Sequence[int]]) -> list[int]:
    """Of any length: a row of an older version may have had fewer slots."""
    found = empty_histogram()
    for counts in histograms:
        for slot, count in enumerate(counts[:SLOT_COUNT]):
            found[slot] += count
    return found


def percentile_ms(counts: Sequence[int], share: float) -> float | None:
    """In milliseconds, as if each slot were filled evenly; None of nothing."""
    wanted = sum(counts) * share
    if not wanted:
        return None
    slot = next(at for at, sofar in enumerate(accumulate(counts)) if sofar >= wanted)
    if slot >= len(BOUNDS):
        return float(BOUNDS[-1])
    low = BOUNDS[slot - 1] if slot else 0
    into = wanted - sum(counts[:slot])
    return low + (BOUNDS[slot] - low) * into / counts[slot]
