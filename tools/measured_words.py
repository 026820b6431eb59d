"""Words and cells of the tables of measured runs."""

from collections.abc import Sequence

from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Result
from nmviz.methods import BY_TARGET
from nmviz.methods.method import parse_call
from nmviz.sources.models import MODELS


def as_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def is_plain(run: Result) -> bool:
    return not run.experiment.mitigations


def method_of(run: Result) -> str:
    """By name; where a setting is not the usual one, with it."""
    call = parse_call(run.experiment.rule, BY_TARGET[run.experiment.target])
    usual = set(call.method.facts.now.items()) >= set(call.changed.items())
    criterion = call.method.name if usual else str(call)
    return " + ".join((criterion, *run.experiment.mitigations))


def name_of(run: Result) -> str:
    return f"{plural(run.experiment.target).lower()} {run.experiment.pattern}, {method_of(run)}"


def plural(target: str) -> str:
    return {"activation": "Activations", "weight": "Weights"}[target]


def title_of(experiment: Experiment) -> str:
    return MODELS.get(experiment.model).info.title


def cost_of(run: Result) -> str:
    delta = measured(run, "delta_nll")
    return f"{delta.value:.3f} ± {delta.stderr:.3f}"


def dense_of(run: Result) -> str:
    dense = measured(run, "dense_perplexity")
    return f"{dense.value:.2f} ± {dense.stderr:.2f}"


def accuracy_of(level: Measurement) -> str:
    return f"{100 * level.value:.0f}% ± {100 * (level.stderr or 0):.0f}"


def measured(run: Result, metric: str, task: str | None = None) -> Measurement:
    found = run.get(metric, task)
    assert found is not None, f"{metric} was not measured"
    return found
