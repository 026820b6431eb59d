"""How long live runs take here, told from earlier ones."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nmviz.core import provenance
from nmviz.core.experiment import TEXT, Experiment
from nmviz.core.grids import PRUNED
from nmviz.core.protocols import tokens_read
from nmviz.core.results import Result
from nmviz.core.rules import DRAWS, MANY_TIES

READ = frozenset((*TEXT, "artefacts"))
"""Settings of the text, of which only its length matters for the time."""

Kind = tuple[bool, dict[str, Any]]
"""Whether there was calibration, and everything else that makes runs no basis for one another."""


@dataclass(frozen=True)
class Pass:
    """What a run of this machine tells: seconds of one pass for each token of it, and in
    how many passes `auto` reads the text for it."""

    experiment: Experiment
    kind: Kind
    seconds: float
    draws: int


def passes(runs: Sequence[Result]) -> list[Pass]:
    """What stored runs, oldest first, tell; the newest first.

    A run makes one dense pass over the text and one for every experiment measured together, or for
    each of its draws, of which each takes an equal share, calibration too.
    """
    here = provenance.machine()
    together: Counter[str | None] = Counter()
    for run in runs:
        together[run.provenance.started] += _draws(run.experiment.ties)
    alike = [run for run in reversed(runs) if here.items() <= run.provenance.machine.items()]
    return [_pass(run, together[run.provenance.started]) for run in alike if _is_timed(run)]


def _is_timed(run: Result) -> bool:
    """Whether it is a run over a text: other results are timed in other ways."""
    return bool(run.provenance.seconds and run.experiment.tokens and run.get("perplexity"))


def _pass(run: Result, together: int) -> Pass:
    experiment, seconds = run.experiment, run.provenance.seconds or 0.0
    share = seconds / (tokens_read(experiment) or 1) / (1 + together)
    ties = run.get("tie_share")
    many = ties is not None and ties.value > MANY_TIES
    return Pass(experiment, _kind(experiment), share, DRAWS if many else 1)


def estimate(experiments: Sequence[Experiment], made: Sequence[Pass]) -> float | None:
    """Seconds that experiments measured together take; None when nothing is known of one."""
    shares = [_share(experiment, made) for experiment in experiments]
    known = [share for share in shares if share is not None]
    if not known or len(known) < len(shares):
        return None
    dense = sum(seconds for seconds, _ in known) / len(known)
    return dense + sum(seconds * draws for seconds, draws in known)


def _draws(ties: str) -> int:
    return DRAWS if ties == "random" else 1


def _share(experiment: Experiment, made: Sequence[Pass]) -> tuple[float, int] | None:
    """Seconds of one pass, from the newest of those runs that are most alike, and how many passes
    the experiment takes."""
    kind = _kind(experiment)
    fit = [one for one in made if one.kind == kind]
    if not fit or experiment.tokens is None:
        return None
    best = max(fit, key=lambda one: _likeness(experiment, one.experiment))  # the first of equals
    unsettled = experiment.target == "weight" and experiment.ties == "auto"
    alike = best.experiment.pattern == experiment.pattern and best.experiment.target == "weight"
    draws = best.draws if unsettled and alike else _draws(experiment.ties)
    return best.seconds * tokens_read(experiment), draws


def _kind(experiment: Experiment) -> Kind:
    fields = experiment.model_dump(exclude={*PRUNED, *READ})
    return bool(experiment.calibration_windows), fields


def _likeness(one: Experiment, other: Experiment) -> tuple[bool, bool, bool]:
    """The budget counts last: what calibration takes does not grow with it."""
    same_methods = (one.criterion, one.mitigations) == (other.criterion, other.mitigations)
    return one.target == other.target, same_methods, one.tokens == other.tokens
