"""The measurements behind one row: of one task, or of all that are chosen together."""

from collections.abc import Iterator

from nmviz.core.results import Measurement, Result
from nmviz.published.listing.selection import Selection


def by_tasks(
    result: Result, metric: str, selection: Selection
) -> Iterator[tuple[Measurement, ...]]:
    """One tuple a row. Nothing where a chosen task is missing and a mean is asked for."""
    of_metric = {one.task or "": one for one in result.measurements if one.metric == metric}
    wanted = selection.tasks or tuple(of_metric)
    parts = tuple(of_metric[task] for task in wanted if task in of_metric)
    if selection.each_task:
        yield from ((one,) for one in parts)
    elif parts and len(parts) == len(wanted):
        yield parts
