"""What the store has of an experiment: also of the same model under another name (a path typed
otherwise, a folder that was copied or moved), of its ties broken one way or the other, and of the
same on less text where that is precise enough."""

from nmviz.core.attribution.control import NOISE
from nmviz.core.experiment import Experiment
from nmviz.core.pairing import same_text
from nmviz.core.provenance import may_read_otherwise
from nmviz.core.results import Result
from nmviz.core.running import Running
from nmviz.core.ties import answering
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.sources import models
from nmviz.store import OWN, Store

ALIKE = {"model", "target", "pattern", "criterion", "corpus", "window"}
"""What the store can look for at once of an experiment whose budget does not matter."""


def stored(experiment: Experiment, store: Store) -> Result | None:
    """The stored result of an experiment with the hashes of what it reads, or None.

    A local model is known by its content, so what was stored of it under another path will do; it
    keeps its key.
    """
    found = store.get(experiment.key)
    content = experiment.artefacts.model
    if found is not None or content is None or not models.is_local(experiment.model):
        return found
    same = [experiment.but(model=name) for name in store.names_of_model(content)]
    answers = [answer for one in same if (answer := store.get(one.key)) is not None]
    return max(answers, key=lambda one: one.provenance.started or "", default=None)


def best(experiment: Experiment, store: Store) -> Result | None:
    """The stored result of a resolved experiment, or None."""
    return answering(stored(one, store) for one in experiment.answers)


def answer_to(
    experiment: Experiment, store: Store, precision: float | None, text: str | None
) -> Result | None:
    """What the store has of a resolved experiment, or of the same on less text where the standard
    error of its cost is at most `precision`, in nats a token."""
    exact = best(experiment, store)
    if exact is not None and may_read_otherwise(exact.provenance, text):
        exact = None
    if exact is not None or not precision or experiment.tokens is None:
        return exact
    alike = store.find(sites=False, source=OWN, **experiment.model_dump(include=ALIKE))
    enough = [
        one
        for one in alike
        if _will_do(one, experiment, precision) and not may_read_otherwise(one.provenance, text)
    ]
    if not enough:
        return None
    return store.get(max(enough, key=lambda one: one.experiment.tokens or 0).key)


def serving(experiment: Experiment, store: Store, how: Running, text: str | None) -> Result | None:
    """What is stored and serves a run made that way: where errors of layers are to be exact, none
    that has them from a sample, and none without the control or the noise floor where that is
    asked for."""
    if how.rerun:
        return None
    found = answer_to(experiment, store, how.precision, text)
    if found is None or (found.sampled and how.exact_errors):
        return None
    if how.control and _lacks_control(found):
        return None
    if how.keep_words and (found.flips is None or found.flips.lacks_rows):
        return None
    return None if how.noise_floor and found.floor_of("pruned") is None else found


def _lacks_control(result: Result) -> bool:
    return not result.experiment.is_dense and result.get(NOISE) is None


def dense_floor(experiment: Experiment, store: Store) -> NoiseFloor | None:
    """What rounding alone does to the dense model on the experiment's text, by any run of it that
    is stored; the newest."""
    read = ("model", "corpus", "window", "tokens")
    alike = store.find(sites=False, source=OWN, **experiment.model_dump(include={*read}))
    floors = [one.floor_of("dense") for one in alike if same_text(one.experiment, experiment)]
    return next((one for one in reversed(floors) if one is not None), None)


def is_answer(result: Result, experiment: Experiment) -> bool:
    """Whether a result is of the experiment: of what it became, or of the same on less text."""
    spent, budget = result.experiment.tokens, experiment.tokens
    shorter = spent and budget and spent != budget
    asked = experiment.but(tokens=spent) if shorter else experiment
    return result.experiment in asked.answers


def _will_do(shorter: Result, experiment: Experiment, precision: float) -> bool:
    cost = shorter.get("delta_nll")
    spent = shorter.experiment.tokens or 0
    return (
        cost is not None
        and cost.stderr is not None
        and cost.stderr <= precision
        and spent < (experiment.tokens or 0)
        and is_answer(shorter, experiment)
    )
