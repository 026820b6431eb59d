"""The layers of a result as files for Model Explorer."""

from nmviz.base.errors import UserError
from nmviz.core.attribution.parts import Attribution, By
from nmviz.core.results import Result
from nmviz.service.attribution import known
from nmviz.views.report.model_explorer import costs_of, drift_of, errors_of, graph_of
from nmviz.views.tray.titles import title_of

WAYS: tuple[By, ...] = ("site", "block")
"""Of what is stored the finer one."""


def layer_files(result: Result) -> dict[str, str]:
    """JSON by name: the graph, the errors of layers, and what else is known of them. Empty for a
    result without layers."""
    if not result.layers:
        return {}
    files = {"graph": graph_of(result, title_of(result)), "errors": errors_of(result)}
    if result.drift:
        files["drift"] = drift_of(result)
    costs = _attribution(result)
    if costs is not None:
        files["costs"] = costs_of(result, costs)
    return files


def _attribution(result: Result) -> Attribution | None:
    for way in WAYS:
        try:
            found = known(result.experiment, way)
        except UserError:  # it has no parts, or its model is not here to name them
            return None
        if found is not None:
            return found
    return None
