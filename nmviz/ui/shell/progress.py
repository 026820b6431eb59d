"""The progress bar of long work, and how times are written."""

import re

from nmviz.core.results import Progress
from nmviz.ui.shell.html import esc


def bar(progress: Progress, unit: str = "tokens") -> str:
    """The progress bar with its words: stage, how much is done, time left.

    A stage before the measuring may say its own share: `training, 40%`.
    """
    stage = esc(progress.stage[:1].upper() + progress.stage[1:])
    done, total = progress.done, progress.total
    own = re.search(r"(\d+)%$", progress.stage)
    if own and not done:
        return _bar(int(own[1]), 100, stage)
    if not total:
        return _bar(None, None, stage)
    left = progress.seconds_left
    after = f", about {duration(left)} left" if left else ""
    so_far = f"{done}%" if unit == "%" else f"{done:,} of {total:,} {esc(unit)}"
    return _bar(done, total, f"{stage}: {so_far}{after}")


def _bar(done: int | None, total: int | None, said: str) -> str:
    known = "" if total is None else f' value="{done}" max="{total}"'
    return f'<div class="bar" role="status"><progress{known}></progress><p>{said}</p></div>'


def duration(seconds: float) -> str:
    """`8 s`, `3 min`, `2 h`: as much as an estimate can carry."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"
