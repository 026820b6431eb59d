"""Which parts of a model cost most pruned alone, and what plans, ranges and left-out blocks cost at
as many multiply-adds: tables of measured runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

from measured_words import as_table, cost_of, measured, plural

from nmviz.core.attribution.control import NOISE
from nmviz.core.attribution.parts import Attribution, By, Part
from nmviz.core.experiment import Experiment
from nmviz.core.pairing import cost_difference, judge
from nmviz.core.plans.plan import read_plan
from nmviz.core.results import Result
from nmviz.service import budget_of, canonical
from nmviz.service.plans.known_plans import fields_of
from nmviz.sources.models import MODELS

Rows = Sequence[Result]
SHOWN = 6
"""Parts that a table names."""
SCOPE = ("projections", "blocks", "plan")


def parts_alone(runs: Rows) -> str:
    """The section on parts of a model pruned alone, from its runs of `nmviz attribute`; empty where
    there is none."""
    said = []
    for whole in (run for run in runs if _is_whole(run)):
        for by in ("block", "projection"):
            if found := _attribution(whole, by, runs):
                said.append(_alone(found))
    return "\n### One part at a time\n" + "".join(said) if said else ""


def _is_whole(run: Result) -> bool:
    return run.experiment.projections is None and run.experiment.blocks is None


def _attribution(whole: Result, by: By, runs: Rows) -> Attribution | None:
    """All parts of that kind that are there, if they are all of the model's."""
    model = MODELS.get(whole.experiment.model).info
    parts = [Part(run) for run in runs if run.get(NOISE) and _is_part(run, whole)]
    chosen = [part for part in parts if _kind(part) == by]
    wanted = model.blocks if by == "block" else len(model.projections)
    return Attribution(by, whole, tuple(chosen)) if len(chosen) == wanted else None


def _kind(part: Part) -> str:
    if part.block is None:
        return "projection"
    return "site" if part.projection is not None else "block"


def _is_part(run: Result, whole: Result) -> bool:
    """Whether it is the same on some of the layers."""
    one, other = run.experiment, whole.experiment
    hidden = {*SCOPE, "artefacts"}
    same = one.model_dump(exclude=hidden) == other.model_dump(exclude=hidden)
    return same and not _is_whole(run)


def _alone(found: Attribution) -> str:
    one = found.whole.experiment
    ratio = found.additivity
    parts = sorted(found.parts, key=lambda part: measured(part.result, "delta_nll").value)
    rows = [_part_row(part) for part in parts[::-1][:SHOWN]]
    sum_of = "" if ratio is None else f" Their sum is {ratio.value:.2f} ± {ratio.stderr or 0:.2f}"
    told = f"""By {found.by}: {plural(one.target).lower()} at {one.pattern} by {one.criterion} on
{one.tokens:,} tokens of {one.corpus}; all at once {cost_of(found.whole)}.{sum_of} of that."""
    head = ["pruned alone", "costs", "noise as large, there"]
    return f"""
{fill(told.replace(chr(10), " "), 100)}

{as_table(head, rows)}"""


def _part_row(part: Part) -> list[str]:
    name = f"block {part.block}" if part.block is not None else str(part.projection)
    noise = measured(part.result, NOISE)
    return [name, cost_of(part.result), f"{noise.value:.3f} ± {noise.stderr or 0:.3f}"]


def at_one_budget(runs: Rows, plans: Path) -> str:
    """The section on ways to spend as many multiply-adds: plans, ranges, one pattern everywhere,
    blocks left out; the first plan is held against all others in pairs. Empty without runs."""
    if not runs:
        return ""
    named = _named_plans(runs[0].experiment, plans)
    told = sorted(runs, key=lambda run: measured(run, "delta_nll").value)
    first = next(run for run in told if named.get(_place(run.experiment), "").startswith("plan by"))
    rows = [_budget_row(run, first, named) for run in told]
    head = ["", "multiply-adds, of dense", "cost", "more than the cheapest plan", "and that is"]
    about = """Multiply-adds for a token of all blocks' layers, kept, over those of dense; costs in
nats a token ± one standard error. The last columns hold every row against the plan that costs
least, window by window (Student's t, 95%, and the noise floor where it is known)."""
    return f"""
### As many multiply-adds, spent otherwise

{fill(about.replace(chr(10), " "), 100)}

{as_table(head, rows)}"""


def _named_plans(experiment: Experiment, folder: Path) -> Mapping[object, str]:
    """What the plans of the experiment's model are called, by the layers that they prune."""
    found: dict[object, str] = {}
    for file in sorted(folder.glob(f"{experiment.model}-*.yaml")):
        plan = fields_of(read_plan(file), experiment.model)
        one = canonical(experiment.but(**{"by": None, "drop": None}, **plan))
        found[_place(one)] = f"plan by {file.stem.removeprefix(experiment.model + '-')}"
    return found


def _place(one: Experiment) -> object:
    return one.pattern, one.projections, one.blocks, one.plan


def _budget_row(run: Result, first: Result, named: Mapping[object, str]) -> list[str]:
    row = [_called(run.experiment, named), f"{_kept(run.experiment):.1%}", cost_of(run)]
    if run is first:
        return [*row, "", ""]
    apart = cost_difference(run, first)
    assert apart is not None
    number = f"{apart.value:+.3f} ± {apart.stderr or 0:.3f}".replace("-", "−")
    return [*row, number, judge(run, first) if apart.value > 0 else judge(first, run)]


def _called(one: Experiment, named: Mapping[object, str]) -> str:
    if one.drop is not None:
        return f"{one.drop} blocks left out, by {one.by}"
    if name := named.get(_place(one)):
        return f"{name}, {one.pattern}"
    where = ", ".join((*one.sites.entries,)) if one.lists_sites else _scope(one)
    return f"{one.pattern}, {where}"


def _scope(one: Experiment) -> str:
    parts = [*(one.projections or ()), *([f"blocks {one.blocks}"] if one.blocks else [])]
    return " ".join(parts) or "every layer"


def _kept(one: Experiment) -> float:
    """Multiply-adds that are kept, of all layers of all blocks."""
    if one.drop is not None:
        return 1 - one.drop / MODELS.get(one.model).info.blocks
    spent = budget_of(one)
    whole = budget_of(canonical(one.but(projections=None, blocks=None, plan=None, pattern="2:4")))
    assert spent is not None and whole is not None
    return 1 - (1 - spent.share) * spent.dense / whole.dense
