"""Lesson 5: when a difference between two numbers is one."""

from math import hypot, isfinite

from nmviz.core.pairing import LEVEL, cost_difference, covariance, floor_of, interval, judge
from nmviz.core.results import Result
from nmviz.lessons.shared import runs
from nmviz.lessons.shared.evidence import Evidence
from nmviz.lessons.shared.runs import MODEL, USUAL
from nmviz.lessons.shared.step import MISSING, Bars, Chosen, Lesson, Menu, Said, Setting, Step
from nmviz.views.shared.numbers import significant, units

METHODS = {
    "clact": "CLACT",
    "amber": "Amber-Pruner",
    "wina": "WINA",
    "gradient": "Gradient",
    "var-weight": "weight variance",
    "magnitude+var": "magnitude + var",
    "magnitude+d-pts": "magnitude + d-pts",
    "magnitude+smooth": "magnitude + smooth",
}
METHOD = Menu("method", "Method", METHODS)
ANY = Menu("method", "Method", {"magnitude": "magnitude", **METHODS})
COUNT = Menu(
    "count",
    "Comparisons at once",
    {"1": "1 comparison", "5": "5 comparisons", "20": "20 comparisons", "70": "70 comparisons"},
    slider=True,
    start="70",
)
ONE_MODEL = "smollm2-135m"


def _run(evidence: Evidence, model: str, pattern: str, method: str) -> Result | None:
    criterion, _, repair = method.partition("+")
    steps = (repair,) if repair else ()
    return evidence.run(runs.experiment(model, "activation", pattern, criterion, steps))


def _setting(model: str, pattern: str, method: str) -> Setting:
    criterion, _, repair = method.partition("+")
    return runs.explore(model, pattern, criterion, mitigations=repair)


def _width(chosen: Chosen, evidence: Evidence) -> Said:
    model, pattern, method = (chosen[name] for name in ("model", "pattern", "method"))
    run = _run(evidence, model, pattern, method)
    cost = runs.cost(run)
    reach = interval(cost) if cost else None
    words = {
        "cost": runs.cost_in_words(run),
        "units": f"{cost.n} {units(cost.unit_of_n)}" if cost and cost.n else "pieces",
        "error": runs.nats(cost.stderr) if cost and cost.stderr else "not known",
        "interval": _between(reach),
    }
    rows = runs.row(ANY.options[method], cost, "activation")
    figure = Bars("Cost of pruning activations, nats a token, with its 95% interval", rows)
    return Said(words, _setting(model, pattern, method), figure)


def _between(reach: tuple[float, float] | None) -> str:
    if reach is None:
        return "in an interval that is not known"
    return f"between {runs.nats(reach[0])} and {runs.nats(reach[1])}"


def _paired(chosen: Chosen, evidence: Evidence) -> Said:
    pattern, method = chosen["pattern"], chosen["method"]
    one, other = (_run(evidence, ONE_MODEL, pattern, name) for name in (method, "magnitude"))
    words = {
        "one": runs.cost_in_words(one),
        "other": runs.cost_in_words(other),
        **_errors(one, other),
    }
    rows = runs.row(METHODS[method], runs.cost(one), "activation")
    rows += runs.row("magnitude", runs.cost(other), "dense")
    figure = Bars("Two costs on the same text, nats a token, with 95% intervals", rows)
    return Said(words, _setting(ONE_MODEL, pattern, method), figure)


def _errors(one: Result | None, other: Result | None) -> dict[str, str]:
    """The difference in pairs, and its error as if the two were of unlike texts."""
    apart = cost_difference(one, other) if one and other else None
    costs = runs.cost(one), runs.cost(other)
    if apart is None or apart.stderr is None or one is None or other is None:
        return {"pairs": "Of these two no difference is known here."}
    alone = hypot(*(cost.stderr or 0.0 for cost in costs if cost))
    told = {"apart": runs.with_error(apart.value, apart.stderr)}
    if covariance(one, other) is None:
        said = (
            "One of the two kept no costs of single windows, so they are taken as independent, "
            f"and the error, {runs.nats(apart.stderr)}, is too large."
        )
        return {**told, "pairs": said}
    times = alone / apart.stderr if apart.stderr else float("inf")
    kind = "times as large" if isfinite(times) and times > 1 else "times that"
    said = (
        f"Taken as if of two texts, its error would be {runs.nats(alone)}: {significant(times)} "
        f"{kind}."
    )
    return {**told, "pairs": said}


def _difference(chosen: Chosen, evidence: Evidence) -> Said:
    model, pattern, method = (chosen[name] for name in ("model", "pattern", "method"))
    one, other = (_run(evidence, model, pattern, name) for name in (method, "magnitude"))
    apart = cost_difference(one, other) if one and other else None
    reach = interval(apart) if apart else None
    named = [(METHODS[method], one), ("magnitude", other)]
    words = {
        "interval": _between(reach),
        "zero": _holds_zero(reach),
        "verdict": runs.compared([(f"activations by {name}", run) for name, run in named]),
    }
    rows = runs.row(METHODS[method], apart, "activation")
    figure = Bars("It costs more than magnitude (less: to the left), nats a token", rows)
    return Said(words, _setting(model, pattern, method), figure)


def _holds_zero(reach: tuple[float, float] | None) -> str:
    if reach is None:
        return "Whether 0 lies in it cannot be said."
    held = reach[0] <= 0 <= reach[1]
    return "0 lies in it: nothing at all would fit too." if held else "0 lies outside it."


