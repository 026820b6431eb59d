"""Starting a process that serves: no sweeps for garbage while everything is imported and built.

Importing and building make hardly any garbage, but so many objects that looking for it again and
again takes a fifth of the start.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def quick_start() -> None:
    """Call it before the large libraries are imported; `started` ends it."""
    gc.disable()


def started() -> None:
    """Sweep again, but leave out all that exists by now: going through every object of the
    libraries takes longer than an answer."""
    gc.collect()
    gc.freeze()
    gc.enable()


def take_short_turns() -> None:
    """For a process that works for one visitor and answers others: a thread that needs Python only
    now and then, between products, gets it sooner than after the usual 5 ms."""
    sys.setswitchinterval(0.0005)


@contextmanager
def no_sweeps() -> Iterator[None]:
    """Inside, no sweeps: reading much that is kept makes many objects and no garbage too, and they
    would take a quarter of its time. Afterwards it is as before."""
    swept = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if swept:
            gc.enable()
