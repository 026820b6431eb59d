"""A pinned model by itself, for what looks into it."""

from typing import Any

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.reading import TEXT, Artefacts
from nmviz.core.results import Result
from nmviz.ui.shell.limits import offered
from nmviz.views.tray.titles import model_title

ONLY_PUBLISHED = "Only published numbers are known of {}: nobody can look into it here."


def alone(result: Result) -> Experiment:
    """The pruned model as it is here: on which text it was measured, and from which files, changes
    nothing of it. UserError where it is not on this page."""
    model = result.experiment.model
    known = offered(model)
    if known is None or known.published:
        raise UserError(ONLY_PUBLISHED.format(model_title(model)))
    text: dict[str, Any] = {**Experiment().model_dump(include=set(TEXT)), "tasks": ()}
    return result.experiment.but(**text, artefacts=Artefacts())
