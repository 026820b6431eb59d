"""How it is done without nmviz: what its own speed is compared with."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, linear

from nmviz.base.benching import seconds_of
from nmviz.engine.load.loading import load
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.load.tokens import encode
from nmviz.engine.prune.sparsify import replaced
from nmviz.sources import corpora

BATCHES = (1, 2, 4)  # windows at once: what is fastest is taken


class Plain:
    """A model and the windows of a text, int64 [windows, window]."""

    def __init__(self, model: str, corpus: str, tokens: int, window: int) -> None:
        self.loaded = load(model)
        ids = encode(self.loaded, corpora.read(corpus), public=True)[:tokens]
        self.windows = ids.view(-1, window)
        some = self.windows[: max(BATCHES)]
        self.dense(some)  # the first pass is slower
        self.batch = min(BATCHES, key=lambda count: seconds_of(lambda: self._nll(some, count)))

    @property
    def model(self) -> Callable[..., Tensor]:
        """Of ids [windows, window] the logits [windows, window, vocabulary]."""
        return lambda ids: self.loaded.model(input_ids=ids, use_cache=False).logits

    def dense(self, windows: Tensor | None = None) -> float:
        """Mean NLL of the dense model, by transformers' own forward pass."""
        return self._nll(self.windows if windows is None else windows, getattr(self, "batch", 1))

    @torch.inference_mode()
    def _nll(self, windows: Tensor, batch: int) -> float:
        total = 0.0
        for ids in windows.split(batch):
            logits = self.model(ids)
            total += cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).item()
        return total / -(-len(windows) // batch)

    @torch.inference_mode()
    def usual_way(self) -> Sequence[float]:
        """One experiment at 8:16 by magnitude: topk and scatter in every layer, and a dense pass of
        its own, as KL needs. Its mean NLL and KL."""
        layers = find_sites(self.loaded.model)
        forward = {site: lambda x, site=site: usual_way(site, x) for site in layers}
        nll, kl = [], []
        for ids in self.windows.split(self.batch):
            dense = self.model(ids)[:, :-1].flatten(0, 1)
            with replaced(forward, len(ids)):
                pruned = self.model(ids)[:, :-1].flatten(0, 1)
            nll.append(cross_entropy(pruned, ids[:, 1:].flatten()).item())
            p, q = dense.log_softmax(-1), pruned.log_softmax(-1)
            kl.append(kl_div(q, p, reduction="batchmean", log_target=True).item())
        return sum(nll) / len(nll), sum(kl) / len(kl)


def topk_masked(x: Tensor, keep: int, group: int) -> Tensor:
    """x [..., d_in] with all but the `keep` largest of every `group` entries zero, by topk and
    scatter."""
    blocks = x.abs().unflatten(-1, (-1, group))
    chosen = blocks.topk(keep, dim=-1).indices
    return x * torch.zeros_like(blocks).scatter_(-1, chosen, 1).flatten(-2)


def usual_way(site: Site, x: Tensor) -> Tensor:
    """A layer at 8:16 by magnitude as it is usually done, nothing shared: [..., d_in] to
    [..., d_out]."""
    return linear(topk_masked(x, 8, 16), site.weight, site.bias)
