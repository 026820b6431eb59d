"""What of an experiment others find too: its texts and tasks on the model hub, its pinned model."""

from nmviz.sources.corpora import CORPORA
from nmviz.sources.pinned import MODELS
from nmviz.sources.tasks import TASKS


def on_hub(name: str) -> tuple[str, str] | None:
    """The repository and the split of a task or a corpus; None where the hub has none of it."""
    if name in TASKS:
        return TASKS.get(name).hub, TASKS.get(name).split
    return CORPORA.get(name).on_hub if name in CORPORA else None


def is_open(model: str) -> bool:
    """Whether anyone can have the weights: it is one of the pinned models."""
    return model in MODELS
