"""A model under an experiment: what every site computes instead, inside a `with` block.

Nothing of the model is written to. A pruned weight is a copy, and a site's `forward` is replaced on
the instance and put back, so the model afterwards is the model before, bit for bit.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from nmviz.core.experiment import Experiment
from nmviz.engine.load.products import Caught, Places, Product, factors
from nmviz.engine.load.sites import Site
from nmviz.engine.prune.masking import matrix_mask
from nmviz.engine.prune.of_last import SEEN
from nmviz.engine.prune.samples import Rows
from nmviz.methods.method import Call
from nmviz.methods.patterns import Pattern

SiteForward = Callable[[Tensor], Tensor]
States = dict[str, dict[str, Tensor]]  # of one site: method name -> its tensors

_OF_WEIGHT: WeakKeyDictionary[Site, dict[str, tuple[str, dict[str, Tensor]]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Masked:
    """What a mask did at one site: [..., d_in] of its input or [d_out, d_in] of its weight."""

    values: Tensor  # before the mask: the site's inputs (turned, where that is), or its weight
    scores: Tensor
    mask: Tensor  # bool
    shift: Tensor | None = None  # what dropped entries become, where that is not 0
    turned: bool = False  # the values are the inputs on other axes


class Pruned(Protocol):
    """An experiment bound to the sites of one model.

    Sites whose methods are calibrated must be given their state first, by `calibrate` or by filling
    `states`; `finish` then prepares them.
    """

    experiment: Experiment
    sites: Sequence[Site]
    states: dict[Site, States]
    left_out: Sequence[int]  # numbers of blocks that pass their input on

    @property
    def calls(self) -> Sequence[Call]:
        """The criterion and the mitigations."""

    def calibrate(self, site: Site, x: Tensor) -> None:
        """Work out a site's state from its inputs on calibration text, [windows, tokens, d_in]."""

    def finish(self, site: Site) -> None:
        """Prepare the site once its state is known."""

    def release(self, site: Site) -> None:
        """Let go of what `finish` made for the site; it can be finished again."""

    def forward(self, site: Site, x: Tensor) -> Tensor:
        """The pruned layer: [..., d_in] to [..., d_out]."""

    def lost(self, site: Site, x: Tensor) -> Tensor:
        """What pruning takes from the layer's output: dense minus pruned, [..., d_out]."""

    def lost_rows(self, site: Site, rows: Rows, x: Tensor | None) -> Tensor:
        """The same of some tokens alone, [drawn, d_out]. The whole input x [..., d_in] may be
        missing where it is `token_by_token`."""

    def dropped_of_rows(self, site: Site, rows: Rows, x: Tensor | None) -> Tensor | None:
        """What is dropped of the inputs of these tokens, [drawn, d_in], where `lost_rows` is its
        product with the weight and nothing else."""

    @property
    def token_by_token(self) -> bool:
        """Whether what it makes of a token depends on no other token."""

    def masked(self, site: Site, x: Tensor) -> Masked:
        """The mask at one site and what it was made from."""

    def kept_of(self, site: Site, x: Tensor) -> tuple[int, int]:
        """Ones in the site's mask on this input, and entries; of a part of it where all keep the
        same share."""


@contextmanager
def replaced(substitutes: Mapping[Site, SiteForward], windows: int = 1) -> Iterator[None]:
    """Sites compute something else inside the block; undone whatever happens inside.

    They are given [windows, tokens, d_in], also where a model flattens its windows before a layer;
    an expert [1, tokens, d_in], of the tokens that are routed to it.
    """
    missing = object()
    layers = [site for site in substitutes if site.stored is None]
    products = {site: forward for site, forward in substitutes.items() if site.stored is not None}
    modules = [(module, site) for site in layers for module in site.modules]
    before = [(module, module.__dict__.get("forward", missing)) for module, _ in modules]
    try:
        for module, site in modules:
            count = 1 if site.is_expert else windows
            module.__dict__["forward"] = partial(_by_window, substitutes[site], count)
        with _caught(products, windows) if products else nullcontext():
            yield
    finally:
        for module, forward in before:
            if forward is missing:
                module.__dict__.pop("forward", None)
            else:
                module.__dict__["forward"] = forward


def _by_window(forward: SiteForward, windows: int, x: Tensor) -> Tensor:
    """A flat input (OPT's fc1 has one) window by window, or as one where they do not divide it."""
    if x.dim() > 2:
        return forward(x)
    count = windows if len(x) % windows == 0 else 1
    return forward(x.unflatten(0, (count, -1))).flatten(0, 1)


def _caught(products: Mapping[Site, SiteForward], windows: int) -> Caught:
    """Products with parameters themselves go to their site, as `replaced` says."""
    kept = [site.module.get_parameter(site.parameter) for site in products]
    by_place = {
        (id(parameter), site.number): site for parameter, site in zip(kept, products, strict=True)
    }
    places = Places(dict.fromkeys(kept))

    def one(x: Tensor, weight: Tensor) -> Tensor | None:
        place = places.find(weight)
        site = None if place is None else by_place.get((id(place.parameter), place.number))
        if site is None or not x.numel():
            return None
        forward = partial(_by_window, products[site], 1 if site.is_expert else windows)
        return _routed(forward, x, site.d_out) if site.is_expert else forward(x)

    def take(product: Product) -> Tensor | None:
        each = factors(product)
        given = [one(x, weight) for x, weight in each]
        if all(y is None for y in given):
            return None
        pairs = zip(each, given, strict=True)
        made = [x @ weight if y is None else y for (x, weight), y in pairs]
        whole = made[0] if product.weight.dim() == 2 else torch.stack(made, -3)
        return whole if product.added is None else whole + product.added

    return Caught(take)


def _routed(forward: SiteForward, x: Tensor, d_out: int) -> Tensor:
    """An expert's outputs. Where it is given all tokens, those of others as zeros (Llama 4), it is
    shown its own, and the others stay zero."""
    own = x.any(-1)
    if bool(own.all()):
        return forward(x)
    made = x.new_zeros((*x.shape[:-1], d_out))
    return made.index_put((own,), forward(x[own])) if bool(own.any()) else made


def forwards(pruned: Pruned, check: Callable[[], None]) -> dict[Site, SiteForward]:
    """What every site in the scope computes; `check` runs first and may raise Cancelled."""

    def forward(site: Site, x: Tensor) -> Tensor:
        check()
        return pruned.forward(site, x)

    return {site: partial(forward, site) for site in pruned.sites}


def state_of(call: Call, site: Site, x: Tensor | None, pattern: Pattern) -> dict[str, Tensor]:
    """The state of a criterion or mitigation at a site, from its weight and inputs
    [..., tokens, d_in]."""
    tokens = None if x is None else x.flatten(0, -2)
    if isinstance(call.method.code, type):
        return call.method.code(**call.settings).calibrate(site.weight, tokens)
    facts = call.method.facts
    if facts.calibrate is None:
        return {}
    helped: dict[str, Any] = {}
    if facts.gives == "weight" and x is not None:
        helped = {"choose": matrix_mask, "once": partial(SEEN.get, x)}
    return facts.calibrate(site.weight, tokens, pattern, **call.settings, **helped)


def state_of_weight(call: Call, site: Site, pattern: Pattern) -> dict[str, Tensor]:
    """State that only the weight decides: worked out once and kept as long as the model is, of a
    method under the settings that were asked for last."""
    kept = _OF_WEIGHT.setdefault(site, {})
    settings, state = kept.get(call.method.name, ("", {}))
    if settings != str(call):
        state = state_of(call, site, None, pattern)
        kept[call.method.name] = str(call), state
    return state
