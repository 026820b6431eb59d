"""Sites: the matrices of a model that may be pruned."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from weakref import WeakKeyDictionary

from torch import Tensor, nn
from torch.nn import functional
from transformers.pytorch_utils import Conv1D

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.load.blocks import find_blocks
from nmviz.engine.load.probe import probe
from nmviz.engine.load.products import Stored
from nmviz.methods.patterns import Pattern
from nmviz.methods.scopes import EXPERTS, PROJECTIONS, ROUTER

LAYERS = (nn.Linear.forward, Conv1D.forward)
ROUTERS = re.compile(r"(^|\.)\w*router\w*(\.|$)")
GATES = re.compile(r"^((\w+_)?gate|wg)(\.|$)")
"""Paths of gates of experts, inside the module that has the experts."""
NUMBERS = re.compile(r"(?<=experts)\.\d+\.")
"""The number of an expert that is a module of its own, in its path."""

_FOUND: WeakKeyDictionary[nn.Module, tuple["Site", ...]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Site:
    """One matrix that activations are multiplied by: y = x W^T + b with W of shape [d_out, d_in].

    Of a linear layer, or of a parameter that the model multiplies by itself: an expert is one of
    several that a parameter holds.
    """

    name: str  # module path, such as model.layers.0.self_attn.q_proj
    block: int
    projection: str
    module: nn.Module = field(repr=False)
    parameter: str = "weight"
    stored: Stored | None = None  # None for a linear layer
    number: int = 0
    is_router: bool = False
    within: str = ""  # the path inside its block, of experts without the number
    sharing: Sequence[nn.Module] = field(default=(), repr=False)  # all that have this weight

    @property
    def modules(self) -> Sequence[nn.Module]:
        """The layers that are this matrix: several where they share it."""
        return self.sharing or (self.module,)

    @property
    def whole(self) -> nn.Parameter:
        """The parameter that its matrix lies in."""
        return self.module.get_parameter(self.parameter)

    @cached_property
    def weight(self) -> Tensor:
        """[d_out, d_in], whatever way the module stores it."""
        return self.matrix_in(self.whole.detach())

    def matrix_in(self, whole: Tensor) -> Tensor:
        """The site's matrix [d_out, d_in] in a tensor of the parameter's shape: a view (Conv1D
        keeps the transpose)."""
        if self.stored is not None:
            return self.stored.matrix(whole, self.number)
        return whole.T if isinstance(self.module, Conv1D) else whole

    @cached_property
    def bias(self) -> Tensor | None:
        """[d_out], or None: what a model adds to a product of its own it adds itself."""
        bias = self.module.bias if self.stored is None else None
        return bias.detach() if isinstance(bias, Tensor) else None

    @cached_property
    def d_in(self) -> int:
        return self.weight.shape[1]

    @cached_property
    def d_out(self) -> int:
        return self.weight.shape[0]

    @cached_property
    def is_expert(self) -> bool:
        """Whether it is one of several, of which a token gets some."""
        return _is_expert(self.name, self.module)

    def forget(self) -> None:
        """The module was given another weight: look it up anew."""
        for name in ("weight", "bias"):
            self.__dict__.pop(name, None)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that a list of sites may call it."""
        if self.is_router:
            return self.projection, ROUTER
        return (self.projection, EXPERTS) if self.is_expert else (self.projection,)

    def mask_in(self, experiment: Experiment) -> Pattern:
        """What an experiment prunes it to, where it is in its scope."""
        return experiment.mask_at(self.names, self.block)

    @property
    def own_name(self) -> str:
        """What one expert is called in its block, such as `experts.3.gate_up_proj`; of any other
        site its projection."""
        return ".".join(self.name.split(".")[-3:]) if self.is_expert else self.projection

    def dense(self, x: Tensor) -> Tensor:
        """The layer as it is: [..., d_in] to [..., d_out]."""
        return functional.linear(x, self.weight, self.bias)


def find_sites(model: nn.Module) -> tuple[Site, ...]:
    """Every matrix inside the decoder blocks that a pass multiplies by, in order; embeddings and
    lm_head never are.

    The same model gives the same Site objects every time: they serve as keys.
    """
    if model not in _FOUND:  # two threads may both search: the first to be done is kept
        _FOUND.setdefault(model, tuple(_search(model)))
    return _FOUND[model]


@dataclass(frozen=True)
class _Matrix:
    """A parameter that is multiplied by, within its block."""

    path: str  # of its module
    module: nn.Module
    parameter: str
    stored: Stored | None

    @property
    def key(self) -> object:
        """What layers have in common that are one: the weight and the bias."""
        bias = getattr(self.module, "bias", None)
        return id(self.module.get_parameter(self.parameter)), id(bias)

    @property
    def name(self) -> str:
        own = () if self.parameter == "weight" else (self.parameter,)
        return ".".join((*filter(None, (self.path,)), *own))

    @property
    def is_expert(self) -> bool:
        return _is_expert(self.name, self.module)

    def sites(
        self, path: str, block: int, projection: str, is_router: bool, modules: list[nn.Module]
    ) -> Iterator[Site]:
        """Its sites, an expert each; the block lies at `path`."""
        count = 1 if self.stored is None else self.stored.count
        for number in range(count):
            inside = [str(number)] if count > 1 else []
            own = [] if self.parameter == "weight" else [self.parameter]
            name = ".".join([path, *filter(None, [self.path]), *inside, *own])
            yield Site(
                name,
                block,
                projection,
                self.module,
                self.parameter,
                self.stored,
                number,
                is_router,
                NUMBERS.sub(".", self.name),
                modules,
            )


