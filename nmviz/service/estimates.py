"""How long live runs take here, told from earlier ones."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nmviz.core import provenance
from nmviz.core.experiment import Experiment
from nmviz.core.grids import PRUNED
from nmviz.core.protocols import tokens_read
from nmviz.core.reading import TEXT
from nmviz.core.results import Result
from nmviz.core.rules import DRAWS, MANY_TIES
from nmviz.core.running import AS_EVERYWHERE, Running
from nmviz.core.tokenwise.floor import FLOOR_DRAWS

READ = frozenset((*TEXT, "artefacts"))
"""Settings of the text, of which only its length matters for the time."""

Kind = tuple[bool, dict[str, Any]]
"""Whether there was calibration, and everything else that makes runs no basis for one another."""


@dataclass(frozen=True)
class Pass:
    """What a run of this machine tells: seconds of one pass for each token of it, where and how the
    errors of layers were taken, and in how many passes `auto` reads the text for it."""

    experiment: Experiment
    device: str
    sampled: bool
    kind: Kind
    seconds: float
    draws: int


def passes(runs: Sequence[Result], streamed: bool = False) -> list[Pass]:
    """What stored runs, oldest first, tell; the newest first. Those that were `streamed` tell of
    such runs alone.

    A run makes one dense pass over the text and one for every experiment measured together, or for
    each of its draws, of which each takes an equal share, calibration too.
    """
    here = provenance.machine()
    together: Counter[str | None] = Counter()
    for run in runs:
        together[run.provenance.started] += _draws(run.experiment.ties)
    alike = [run for run in reversed(runs) if here.items() <= run.provenance.machine.items()]
    return [
        _pass(run, together[run.provenance.started]) for run in alike if _is_timed(run, streamed)
    ]


def _is_timed(run: Result, streamed: bool) -> bool:
    """Whether it is a run over a text, streamed or not: other results are timed in other ways, one
    with a noise floor of its own took more passes, and one that was streamed reads while it
    computes."""
    if (provenance.STREAMED in run.provenance.settings) != streamed:
        return False
    timed = run.provenance.seconds and run.experiment.tokens and run.get("perplexity")
    return bool(timed) and run.floor_of("pruned") is None


def _pass(run: Result, together: int) -> Pass:
    experiment, seconds = run.experiment, run.provenance.seconds or 0.0
    share = seconds / (tokens_read(experiment) or 1) / (1 + together)
    ties = run.get("tie_share")
    many = ties is not None and ties.value > MANY_TIES
    draws = DRAWS if many else 1
    device = run.provenance.device or AS_EVERYWHERE
    return Pass(experiment, device, run.sampled, _kind(experiment), share, draws)


def estimate(
    experiments: Sequence[Experiment], made: Sequence[Pass], how: Running | None = None
) -> float | None:
    """Seconds that experiments measured together take; None when nothing is known of one.

    Runs on another device say nothing; of like ones those come first whose errors of layers were
    taken in the same way. A noise floor takes passes of its own of every model, the dense one too.
    """
    how = how or Running()
    here = [one for one in made if one.device == how.device]
    shares = [_share(experiment, here, not how.exact_errors) for experiment in experiments]
    known = [share for share in shares if share is not None]
    if not known or len(known) < len(shares):
        return None
    dense = sum(seconds for seconds, _ in known) / len(known)
    more = FLOOR_DRAWS if how.noise_floor else 0
    return dense * (1 + more) + sum(seconds * (draws + more) for seconds, draws in known)


def _draws(ties: str) -> int:
    return DRAWS if ties == "random" else 1


def _share(experiment: Experiment, made: Sequence[Pass], sampled: bool) -> tuple[float, int] | None:
    """Seconds of one pass, from the newest of those runs that are most alike, and how many passes
    the experiment takes."""
    kind = _kind(experiment)
    fit = [one for one in made if one.kind == kind]
    if not fit or experiment.tokens is None:
        return None
    best = max(fit, key=lambda one: _likeness(experiment, sampled, one))  # the first of equals
    unsettled = experiment.target == "weight" and experiment.ties == "auto"
    same = best.experiment.pattern == experiment.pattern and best.experiment.target == "weight"
    draws = best.draws if unsettled and same else _draws(experiment.ties)
    return best.seconds * tokens_read(experiment), draws


def _kind(experiment: Experiment) -> Kind:
    fields = experiment.model_dump(exclude={*PRUNED, *READ})
    return bool(experiment.calibration_windows), fields


def _likeness(one: Experiment, sampled: bool, made: Pass) -> tuple[bool, bool, bool, bool]:
    """The budget counts last: what calibration takes does not grow with it."""
    other = made.experiment
    same_methods = (one.criterion, one.mitigations) == (other.criterion, other.mitigations)
    same_errors = made.sampled == sampled
    return one.target == other.target, same_methods, same_errors, one.tokens == other.tokens
