"""The sentences above figures of published results, computed from the rows they draw.

Live runs and imported results laid over them count only where nothing else is drawn: they are of
another model and protocol.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import hypot

from nmviz.methods.patterns import parse_pattern
from nmviz.published.listing.row import DAGGER, Row
from nmviz.published.listing.selection import BY_METRIC, is_better_higher
from nmviz.views.published.marks import panel_of, patterns_of

KEEPS = {
    "average_drop": "loses less accuracy than",
    "acc": "keeps more accuracy than",
    "acc_norm": "keeps more accuracy than",
    "perplexity": "raises perplexity less than",
    "prompt_strict": "follows more instructions than",
    "prompt_loose": "follows more instructions than",
}
BEST = {
    "average_drop": "Least accuracy lost",
    "acc": "Highest accuracy",
    "acc_norm": "Highest accuracy",
    "perplexity": "Lowest perplexity",
    "prompt_strict": "Most instructions followed",
    "prompt_loose": "Most instructions followed",
}
NO_NUMBER = "No published number of a pruned model is known: every one is above a cut-off (OUT)"
CLEAR = 2.0
"""A difference is called clear when it is more than this many of its standard errors."""


def pairs_sentence(rows: Sequence[Row]) -> str:
    """Such as `Pruning activations loses less accuracy than pruning weights in 12 of 12 pairs`."""
    pairs = pairs_of(_counted(rows))
    if not pairs:
        return ""
    better = [pair for pair in pairs if _is_better(pair[1], pair[0])]
    count = f"{len(better)} of {len(pairs)} pairs of model and pattern"
    said = f"Pruning activations {KEEPS[rows[0].metric]} pruning weights in {count}"
    sure = sum(is_clear(*pair) for pair in better)
    unknown = sum(any(row.stderr is None for row in pair) for pair in better)
    said += _resting(pairs, "pairs")
    if not better:
        return said
    if unknown == len(better):
        return f"{said}; how much of it is noise is not known"
    noise = f"; in {sure} the difference is over twice its standard error"
    return said + noise + (f", in {unknown} the noise is not known" if unknown else "")


def ladder_sentence(rows: Sequence[Row]) -> str:
    """The longest line over patterns that keep half: its first value, its last, and the ratio."""
    lines: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in _counted(rows):
        if row.value is not None and parse_pattern(row.pattern).density == 0.5:
            lines.setdefault((panel_of(row), row.method, row.layers, row.task), []).append(row)
    if not lines:
        return pairs_sentence(rows) or range_sentence(rows)
    line = max(lines.values(), key=lambda one: (len({r.pattern for r in one}),
                                                one[0].method == "ACT"))  # fmt: skip
    order = patterns_of(line)
    line = sorted(line, key=lambda row: order.index(row.pattern))
    if len(order) < 2:
        return pairs_sentence(rows) or range_sentence(rows)
    noun = BY_METRIC[line[0].metric].title
    steps = [f"{row.told} at {row.pattern}" for row in line]
    if len(steps) > 5:
        steps = [steps[0], steps[-1]]
    said = f"{line[0].method} on {line[0].model}: {noun} is {', '.join(steps)}"
    compared = pairs_sentence(rows)
    return f"{said}. {compared}" if compared else said


def methods_sentence(rows: Sequence[Row]) -> str:
    """Which way of pruning activations is best in every panel, and whether by more than noise."""
    bests = []
    pruned = (row for row in _counted(rows) if row.target == "activation" and not row.is_dense)
    for group in _by_panel(pruned):
        ranked = _ranked(group)
        if len(ranked) > 1:
            bests.append((ranked[0], ranked[1]))
    if not bests:
        return range_sentence(rows)
    said = f"{BEST[bests[0][0].metric]} among pruned activations: {_named(bests)}"
    said += _resting(bests, "leads")
    if any(row.stderr is None for pair in bests for row in pair):
        return f"{said}; the noise is not known for all"
    sure = sum(is_clear(*pair) for pair in bests)
    if not sure:
        return f"{said}; no lead over the second best stands out of the noise"
    where = "" if len(bests) == 1 else f" in {sure} of {len(bests)}"
    return f"{said}; the lead over the second best is clear{where}"


def _resting(pairs: Sequence[tuple[Row, Row]], what: str) -> str:
    """How many of several comparisons have a row that the audit has a finding on."""
    marked = sum(any(row.marks for row in pair) for pair in pairs)
    return f", {marked} of the {len(pairs)} {what} with a finding ({DAGGER})" if marked else ""


def range_sentence(rows: Sequence[Row]) -> str:
    """The least and the most of what is shown."""
    numbers = (row for row in _counted(rows) if row.value is not None and not row.is_dense)
    known = sorted(numbers, key=_value)
    if not known:
        return NO_NUMBER if any(not row.is_dense for row in rows) else ""
    low, high = known[0], known[-1]
    noun = BY_METRIC[low.metric].title
    if low is high:
        return f"{_who(low)}: {noun} is {low.told}"
    reach = f"goes from {low.told} ({_who(low)}) to {high.told} ({_who(high)})"
    return f"{noun[0].upper()}{noun[1:]} {reach}"


def _counted(rows: Sequence[Row]) -> Sequence[Row]:
    return [row for row in rows if not row.laid_over] or rows


def pairs_of(rows: Iterable[Row]) -> list[tuple[Row, Row]]:
    """WT and ACT of the same model, pattern, layers and task, where both are numbers."""
    found: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in rows:
        if row.method in ("WT", "ACT") and row.value is not None:
            place = (panel_of(row), row.pattern, row.layers, row.task)
            found.setdefault(place, {})[row.method] = row
    return [(pair["WT"], pair["ACT"]) for pair in found.values() if len(pair) == 2]


def is_clear(one: Row, other: Row) -> bool:
    """Whether two values differ by more than twice the standard error of their difference."""
    if one.stderr is None or other.stderr is None or one.value is None or other.value is None:
        return False
    return abs(one.value - other.value) > CLEAR * hypot(one.stderr, other.stderr)


def _ranked(group: Sequence[Row]) -> list[Row]:
    """The best first."""
    known = [row for row in group if row.value is not None]
    return sorted(known, key=_value, reverse=bool(known) and is_better_higher(known[0].metric))


def _named(bests: Sequence[tuple[Row, Row]]) -> str:
    """Who is best where; counted where there are too many places to name."""
    several = len({best.pattern for best, _ in bests}) > 1
    if len(bests) > 4:
        wins = Counter(best.method for best, _ in bests)
        return ", ".join(f"{method} in {n} of {len(bests)}" for method, n in wins.most_common(3))
    if len(bests) > 1 and len({best.method for best, _ in bests}) == 1:
        return f"{bests[0][0].method} in all {len(bests)}"
    return ", ".join(
        f"{best.method} on {best.model}{f' at {best.pattern}' if several else ''} ({best.told})"
        for best, _ in bests
    )


def _by_panel(rows: Iterable[Row]) -> list[list[Row]]:
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((panel_of(row), row.pattern, row.task), []).append(row)
    return list(groups.values())


def _is_better(one: Row, other: Row) -> bool:
    if is_better_higher(one.metric):
        return _value(one) > _value(other)
    return _value(one) < _value(other)


def _value(row: Row) -> float:
    return row.value if row.value is not None else float("inf")


def _who(row: Row) -> str:
    return f"{row.method} on {row.model} at {row.pattern}"
