"""What answers depend on beside the question."""

from collections.abc import Hashable
from typing import Literal

from nmviz.base.cache import cache_dir
from nmviz.service.runs import store

Changing = Literal["store", "calibrated"]


def standing(of: Changing) -> Hashable:
    """What changes when a result is stored, or a method calibrated, by this process or another.

    Microseconds: an answer that was worked out at the same standing is still the right one.
    """
    if of == "store":
        return store().version()
    try:
        return (cache_dir() / "calibrated").stat().st_mtime_ns
    except OSError:
        return 0
