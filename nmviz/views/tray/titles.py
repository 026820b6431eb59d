"""What a pinned result is called."""

from collections.abc import Sequence

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.core.settings import BLOCKS
from nmviz.published import LARGE_MODELS
from nmviz.published.listing.selection import model_title as large_title
from nmviz.sources import models
from nmviz.views.explore.sentences import how_and_where
from nmviz.views.shared.theme import NAMES


def titles_of(results: Sequence[Result]) -> list[str]:
    """What each is called beside the others: `activations 8:16, magnitude + var`, with the model,
    the text or the table where these are not those of all."""
    several = len({one.experiment.model for one in results}) > 1
    texts = len({_text(one) for one in results}) > 1
    return [_called(one, several, texts) for one in results]


def common_of(results: Sequence[Result]) -> str:
    """What all of them share, which `titles_of` leaves out: the model, and the text."""
    models = {one.experiment.model for one in results}
    texts = {_text(one) for one in results}
    shared = [model_title(*models)] if len(models) == 1 else []
    shared += texts if len(texts) == 1 else []
    return ", ".join(filter(None, shared))


def title_of(result: Result) -> str:
    """`SmolLM2 135M Instruct, activations 8:16, magnitude + var`, with the table of what is
    published."""
    return _called(result, True, False)


def _called(result: Result, model: bool, text: bool) -> str:
    told = result.provenance.printed
    parts = [model_title(result.experiment.model)] if model else []
    parts.append(short_of(result.experiment))
    parts += [told.place] if told else [_text(result)] if text else []
    return ", ".join(parts)


def _text(result: Result) -> str:
    """`2,048 tokens of wiki-leads`; of tasks how many examples."""
    one = result.experiment
    if one.tasks:
        return f"first {one.limit:,} examples" if one.limit else "all examples"
    return f"{one.tokens:,} tokens of {one.corpus}" if one.tokens else ""


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
