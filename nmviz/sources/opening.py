"""What is done until a model is there, in words: most lie here, others are fetched first."""

from contextlib import suppress

from nmviz.base.errors import UserError
from nmviz.sources import hub, models, wheels

LOADING = "loading the model"
FETCHING = "fetching the model and loading it"


def opening(model_id: str) -> str:
    """Milliseconds: nothing is fetched, and nobody is asked."""
    with suppress(UserError):  # which is said when it is opened
        return LOADING if _is_here(model_id) else FETCHING
    return LOADING


def _is_here(model_id: str) -> bool:
    if model_id in models.MODELS:
        return wheels.is_here(models.MODELS.get(model_id).gguf)
    if recipe := models.recipe_of(model_id):
        return _is_here(models.base_of(recipe))
    return models.is_local(model_id) or hub.is_here(model_id)
