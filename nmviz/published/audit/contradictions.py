"""Tables that print different values for the same thing."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from nmviz.base.wording import listed
from nmviz.core.results import Measurement
from nmviz.published.audit.averages import drop_cells, what_changes
from nmviz.published.audit.drops import check
from nmviz.published.audit.finding import Finding
from nmviz.published.audit.logs import Beside, beside
from nmviz.published.audit.printed import (
    DROP,
    Quantity,
    Row,
    Rows,
    agree,
    exact,
    same_key,
    slug,
    unique,
)
from nmviz.published.cells import Cell

NEAR = Decimal("0.01")
"""How close a drop must be to another cell's to be named as looking like it."""

Logs = dict[int, Beside]


@dataclass(frozen=True)
class Clash:
    """One quantity of one experiment that places print differently: the rows of each place."""

    quantity: Quantity
    sides: dict[str, list[Row]]

    def values(self, place: str) -> list[Measurement]:
        """What a place prints; more than one number where it has several rows of the method."""
        return [n for row in self.sides[place] if (n := row.get(*self.quantity))]

    def differ(self, one: str, other: str) -> bool:
        """Whether no number of the one place is one of the other's."""
        return not any(agree(a, b) for a in self.values(one) for b in self.values(other))


def clashes(same: list[Row]) -> list[Clash]:
    """The quantities in which rows of one experiment differ between places."""
    quantities = dict.fromkeys((m.metric, m.task) for row in same for m in row.result.measurements)
    found = []
    for quantity in quantities:
        sides: dict[str, list[Row]] = {}
        for row in same:
            if row.get(*quantity):
                sides.setdefault(row.printed.place, []).append(row)
        clash = Clash(quantity, sides)
        if any(clash.differ(one, other) for one in sides for other in sides if one != other):
            found.append(clash)
    return found


def find_contradictions(rows: Rows) -> Iterator[Finding]:
    """One finding for each experiment."""
    logs = {id(one.row): one for one in beside(rows)}
    for same in same_key(rows.tables):
        if found := clashes(same):
            yield _finding(rows, found, same[0], logs)


def _finding(rows: Rows, found: list[Clash], first: Row, logs: Logs) -> Finding:
    doubtful = [(clash, row) for clash in found for row in _doubtful(rows, clash, logs)]
    evidence = [text for clash in found for text in _support(rows, clash, logs)]
    evidence += [hint for clash, row in doubtful for hint in _looks_like(rows, clash, row)]
    changes = [
        what_changes(rows, row, _instead(clash, row))
        for clash, row in doubtful
        if clash.quantity == (DROP, None)
    ]
    name = first.printed
    return Finding(
        id=slug("tables", first.key[0], first.key[1], first.method),
        detector="contradictions",
        title=f"{name.model}, {name.pattern}, {first.method}: {'; '.join(map(_told, found))}.",
        evidence=" ".join(dict.fromkeys(evidence))
        or "No log and no accuracies tell which is right.",
        certainty="proved",
        consequence=" ".join(
            [
                f"In doubt: {listed(dict.fromkeys(row.printed.place for _, row in doubtful))}.",
                *dict.fromkeys(filter(None, changes)),
            ]
        ),
        cells=unique(cell for clash, row in doubtful for cell in _cells(rows, clash, row)),
    )


def _what(quantity: Quantity) -> str:
    metric, task = quantity
    words = "accuracy" if metric == "acc" else metric.replace("_", " ")
    return f"{words} on {task}" if task else words


def _told(clash: Clash) -> str:
    """`average drop 7.31 in Table 2, 14.61 and 14.31 in Table 10`."""
    by_value: dict[str, list[str]] = {}
    for place in clash.sides:
        text = " and ".join(str(exact(number)) for number in clash.values(place))
        by_value.setdefault(text, []).append(place)
    told = (f"{value} in {listed(places)}" for value, places in by_value.items())
    return f"{_what(clash.quantity)} {', '.join(told)}"