def _floor(chosen: Chosen, evidence: Evidence) -> Said:
    pattern, method = chosen["pattern"], chosen["method"]
    one, other = (_run(evidence, ONE_MODEL, pattern, name) for name in (method, "magnitude"))
    apart = cost_difference(one, other) if one and other else None
    floors = [floor for run in (one, other) if run and (floor := floor_of(run))]
    difference = runs.with_error(apart.value, apart.stderr) if apart else MISSING
    if not floors:
        said = (
            "Of these runs no noise floor is stored, so whether rounding could make such a "
            "difference is not known here. The button sets the page to measure it, on a shorter "
            "text: then press Run."
        )
    else:
        largest = max(floor.delta_nll for floor in floors)
        below = one is not None and judge(one, other) == "below the noise floor"
        said = f"The larger noise floor of the two is {runs.nats(largest)}: the difference is "
        said += "below it, and is none." if below else "above it."
    words = {"difference": difference, "floor": said}
    criterion, _, repair = method.partition("+")
    settings = {"pattern": pattern, "criterion": criterion, "mitigations": repair}
    return Said(words, Setting({**settings, "noise_floor": "True"}, part="cards"))


def _many(chosen: Chosen, evidence: Evidence) -> Said:
    pattern, method, count = chosen["pattern"], chosen["method"], int(chosen["count"])
    one, other = (_run(evidence, ONE_MODEL, pattern, name) for name in (method, "magnitude"))
    apart = cost_difference(one, other) if one and other else None
    level = 1 - LEVEL / count
    reach = interval(apart, level) if apart else None
    side = runs.side(one, other, count)
    words = {
        "chance": significant(LEVEL * count),
        "level": f"{100 * level:.4g}%",
        "difference": runs.with_error(apart.value, apart.stderr) if apart else MISSING,
        "interval": _between(reach),
        "verdict": {
            "less": f"So {METHODS[method]} costs less.",
            "more": f"So {METHODS[method]} costs more.",
            "open": "So the two are not told apart.",
            "missing": "So nothing is said: one of the two is not stored here.",
        }[side],
    }
    rows = [
        line
        for n in COUNT.options
        for line in runs.row(f"one of {n}", apart, "activation", 1 - LEVEL / int(n))
    ]
    figure = Bars("The same difference, with an interval for so many at once", rows)
    return Said(words, _setting(ONE_MODEL, pattern, method), figure)


LESSON = Lesson(
    title="Reading a difference with noise",
    about="Standard errors, pairs, intervals, the noise floor, and seventy comparisons at once.",
    steps=(
        Step(
            title="A number has a width",
            text="On [model], activations pruned by [method] at [pattern] cost {cost} nats a "
            "token. The number is a mean over {units} of text. Other windows would give another "
            "mean; how far off it typically is, is its standard error: {error}, the number "
            "behind ±.\n\n"
            "From it follows the 95% interval: on other text of this kind the cost would lie "
            "{interval}, in 95 of 100 cases.",
            menus=(ANY, MODEL, USUAL),
            say=_width,
            look="On the cards ± is one standard error; the interval of the perplexity stands "
            "under the large number.",
            question="What makes a standard error smaller?",
            answer="More text: with four times the windows it is about half. A better model or a "
            "better rule does not change how sure the number is.",
        ),
        Step(
            title="Two on the same text",
            text="At [pattern], [method] costs {one} nats a token and magnitude {other}. Both "
            "read the same windows, and a window that is hard for the one is mostly hard for the "
            "other. So compare window by window, and the hardness drops out.\n\n"
            "In pairs like that, the difference is {apart}. {pairs}",
            menus=(METHOD, USUAL),
            say=_paired,
            look="Trade-offs calls two runs tied by their difference in pairs, and not by "
            "whether their intervals overlap.",
            question="The intervals of two costs overlap. Can the two still differ for sure?",
            answer="Yes. On the same text the difference has an error of its own: {apart}. {pairs}",
        ),
        Step(
            title="Is it a difference?",
            text="At [pattern] on [model], set [method] beside magnitude. The 95% interval of "
            "the difference lies {interval}. {zero}\n\n"
            "{verdict} “Not told apart” does not mean equal: a longer text may part them.",
            menus=(METHOD, USUAL, MODEL),
            say=_difference,
            look="The page is set to this method. The sentence on top compares weights and "
            "activations by the same rule.",
            question="[method] at [pattern] on [model]: what may be said of it beside magnitude?",
            answer="{verdict}",
        ),
        Step(
            title="What rounding does",
            text="A computer rounds. A pruned model makes more of that: where two activations "
            "are nearly equal, a rounding in an earlier layer decides which stays, and the mask "
            "is another. How much the cost moves by that alone is the noise floor. A difference "
            "below it would turn on another machine, however narrow its interval.\n\n"
            "At [pattern], [method] differs from magnitude by {difference}. {floor}",
            menus=(METHOD, USUAL),
            say=_floor,
            look="“More: protocol and seed” in the form has the tick for the noise floor. Press "
            "Run: the cards then show what rounding alone does.",
            question="A difference has a narrow interval and lies below the noise floor. Is it "
            "one?",
            answer="No. The interval says what other text would do, the floor what another order "
            "of sums would do; it has to pass both.",
        ),
        Step(
            title="Many comparisons at once",
            text="Of [count] between things that are really the same, {chance} fall outside "
            "their 95% interval by chance alone, on average. So the interval of each is widened "
            "until all hold together: each takes a level of {level}.\n\n"
            "At [pattern], [method] differs from magnitude by {difference}. As one of so many, "
            "the interval lies {interval}. {verdict}",
            menus=(COUNT, METHOD, USUAL),
            say=_many,
            look="The tables of Claims and of the repairs in lesson 3 widen their intervals like "
            "this.",
            question="Why is the same difference told apart alone, and perhaps not among seventy?",
            answer="Because the one that stands out of seventy was picked after looking. The "
            "wider interval pays for the looking.",
        ),
    ),
)
