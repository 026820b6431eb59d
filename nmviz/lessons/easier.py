"""Lesson 2: activations against weights, by the same rule and by better ones."""

from collections.abc import Mapping
from math import exp

from nmviz.base.wording import listed
from nmviz.claims.shared.short_texts import overlap
from nmviz.core.pairing import cost_difference
from nmviz.core.results import Result
from nmviz.core.settings import Target
from nmviz.core.ties import TieBreaks, tie_breaks
from nmviz.lessons.shared import runs
from nmviz.lessons.shared.evidence import Evidence
from nmviz.lessons.shared.runs import MODEL, PATTERN, TARGET, USUAL, WEIGHT_RULES
from nmviz.lessons.shared.step import Bars, Chosen, Kind, Lesson, Menu, Said, Step
from nmviz.views.shared.numbers import perplexity, share, significant

CRITERION = Menu("criterion", "Criterion for weights", WEIGHT_RULES)
NAMES: Mapping[Target, str] = {"weight": "weights", "activation": "activations"}


def _of(evidence: Evidence, model: str, target: Target, pattern: str, rule: str) -> Result | None:
    return evidence.run(runs.experiment(model, target, pattern, rule))


def _cost(chosen: Chosen, evidence: Evidence) -> Said:
    model, pattern = chosen["model"], chosen["pattern"]
    both = {one: _of(evidence, model, one, pattern, "magnitude") for one in NAMES}
    run = both["weight" if chosen["target"] == "weight" else "activation"]
    words = {"text": runs.TEXT_IN_WORDS, "cost": runs.cost_in_words(run), **_levels(run)}
    return Said(words, runs.explore(model, pattern), _two(both))


def _levels(run: Result | None) -> dict[str, str]:
    """The perplexities before and after, and by how much the cost multiplies the one."""
    cost = runs.cost(run)
    before, after = (run and run.get(name) for name in ("dense_perplexity", "perplexity"))
    if cost is None or not before or not after:
        return {}
    times = significant(exp(cost.value))
    levels = {"before": perplexity(before.value), "after": perplexity(after.value)}
    return {"times": times, **levels}


def _both(chosen: Chosen, evidence: Evidence) -> Said:
    model, pattern = chosen["model"], chosen["pattern"]
    both = {one: _of(evidence, model, one, pattern, "magnitude") for one in NAMES}
    named = [(f"{NAMES[one]} by magnitude", run) for one, run in both.items()]
    measured = evidence.run(*overlap(model))
    kept = measured.get("mask_overlap", "within") if measured else None
    words = {
        "weights": runs.cost_in_words(both["weight"]),
        "activations": runs.cost_in_words(both["activation"]),
        "verdict": runs.compared(named),
        "overlap": share(kept.value) if kept else "a share that is not stored here",
        "chance": share(0.5),
    }
    return Said(words, runs.explore(model, pattern), _two(both))


def _two(both: Mapping[Target, Result | None]) -> Bars:
    """What both targets cost."""
    kinds: tuple[tuple[Target, Kind], ...] = (("weight", "weight"), ("activation", "activation"))
    rows = [row for one, kind in kinds for row in runs.row(NAMES[one], runs.cost(both[one]), kind)]
    return Bars("Cost of pruning by magnitude, nats a token, with 95% intervals", rows)


def _better(chosen: Chosen, evidence: Evidence) -> Said:
    model, pattern, rule = (chosen[name] for name in ("model", "pattern", "criterion"))
    weights = _of(evidence, model, "weight", pattern, rule)
    activations = _of(evidence, model, "activation", pattern, "magnitude")
    title = f"weights by {WEIGHT_RULES[rule]}"
    words = {
        "weights": runs.cost_in_words(weights),
        "activations": runs.cost_in_words(activations),
        "verdict": runs.compared([(title, weights), ("activations by magnitude", activations)]),
    }
    rows = [
        row
        for name, of in WEIGHT_RULES.items()
        for row in runs.row(
            f"weights, {of}", runs.cost(_of(evidence, model, "weight", pattern, name)), "weight"
        )
    ]
    rows += runs.row("activations, magnitude", runs.cost(activations), "activation")
    figure = Bars("Cost of pruning, nats a token", rows)
    return Said(words, runs.explore(model, pattern, weights=rule), figure)


def _law(chosen: Chosen, evidence: Evidence) -> Said:
    model, rule = chosen["model"], chosen["criterion"]
    pairs = [
        (
            pattern,
            _of(evidence, model, "activation", pattern, "magnitude"),
            _of(evidence, model, "weight", pattern, rule),
        )
        for pattern in sorted(runs.PATTERNS, key=_width)
    ]
    found = runs.sides(pairs)
    rows = [
        row
        for pattern, activations, weights in pairs
        if activations and weights
        for row in runs.row(pattern, cost_difference(activations, weights), "activation")
    ]
    words = {
        "less": _at(found["less"]),
        "more": _at(found["more"]),
        "open": _at(found["open"]),
        "missing": f" Not stored here: {listed(found['missing'])}." if found["missing"] else "",
        "law": _judged(found),
    }
    figure = Bars("Activations by magnitude cost more than these weights (less: to the left)", rows)
    pattern = (found["more"] or found["less"] or ["8:16"])[0]
    return Said(words, runs.explore(model, pattern, weights=rule), figure)


def _width(pattern: str) -> tuple[bool, int, str]:
    """1:4 first, then by the group; shares last."""
    head, _, group = pattern.partition(":")
    return not group, int(group or 0), head


