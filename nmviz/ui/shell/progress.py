"""The progress bar of long work, and how times are written."""

from nmviz.base.wording import duration
from nmviz.core.results import Progress
from nmviz.ui.shell.html import esc


def bar(progress: Progress, unit: str = "tokens") -> str:
    """The progress bar with its words: stage, how much is done, time left.

    Tokens done are tokens that are measured. Where there are none yet, or no more, the words say
    the share of all the work, as the bar does.
    """
    stage = esc(progress.stage[:1].upper() + progress.stage[1:])
    done, total, share = progress.done, progress.total, progress.share
    if share is None and not total:
        return _bar(None, stage)
    after = f", about {duration(progress.seconds_left)} left" if progress.seconds_left else ""
    if share is not None and not 0 < done < total:
        return _bar(share, f"{stage}, {share:.0%}{after}")
    return _bar(progress.part, f"{stage}: {done:,} of {total:,} {esc(unit)}{after}")


def waiting(before: int = 0) -> str:
    """The bar of work that has not begun, with so many before it."""
    return bar(Progress("waiting for its turn" + (f", {before} before it" if before else "")))


def _bar(part: float | None, said: str) -> str:
    known = "" if part is None else f' value="{part:.3f}" max="1"'
    return f'<div class="bar"><progress aria-label="progress"{known}></progress><p>{said}</p></div>'
