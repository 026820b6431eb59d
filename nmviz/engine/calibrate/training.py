"""Learned mitigations: a block's vectors trained so that its sparse output is its dense one."""

import torch
from torch import Tensor
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from nmviz.engine.calibrate.blockwise import Walk
from nmviz.engine.load.sites import Site
from nmviz.engine.prune.sparsify import Pruned, SiteForward, forwards, replaced

BETAS = (0.9, 0.95)  # the optimiser of METHODS, section 2: AdamW, no decay, gradients cut at 1
CLIP = 1.0
WARM_UP = 0.03  # share of the steps; then linearly to nothing


def train_block(
    walk: Walk, block: int, pruned: Pruned, count: int, targets: list[Tensor]
) -> Tensor:
    """Train the learned state of one block on the first `count` windows of the walk.

    The loss is the squared error of the block's output against `targets`, the dense block's on the
    same input (which the sparse blocks before it gave), over the square of the targets. Returns
    the loss on the held-out windows before and after, float64 [2].
    """
    own = [site for site in pruned.sites if site.block == block and pruned.states.get(site)]
    computing: dict[Site, SiteForward]
    computing = {s: f for s, f in forwards(pruned, walk.check).items() if s in set(own)}
    groups, epochs = _learned(pruned, own)
    held_out = range(count, len(walk.hidden))
    before = _mean_loss(walk, block, computing, targets, held_out)
    optimiser = AdamW(groups, betas=BETAS, weight_decay=0.0)
    schedule = LambdaLR(optimiser, _schedule(count * epochs))
    tensors = [tensor for group in groups for tensor in group["params"]]
    for step in range(count * epochs):
        with torch.enable_grad():
            loss = _loss(walk, block, computing, targets, step % count)
            optimiser.zero_grad()
            loss.backward()
        torch.nn.utils.clip_grad_norm_(tensors, CLIP)
        optimiser.step()
        schedule.step()
    for tensor in tensors:
        tensor.requires_grad_(False)
        tensor.grad = None
    after = _mean_loss(walk, block, computing, targets, held_out)
    return torch.tensor([before, after], dtype=torch.float64)


def _learned(pruned: Pruned, sites: list[Site]) -> tuple[list[dict], int]:
    """The tensors to train, one group a method with its learning rate, and how many epochs."""
    groups, epochs = [], 1
    for call in pruned.calls:
        if call.method.facts.learned:
            states = (pruned.states[site][call.method.name] for site in sites)
            tensors = [tensor.requires_grad_() for state in states for tensor in state.values()]
            groups.append({"params": tensors, "lr": float(call.settings["rate"])})
            epochs = int(call.settings["epochs"])  # the same of all: see `Experiment`
    return groups, epochs


def _loss(
    walk: Walk, block: int, computing: dict[Site, SiteForward], targets: list[Tensor], index: int
) -> Tensor:
    with walk.loaded.lock, replaced(computing):
        output = walk.output(block, walk.hidden[index])
    return (output - targets[index]).square().sum() / targets[index].square().sum()


@torch.no_grad()
def _mean_loss(
    walk: Walk, block: int, computing: dict[Site, SiteForward], targets: list[Tensor], which: range
) -> float:
    losses = [_loss(walk, block, computing, targets, index).item() for index in which]
    return sum(losses) / len(losses)


def _schedule(steps: int):  # type: ignore[no-untyped-def]
    warm = max(1, round(WARM_UP * steps))

    def factor(step: int) -> float:
        return (step + 1) / warm if step < warm else max(0.0, (steps - step) / (steps - warm or 1))

    return factor