def _instead(clash: Clash, doubtful: Row) -> list[Decimal]:
    """The values that the places print which differ from a doubtful row's place."""
    place = doubtful.printed.place
    return [
        exact(number)
        for other in clash.sides
        if clash.differ(place, other)
        for number in clash.values(other)
    ]


def _cells(rows: Rows, clash: Clash, row: Row) -> list[Cell]:
    of_drop = clash.quantity == (DROP, None)
    return drop_cells(rows, [row]) if of_drop else [row.cell(*clash.quantity)]


def _doubtful(rows: Rows, clash: Clash, logs: Logs) -> list[Row]:
    """The rows that differ from the place with the best grounds; all where none is better."""
    grounds = {
        place: max(_grounds(rows, row, clash.quantity, logs) for row in side)
        for place, side in clash.sides.items()
    }
    best = max(grounds.values())
    trusted = [place for place in grounds if grounds[place] == best]
    wrong = [p for p in clash.sides if any(clash.differ(p, other) for other in trusted)]
    return [row for place in wrong for row in clash.sides[place]]


def _grounds(rows: Rows, row: Row, quantity: Quantity, logs: Logs) -> int:
    """2 where a log confirms the value, 1 where the accuracies beside a drop give it."""
    log = logs.get(id(row))
    if log is not None and _covers(log, quantity) and row.cell(*quantity) not in log.cells:
        return 2
    again = check(rows, row) if quantity == (DROP, None) else None
    return 1 if again is not None and again.certainty is None else 0


def _covers(log: Beside, quantity: Quantity) -> bool:
    """Whether the log says the value."""
    if quantity == (DROP, None):
        return log.drop is not None
    return quantity[0] == "acc" and quantity[1] in log.logged.accuracies


def _support(rows: Rows, clash: Clash, logs: Logs) -> Iterator[str]:
    for row in (row for side in clash.sides.values() for row in side):
        log, task = logs.get(id(row)), clash.quantity[1]
        if log is not None and _covers(log, clash.quantity):
            value = log.logged.accuracies[task].value if task else log.drop.value if log.drop else 0
            yield f"{log.logged.capital}: {_what(clash.quantity)} " + (
                f"{value:.4f}." if task else f"{value:.2f}."
            )
        again = check(rows, row) if clash.quantity == (DROP, None) else None
        if again is not None:
            yield f"The accuracies of {row} give {again.recomputed.value:.2f}."


def _looks_like(rows: Rows, clash: Clash, row: Row) -> Iterator[str]:
    """Where a doubtful drop that nothing supports may have come from."""
    number = row.get(*clash.quantity)
    if clash.quantity != (DROP, None) or number is None or row.accuracies:
        return
    for like in _similar_cells(rows, row, exact(number)):
        apart = abs(exact(number) - exact(like.get(DROP) or number))
        same = "is also" if not apart else f"is {apart} from"
        yield f"{exact(number)} {same} the value of {like}."
    for right in _instead(clash, row):
        if slip := _slip(str(right), str(exact(number))):
            yield f"{exact(number)} {slip} {right}."


def _similar_cells(rows: Rows, row: Row, value: Decimal) -> Iterator[Row]:
    """Drops of the same model that print nearly the same: another pattern of the method, or
    another method at the pattern."""
    for like in rows.columns[row.column]:
        number = like.get(DROP)
        near = number is not None and abs(exact(number) - value) <= NEAR
        if like is not row and near and (like.method == row.method) != (like.key[1] == row.key[1]):
            yield like


def _slip(right: str, wrong: str) -> str | None:
    """How one number may have been written for another, in words."""
    if any(right[:i] + right[i + 1 :] == wrong for i in range(len(right))):
        return "lacks one digit of"
    if len(right) == len(wrong) and sum(a != b for a, b in zip(right, wrong, strict=True)) == 1:
        return "differs in one digit from"
    if right.partition(".")[2] == wrong.partition(".")[2] != "":
        return "has the decimals of"
    return None
