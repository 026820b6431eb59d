"""Sites: the linear layers of a model that may be pruned, and the scope an experiment chooses."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from weakref import WeakKeyDictionary

from torch import Tensor, nn
from torch.nn import functional
from transformers.pytorch_utils import Conv1D

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.methods.scopes import ALL

_FOUND: WeakKeyDictionary[nn.Module, tuple["Site", ...]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Site:
    """One linear layer: y = x W^T + b with W of shape [d_out, d_in]."""

    name: str  # module path, such as model.layers.0.self_attn.q_proj
    block: int
    projection: str
    module: nn.Module = field(repr=False)

    @cached_property
    def weight(self) -> Tensor:
        """[d_out, d_in], whatever way the module stores it (Conv1D keeps the transpose)."""
        weight = self.module.get_parameter("weight").detach()
        return weight.T if isinstance(self.module, Conv1D) else weight

    @cached_property
    def bias(self) -> Tensor | None:
        """[d_out], or None."""
        bias = self.module.bias
        return bias.detach() if isinstance(bias, Tensor) else None

    @cached_property
    def d_in(self) -> int:
        return self.weight.shape[1]

    @cached_property
    def d_out(self) -> int:
        return self.weight.shape[0]

    def dense(self, x: Tensor) -> Tensor:
        """The layer as it is: [..., d_in] to [..., d_out]."""
        return functional.linear(x, self.weight, self.bias)


def find_blocks(model: nn.Module) -> tuple[str, nn.ModuleList]:
    """Path and modules of the decoder blocks. UserError when there is no list of blocks."""
    lists = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.ModuleList) and len(m)]
    if not lists:
        raise UserError(
            "This model has no list of decoder blocks, so nmviz cannot prune it: choose another."
        )
    wanted = getattr(model.config, "num_hidden_layers", None)  # GPT-2 maps n_layer to it
    matching = [entry for entry in lists if len(entry[1]) == wanted]
    return (matching or lists)[0]


def find_sites(model: nn.Module) -> tuple[Site, ...]:
    """Every linear layer inside the decoder blocks, in order; embeddings and lm_head never are.

    The same model gives the same Site objects every time: they serve as keys.
    """
    if model not in _FOUND:  # two threads may both search: the first to be done is kept
        _FOUND.setdefault(model, tuple(_search(model)))
    return _FOUND[model]


def _search(model: nn.Module) -> list[Site]:
    path, blocks = find_blocks(model)
    sites: list[Site] = []
    for number, block in enumerate(blocks):
        linear = [(n, m) for n, m in block.named_modules() if isinstance(m, (nn.Linear, Conv1D))]
        short = Counter(_short(name) for name, _ in linear)
        for name, module in linear:
            projection = _short(name) if short[_short(name)] == 1 else name
            sites.append(Site(f"{path}.{number}.{name}", number, projection, module))
    if not sites:
        raise UserError("This model has no linear layers inside its blocks: nothing can be pruned.")
    return sites


def find_site(model: nn.Module, block: int, projection: str) -> Site:
    """The site at that block and projection. UserError, naming those there are, for another."""
    sites = find_sites(model)
    for site in sites:
        if site.block == block and site.projection == projection:
            return site
    names = ", ".join(dict.fromkeys(site.projection for site in sites))
    raise UserError(
        f"This model has no layer {projection!r} in block {block}: it has {names} in blocks "
        f"0-{sites[-1].block}."
    )


def choose(sites: Sequence[Site], experiment: Experiment) -> list[Site]:
    """The sites in the experiment's scope whose d_in fits its pattern.

    UserError for an unknown projection or block, an empty scope, and a d_in that M does not divide.
    """
    known = list(dict.fromkeys(site.projection for site in sites))
    wanted = experiment.sites
    unknown = [name for name in wanted.blocks if name not in (*known, ALL)]
    if unknown:
        raise UserError(
            f"This model has no projection {unknown[0]!r}: choose among {', '.join(known)}."
        )
    last = max(site.block for site in sites)
    if wanted.last > last:
        raise UserError(f"This model has no block {wanted.last}: its blocks are 0-{last}.")
    chosen = [site for site in sites if wanted.hold(site.projection, site.block)]
    if not chosen:
        raise UserError("The scope is empty: choose at least one projection and one block.")
    for site in chosen:
        experiment.mask.check_divides(site.d_in, site.name)
    return chosen


def _short(name: str) -> str:
    return name.rpartition(".")[2].removesuffix("_proj")
