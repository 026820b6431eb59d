"""How many bytes of weights a model reads for one token, dense and with rows that are skipped."""

from collections.abc import Callable

from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.probe import probe
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.prune.activations import PrunedActivations
from nmviz.engine.prune.sparsify import Pruned
from nmviz.engine.write.skipping import SkippedRows
from nmviz.methods.mitigation import Mitigation

Read = Callable[[LoadedModel], float | None]  # bytes a token; None before any was read by itself


def skip(pruned: Pruned) -> Read:
    """Make pruned activations really skip; returns what tells the bytes read afterwards.

    Pruned weights are multiplied as they are, zeros and all: skipping single ones saves nothing.
    """
    if not isinstance(pruned, PrunedActivations):
        return dense_bytes
    rows = SkippedRows(pruned)

    def read(loaded: LoadedModel) -> float | None:
        if not rows.tokens:
            return None
        inside = sum(site.weight.nbytes for site in pruned.sites if not site.is_expert)
        return dense_bytes(loaded) - inside + rows.read / rows.tokens + _repairs(pruned)

    return read


def dense_bytes(loaded: LoadedModel) -> float:
    """Bytes of the linear layers, lm_head included: what a dense token reads, of experts those
    that it is routed to."""
    seen = probe(loaded.model)
    active = {} if seen is None else seen.work

    def share(site: Site) -> float:
        whole = site.module.get_parameter(site.parameter)
        return min(1.0, active.get(id(whole), 0.0) / whole.numel()) if site.is_expert else 1.0

    head = loaded.model.get_output_embeddings()
    of_head = 0 if head is None else head.weight.nbytes
    inside = sum(site.weight.nbytes * share(site) for site in find_sites(loaded.model))
    return float(of_head + inside)


def _repairs(pruned: PrunedActivations) -> int:
    """Bytes that mitigations read beside the weight, such as a low-rank copy of it."""
    names = [
        call.method.name
        for call, step in zip(pruned.repairs, pruned.mitigations, strict=True)
        if type(step).after is not Mitigation.after
    ]
    states = [state for one in pruned.states.values() for n, state in one.items() if n in names]
    return sum(tensor.nbytes for state in states for tensor in state.values())
