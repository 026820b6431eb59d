"""Starting a process that serves: no sweeps for garbage while everything is imported and built.

Importing and building make hardly any garbage, but so many objects that looking for it again and
again takes a fifth of the start.
"""

import gc


def quick_start() -> None:
    """Call it before the large libraries are imported; `started` ends it."""
    gc.disable()


def started() -> None:
    """Sweep again, but leave out all that exists by now: going through every object of the
    libraries takes longer than an answer."""
    gc.collect()
    gc.freeze()
    gc.enable()
