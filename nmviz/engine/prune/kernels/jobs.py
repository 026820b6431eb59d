"""Compiled work that threads of torch's take part by part, without Python between them.

A thread that waits for the interpreter's lock begins late: of a mask that takes 0.2 ms that is
half. So what is to be done stands as numbers and addresses in one row of int64, a job, and one
compiled function reads it on every thread.
"""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numba import cfunc, types
from numba.extending import intrinsic

from nmviz.engine.load.refusals import not_finite
from nmviz.engine.prune.kernels import team
from nmviz.engine.prune.kernels.compiling import ALONE, part_of_job

TAKEN, PARTS, COUNT, STEP, STRANGE = range(5)
"""The part that is taken next, how many there are, what they are parts of, where it may be cut, and
whether one met what is not a number. What a function needs besides comes behind."""
OWN = 5
PARTS_A_THREAD = 4  # so that a thread that begins late does less
Work = Callable[[Any], None]


def _pointer(to: Any) -> Any:
    """What reads an address as a place of entries of that type."""

    def read(_context: Any, _address: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            return builder.inttoptr(given[0], context.get_value_type(signature.return_type))

        return types.CPointer(to)(types.int64), build

    return intrinsic(read)


floats_at, offsets_at = _pointer(types.float32), _pointer(types.uint64)


@intrinsic
def _one_more(_context: Any, _place: Any) -> Any:
    """The number at a place of int64, which is one more from then on, for all threads."""

    def build(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.atomic_rmw(
            "add", given[0], context.get_constant(types.int64, 1), "monotonic"
        )

    return types.int64(types.CPointer(types.int64)), build


@part_of_job
def next_part(place: Any, job: Any) -> Any:
    """From where to where the next part goes; (0, 0) once none is left."""
    part: Any = _one_more(place)  # type: ignore[call-arg]
    if part >= job[PARTS]:
        return 0, 0
    steps = -(-job[COUNT] // job[STEP])
    first = job[STEP] * (steps * part // job[PARTS])
    return first, min(job[COUNT], job[STEP] * (steps * (part + 1) // job[PARTS]))


def stamp() -> int:
    """Of the files here: what numba keeps on disk it makes anew where a function's own file is
    newer, not where another is whose functions are compiled into it."""
    times = (str(path.stat().st_mtime_ns) for path in sorted(Path(__file__).parent.glob("*.py")))
    return zlib.crc32(" ".join(times).encode()) >> 1


def work(function: Work) -> Any:
    """A function of a job's address, compiled, or read from disk, for torch's threads."""
    signature = types.void(types.CPointer(types.int64))
    made: Any = cfunc(signature, cache=True, error_model="numpy")(function)
    return made, team.Work(made.address)  # the address holds as long as the first is kept


def run(of: Any, count: int, entries: int, own: tuple[int, ...], step: int = 1) -> None:
    """Have `work` done over 0..count, cut at multiples of `step`, with a job that has `own` behind
    what every job has. What it names by address has to be kept meanwhile.

    UserError where it met what is not a number.
    """
    threads = torch.get_num_threads() if entries > ALONE else 1
    wanted = 1 if threads == 1 else PARTS_A_THREAD * threads
    parts = min(wanted, -(-count // step))  # none of them empty
    job = np.array((0, parts, count, step, 0, *own), np.int64)
    team.together(of[1], job.ctypes.data, threads)
    if job[STRANGE]:
        raise not_finite()
