"""On which other texts the store has what was asked."""

from collections.abc import Sequence
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.service.runs import READ, lookup, store
from nmviz.service.stored import ALIKE
from nmviz.sources import corpora, models
from nmviz.store import OWN


def measured_elsewhere(experiments: Sequence[Experiment]) -> list[dict[str, Any]]:
    """Other texts on which the store has all these experiments, as fields of an experiment.

    The most tokens first.
    """
    one = experiments[0]
    same = one.but(model=models.spelled(one.model)).model_dump(include=ALIKE - set(READ))
    alike = (run.experiment for run in store().find(sites=False, source=OWN, **same))
    how = ("protocol", "stride")  # another perplexity altogether
    alike = (run for run in alike if all(getattr(run, of) == getattr(one, of) for of in how))
    texts = {tuple(getattr(run, name) for name in READ) for run in alike if run.tokens}
    texts.discard(tuple(getattr(one, name) for name in READ))
    known = [dict(zip(READ, text, strict=True)) for text in texts if text[0] in corpora.CORPORA]
    found = [text for text in known if _are_stored([one.but(**text) for one in experiments])]
    return sorted(found, key=lambda text: -text["tokens"])


def _are_stored(experiments: Sequence[Experiment]) -> bool:
    try:
        return all(lookup(one) for one in experiments)
    except UserError:  # a text that a user names wrongly here
        return False
