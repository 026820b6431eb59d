"""Products of a pass with a model's weights, caught where they are computed.

Layers that keep their weight in a module of torch are found there. What multiplies by a parameter
itself (experts kept as one 3-D parameter, projections of other modules) is found by the product:
its right factor is a view of the parameter's memory, which tells the matrix and its axes.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class Product(NamedTuple):
    """y = x w + added, with x [..., rows, d_in] and w [d_in, d_out], or [count, d_in, d_out]."""

    x: Tensor
    weight: Tensor
    added: Tensor | None = None
    turned: bool = False  # the pass wants y with its last two axes exchanged


@dataclass(frozen=True)
class Stored:
    """How a parameter keeps its matrices: `count` of [rows, columns], one after the other."""

    count: int
    rows: int
    columns: int
    transposed: bool  # rows are d_in

    def matrix(self, parameter: Tensor, number: int) -> Tensor:
        """One of them as [d_out, d_in]: a view."""
        one = parameter.reshape(self.count, self.rows, self.columns)[number]
        return one.T if self.transposed else one


class Place(NamedTuple):
    """Which matrix of which parameter a factor is."""

    parameter: nn.Parameter
    number: int
    stored: Stored


class Places:
    """Finds the parameter whose memory a factor lies in, also where there is no memory (meta)."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self._kept: dict[int, list[nn.Parameter]] = {}
        for parameter in parameters:
            if parameter.numel():
                self._kept.setdefault(_storage(parameter), []).append(parameter)

    def parameter_of(self, factor: Tensor) -> nn.Parameter | None:
        """The parameter that a tensor is a view of, or None."""
        start = factor.storage_offset()
        for parameter in self._kept.get(_storage(factor), ()):
            first = parameter.storage_offset()
            if first <= start < first + parameter.numel():
                return parameter
        return None

    def find(self, factor: Tensor) -> Place | None:
        """Where a factor [d_in, d_out] lies. None where it is no whole matrix of a parameter."""
        parameter = self.parameter_of(factor)
        if parameter is None or not parameter.is_contiguous() or factor.dim() != 2:
            return None
        d_in, d_out = factor.shape
        steps = factor.stride()
        if (d_in == 1 or steps[0] == 1) and (d_out == 1 or steps[1] == d_in):
            rows, columns, transposed = d_out, d_in, False
        elif (d_out == 1 or steps[1] == 1) and (d_in == 1 or steps[0] == d_out):
            rows, columns, transposed = d_in, d_out, True
        else:
            return None
        offset = factor.storage_offset() - parameter.storage_offset()
        if parameter.numel() % factor.numel() or offset % factor.numel():
            return None
        stored = Stored(parameter.numel() // factor.numel(), rows, columns, transposed)
        return Place(parameter, offset // factor.numel(), stored)


def _storage(tensor: Tensor) -> int:
    """What tells one storage from another."""
    return tensor.untyped_storage()._cdata


Take = Callable[[Product], Tensor | None]
Other = Callable[[str, Sequence[Any]], None]


class Caught(TorchFunctionMode):
    """Inside, every matrix product is shown to `take`, which may give its value instead; operands
    of sums and convolutions, which are no plain products, to `other`."""

    def __init__(self, take: Take, other: Other | None = None) -> None:
        super().__init__()
        self._take, self._other = take, other

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        named = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _READ:
            for product in _READ[name](*args, **named):
                made = self._take(product)
                if made is not None:
                    return made.mT if product.turned else made
        elif name in _OTHER and self._other is not None:
            self._other(name, _OTHER[name]([*args, *named.values()]))
        return func(*args, **named)


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> list[Product]:
    return [Product(input, weight.mT, bias)] if weight.dim() == 2 else []


def _matmul(*given: Tensor, **named: Any) -> list[Product]:
    """Either factor may be the weight."""
    one, other = [*given, *named.values()][:2]
    if min(one.dim(), other.dim()) < 2:
        return []
    return [Product(one, other), Product(other.mT, one.mT, turned=True)]


def _added(input: Tensor, *factors: Tensor, **named: Any) -> list[Product]:
    """Of addmm and baddbmm. None where the product is scaled: no weight is read so."""
    if {"alpha", "beta"} & set(named):
        return []
    both = [*factors, *named.values()]
    return [Product(both[0], both[1], input)]


_READ: dict[str, Callable[..., list[Product]]] = {
    "linear": _linear,
    "matmul": _matmul,
    "__matmul__": _matmul,
    "mm": _matmul,
    "bmm": _matmul,
    "addmm": _added,
    "baddbmm": _added,
}


def _filters(args: Sequence[Any]) -> Sequence[Any]:
    """Those of a convolution [d_out, d_in of a group, ...]: depthwise ones mix no channels."""
    return args[1:2] if args[1].shape[1] > 1 else ()


_OTHER: dict[str, Callable[[Sequence[Any]], Sequence[Any]]] = {
    "einsum": lambda args: args[1:],
    "tensordot": lambda args: args[:2],
    "conv1d": _filters,
    "conv2d": _filters,
}
"""Other functions that may multiply by weights, and their operands."""


def factors(product: Product) -> list[tuple[Tensor, Tensor]]:
    """A product matrix by matrix: x [..., rows, d_in] and w [d_in, d_out] of each.

    A factor [count, d_in, d_out] goes with the third last dimension of x.
    """
    x, weight = product.x, product.weight
    if weight.dim() != 3 or x.dim() < 3 or x.shape[-3] != len(weight):
        return [(x, weight)]
    return list(zip(x.movedim(-3, 0), weight, strict=True))
