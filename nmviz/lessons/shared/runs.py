"""Runs of the two small models in sentences: what they cost, and which of two costs more."""

from collections.abc import Iterable, Sequence
from functools import cache

from nmviz.claims.shared import own_runs
from nmviz.claims.shared.budgets import Budget
from nmviz.claims.shared.digits import plain
from nmviz.core.experiment import Experiment
from nmviz.core.pairing import LEVEL, cost_difference, interval, judge, larger_floor, told_apart
from nmviz.core.results import Measurement, Result
from nmviz.core.settings import Target
from nmviz.lessons.shared.step import MISSING, Kind, Menu, Row, Setting
from nmviz.views.shared.numbers import significant

BUDGET = Budget("wikitext-2", 8192, 512)
TEXT = {name: str(value) for name, value in BUDGET._asdict().items()}
"""The same as settings of a link."""
TEXT_IN_WORDS = "8,192 tokens of WikiText-2"
MODEL = Menu("model", "Model", {"smollm2-135m": "SmolLM2 135M", "gemma-3-270m": "Gemma 3 270M"})
PATTERNS = ("2:4", "8:16", "1:4", "4:8", "16:32", "50%", "70%")
PATTERN = Menu("pattern", "Pattern", {name: name for name in PATTERNS})
USUAL = Menu("pattern", "Pattern", {name: name for name in ("2:4", "8:16")})
TARGET = Menu("target", "What is pruned", {"weight": "weights", "activation": "activations"})
WEIGHT_RULES = {
    "sparsegpt": "SparseGPT",
    "magnitude": "magnitude",
    "wanda": "Wanda",
    "ria": "RIA",
}


@cache
def experiment(
    model: str,
    target: Target,
    pattern: str,
    criterion: str = "magnitude",
    mitigations: tuple[str, ...] = (),
) -> Experiment:
    """One of the lessons' text."""
    return own_runs.experiment(model, pattern, BUDGET, target, criterion, mitigations)


def explore(
    model: str,
    pattern: str,
    criterion: str = "magnitude",
    weights: str = "magnitude",
    mitigations: str = "",
    part: str = "cards",
) -> Setting:
    """Explore set to both experiments of the lessons' text."""
    settings = {"model": model, "pattern": pattern, "criterion": criterion, **TEXT}
    settings |= {"weight_criterion": weights, "mitigations": mitigations}
    return Setting(settings, part=part)


def nats(value: float) -> str:
    """`4.197`, in nats a token."""
    return plain(value, 3)


def with_error(value: float, error: float | None) -> str:
    """`4.197 ± 0.050`, which no line breaks."""
    gap = "\N{NO-BREAK SPACE}"
    return nats(value) if error is None else f"{nats(value)}{gap}±{gap}{nats(error)}"


def cost(run: Result | None) -> Measurement | None:
    """What pruning costs, in nats a token."""
    return run.get("delta_nll") if run else None


def cost_in_words(run: Result | None) -> str:
    """`4.197 ± 0.050`, in nats a token, or that it is not stored."""
    found = cost(run)
    return MISSING if found is None else with_error(found.value, found.stderr)


def row(label: str, found: Measurement | None, kind: Kind, level: float = 1 - LEVEL) -> list[Row]:
    """A bar with its interval; none where the number is not there."""
    if found is None:
        return []
    low, high = interval(found, level) or (None, None)
    return [Row(label, found.value, with_error(found.value, found.stderr), low, high, kind)]


def compared(named: Sequence[tuple[str, Result | None]]) -> str:
    """Which of two runs costs less, as the rule of the page has it, and whether that is more than
    noise."""
    there = [(name, run, found) for name, run in named if run and (found := cost(run))]
    if len(there) < 2:
        absent = [name for name, run in named if cost(run) is None]
        return f"Not stored here: {' and '.join(absent)}; so nothing is compared."
    (less, best, _), (more, dearer, _) = sorted(there, key=lambda one: one[2].value)
    apart = cost_difference(dearer, best)
    assert apart is not None, "both costs are known"
    told = with_error(apart.value, apart.stderr)
    verdict = judge(dearer, best)
    if verdict == "real":
        return f"{less[0].upper()}{less[1:]} cost less, by {told}."
    if verdict == "below the noise floor":
        floor = significant(larger_floor(dearer, best))
        return f"The difference, {told}, is below the noise floor of {floor}: it is none."
    if verdict == "no interval":
        return f"The difference is {told}; without an interval it may be noise."
    return f"The difference, {told}, is within the noise: {less} and {more} are not told apart."


def sides(
    pairs: Iterable[tuple[str, Result | None, Result | None]], count: int = 1
) -> dict[str, list[str]]:
    """Names by what is known of `one` against `other`: `less`, `more`, `open`, or `missing`; each
    as one of `count` comparisons at once."""
    found: dict[str, list[str]] = {"less": [], "more": [], "open": [], "missing": []}
    for name, one, other in pairs:
        found[side(one, other, count)].append(name)
    return found


def side(one: Result | None, other: Result | None, count: int = 1) -> str:
    """Whether the one costs `less` or `more` than the other, with an interval wide enough for that
    many comparisons at once; `open` where noise or rounding may have made the difference, `missing`
    where one is not stored."""
    apart = cost_difference(one, other) if one and other else None
    if one is None or other is None or apart is None:
        return "missing"
    if told_apart(one, other, count=count) != "real":
        return "open"
    return "more" if apart.value > 0 else "less"
