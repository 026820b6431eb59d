"""Lesson 3: shifts, variance factors and trained repairs, and when none is told from nothing."""

from nmviz.base.wording import listed
from nmviz.core.budget import at_equal_budget
from nmviz.core.experiment import Experiment
from nmviz.core.pairing import LEVEL, cost_difference
from nmviz.core.results import Result
from nmviz.lessons.shared import runs
from nmviz.lessons.shared.evidence import Evidence
from nmviz.lessons.shared.runs import MODEL, USUAL
from nmviz.lessons.shared.step import Bars, Chosen, Lesson, Menu, Said, Step
from nmviz.methods import MITIGATIONS
from nmviz.views.explore.sentences import training_of
from nmviz.views.shared.numbers import share

SHIFTS = Menu("repair", "Shift", {name: name for name in ("d-pts", "s-pts", "l-pts")})
LEARNED = Menu("repair", "Trained repair", {name: name for name in ("l-pts", "ls", "l-pts,var")})
CRITERION = Menu(
    "criterion",
    "Criterion",
    {"magnitude": "magnitude", "clact": "CLACT", "amber": "Amber-Pruner"},
)
EVERY = ("d-pts", "s-pts", "l-pts", "var", "ls", "l-pts,var", "smooth", "r-sparse", "la-rosa")
COSTLY = Menu("repair", "Repair", {"r-sparse": "r-sparse", "la-rosa": "la-rosa"})
ONE_MODEL = "smollm2-135m"


def _asked(model: str, pattern: str, repair: str = "", criterion: str = "magnitude") -> Experiment:
    steps = tuple(repair.split(",")) if repair else ()
    return runs.experiment(model, "activation", pattern, criterion, steps)


def _pair(
    evidence: Evidence, model: str, pattern: str, repair: str, criterion: str = "magnitude"
) -> tuple[Result | None, Result | None]:
    """With the repair, and without."""
    asked = (_asked(model, pattern, one, criterion) for one in (repair, ""))
    one, other = map(evidence.run, asked)
    return one, other


def _beside(chosen: Chosen, evidence: Evidence, repair: str, pattern: str) -> Said:
    """A repair beside its criterion alone."""
    model, criterion = chosen.get("model", ONE_MODEL), chosen.get("criterion", "magnitude")
    one, other = _pair(evidence, model, pattern, repair, criterion)
    written = repair.replace(",", " + ")
    named = [(f"activations with {written}", one), ("activations without it", other)]
    words = {
        "does": _does(repair),
        "with": runs.cost_in_words(one),
        "without": runs.cost_in_words(other),
        "verdict": runs.compared(named),
        "training": (training_of(one) if one else None) or "Nothing is stored of its training.",
    }
    rows = [*runs.row("without", runs.cost(other), "dense")]
    rows += runs.row(f"with {written}", runs.cost(one), "activation")
    setting = runs.explore(model, pattern, criterion, mitigations=repair)
    return Said(words, setting, Bars("Cost of pruning, nats a token", rows))


def _does(repair: str) -> str:
    """What a mitigation does, in the words of its method."""
    return "; ".join(
        MITIGATIONS.get(name).title.partition(": ")[2].rstrip(".") for name in repair.split(",")
    )


def _shift(chosen: Chosen, evidence: Evidence) -> Said:
    return _beside(chosen, evidence, chosen["repair"], chosen["pattern"])


def _variance(chosen: Chosen, evidence: Evidence) -> Said:
    return _beside(chosen, evidence, "var", chosen["pattern"])


def _all(chosen: Chosen, evidence: Evidence) -> Said:
    model, pattern = chosen["model"], chosen["pattern"]
    pairs = [(name.replace(",", " + "), *_pair(evidence, model, pattern, name)) for name in EVERY]
    stored = [one for one in pairs if one[1] and one[2]]
    found = runs.sides(pairs, len(stored) or 1)
    words = {
        "count": f"{len(stored)}",
        "less": listed(found["less"]) or "none",
        "more": listed(found["more"]) or "none",
        "open": listed(found["open"]) or "none",
        "missing": f" Not stored here: {listed(found['missing'])}." if found["missing"] else "",
        "cheap": _cheap(found["less"]),
    }
    level = 1 - LEVEL / (len(stored) or 1)
    rows = [
        row
        for name, one, other in stored
        if one and other and name != "la-rosa"
        for row in runs.row(name, cost_difference(one, other), "activation", level)
    ]
    caption = "With the repair activations cost more (less: to the left), nats a token"
    if "la-rosa" in found["more"]:
        caption += "; la-rosa costs so much more that it is left out"
    best = next(iter(found["less"]), "var").replace(" + ", ",")
    return Said(words, runs.explore(model, pattern, mitigations=best), Bars(caption, rows))


def _cheap(less: list[str]) -> str:
    """Whether any that helps adds no products with matrices."""
    cheap = [name for name in less if name not in COSTLY.options]
    if not less:
        return "No repair is told apart from none."
    if not cheap:
        return (
            f"What helps, {listed(less)}, multiplies by further matrices: the last step is on it."
        )
    return f"Of those that help, {listed(cheap)} multiply by no further matrix."


