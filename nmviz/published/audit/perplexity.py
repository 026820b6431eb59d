"""Perplexities that cannot be compared with the ones beside them."""

from collections.abc import Iterator

from nmviz.base.wording import listed
from nmviz.core.results import Measurement
from nmviz.methods import MITIGATIONS
from nmviz.methods.method import parse_call
from nmviz.methods.scopes import PROJECTIONS
from nmviz.published.audit.finding import Finding
from nmviz.published.audit.logs import reproduced
from nmviz.published.audit.printed import PERPLEXITY, Row, Rows, decimals, exact, name_of, slug

TRAINED = frozenset(("l-pts", "ls", "r-sparse"))
"""Mitigations that the paper trains on WikiText-2, the text perplexity is measured on."""


def is_trained(row: Row) -> bool:
    """Whether its perplexity is on the text it was trained on."""
    calls = row.result.experiment.mitigations
    return any(parse_call(text, MITIGATIONS).method.name in TRAINED for text in calls)


def find_perplexities(rows: Rows) -> Iterator[Finding]:
    """Sparse rows below dense, and rows whose logs say how perplexity was measured."""
    yield from _below_dense(rows)
    yield from _windows(rows)
    yield from _against_logs(rows)


def _below_dense(rows: Rows) -> Iterator[Finding]:
    for (place, model), column in rows.columns.items():
        dense = rows.dense(column[0])
        whole = dense.get(PERPLEXITY) if dense else None
        if whole is None:
            continue
        below = [(row, n) for row in column if (n := row.get(PERPLEXITY)) and n.value < whole.value]
        for trained in (False, True):
            found = [(row, n) for row, n in below if is_trained(row) == trained]
            if found:
                origin = "" if trained else _origin(rows, column)
                yield _below(found, (place[1], model), str(exact(whole)), trained, origin)


def _below(
    found: list[tuple[Row, Measurement]],
    column: tuple[str, str],
    dense: str,
    trained: bool,
    origin: str,
) -> Finding:
    row, lowest = min(found, key=lambda one: one[1].value)
    told = ", ".join(f"{row.printed.method} {exact(number)}" for row, number in found)
    rows_have = "rows have" if len(found) > 1 else "row has"
    where = "All are trained on WikiText-2, where perplexity is measured: "
    return Finding(
        id=slug("below-dense", *column, *(["trained"] * trained)),
        detector="perplexity",
        title=f"{column[0]}, {column[1]}: {len(found)} sparse {rows_have} a perplexity below the "
        f"dense {dense}, down to {exact(lowest)} ({row.printed.method}).",
        evidence=f"{where if trained else ''}{told}.{origin}",
        certainty="inferred",
        consequence="Their perplexity is in-domain and says nothing about what sparsity costs."
        if trained
        else "The dense row is of another model or window than these rows, such as a chat model "
        "beside its base model; no difference between the two may be read as a cost or a gain.",
        cells=tuple(row.cell(PERPLEXITY) for row, _ in found),
    )


def _origin(rows: Rows, column: list[Row]) -> str:
    """Which model the logs name that confirm rows of the column."""
    told = [
        f"The model of {one.logged}, which gives the accuracies of {one.row.printed.method}, is "
        f"{one.logged.rows[0].printed.model}."
        for one in reproduced(rows)
        if any(one.row is row for row in column)
    ]
    return " ".join(["", *told])


def _measured(rows: Rows) -> Iterator[tuple[Row, Row]]:
    """Logs of a perplexity, each with every table row of the same model, pattern and method; what
    was pruned may differ, and is told."""
    logs = [log for log in rows.logs if log.get(PERPLEXITY)]
    for row in rows.tables:
        for log in logs:
            if row.key[:3] == log.key[:3] and row.get(PERPLEXITY):
                yield log, row


def _same(log: Row, row: Row) -> bool:
    """Rounded or cut, the log's value is the table's."""
    printed, logged = row.get(PERPLEXITY), log.get(PERPLEXITY)
    if printed is None or logged is None:
        return False
    return abs(printed.value - logged.value) < 10.0 ** -decimals(printed)


def _windows(rows: Rows) -> Iterator[Finding]:
    """Rows whose perplexity a log gives with its window, in a table that names none."""
    found: dict[str, list[tuple[Row, Row]]] = {}
    for log, row in _measured(rows):
        if log.result.experiment.window and _same(log, row):
            found.setdefault(row.printed.model, []).append((log, row))
    for model, same in found.items():
        windows = listed(sorted({str(log.result.experiment.window) for log, _ in same}))
        places = listed(dict.fromkeys(row.printed.place for _, row in same))
        values = listed(str(exact(n)) for _, row in same if (n := row.get(PERPLEXITY)))
        yield Finding(
            id=slug("window", same[0][1].key[0], same[0][1].method),
            detector="perplexity",
            title=f"{places}, {model}: the {same[0][1].method} perplexities {values} are those of "
            f"logs with windows of {windows} tokens; the tables name no window.",
            evidence="; ".join(_told(rows, log, row) for log, row in same) + ".",
            certainty="inferred",
            consequence="Shorter windows give higher perplexities: unless the other rows were "
            "measured with the same window, these cannot be ranked among them.",
            cells=tuple(row.cell(PERPLEXITY) for _, row in same),
        )


def _told(rows: Rows, log: Row, row: Row) -> str:
    """`Table 10, 2:4: printed 13.95, log f19147ea 13.959, other activation rows 9.03 to 11.16`."""
    printed, logged = row.get(PERPLEXITY), log.get(PERPLEXITY)
    values = f"printed {exact(printed)}, " if printed else ""
    values += f"{name_of(log)} {logged.value:.3f}" if logged else ""
    others = [
        exact(number)
        for other in rows.columns[row.column]
        if other is not row and other.result.experiment.target == "activation"
        if (number := other.get(PERPLEXITY))
    ]
    values += f", other activation rows {min(others)} to {max(others)}" if others else ""
    return f"{row.printed.place}, {row.printed.pattern}: {values}"


def _against_logs(rows: Rows) -> Iterator[Finding]:
    for log, row in _measured(rows):
        printed, logged = row.get(PERPLEXITY), log.get(PERPLEXITY)
        if printed is None or logged is None or _same(log, row):
            continue
        window = log.result.experiment.window
        scopes = [_scope(log), _scope(row)]
        other = f", with {scopes[0]} pruned and not {scopes[1]}" if scopes[0] != scopes[1] else ""
        yield Finding(
            id=slug("perplexity-log", row.key[0], row.key[1], row.method),
            detector="perplexity",
            title=f"{row}: perplexity {exact(printed)}, in {name_of(log)} {logged.value:.1f}.",
            evidence=f"The log's window is {window} tokens{other}; the table names neither.",
            certainty="proved",
            consequence="One of the two is wrong or they were measured in other settings; which "
            "is not known, so the row's perplexity cannot be ranked.",
            cells=(row.cell(PERPLEXITY),),
        )


def _scope(row: Row) -> str:
    return ", ".join(row.result.experiment.projections or PROJECTIONS)
