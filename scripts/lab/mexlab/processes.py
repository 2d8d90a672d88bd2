"""The lab's processes: started in a namespace, remembered by id and start time, ended by nobody else's id."""

import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from .netns import LabError, inside

STOP_TIMEOUT_S = 10
POLL_S = 0.02
# Children of this very command, by process id: only a parent learns an exit status.
CHILDREN: dict[int, subprocess.Popen] = {}


@dataclass(frozen=True)
class Process:
    """A process of the lab that may outlive the command that started it."""

    node: str
    what: str
    pid: int
    start_ticks: int  # since boot, from /proc: tells a process from a later one with the same id

    def as_json(self) -> dict:
        return asdict(self)

    def alive(self) -> bool:
        stat = read_stat(self.pid)
        return stat is not None and stat[1] == self.start_ticks and stat[0] != "Z"

    def exit_status(self) -> int | None:
        """How it ended; None when it still runs or was started by another command."""
        child = CHILDREN.get(self.pid)
        return child.poll() if child else None


def read_stat(pid: int) -> tuple[str, int] | None:
    """State letter and start time of a process; None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[19])


def start(node: str, what: str, command: list[str], log: Path) -> Process:
    """Start `command` in the node's namespace, detached, with both outputs in `log`."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            inside(node, *command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    CHILDREN[child.pid] = child
    stat = read_stat(child.pid)
    if stat is None:
        raise LabError(f"{what} of {node} did not start: {tail(log)}")
    return Process(node, what, child.pid, stat[1])


def stop(processes: list[Process]) -> list[str]:
    """SIGTERM to all, then SIGKILL to those who do not listen. Returns a line for each of these."""
    complaints = []
    for process in processes:
        if process.alive():
            os.kill(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    for process in processes:
        while process.alive() and time.monotonic() < deadline:
            time.sleep(POLL_S)
        if process.alive():
            os.kill(process.pid, signal.SIGKILL)
            complaints.append(f"{process.what} of {process.node} ignored SIGTERM for {STOP_TIMEOUT_S} s and was killed")
        status = process.exit_status()
        if process.what == "mexfwd" and status not in (None, 0):
            complaints.append(f"mexfwd of {process.node} ended with status {status}")
    return complaints


def tail(log: Path, lines: int = 5) -> str:
    """The last lines of a log, for an error message."""
    try:
        return " | ".join(log.read_text(errors="replace").strip().splitlines()[-lines:]) or "(no output)"
    except OSError:
        return "(no output)"


def wait_until(ready, timeout_s: float, what: str) -> None:
    """Poll `ready()` until it is true; a LabError that names `what` when it never is."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {timeout_s:g} s")
        time.sleep(POLL_S)
