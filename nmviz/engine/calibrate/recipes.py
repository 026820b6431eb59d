"""Recipes: what the methods of an experiment on activations have at every layer, as one file."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError

from nmviz.base.errors import UserError
from nmviz.engine.calibrate import artefacts
from nmviz.engine.load.sites import Site
from nmviz.engine.prune.sparsify import Pruned
from nmviz.sources.saved import ABOUT, RECIPE, Saved


def write(folder: Path, pruned: Pruned, figures: Mapping[str, float]) -> None:
    """Put the state of every method, calibrated or made from the weights, into the folder: channel
    weights, shifts, thresholds, rotations and the like, a tensor named `site|method|name`.

    OSError or SafetensorError where it cannot be written.
    """
    methods = {call.method.name for call in pruned.calls}
    artefacts.write(folder / RECIPE, pruned, methods, figures)


def given(recipe: Saved, pruned: Pruned, device: str) -> dict[str, float]:
    """Give the sites the state that a recipe has for them; the figures beside it.

    UserError where its tensors cannot be read, are none of this model, or not finite.
    """
    path = recipe.folder / RECIPE
    try:
        figures = artefacts.read(path, pruned, device)
    except (OSError, SafetensorError, ValueError):
        raise UserError(f"{path} cannot be read: put the whole file there again.") from None
    calibrated = [call.method.name for call in pruned.calls if call.method.calibrated]
    for site in pruned.sites:
        asked = site.name in recipe.sites
        if asked and not all(pruned.states[site].get(name) for name in calibrated):
            raise _does_not_fit(path, site)
        if asked and not _fits(pruned, site):
            raise _does_not_fit(path, site)
    return figures


def check_sites(recipe: Saved, pruned: Pruned) -> None:
    """UserError where a recipe lists other layers, or patterns, than its settings come to."""
    made = {site.name: str(site.mask_in(pruned.experiment)) for site in pruned.sites}
    if made != recipe.sites:
        raise UserError(
            f"{recipe.folder / ABOUT} lists other layers than its settings prune: put the whole "
            "file there again, or make the recipe anew."
        )


def _fits(pruned: Pruned, site: Site) -> bool:
    """Whether the layer can be computed with its state: three tokens tell."""
    states = pruned.states[site].values()
    if not all(bool(tensor.isfinite().all()) for state in states for tensor in state.values()):
        return False
    tokens = torch.linspace(-1, 1, 3 * site.d_in, device=site.weight.device)
    try:
        pruned.finish(site)
        made = pruned.forward(site, tokens.view(1, 3, site.d_in))
    except (RuntimeError, ValueError, TypeError, LookupError):
        return False
    return made.shape == (1, 3, site.d_out)


def _does_not_fit(path: Path, site: Site) -> UserError:
    return UserError(
        f"{path} has no values that fit {site.name}: put the whole file there again, or make the "
        "recipe anew."
    )
