"""What `nmviz run` means with a folder that `nmviz prune` wrote."""

from collections.abc import Collection, Mapping
from typing import Any

from nmviz.base.errors import SettingError
from nmviz.base.wording import listed
from nmviz.service.choices import recipe_settings, refuse_large
from nmviz.sources import models

PRUNING = {
    "target": "--target",
    "pattern": "--pattern",
    "criterion": "--criterion",
    "mitigations": "--mitigate",
    "projections": "--sites",
    "blocks": "--blocks",
    "drop": "--drop",
    "by": "--by",
}
"""What says how a model is pruned, and how it is given."""
OPTIONS = {
    **PRUNING,
    "ties": "--ties",
    "calibration_windows": "--calibration-windows",
    "seed": "--seed",
}
"""All that a recipe says itself."""


def with_saved(settings: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
    """Settings of a run, of which a person gave those named: a pruned model runs as it is unless it
    is to be pruned again, and a recipe with its own settings.

    UserError where settings of the recipe are given beside it.
    """
    model = str(settings["model"])
    refuse_large(model)
    saved = models.saved_of(model)
    if saved is None:
        return dict(settings)
    if not saved.is_recipe:
        asked = PRUNING.keys() & set(given)
        return dict(settings) if asked else {**settings, "pattern": "dense"}
    beside = [option for name, option in OPTIONS.items() if name in given]
    if beside:
        raise SettingError(
            f"{model} is a recipe that says itself what is pruned ({saved.pruned}): leave "
            f"{listed(beside)} out.",
            "pattern",
        )
    return {**settings, **recipe_settings(saved)}
