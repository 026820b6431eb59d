"""Two stored results side by side, each named by its key, by a link, or by settings."""

import re
from urllib.parse import parse_qsl

from nmviz.base.errors import UserError
from nmviz.core.comparing.comparison import Compared
from nmviz.core.experiment import FOUND, Experiment
from nmviz.core.results import Result
from nmviz.service.plans.known_plans import with_plan
from nmviz.service.runs import lookup, store

KEY = re.compile(r"[0-9a-f]{8,64}")
"""A key, or enough of its beginning to tell it from others."""
ASKED = frozenset(Experiment.model_fields) - FOUND | {"plan"}
OF_WEIGHTS = "weight_criterion"
"""What a link calls the criterion of the weights that it shows beside activations."""


def compare(a: str | Experiment | Result, b: str | Experiment | Result) -> Compared:
    """Two results, the first minus the second. Each is a key or its beginning, a link of the page,
    settings as a link has them (`pattern=2:4&criterion=clact`), an experiment, or a result.

    UserError where one is none of these, was not run, or the two have no figure in common.
    """
    both = Compared(found(a), found(b))
    if not both.rows:
        raise UserError("The two have no figure in common: one is of a text, the other of tasks.")
    return both


def found(name: str | Experiment | Result) -> Result:
    """The stored result that is named so. UserError where there is none."""
    if isinstance(name, Result):
        return name
    if not isinstance(name, str):
        return _of_experiment(name)
    if KEY.fullmatch(name.strip()):
        return _of_key(name.strip())
    if "=" not in name:
        said = "name a result by its key, a link of the page, or settings such as pattern=2:4."
        raise UserError(f"{name[:60]!r} is no key and no link: {said}")
    return _of_experiment(experiment_of(name))


def experiment_of(query: str) -> Experiment:
    """The experiment of a link or of settings: the pruned activations, unless target=weight is
    said. What a link says beside experiments is left alone; bare settings name nothing else.

    UserError, one sentence, for what is wrong.
    """
    _, link, settings = query.rpartition("?")
    told = dict(parse_qsl(settings.partition("#")[0], keep_blank_values=True))
    on_weights = told.get(OF_WEIGHTS) or "magnitude"
    if told.get("target") == "weight":
        # A link has the criterion of activations too; bare settings name one.
        told |= {"criterion": on_weights} if OF_WEIGHTS in told or link else {}
        told.pop("mitigations", None)
    else:
        told.pop("ties", None)
    told.pop(OF_WEIGHTS, None)
    if not link and (unknown := sorted(told.keys() - ASKED)):
        raise UserError(f"No setting is called {unknown[0][:40]!r}: see nmviz run --help.")
    asked = {name: value for name, value in told.items() if name in ASKED}
    return Experiment.build(**with_plan(asked))


def _of_experiment(experiment: Experiment) -> Result:
    result = lookup(experiment)
    if result is None:
        said = f"{experiment.model}, {experiment.target} {experiment.pattern}, {experiment.rule}"
        raise UserError(f"{said}, was not run on that text: run it first.")
    return result


def _of_key(name: str) -> Result:
    """The newest of our own runs, else of what was published or imported."""
    keys = store().keys_beginning(name)
    if not keys:
        raise UserError(f"No stored result has the key {name}: check it, or run the experiment.")
    if len(keys) > 1:
        raise UserError(f"Several stored results have keys that begin with {name}: give more.")
    (key,) = keys
    return store().get(key) or store().history(key)[0]
