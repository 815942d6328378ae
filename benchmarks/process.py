"""A server in a process of its own, and the resources that it uses."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 180
STOP_SECONDS = 30


class Process:
    """A process with its children, as Linux's /proc tells of them."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self.popen, self.pid = popen, popen.pid

    @property
    def cpu_seconds(self) -> float:
        """Processor time so far, of those that live and of the children that have ended."""
        fields = [_stat(pid) for pid in self._tree()]
        return sum(int(ticks) for f in fields for ticks in f[11:15]) / TICKS

    @property
    def memory(self) -> int:
        """Resident bytes now, pages that several processes share counted once."""
        return sum(map(proportional, self._tree()))

    @property
    def resident(self) -> int:
        """Resident bytes now, the sum over the processes: of pages that several share, too."""
        return sum(map(resident, self._tree()))

    @property
    def peak_memory(self) -> int:
        """The most of `resident` since `forget_peak`, as if all processes had theirs at once."""
        return sum(_status(pid, "VmHWM") for pid in self._tree())

    def forget_peak(self) -> None:
        """Start the peak anew from here."""
        for pid in self._tree():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def _tree(self) -> list[int]:
        return family(self.pid)


def family(pid: int) -> list[int]:
    """Return a process and all that it has started, as far as they live."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    tree, grown = [pid], 0
    while grown < len(tree):
        tree += children.get(tree[grown], [])
        grown += 1
    return tree


def proportional(pid: int) -> int:
    """Bytes of one process, each page divided by how many have it; 0 when it has gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


def resident(pid: int) -> int:
    """Resident bytes of one process; 0 when it has gone."""
    return _status(pid, "VmRSS")


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat behind the name; empty when the process has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _status(pid: int, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(field)), 0)


@contextmanager
def server(command: Sequence[str], ready: str) -> Iterator[Process]:
    """Run a server until the block ends; start the block when the URL `ready` returns 200."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # so that what it started ends with it
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(ready):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"{' '.join(command)} did not come up; run it by hand to see why"
                )
            time.sleep(0.2)
        yield Process(process)
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
