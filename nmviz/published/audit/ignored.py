"""Runs in which a mitigation that was asked for changed nothing."""

from collections.abc import Iterator
from dataclasses import replace

from nmviz.base.wording import listed
from nmviz.published.audit.finding import Finding
from nmviz.published.audit.printed import Row, Rows, name_of, slug
from nmviz.published.cells import cells

ENOUGH = 4
"""Accuracies at full precision that must all be equal; over hundreds of examples each, two
different runs do not agree in so many."""


def groups(rows: Rows) -> list[list[Row]]:
    """Logs of one model, pattern, scope and criterion, different mitigations, equal values."""
    found: dict[object, list[Row]] = {}
    for row in rows.logs:
        experiment = row.result.experiment
        values = tuple(sorted((m.metric, m.task or "", m.value) for m in row.result.measurements))
        if len(row.accuracies) >= ENOUGH:
            what = (experiment.model, experiment.pattern, experiment.projections)
            found.setdefault((what, experiment.criterion, values), []).append(row)
    return [same for same in found.values() if len({_asked(row) for row in same}) > 1]


def as_run(rows: Rows) -> list[Row]:
    """The logs, those whose mitigation was ignored under the name of what was really run."""
    ignored = {row.place for group in groups(rows) for row in group}
    return [
        replace(row, method=rows.names.of_method(row.result.experiment.but(mitigations=())))
        if row.place in ignored
        else row
        for row in rows.logs
    ]


def find_ignored(rows: Rows) -> Iterator[Finding]:
    """One finding for each set of equal runs."""
    for group in groups(rows):
        first = group[0].printed
        wrong = [row for row in group if _asked(row)]
        count = len(group[0].result.measurements)
        names = listed(name_of(row) for row in group)
        asked = [" + ".join(_asked(row)) or "none" for row in group]
        plain = rows.names.of_method(group[0].result.experiment.but(mitigations=()))
        yield Finding(
            id=slug("ignored", *group[0].key[:2], group[0].result.experiment.criterion),
            detector="ignored",
            title=f"{first.model}, {first.pattern}: {names} ask for different mitigations "
            f"and are equal to the last digit in all {count} values.",
            evidence=f"Asked for: {'; '.join(asked)}. First values: "
            + ", ".join(
                f"{m.metric} of {m.task} {m.value}" for m in group[0].result.measurements[:2]
            )
            + ".",
            certainty="proved",
            consequence=f"The mitigation was not applied: {listed(map(name_of, wrong))} "
            f"{'are runs' if len(wrong) > 1 else 'is a run'} of plain {plain}.",
            cells=tuple(cell for row in wrong for cell in cells(row.result)),
        )


def _asked(row: Row) -> tuple[str, ...]:
    return row.result.experiment.mitigations
