"""How long live runs take here, told from earlier ones."""

from collections import Counter
from collections.abc import Iterator, Sequence

from nmviz import provenance
from nmviz.experiment import Experiment
from nmviz.results import Result


def estimate(experiments: Sequence[Experiment], runs: Sequence[Result]) -> float | None:
    """Seconds that experiments measured together take, or None when no run says anything of one.

    `runs` are stored ones, oldest first. Together they make one dense pass over the text and one
    pass each. Of a run measured together with others its equal share is taken, calibration too.
    """
    passes = list(_passes(runs))
    shares = [_share(experiment, passes) for experiment in experiments]
    known = [share for share in shares if share is not None]
    if not known or len(known) < len(shares):
        return None
    return sum(known) * (1 + 1 / len(known))


def _passes(runs: Sequence[Result]) -> Iterator[tuple[Experiment, float]]:
    """What was run on this machine and the seconds of a pass for a token of it, newest first."""
    here = provenance.machine()
    together = Counter(run.provenance.started for run in runs)
    for run in reversed(runs):
        made, tokens = run.provenance, run.experiment.tokens
        if made.seconds and tokens and here.items() <= made.machine.items():
            yield run.experiment, made.seconds / tokens / (1 + together[made.started])


def _share(experiment: Experiment, passes: Sequence[tuple[Experiment, float]]) -> float | None:
    """Seconds of one pass, from the newest of those runs that are most alike.

    A run that calibrated first says nothing of one that does not.
    """
    fit = [(other, seconds) for other, seconds in passes if _comparable(experiment, other)]
    if not fit:
        return None
    _, seconds = max(fit, key=lambda one: _likeness(experiment, one[0]))  # the first of equals
    return seconds * experiment.reading.tokens


def _comparable(one: Experiment, other: Experiment) -> bool:
    calibrates = bool(one.calibration_windows) == bool(other.calibration_windows)
    return one.model == other.model and calibrates


def _likeness(one: Experiment, other: Experiment) -> tuple[bool, bool, bool]:
    """The budget counts last: what calibration takes does not grow with it."""
    same_methods = (one.criterion, one.mitigations) == (other.criterion, other.mitigations)
    return one.target == other.target, same_methods, one.tokens == other.tokens