def _at(patterns: list[str]) -> str:
    return f"at {listed(patterns)}" if patterns else "nowhere"


def _judged(found: dict[str, list[str]]) -> str:
    if found["less"] and not found["more"]:
        return "Against this rule for weights, activations were never the dearer choice here."
    if found["more"] and not found["less"]:
        return "Against this rule for weights, activations were never the cheaper choice here."
    if found["more"]:
        return "So which is easier hangs on the pattern."
    return "So nothing is decided."


def _ties(chosen: Chosen, evidence: Evidence) -> Said:
    model, pattern = chosen["model"], chosen["pattern"]
    run = _of(evidence, model, "weight", pattern, "magnitude")
    cost, ties = runs.cost(run), tie_breaks(run) if run else None
    spread = "How far the cost moves with the draw is not stored here."
    if ties and ties.spread is not None and cost and cost.stderr:
        times = ties.spread / cost.stderr
        than = "more" if times > 1 else "less"
        spread = (
            f"From one draw to the next the cost moves by {runs.nats(ties.spread)} nats a token, "
            f"{than} than the standard error of the text, which is {runs.nats(cost.stderr)}."
        )
    words = {"cost": runs.cost_in_words(run), "ties": _broken(ties), "spread": spread}
    return Said(words, runs.explore(model, pattern))


def _broken(ties: TieBreaks | None) -> str:
    """How many groups a tie decided, and how ties were broken."""
    if ties is None or ties.share is None:
        return "How often a tie decided is not stored here."
    many = f"A tie decided {share(ties.share)} of the groups"
    if ties.rule == "random":
        return f"{many}; the cost is a mean over {ties.draws} random ways to break them."
    return f"{many}, always for the first of the two."


LESSON = Lesson(
    title="Why activations are easier, when they are",
    about="Weights and activations pruned by the same rule, and by better ones.",
    steps=(
        Step(
            title="What pruning costs",
            text="How good is a pruned model? Let it read a text, and count how surprised it is "
            "by each next token. Surprise is counted in nats; what pruning adds to it is its "
            "cost.\n\n"
            "[model] reads {text}. There, pruning [target] by magnitude at [pattern] costs "
            "{cost} nats a token. That takes the perplexity from {before} to {after}: {times} "
            "times as much.",
            menus=(MODEL, TARGET, PATTERN),
            say=_cost,
            look="The cards show the dense model, which is the model as it is, beside both "
            "pruned ones: cost, perplexity, and how often the next word is the same.",
            question="A cost of 0.69 nats a token doubles the perplexity. Why does a cost add, "
            "where a perplexity multiplies?",
            answer="Perplexity is the exponential of the surprise, so adding to the one "
            "multiplies the other. Here {cost} nats make {before} into {after}.",
        ),
        Step(
            title="The same rule for both",
            text="With magnitude on [model] at [pattern], weights cost {weights} and activations "
            "{activations} nats a token. {verdict}\n\n"
            "One reason lies near: a weight that is dropped is gone for every token, while "
            "activations are chosen anew for each. Within a text, two tokens share {overlap} of "
            "what they keep at 8:16, where chance alone would give {chance}.",
            menus=(MODEL, PATTERN),
            say=_both,
            look="The opening sentence compares the two. Further down, the mask of activations "
            "changes from row to row, and that of weights is one for all.",
            question="If all tokens kept the same activations, what would activation sparsity be "
            "like?",
            answer="Like leaving out whole columns of the weights, once for all tokens. But two "
            "tokens of a text share only {overlap} of what they keep.",
        ),
        Step(
            title="A better rule for weights",
            text="Magnitude looks at a weight alone. Wanda and RIA also look at the activations "
            "that it meets, on some calibration text; SparseGPT lets the weights that stay make "
            "up for those that go.\n\n"
            "At [pattern] on [model], weights by [criterion] cost {weights} nats a token, and "
            "activations by magnitude {activations}. {verdict}",
            menus=(CRITERION, PATTERN, MODEL),
            say=_better,
            look="The card of weights is now by this criterion. Read the opening sentence again: "
            "it may have turned round.",
            question="Is it fair to set activations by magnitude beside weights by [criterion]?",
            answer="It answers one question: what the best that is stored for weights costs. It "
            "does not say that activations are harder: they may have better rules too. {verdict}",
        ),
        Step(
            title="No law",
            text="Take every pattern that is stored, on [model], against weights by [criterion]. "
            "Activations by magnitude cost less {less}, and more {more}. They are not told apart "
            "{open}.{missing} {law}\n\n"
            "“Activations are easier” is a sentence about a rule, a pattern and a model, and not "
            "about activations.",
            menus=(CRITERION, MODEL),
            say=_law,
            look="The page is set to one pattern of the list. Choose the others in the form, and "
            "watch the opening sentence.",
            question="Against weights by [criterion], where do activations by magnitude cost more?",
            answer="They cost more {more}, less {less}; not told apart {open}.",
        ),
        Step(
            title="When chance chooses",
            text="The weights of these two models were stored in about four bits, so many of "
            "them are equal. Where two equal ones compete for the last place in a group, there "
            "is a tie, and something else than the criterion has to decide.\n\n"
            "By magnitude at [pattern] on [model], weights cost {cost} nats a token. {ties} "
            "{spread}",
            menus=(USUAL, MODEL),
            say=_ties,
            look="The card of weights says how many groups a tie decided, and by which rule.",
            question="Why do activations hardly ever tie?",
            answer="They are computed for each token with many digits; only what is stored with "
            "few bits repeats. {spread}",
        ),
    ),
)
