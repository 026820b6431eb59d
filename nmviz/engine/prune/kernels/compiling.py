"""How kernels are compiled, and run in as many parts as there are threads."""

import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from numba import njit

from nmviz.engine.load.refusals import not_finite
from nmviz.engine.prune.kernels import team

ALONE = 1 << 15  # entries that one thread handles faster than two


def compiled(function: Callable[..., Any]) -> Any:
    """Compiled at first use, and kept on disk; runs without the interpreter's lock."""
    # Bounds are not checked and a division by zero does not raise: neither can happen here.
    return njit(nogil=True, error_model="numpy", cache="NUMBA_DISABLE_JIT" not in os.environ)(
        function
    )


def part_of_job(function: Callable[..., Any]) -> Any:
    """The same, kept with the job that it is a part of and not by itself: see `jobs.stamp`."""
    return njit(nogil=True, error_model="numpy")(function)


def in_parts(part: Callable[[int, int], bool], count: int, entries: int, step: int = 1) -> None:
    """Run part(first, last) over 0..count, cut at multiples of `step`, one part a thread.

    UserError when a part says that it met what is not a number.
    """
    if entries <= ALONE:
        bad = part(0, count)
    else:
        threads, steps = torch.get_num_threads(), -(-count // step)
        cuts = [min(count, step * (steps * n // threads)) for n in range(threads + 1)]
        bad = any(spread(part, cuts))
    if bad:
        raise not_finite()


def spread(part: Callable[[int, int], Any], cuts: Sequence[int]) -> list[Any]:
    """What part(first, last) gives between every two cuts, each on a thread of torch's where they
    can be had; else the first one is done by the caller."""
    if len(cuts) == 2:
        return [part(cuts[0], cuts[1])]
    made = team.each(len(cuts) - 1, lambda number: part(*cuts[number : number + 2]))
    if made is not None:
        return made
    others = [team.pool().submit(part, *ends) for ends in pairwise(cuts[1:])]
    return [part(cuts[0], cuts[1]), *(other.result() for other in others)]