def _search(model: nn.Module) -> list[Site]:
    sites: list[Site] = []
    met: dict[object, list[nn.Module]] = {}  # a weight that several layers share is a site once
    for number, (path, block) in enumerate(zip(*find_blocks(model), strict=True)):
        found = [one for one in _matrices(model, block) if _is_new(one, met)]
        mixtures = _mixtures(block)
        routers = {one for one in found if _is_router(one.name, mixtures)}
        rest = [one for one in found if one not in routers]
        short = Counter(_short(one.name) for one in rest if not one.is_expert)
        for one in found:
            alone = one not in routers and short[_short(one.name)] == 1
            projection, modules = _projection(one, alone), met[one.key]
            sites.extend(one.sites(path, number, projection, one in routers, modules))
    if not sites:
        raise UserError("This model has no linear layers inside its blocks: nothing can be pruned.")
    return sites


def _matrices(model: nn.Module, block: nn.Module) -> Iterator[_Matrix]:
    """Those of linear layers that a pass calls, and of parameters that its products read.

    Where no pass can be run without weights: all linear layers, and experts as their module tells.
    """
    seen = probe(model)
    for path, module in block.named_modules():
        if seen is None and isinstance(module, (nn.Linear, Conv1D)):
            yield _Matrix(path, module, "weight", None)
        elif seen is None:
            yield from _told(path, module)
        elif type(module).forward in LAYERS and module in seen.called:
            yield _Matrix(path, module, "weight", None)
        else:
            for name, parameter in module.named_parameters(recurse=False):
                if id(parameter) in seen.stored and id(parameter) not in seen.parts:
                    yield _Matrix(path, module, name, seen.stored[id(parameter)])


def _told(path: str, module: nn.Module) -> Iterator[_Matrix]:
    """Experts of a module, without a pass: where it does not say which way round it keeps them,
    d_in is last."""
    transposed = getattr(module, "is_transposed", False)
    for name, parameter in module.named_parameters(recurse=False):
        if parameter.dim() == 3 and _is_expert(path, module):
            count, rows, columns = parameter.shape
            yield _Matrix(path, module, name, Stored(count, rows, columns, bool(transposed)))


def _is_expert(name: str, module: nn.Module) -> bool:
    """Whether it is one of several of which a token gets some: not of experts that all tokens get
    (shared_experts)."""
    return EXPERTS in name.split(".") or type(module).__name__.endswith("ParallelExperts")


def _is_new(one: _Matrix, met: dict[object, list[nn.Module]]) -> bool:
    """Whether no layer before has the weight; notes its module."""
    modules = met.setdefault(one.key, [])
    modules.append(one.module)
    return len(modules) == 1


def _mixtures(block: nn.Module) -> list[str]:
    """Paths inside the block of the modules that have experts, each with a dot behind."""
    paths = (path for path, _ in block.named_modules())
    experts = [path.rpartition(".")[0] for path in paths if EXPERTS in path.rpartition(".")[2]]
    return [f"{path}." for path in experts if path]


def _is_router(name: str, mixtures: Sequence[str]) -> bool:
    inside = (name[len(mixture) :] for mixture in mixtures if name.startswith(mixture))
    return bool(ROUTERS.search(name)) or any(GATES.search(path) for path in inside)


def _projection(one: _Matrix, alone: bool) -> str:
    if one.is_expert:
        return one.name.rpartition(".")[2]
    if not alone:
        return one.name
    leaf = one.name.rpartition(".")[2]
    short = _short(leaf)
    if short.isdigit():  # a place in a list says nothing without the list
        return ".".join(one.name.split(".")[-2:])
    return leaf if len(short) == 1 and short not in PROJECTIONS else short


def find_site(model: nn.Module, block: int, projection: str) -> Site:
    """The site at that block and projection. UserError, naming those there are, for another."""
    sites = find_sites(model)
    for site in sites:
        if site.block == block and site.projection == projection:
            return site
    for site in sites:
        if site.block == block and projection in (site.own_name, *site.names):
            return site
    names = ", ".join(dict.fromkeys(site.projection for site in sites))
    raise UserError(
        f"This model has no layer {projection!r} in block {block}: it has {names} in blocks "
        f"0-{sites[-1].block}."
    )


def _short(name: str) -> str:
    return name.rpartition(".")[2].removesuffix("_proj")
