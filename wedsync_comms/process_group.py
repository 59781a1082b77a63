"""A child process with all its descendants: started, stopped, and found again after a crash."""

import json
import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """A process id is used again after a while; together with its start it means one process."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "Identity | None":
        started = _started(pid)
        return cls(pid, started) if started else None

    def is_alive(self) -> bool:
        return Identity.of(self.pid) == self


class ProcessGroup:
    """The descendants share the leader's process group, which gets no signal from a terminal."""

    def __init__(self, command: list[str], **variables: str) -> None:
        self.leader = subprocess.Popen(  # noqa: S603 - our own words
            command, env={**os.environ, **variables}, start_new_session=True
        )

    @property
    def pid(self) -> int:
        return self.leader.pid

    def exit_code(self) -> int | None:
        return self.leader.poll()

    def stop(self, grace: timedelta) -> None:
        """Asks the leader, and only it: a cluster's leader lets the others finish their work.
        What is still there after the grace is killed."""
        self.leader.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.leader.wait(grace.total_seconds())
        kill_group(self.pid)
        self.leader.wait()


def kill_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


class GroupRecords:
    """Which group belongs to which watcher, on this machine, so that the next watcher can clean
    up after one that was killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, watcher: int, leader: int) -> None:
        pair = {
            "watcher": asdict(Identity(watcher, _started(watcher))),
            "leader": asdict(Identity(leader, _started(leader))),
        }
        # A second safety net: a disk that cannot be written to is no reason not to work.
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            draft = self.path(watcher).with_suffix(".draft")
            draft.write_text(json.dumps(pair))
            draft.replace(self.path(watcher))

    def forget(self, watcher: int) -> None:
        with suppress(OSError):
            self.path(watcher).unlink(missing_ok=True)

    def path(self, watcher: int) -> Path:
        return self.folder / f"{watcher}.json"

    def clean_up(self) -> list[int]:
        """Kills the groups whose watcher is gone, and only them; returns their leaders."""
        killed = []
        for path in self.folder.glob("*.json"):
            watcher, leader = _read(path)
            if watcher and watcher.is_alive():
                continue
            if leader and leader.is_alive():
                kill_group(leader.pid)
                killed.append(leader.pid)
            path.unlink(missing_ok=True)
        return killed


def _read(path: Path) -> tuple[Identity | None, Identity | None]:
    try:
        pair = json.loads(path.read_text())
        return Identity(**pair["watcher"]), Identity(**pair["leader"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, None  # another watcher, that starts at this moment, took it away


def _started(pid: int) -> str:
    """When this process started, in words that no other process with the same id shares. Empty
    if there is none."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # Clock ticks since this boot; the name before it may hold spaces and brackets.
            ticks = stat.read_text().rpartition(")")[2].split()[19]
        except OSError:
            return ""
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {ticks}"
    ps = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - a number