def _budget(chosen: Chosen, evidence: Evidence) -> Said:
    repair, pattern = chosen["repair"], chosen["pattern"]
    asked = _asked(ONE_MODEL, pattern, repair)
    spent, plain = evidence.budget(asked), evidence.budget(_asked(ONE_MODEL, pattern))
    equal = at_equal_budget(asked, spent) if spent else None
    one, other = _pair(evidence, ONE_MODEL, pattern, repair)
    alone = evidence.run(equal) if equal else None
    spends = share(spent.share) if spent else "a share that is not known here"
    words = {
        "with": runs.cost_in_words(one),
        "without": runs.cost_in_words(other),
        "verdict": runs.compared(
            [(f"activations with {repair}", one), ("activations without it", other)]
        ),
        "spends": spends,
        "plain": share(plain.share) if plain else "a share that is not known here",
        "equal": _equal(repair, one, alone, equal),
    }
    rows = [*runs.row("magnitude alone", runs.cost(other), "dense")]
    rows += runs.row(f"with {repair}", runs.cost(one), "activation")
    if equal:
        rows += runs.row(f"magnitude at {equal.pattern}", runs.cost(alone), "dense")
    setting = runs.explore(ONE_MODEL, pattern, mitigations=repair)
    return Said(words, setting, Bars("Cost of pruning, nats a token", rows))


def _equal(repair: str, one: Result | None, alone: Result | None, equal: Experiment | None) -> str:
    if equal is None:
        return "That is as much work as the whole dense model takes, which costs 0 nats."
    named = [(f"activations with {repair}", one), ("activations by magnitude alone", alone)]
    return (
        f"For as many multiply-adds magnitude alone may drop {equal.pattern}, and then costs "
        f"{runs.cost_in_words(alone)} nats a token. {runs.compared(named)}"
    )


LESSON = Lesson(
    title="What a repair gives back",
    about="A shift, a variance factor, a trained vector: what each does, and when nothing helps.",
    steps=(
        Step(
            title="Moving the centre",
            text="What is dropped becomes zero. If the numbers of a token lie around another "
            "value than zero, that is a bad stand-in. A shift takes that value away before the "
            "mask and puts it back afterwards, so that dropped numbers become the middle one. "
            "Such a repair is called a mitigation.\n\n"
            "With [repair] ({does}) at [pattern], activations of SmolLM2 cost {with} nats a "
            "token; by magnitude alone {without}. {verdict}",
            menus=(SHIFTS, USUAL),
            say=_shift,
            look="The mitigation stands in the form. The distribution of a layer's inputs "
            "further down shows where the shift lies.",
            question="When can a shift not help?",
            answer="When the numbers already lie around zero: then the shift is next to nothing. "
            "{verdict}",
        ),
        Step(
            title="Giving back the spread",
            text="Dropping numbers makes a token's spread smaller: zeros are all alike. The "
            "variance factor, called var, makes what was kept larger until the spread is that of "
            "the whole token again. It is one more number for each token.\n\n"
            "With var, at [pattern] by [criterion] on [model], activations cost {with} nats a "
            "token; without it {without}. {verdict}",
            menus=(USUAL, CRITERION, MODEL),
            say=_variance,
            look="The cards show activations with var. Take it out of the form and compare.",
            question="At [pattern] by [criterion] on [model], does var help?",
            answer="{verdict}",
        ),
        Step(
            title="Learning a repair",
            text="A repair may also be trained: l-pts learns a shift, ls a factor for every "
            "output of a layer, both block by block on calibration text.\n\n"
            "With [repair] at [pattern], activations of SmolLM2 cost {with} nats a token; "
            "without it {without}. {verdict} {training}",
            menus=(LEARNED, USUAL),
            say=_shift,
            look="The card of activations says what training did to the error of the blocks.",
            question="Training may lower the error of the blocks and yet not the cost. How?",
            answer="It is measured on another thing: the output of single blocks on calibration "
            "text, not the next token of the text that is read. {training} {verdict}",
        ),
        Step(
            title="All of them at once",
            text="On [model] at [pattern], {count} repairs are stored beside magnitude alone. "
            "Who looks at so many finds one that seems to help by luck, so each interval is made "
            "wide enough for all of them together.\n\n"
            "Then these cost less: {less}. These cost more: {more}. Not told apart from nothing: "
            "{open}.{missing} {cheap}",
            menus=(MODEL, USUAL),
            say=_all,
            look="The page is set to one of them. The Claims tab asks the same of the published "
            "numbers of four larger models.",
            question="On [model] at [pattern], which repairs are told apart from doing nothing?",
            answer="Less: {less}. More: {more}. All others may be noise.",
        ),
        Step(
            title="Bought with work",
            text="Some repairs multiply by further matrices. Then the pruned model is no longer "
            "as cheap, and the fair question is what else that work would buy.\n\n"
            "With [repair] at [pattern], activations of SmolLM2 cost {with} nats a token; "
            "without it {without}. {verdict} But it spends {spends} of the multiply-adds of the "
            "dense layers, where magnitude alone spends {plain}. {equal}",
            menus=(COSTLY, USUAL),
            say=_budget,
            look="Under the menus of the form the line “Budget” says what this spends, and what "
            "magnitude alone may drop for as much.",
            question="Why is it not enough that [repair] costs less than magnitude at [pattern]?",
            answer="It spends {spends} of the multiply-adds instead of {plain}. {equal}",
        ),
    ),
)
