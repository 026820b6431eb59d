"""What an experiment spends in its model, where the widths of the model's layers are known."""

from nmviz.base.errors import UserError
from nmviz.core.budget import Budget, budget
from nmviz.core.experiment import Experiment
from nmviz.methods.scopes import EXPERTS
from nmviz.service.choices import describe


def budget_of(experiment: Experiment) -> Budget | None:
    """Multiply-adds kept and added for a token; None where the model's widths, or a setting that it
    hangs on, are not known, and where blocks are left out, which spends nothing on masks."""
    if experiment.by is not None:
        return None
    try:
        info = describe(experiment.model)
        several = experiment.sites.spelled_out(EXPERTS, tuple(info.experts))
        named = several.in_model(info.projections, info.blocks).blocks
        if not (named and {layer.projection for layer in info.every} >= named.keys()):
            return None
        spent = budget(experiment, info.every, several)
        return spent if spent.dense else None  # M divides none of the widths
    except UserError:
        return None
