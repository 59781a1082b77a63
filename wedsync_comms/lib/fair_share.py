"""Turns between flows that share something scarce, by weight: start-time fair queueing.

A flow is whoever shares: an organization, an account. Each has a start tag, a point on a virtual
clock, and the one that is furthest behind is next; being served moves its tag by the cost over its
weight. So each gets its part of what there is, nobody's part is left unused, and whoever comes
after a while of nothing is next at once: it waits behind no backlog, and has saved nothing up.

P. Goyal, H. Vin, H. Cheng: "Start-Time Fair Queueing: A Scheduling Algorithm for Integrated
Services Packet Switching Networks", SIGCOMM 1996, doi:10.1145/248156.248171. That newcomers win a
tie is from "FlowQueue-CoDel", RFC 8290, section 4.2.

`FairShare` says whose turn it is where what waits is somewhere else, in rows; `FairQueue` holds it.
Each process has its own. Several that take turns over the same flows need not know of each other: a
sum of fair parts is a fair part, a turn of each process more or less.
"""

import heapq
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

Flow = TypeVar("Flow", bound=Hashable)
Item = TypeVar("Item")

NEVER = 0
# Of how many flows that have nothing now their debts are remembered.
REMEMBERED = 1_000


@dataclass
class Standing:
    """Where a flow stands: on the virtual clock, and behind whom among equals."""

    start: float
    # The number of its latest turn.
    last_turn: int = NEVER


class FairShare(Generic[Flow]):
    """Whose turn it is among the flows that wait. Not for several threads at once."""

    def __init__(self) -> None:
        self.standings: dict[Flow, Standing] = {}
        self.weights: Mapping[Flow, float] = {}
        self.virtual_time = 0.0
        self.turns_taken = NEVER

    def enter(self, weights: Mapping[Flow, float]) -> None:
        """Notes which flows wait now, each with its weight, which is above zero."""
        # Who was served ahead of its part and left keeps its tag until the clock has come to it.
        gone = [
            flow
            for flow, standing in self.standings.items()
            if flow not in weights and standing.start > self.virtual_time
        ]
        # Of too many, those that are furthest ahead.
        gone = heapq.nlargest(REMEMBERED, gone, key=lambda flow: self.standings[flow].start)
        kept = [*filter(self.standings.__contains__, weights), *gone]
        self.standings = {flow: self.standings[flow] for flow in kept}
        for flow in weights:
            standing = self.standings.setdefault(flow, Standing(self.virtual_time))
            # What could not be served, for reasons of its own, is not caught up on.
            standing.start = max(standing.start, self.virtual_time)
        self.weights = weights

    def plan(self, available: Mapping[Flow, int], places: int, *, cost: float = 1.0) -> list[Flow]:
        """Returns whose turns are the next so many places, if each place costs as much.

        `available` says how many places a flow can fill at most. Nobody is served by this.
        """
        left = {flow: count for flow, count in available.items() if count > 0}
        heap = [
            (standing.start, standing.last_turn, order, flow)
            for order, flow in enumerate(left)
            if (standing := self.standings[flow])
        ]
        heapq.heapify(heap)
        turns = list[Flow]()
        while heap and len(turns) < places:
            start, _, order, flow = heapq.heappop(heap)
            turns.append(flow)
            left[flow] -= 1
            if left[flow]:
                turn = self.turns_taken + len(turns)
                heapq.heappush(heap, (start + cost / self.weights[flow], turn, order, flow))
        return turns

    def serve(self, flows: Collection[Flow], cost: float = 1.0) -> None:
        """Charges a service to the flows that shared it, in equal parts.

        A flow that has several parts in it is named as often.
        """
        if not flows:
            return
        self.virtual_time = max(
            self.virtual_time, min(self.standings[flow].start for flow in flows)
        )
        self.turns_taken += 1
        for flow in flows:
            standing = self.standings[flow]
            standing.start += cost / len(flows) / self.weights[flow]
            standing.last_turn = self.turns_taken


class FairQueue(Generic[Flow, Item]):
    """What waits in this process, taken in turns of the flows; of one flow, first come, first
    served. Not for several threads at once."""

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, Item]] = []
        # By flow: the start tag of what it puts in next, unless the clock is past it.
        self.next_starts: dict[Flow, float] = {}
        self.virtual_time = 0.0
        self.order = count()

    def __len__(self) -> int:
        return len(self.heap)

    def put(self, flow: Flow, item: Item, weight: float = 1.0) -> None:
        start = max(self.virtual_time, self.next_starts.get(flow, 0.0))
        self.next_starts[flow] = start + 1.0 / weight
        heapq.heappush(self.heap, (start, next(self.order), item))

    def get(self) -> Item:
        """Returns what is next. Raises IndexError if nothing waits."""
        self.virtual_time, _, item = heapq.heappop(self.heap)
        if not self.heap:
            self.next_starts.clear()
        return item
