"""publish -> wait for its turn -> post -> try again: what becomes of a webhook."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from sandbox.lib.faults import Faults
from sandbox.lib.state import Ledger, Shelf, Timers

from .courier import Attempt, Courier
from .lanes import Lanes
from .webhook import Delivery, Manners, Sign

WORKERS = 16


class Deliveries:
    """The webhooks of one provider. A failed one does not keep the later ones waiting."""

    KEPT = ("log", "_lanes", "_held", "_timers")

    def __init__(self, manners: Manners, *, faults: Faults, ledger: Ledger) -> None:
        self.url = ""
        self.retry_factor = 1.0
        self.log: Shelf[Delivery] = Shelf()
        # Told of every answer; a provider may act on what it says.
        self.answered: Callable[[Delivery, Attempt], None] = lambda _delivery, _attempt: None
        self._manners = manners
        self._courier = Courier(manners.headers, manners.answer_within)
        self._faults = faults
        self._ledger = ledger
        self._lanes: Lanes[Delivery] = Lanes()
        self._timers = Timers()
        self._held: list[Delivery] = []

    def publish(self, delivery: Delivery) -> None:
        self.log.put(delivery.id, delivery, len(delivery.body))
        self._ledger.count("webhooks")
        if not self.has_endpoint(delivery):
            delivery.state = "no endpoint"
        elif self._faults.strikes("webhook_drop", delivery.kind):
            delivery.state = "dropped"
        elif self._faults.is_on("webhook_hold", delivery.kind):
            self._hold(delivery)
        elif fault := self._faults.active("webhook_reorder", delivery.kind):
            self._hold(delivery)
            self._timers.later(fault["seconds"], self._release_backwards)
        else:
            self._send(delivery)

    def has_endpoint(self, delivery: Delivery) -> bool:
        return bool(delivery.target or self.url)

    def replay(self, delivery: Delivery) -> None:
        delivery.state = "queued"
        self._lanes.push(delivery.about, delivery)
        self._ledger.touch()

    def release(self, *, backwards: bool = False) -> None:
        """Lets go of what was held. Within a message the order stays, or is turned round."""
        held, self._held = self._held, []
        for delivery in reversed(held) if backwards else held:
            if self._faults.is_on("webhook_hold", delivery.kind):
                self._held.append(delivery)
                continue
            delivery.state = "queued"
            self._send(delivery)

    def _release_backwards(self) -> None:
        self.release(backwards=True)

    def faults_changed(self) -> None:
        self._ledger.touch()
        if not self._faults.is_on("webhook_reorder"):
            self.release()

    def clear(self) -> None:
        self._timers.clear()
        self._lanes.clear()
        self._held.clear()
        self.log.clear()

    def waiting(self) -> int:
        return len(self._lanes) + len(self._held)

    async def run(self) -> None:
        """Posts until it is cancelled."""
        pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="webhooks")
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(WORKERS):
                    workers.create_task(self._work(pool))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    async def _work(self, pool: ThreadPoolExecutor) -> None:
        while True:
            lane, delivery = await self._lanes.take()
            try:
                if delivery is not None:
                    await self._attempt(pool, delivery)
            finally:
                self._lanes.done(lane)

    def _hold(self, delivery: Delivery) -> None:
        delivery.state = "held"
        self._held.append(delivery)

    def _send(self, delivery: Delivery) -> None:
        repeat = self._faults.draw("webhook_duplicate", delivery.kind) or {"copies": 1}
        delay = self._faults.draw("webhook_delay", delivery.kind)
        for _ in range(max(1, repeat["copies"])):
            if delay:
                self._timers.later(delay["seconds"], self._queue, delivery)
            else:
                self._queue(delivery)

    def _queue(self, delivery: Delivery) -> None:
        self._lanes.push(delivery.about, delivery)

    async def _attempt(self, pool: ThreadPoolExecutor, delivery: Delivery) -> None:
        delivery.url = delivery.target or self.url
        skew = self._faults.draw("webhook_clock_skew", delivery.kind) or {"seconds": 0}
        timestamp = int(time.time() + skew["seconds"])
        if self._faults.strikes("webhook_forge", delivery.kind):
            await self._post(pool, delivery, self._manners.forge, timestamp)
        attempt = await self._post(pool, delivery, self._manners.sign, timestamp)
        self._settle(delivery, attempt)

    async def _post(
        self, pool: ThreadPoolExecutor, delivery: Delivery, sign: Sign, timestamp: int
    ) -> Attempt:
        is_forged = sign is self._manners.forge
        body = self._manners.forged_body(delivery) if is_forged else delivery.body
        post = partial(self._courier.post, delivery.url, body, sign(delivery, timestamp))
        attempt = await asyncio.get_running_loop().run_in_executor(pool, post)
        attempt.forged = is_forged
        delivery.attempts.append(attempt)
        return attempt

    def _settle(self, delivery: Delivery, attempt: Attempt) -> None:
        if attempt.succeeded:
            delivery.state = "delivered"
            self._ledger.count("webhooks_sent")
            self.answered(delivery, attempt)
            return
        self._ledger.count("webhooks_failed")
        if delivery.state == "delivered" or delivery.waits_for_retry:
            return
        waits = self._manners.retry_after
        if delivery.failures >= len(waits) or not self._manners.tries_again(delivery, attempt):
            delivery.state = "failed"
            return
        delivery.state = "retrying"
        delivery.waits_for_retry = True
        wait = waits[delivery.failures] * self.retry_factor
        delivery.failures += 1
        self._timers.later(wait, self._retry, delivery)

    def _retry(self, delivery: Delivery) -> None:
        delivery.waits_for_retry = False
        # A lane of its own: this one's turn has passed.
        self._lanes.push(delivery.id, delivery)
