"""What an assistant that speaks the Model Context Protocol may call: the functions of `import
nmviz`, with plain values in and out."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment as Settled
from nmviz.library import comparing, costs, listing, running
from nmviz.library.experiment import Experiment
from nmviz.library.framed import Rows
from nmviz.library.records import of_figure

if TYPE_CHECKING:
    from mcp.server.fastmcp import FastMCP

Settings = dict[str, Any]
Values = dict[str, Any]
ABOUT = (
    "nmviz measures what N:M sparsity does to a language model. An experiment is given by its "
    "settings, such as {'model': 'smollm2-135m', 'pattern': '2:4', 'target': 'weight', "
    "'criterion': 'wanda'}. Costs are in nats a token, paired with the dense model; a number "
    "without its standard error or source is not to be repeated."
)
MISSING = "Tools for assistants need mcp: pip install 'nmviz[mcp]'."
MOST_ROWS = 200


def models() -> list[Values]:
    """The models on offer; a Hub id, a folder or a GGUF file of another works too."""
    return _rows(listing.list_models())


def methods() -> list[Values]:
    """Criteria and mitigations with their formulas, sources and settings."""
    return _rows(listing.list_methods())


def published(choice: Settings) -> list[Values]:
    """Published numbers as printed and as recomputed, with what the audit found, at most 200 rows.

    Chosen by models, patterns, methods, tasks, metric, places, words: {'patterns': '2:4',
    'methods': ['ACT', 'WT'], 'metric': 'drop'}.
    """
    return _rows(listing.published_rows(**choice))[:MOST_ROWS]


def lookup(experiment: Settings) -> Values:
    """The stored result of an experiment, at once; `found` is false where there is none."""
    found = running.lookup(_experiment(experiment))
    return {"found": False} if found is None else {"found": True, **_told(found)}


def run(experiment: Settings) -> Values:
    """Measure an experiment: at once where it is stored, else minutes on a CPU for a small
    model."""
    return _told(running.run(_experiment(experiment), quiet=True))


def compare(a: str | Settings, b: str | Settings) -> Values:
    """A minus B in every figure that both have, paired where they are of one text, with a verdict:
    real, not told apart, below the noise floor, or not comparable. Each is the key of a result, or
    the settings of an experiment."""
    found = comparing.compare(_named(a), _named(b))
    return {"what": found.heading, "rows": [one.to_json() for one in found.compared.rows]}


def cost(model: str, settings: Settings) -> Values:
    """Multiply-adds, bytes, time at least and energy of a model on a machine, dense and pruned,
    each with how it is known: {'pattern': '2:4', 'machine': 'h100', 'phase': 'decode'}."""
    return costs.cost(model, **settings).to_json()


TOOLS: Sequence[Callable[..., Any]] = (models, methods, published, lookup, run, compare, cost)


def server() -> "FastMCP":
    """A server with these tools, not yet running. UserError where the package mcp is missing."""
    try:
        from mcp.server.fastmcp import FastMCP
    except ImportError:
        raise UserError(MISSING) from None
    made = FastMCP("nmviz", instructions=ABOUT, log_level="ERROR")
    for tool in TOOLS:
        made.add_tool(tool)
    return made


def _named(one: str | Settings) -> comparing.Named:
    return _experiment(one) if isinstance(one, Mapping) else one


def _experiment(settings: Settings) -> Experiment:
    """Of settings alone: an assistant names no file of a plan."""
    return Experiment.of(Settled.build(**settings))


def _rows(found: Rows[Any]) -> list[Values]:
    return list(found.records)


def _told(found: running.Run) -> Values:
    """What was measured and where it comes from."""
    return {
        "what": found.heading,
        "key": found.key,
        "experiment": found.result.experiment.to_json(),
        "figures": [of_figure(one) for one in found.result.measurements],
        "source": found.result.provenance.source,
        "started": found.result.provenance.started,
    }
