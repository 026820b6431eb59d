"""The threads that torch multiplies with, for work of our own.

After a product they look for more to do for a while before they sleep. Threads of another pool find
the cores taken by them: two of those prune no faster than one.
"""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import torch

Work = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def each(parts: int, do: Callable[[int], Any]) -> list[Any] | None:
    """What do(0), do(1) ... give, one a thread of torch's team; None where that is not libgomp's.
    What the first of them raises is raised once all have ended."""
    team = _team()
    if team is None:
        return None
    made: list[Any] = [None] * parts
    failed: list[BaseException] = []
    waiting = iter(range(parts))  # of one more thread than there is a part gets none

    def work(_: object) -> None:
        for number in waiting:
            try:
                made[number] = do(number)
            except BaseException as error:  # it cannot pass through a team
                failed.append(error)

    team(Work(work), None, parts, 0)
    if failed:
        raise failed[0]
    return made


def together(function: Any, address: int, threads: int) -> None:
    """Call a C function (`Work`) with an address on so many threads of torch's; wait for all."""
    team = None if threads == 1 else _team()
    if team is not None:
        team(function, address, threads, 0)
        return
    others = [pool().submit(function, address) for _ in range(threads - 1)]
    function(address)
    for other in others:
        other.result()


@cache
def pool() -> ThreadPoolExecutor:
    """Threads where torch's cannot be had."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="nmviz")


@cache
def _team() -> Callable[..., None] | None:
    """`GOMP_parallel` of the library that came with torch: a function for each thread."""
    for path in (Path(torch.__file__).parent / "lib").glob("libgomp*"):
        try:
            found: Any = ctypes.CDLL(str(path)).GOMP_parallel
        except (OSError, AttributeError):
            continue
        found.argtypes, found.restype = (Work, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint), None
        return found
    return None
