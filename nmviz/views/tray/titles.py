"""What a pinned result is called."""

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.core.settings import BLOCKS
from nmviz.published import LARGE_MODELS
from nmviz.published.listing.selection import model_title as large_title
from nmviz.sources import models
from nmviz.views.explore.sentences import how_and_where
from nmviz.views.shared.theme import NAMES


def title_of(result: Result) -> str:
    """`SmolLM2 135M Instruct, activations 8:16, magnitude + var`; behind it the table of what is
    published."""
    said = f"{model_title(result.experiment.model)}, {short_of(result.experiment)}"
    told = result.provenance.printed
    return f"{said}, {told.place}" if told else said


def short_of(one: Experiment) -> str:
    """The same without model and table."""
    if one.is_dense:
        return "dense"
    if one.target == BLOCKS:
        return f"{one.drop} blocks left out"
    return f"{NAMES[one.target]} {one.pattern}, {how_and_where(one)}"


def model_title(model: str) -> str:
    """A model in words; by its id where it is not here."""
    if model in LARGE_MODELS:
        return large_title(model)
    try:
        return models.describe(model).title
    except UserError:
        return large_title(model)
