"""Beside a method that adds multiply-adds, magnitude alone that spends as many: for live halves."""

from collections.abc import Sequence
from dataclasses import replace

from nmviz.claims.shared import own_runs
from nmviz.claims.shared.answer import Half, Number
from nmviz.claims.shared.estimate import Estimate
from nmviz.claims.shared.evidence import Evidence
from nmviz.claims.shared.phrases import paragraphs, with_interval
from nmviz.core.budget import Budget, at_equal_budget, budget
from nmviz.core.results import Result
from nmviz.sources.models import MODELS

UNCOUNTED = (
    "R-Sparse is not compared at equal budget: it adds rank * (d_in + d_out) multiply-adds and "
    "weights a layer, for which the tables make no allowance."
)


def at_equal_budget_too(half: Half, evidence: Evidence, runs: Sequence[Result | None]) -> Half:
    """The half, and of every run that adds multiply-adds what magnitude alone costs at its budget;
    the verdict stays that of its rule."""
    said, numbers = [half.text], [*half.numbers]
    for run in filter(None, runs):
        one = run.experiment
        if one.model not in MODELS:
            continue
        info = MODELS.get(one.model).info
        spent = budget(one, info.every)
        if not spent.added.multiply_adds:
            continue
        equal = at_equal_budget(one, spent)
        told = (
            f"Not at equal budget: {' + '.join(one.mitigations)} spends {spent.share:.1%} of the "
            f"dense multiply-adds, where plain pruning spends {spent.kept:.1%}."
        )
        numbers += _counted(" + ".join(one.mitigations), spent)
        if equal is None:
            said.append(f"{told} For as many, nothing need be dropped.")
        elif (alone := evidence.run(equal)) is None:
            said.append(f"{told} For as many, magnitude alone may drop {equal.pattern}: not run.")
        else:
            dearer = own_runs.dearer(run, alone)
            said.append(
                f"{told} For as many, magnitude alone may drop {equal.pattern}, and costs "
                f"{with_interval(own_runs.cost(alone))} nats a token; the mitigation costs "
                f"{with_interval(dearer)} more than that."
            )
            label = f"{' + '.join(one.mitigations)}: dearer than magnitude at equal budget"
            numbers += [own_runs.run_number(alone)]
            numbers += [own_runs.derived_number(label, dearer, own_runs.NATS, [run, alone])]
    return replace(half, text=paragraphs(*said), numbers=tuple(numbers))


def _counted(name: str, spent: Budget) -> list[Number]:
    """What is spent, and what may be dropped for it, as numbers of an answer."""
    shares = {
        f"multiply-adds with {name}": 100 * spent.share,
        "multiply-adds of plain pruning": 100 * spent.kept,
        f"dropped by magnitude alone at the budget of {name}": spent.equal_drop or 0.0,
    }
    return [
        Number(
            label=label,
            written=f"{share:.1f}",
            estimate=Estimate(share),
            unit="% of the dense multiply-adds",
            source="nmviz",
            place="counted from the widths of the layers",
            how="none: counted, not measured",
        )
        for label, share in shares.items()
    ]
