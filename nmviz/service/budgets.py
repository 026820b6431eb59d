"""What an experiment spends in its model, where the widths of the model's layers are known."""

from nmviz.base.errors import UserError
from nmviz.core.budget import Budget, budget
from nmviz.core.experiment import Experiment
from nmviz.methods.scopes import read_blocks
from nmviz.service.choices import describe


def budget_of(experiment: Experiment) -> Budget | None:
    """Multiply-adds kept and added for a token; None where the model's widths, or a setting that it
    hangs on, are not known."""
    try:
        info = describe(experiment.model)
        blocks = info.blocks if experiment.blocks is None else len(read_blocks(experiment.blocks))
        known = info.d_out.keys() >= set(experiment.projections or info.projections)
        if not (known and info.d_out and blocks):
            return None
        return budget(experiment, info.d_in, info.d_out, blocks)
    except UserError:
        return None
