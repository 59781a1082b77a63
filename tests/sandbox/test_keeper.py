"""What is written of the sandbox's world when its end comes at an awkward moment."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox.config import SandboxConfig
from sandbox.persistence.keeper import SAVE_EVERY_S, Keeper
from sandbox.persistence.state_file import StateFile
from sandbox.phones import Phones
from sandbox.resend.account import Resend

BUSY_S = 4 * SAVE_EVERY_S


def test_a_write_that_still_waits_for_its_thread_is_not_lost_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "world.sqlite3"

    async def stop_while_a_write_waits() -> None:
        loop = asyncio.get_running_loop()
        # The only thread has other work for longer than the keeper waits before it saves.
        with ThreadPoolExecutor(max_workers=1) as threads:
            loop.set_default_executor(threads)
            threads.submit(time.sleep, BUSY_S)
            keeper = Keeper(StateFile(path), [Resend(SandboxConfig())], Phones())
            saving = asyncio.create_task(keeper.run())
            await asyncio.sleep(BUSY_S / 2)
            saving.cancel()
            await keeper.save()

    asyncio.run(stop_while_a_write_waits())

    assert set(StateFile(path).read()) == {"resend", "phones"}
