"""How kernels are compiled, and run in as many parts as there are threads."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch
from numba import njit

from nmviz.engine.refusals import not_finite

ALONE = 1 << 15  # entries that one thread handles faster than two


def compiled(function: Callable[..., Any]) -> Any:
    """Compiled at first use, and kept on disk; runs without the interpreter's lock."""
    # Bounds are not checked and a division by zero does not raise: neither can happen here.
    return njit(nogil=True, error_model="numpy", cache="NUMBA_DISABLE_JIT" not in os.environ)(
        function
    )


def in_parts(part: Callable[[int, int], bool], count: int, entries: int, step: int = 1) -> None:
    """Run part(first, last) over 0..count, cut at multiples of `step`, one part a thread.

    UserError when a part says that it met what is not a number.
    """
    threads = torch.get_num_threads()
    if threads == 1 or entries <= ALONE:
        bad = part(0, count)
    else:
        steps = -(-count // step)
        cuts = [min(count, step * (steps * n // threads)) for n in range(threads + 1)]
        bad = any(list(_pool(threads).map(part, cuts[:-1], cuts[1:])))
    if bad:
        raise not_finite()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="nmviz-mask")
