"""What a pass of a model shows of it, once: which weights its products read, and that it is causal.

Three short passes. The first shows the products; the tokens of the others differ from a place on,
and must give those before it the logits they had, and leave the weights as they found them.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from nmviz.base.errors import UserError
from nmviz.engine.load.blocks import find_blocks
from nmviz.engine.load.experts import all_experts
from nmviz.engine.load.products import Caught, Place, Places, Product, Stored, factors
from nmviz.methods.scopes import EXPERTS

TOKENS = 32
ORDINARY = 1000  # ids below this are words or parts of words in every vocabulary of that size
CHANGED = (8, 2)  # tokens change behind an eighth and a half: ProphetNet looks ahead early on only
MOVED = 1e-4
"""Of the spread of the logits. Of the tiny models of 191 types those that are causal are moved by
rounding, 2e-6 at most, those that are not by 0.7 and more."""

IN_PARTS = "a product reads it in parts, or in two ways"

_FOUND: WeakKeyDictionary[nn.Module, "Probe | None"] = WeakKeyDictionary()


@dataclass
class Probe:
    """What was seen. Parameters of the blocks are by id, `work` in multiply-adds a token."""

    called: set[nn.Module] = field(default_factory=set)  # modules whose forward ran
    stored: dict[int, Stored] = field(default_factory=dict)  # read as whole matrices
    work: dict[int, float] = field(default_factory=dict)
    parts: dict[int, str] = field(default_factory=dict)  # read otherwise, and how
    moved: float = 0.0  # how far a later token moved an earlier logit, over their spread
    drawn: bool = False  # two passes of the same tokens differ as much
    changes: bool = False  # the weights were written to in the second pass


def probe(model: nn.Module) -> Probe | None:
    """What these passes show of a model; kept as long as the model is.

    Of a model without weights (on the meta device) what one pass shows: None where its architecture
    looks at numbers on the way, so that none can be run.
    """
    if model not in _FOUND:
        without = next(model.parameters()).is_meta
        _FOUND[model] = _look_without_weights(model) if without else _look(model)
    return _FOUND[model]


def check_passes(model: nn.Module, model_id: str) -> None:
    """UserError for a model that sees later tokens, or goes on changing its own weights."""
    seen = probe(model)
    assert seen is not None  # it has weights
    if seen.drawn:
        raise UserError(
            f"{model_id} gives other scores each time it reads a text, so it cannot be compared "
            "with itself: choose another model."
        )
    if seen.moved > MOVED:
        raise UserError(
            f"{model_id} is not causal: a later token moves the scores of earlier ones, so it has "
            "no perplexity; choose a model that writes text from left to right."
        )
    if seen.changes:
        raise UserError(
            f"{model_id} changes its own weights in every pass, so it cannot be compared with "
            "itself: choose another model."
        )


@torch.no_grad()
def _look(model: nn.Module) -> Probe:
    seen, ids = Probe(), _ids(model)
    first = _watched_pass(model, ids, seen)
    versions = [parameter._version for parameter in model.parameters()]
    for place in {max(1, ids.shape[1] // part) for part in CHANGED}:
        others = _logits(model, _changed(ids, place))
        seen.moved = max(seen.moved, _moved(first[0, :place], others[0, :place]))
    seen.changes = versions != [parameter._version for parameter in model.parameters()]
    if seen.moved > MOVED:
        seen.drawn = _moved(first[0], _logits(model, ids)[0]) > MOVED
    return seen


def _changed(ids: Tensor, place: int) -> Tensor:
    """The same tokens up to a place, others of them from there on."""
    other = ids.clone()
    other[:, place:] = ids[:, place:].flip(-1).roll(1, -1) % ORDINARY + 1
    return other.clamp_(max=int(ids.max()))


@torch.no_grad()
def _look_without_weights(model: nn.Module) -> Probe | None:
    seen = Probe()
    ids = torch.zeros((1, TOKENS), dtype=torch.int64, device="meta")
    try:
        with all_experts(model) as sharing:
            _watched_pass(model, ids, seen)
    except Exception:  # any line of an architecture may ask for a number
        return None
    for parameter, experts in sharing.items():
        seen.work[parameter] /= experts
    _share(model, seen, set(sharing))
    return seen


def _share(model: Any, seen: Probe, shared: set[int]) -> None:
    """Experts that run on all tokens without weights, those of others as zeros (Llama 4), are given
    the work of those that their config says a token is routed to."""
    active = getattr(model.config.get_text_config(decoder=True), "num_experts_per_tok", None)
    for block in find_blocks(model)[1]:
        for name, parameter in block.named_parameters():
            stored = seen.stored.get(id(parameter))
            several = stored is not None and stored.count > 1 and EXPERTS in name.split(".")
            if active and several and id(parameter) not in shared:
                seen.work[id(parameter)] = active * parameter.shape[-2:].numel()


def _moved(one: Tensor, other: Tensor) -> float:
    """Largest difference over the spread of the logits; 0 where they are no numbers."""
    if not bool(one.isfinite().all() and other.isfinite().all()):
        return 0.0
    spread = (one.amax() - one.amin()).item()
    return (one - other).abs().amax().item() / spread if spread else 0.0


def _ids(model: Any) -> Tensor:
    """Drawn words, int64 [1, tokens], as many as the model has places for."""
    config = model.config.get_text_config(decoder=True)
    most = min(int(getattr(config, "vocab_size", ORDINARY)), ORDINARY)
    places = getattr(config, "max_position_embeddings", None) or TOKENS
    generator = torch.Generator().manual_seed(0)
    length = min(TOKENS, places) if isinstance(places, int) and places > 1 else TOKENS
    ids = torch.randint(min(1, most - 1), most, (1, length), generator=generator)
    return ids.to(next(model.parameters()).device)


def _logits(model: Any, ids: Tensor) -> Tensor:
    """Without weights with a cache: else transformers looks for packed texts in the positions."""
    return model(input_ids=ids, use_cache=ids.is_meta).logits


class _Watcher:
    """Notes what the products of a pass read of the blocks' parameters."""

    def __init__(self, seen: Probe, blocks: Sequence[nn.Module], tokens: int) -> None:
        self.seen, self.tokens = seen, tokens
        self.places = Places(parameter for block in blocks for parameter in block.parameters())

    def take(self, product: Product) -> None:
        """Of a product, each of its matrices."""
        for x, weight in factors(product):
            if (parameter := self.places.parameter_of(weight)) is None:
                continue
            place = self.places.find(weight)
            whole = None if place is None else place.stored
            rows = x.shape[:-1].numel() if place is None else _rows(x, place)
            self._note(parameter, whole, rows * weight.numel())

    def other(self, name: str, operands: Sequence[Any]) -> None:
        """Operands of what is no plain product: each weight meets each token once."""
        for operand in _tensors(operands):
            if (parameter := self.places.parameter_of(operand)) is not None:
                self.seen.parts[id(parameter)] = f"{name} reads it, which is no plain product"
                self._note(parameter, None, operand.numel() * self.tokens)

    def _note(self, parameter: nn.Parameter, stored: Stored | None, work: int) -> None:
        known = id(parameter)
        if stored is None or self.seen.stored.setdefault(known, stored) != stored:
            self.seen.parts.setdefault(known, IN_PARTS)
        self.seen.work[known] = self.seen.work.get(known, 0.0) + work / self.tokens


def _rows(x: Tensor, place: Place) -> int:
    """Rows that meet the matrix: an expert may be given those of others as zeros (Llama 4)."""
    if place.stored.count == 1 or x.is_meta:
        return x.shape[:-1].numel()
    return int(x.flatten(0, -2).any(-1).sum())


def _tensors(operands: Sequence[Any]) -> Iterator[Tensor]:
    for operand in operands:
        if isinstance(operand, Tensor):
            yield operand
        elif isinstance(operand, list | tuple):
            yield from _tensors(operand)


def _watched_pass(model: nn.Module, ids: Tensor, seen: Probe) -> Tensor:
    _, blocks = find_blocks(model)
    watcher = _Watcher(seen, blocks, ids.numel())
    with ExitStack() as watching:
        for module in {module for block in blocks for module in block.modules()}:
            handle = module.register_forward_hook(lambda module, *_: seen.called.add(module))
            watching.callback(handle.remove)
        watching.enter_context(Caught(watcher.take, watcher.other))
        return _logits(model, ids)
