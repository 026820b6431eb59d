"""Gradients of the language-modelling loss with respect to the inputs of sites."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from nmviz.engine.calibrate.blockwise import Check
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.prune.sparsify import Pruned, SiteForward, replaced


def input_gradients(
    loaded: LoadedModel, pruned: Pruned, windows: Tensor, check: Check
) -> Iterator[float]:
    """Give every site of an experiment the root mean square of dL/dX_:,j over the windows.

    L is the mean NLL of one window of the dense model; the state is `rms`, [d_in]. Yields the share
    of the windows [count, window] that is done.
    """
    sums = {site: torch.zeros(site.d_in, dtype=torch.float64) for site in pruned.sites}
    for index, ids in enumerate(windows):
        yield index / len(windows)
        _add_squares(loaded, ids.to(loaded.device), sums, check)
    tokens = windows.numel()
    for call in pruned.calls:
        if call.method.facts.needs == "gradients":
            for site, squares in sums.items():
                if not squares.any():  # an expert that no token was routed to
                    continue
                rms = (squares / tokens).sqrt().float().to(loaded.device)
                pruned.states[site][call.method.name] = {"rms": rms}


def _add_squares(loaded: LoadedModel, ids: Tensor, sums: dict[Site, Tensor], check: Check) -> None:
    """Add the squares of one window's gradients, summed over its tokens."""
    inputs: list[tuple[Site, Tensor]] = []

    def forward(site: Site, x: Tensor) -> Tensor:
        check()
        if not x.requires_grad:  # the first input of all: the embeddings need no gradient
            x = x.detach().requires_grad_()
        if site in sums:
            x = x.view_as(x)  # a node of its own: q, k and v share the tensor, not the gradient
            x.retain_grad()
            inputs.append((site, x))
        return site.dense(x)

    watching: dict[Site, SiteForward]
    watching = {site: partial(forward, site) for site in find_sites(loaded.model)}
    with loaded.lock, replaced(watching), torch.enable_grad():
        scores = loaded.model(input_ids=ids[None], use_cache=False).logits[0]
        functional.cross_entropy(scores[:-1].float(), ids[1:]).backward()
    for site, x in inputs:
        if x.grad is not None:
            sums[site] += x.grad.flatten(0, -2).double().square().sum(0).cpu()
