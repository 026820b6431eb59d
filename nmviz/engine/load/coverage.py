"""What share of a model's matrices some of its sites are, told by what a pass reads."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from torch import nn

from nmviz.core.coverage import OUTSIDE, Coverage, LeftDense
from nmviz.core.experiment import Experiment
from nmviz.engine.load.blocks import find_blocks
from nmviz.engine.load.probe import IN_PARTS, Probe, probe
from nmviz.engine.load.scope import choose
from nmviz.engine.load.sites import Site, find_sites

IDLE = "no token of the calibration text was routed to it"
Sizes = tuple[float, float]  # parameters, multiply-adds of a token


def everything(model: nn.Module) -> Coverage:
    """What the scope "all" covers, whatever the pattern."""
    return coverage(model, [site for site in find_sites(model) if not site.is_router], str)


def of_experiment(model: nn.Module, experiment: Experiment, pruned: Iterable[Site]) -> Coverage:
    """What an experiment covers, whose pruned sites are these; those of its scope that are not
    among them got nothing to be calibrated by."""
    asked = set(choose(find_sites(model), experiment))

    def why(site: Site) -> str:
        if site in asked:
            return IDLE
        group = site.mask_in(experiment).group
        if group is not None and site.d_in % group:
            return f"its d_in of {site.d_in} is no multiple of {group}"
        return OUTSIDE

    return coverage(model, pruned, why)


def coverage(model: nn.Module, chosen: Iterable[Site], why: Callable[[Site], str]) -> Coverage:
    """Of the blocks' matrices, what the chosen sites cover. `why` gives the reason of one that is
    not chosen; routers are counted apart, and only where they are not chosen."""
    seen, covered = probe(model), set(chosen)
    sites = find_sites(model)
    inside, left, routers = [0.0, 0.0], _Sums(), _Sums()
    for site in sites:
        size = size_of(site, seen)
        if site in covered:
            inside = [a + b for a, b in zip(inside, size, strict=True)]
        elif site.is_router:
            routers.add(site.within, "", size)
        else:
            left.add(site.within, why(site), size)
    own = {id(site.whole) for site in sites}
    for name, parameter in _rest(model, own):
        if seen is not None and id(parameter) in seen.work:
            size = float(parameter.numel()), seen.work[id(parameter)]
            left.add(name, seen.parts.get(id(parameter), IN_PARTS), size)
    whole = [a + b for a, b in zip(inside, left.total, strict=True)]
    return Coverage(
        parameters=inside[0] / whole[0] if whole[0] else 0.0,
        multiply_adds=inside[1] / whole[1] if whole[1] else 0.0,
        left_dense=tuple(left.shares(whole[0])),
        routers=tuple(routers.shares(whole[0])),
        not_read=tuple(_unread(model, own, seen)),
    )


def size_of(site: Site, seen: Probe | None) -> Sizes:
    """Entries of its matrix, and multiply-adds of a token: of an expert those of a token that may
    be routed to any, on average over its neighbours."""
    entries = float(site.d_in * site.d_out)
    if seen is None:
        return entries, entries
    several = 1 if site.stored is None else site.stored.count
    return entries, seen.work.get(id(site.whole), 0.0) / several


class _Sums:
    """Sizes by name and reason, pooled over blocks and experts."""

    def __init__(self) -> None:
        self._by: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])

    def add(self, name: str, reason: str, size: Sizes) -> None:
        sums = self._by[name, reason]
        sums[0] += size[0]
        sums[1] += size[1]

    @property
    def total(self) -> Sizes:
        return sum(a for a, _ in self._by.values()), sum(b for _, b in self._by.values())

    def shares(self, whole: float) -> Iterator[LeftDense]:
        """The largest first."""
        for (name, reason), (entries, _) in sorted(self._by.items(), key=lambda one: -one[1][0]):
            yield LeftDense(name=name, share=entries / whole if whole else 0.0, reason=reason)


def _rest(model: nn.Module, own: set[int]) -> Iterator[tuple[str, nn.Parameter]]:
    """Parameters of the blocks that are of no site, by their path inside the block."""
    met = set(own)
    for block in find_blocks(model)[1]:
        for name, parameter in block.named_parameters():
            if id(parameter) not in met:
                met.add(id(parameter))
                yield name.removesuffix(".weight"), parameter


def _unread(model: nn.Module, own: set[int], seen: Probe | None) -> Iterator[str]:
    """Layers that no pass calls, each name once."""
    if seen is None:
        return
    names: dict[str, None] = {}
    layers = {
        id(module.weight)
        for block in find_blocks(model)[1]
        for module in block.modules()
        if isinstance(module, nn.Linear)
    }
    for name, parameter in _rest(model, own):
        if id(parameter) in layers and id(parameter) not in seen.work:
            names[name] = None
    yield from names
