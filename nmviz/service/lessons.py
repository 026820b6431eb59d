"""What lessons are told from, out of the store, and what each of their steps says."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from nmviz.claims.shared.evidence import bare
from nmviz.claims.shared.short_texts import overlap
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.core.ties import answering
from nmviz.lessons import by_hand
from nmviz.lessons.shared.evidence import Evidence
from nmviz.lessons.shared.runs import MODEL, TEXT
from nmviz.lessons.shared.step import Said, Step
from nmviz.service.beforehand.hands import shipped_hands
from nmviz.service.budgets import budget_of
from nmviz.service.runs import store
from nmviz.service.tradeoffs.cost import near
from nmviz.store import OWN

Key = tuple[str, ...]
"""What is chosen of a step's menus, in their order."""


def evidence() -> Evidence:
    """Everything that lessons look at. Reads only, and loads no model."""
    models = [*MODEL.options]
    short = [str(one.corpus) for one in overlap(by_hand.MODEL)]
    found = store().find(
        sites=False,
        source=OWN,
        model=models,
        corpus=[TEXT["corpus"], *short],
        tokens=[int(TEXT["tokens"]), *(one.tokens or 0 for one in overlap(by_hand.MODEL))],
    )
    return Evidence(
        run=_by_experiment(found),
        near=cache(near),
        budget=cache(budget_of),
        hands=dict(shipped_hands(by_hand.MODEL)),
    )


def told(step: Step, given: Evidence) -> Mapping[Key, Said]:
    """What a step says of every choice of its menus."""
    return {tuple(one.values()): step.say(one, given) for one in step.choices()}


def _by_experiment(found: Iterable[Result]) -> Callable[[Experiment], Result | None]:
    """The newest run of an experiment, whatever the hashes of what it read."""
    known = {bare(result.experiment): result for result in found}  # oldest first

    @cache
    def run(asked: Experiment) -> Result | None:
        return answering(known.get(one) for one in bare(asked).answers)

    return run
