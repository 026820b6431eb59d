"""What the store has of an experiment: also of the same model under another name (a path typed
otherwise, a folder that was copied or moved), and of its ties broken one way or the other."""

from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.sources import models
from nmviz.store import Store


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
    """The stored result of a resolved experiment; where the scores decide how ties are broken, one
    with random ties comes before one by index."""
    found = (stored(one, store) for one in experiment.answers)
    return next((result for result in found if result is not None), None)
