"""How much memory this process has, may still take, and gives back."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
GROUP = Path("/sys/fs/cgroup")


def memory_left() -> int | None:
    """Bytes: the least of what the machine has available, swap included, what a limit of address
    space (ulimit -v) leaves, and what the control group does; None where nobody tells."""
    return min((left for left in _told() if left >= 0), default=None)


def free_memory() -> int | None:
    """Bytes that this process may have in all, by what is free now; None where nobody tells."""
    left = memory_left()
    return None if left is None else left + (resident() or 0)


def resident(process: int | None = None) -> int | None:
    """Bytes of a process, this one unless another is named, that lie in memory now; None where
    nobody tells."""
    with suppress(OSError, ValueError, IndexError, AttributeError):
        pages = int((PROC / str(process or "self") / "statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return None


def give_back() -> None:
    """Give the system back what was let go of: glibc keeps it for the next time, all of its arenas
    do, and after a run that is more than is in use. Nothing happens where it is not glibc."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _told() -> Iterator[int]:
    with suppress(OSError, ValueError, KeyError):
        lines = (PROC / "meminfo").read_text("ascii").splitlines()
        sizes = {name: int(size.split()[0]) * 1024 for name, _, size in _parts(lines)}
        yield sizes["MemAvailable"] + sizes.get("SwapFree", 0)
    with suppress(ImportError, OSError, ValueError):
        import resource  # not there on Windows

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        pages = int((PROC / "self" / "statm").read_text("ascii").split()[0])
        if most != resource.RLIM_INFINITY:
            yield max(0, most - pages * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError):  # "max" where there is no limit
        most = int((GROUP / "memory.max").read_text("ascii"))
        used = int((GROUP / "memory.current").read_text("ascii"))
        lines = (GROUP / "memory.stat").read_text("ascii").splitlines()
        cached = [int(line.split()[1]) for line in lines if line.startswith("inactive_file ")]
        yield max(0, most - used + sum(cached))


def _parts(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    return (line.partition(":") for line in lines if line.strip())
