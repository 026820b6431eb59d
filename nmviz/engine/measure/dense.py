"""What the dense model does over windows of text: worked out once, kept, shared by comparisons.

Of the windows that were read last the process keeps what every later comparison needs of the dense
model: the input of each site, the hidden state after each block, and the logits, in bounded memory.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from threading import RLock
from typing import Any, Literal

import torch
from torch import Tensor, nn

from nmviz.base import holding
from nmviz.engine.load.blocks import find_blocks, standing_in
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.measure.statistics import DenseTokens
from nmviz.engine.prune.samples import Rows, draw
from nmviz.engine.prune.sparsify import SiteForward, replaced

Check = Callable[[], None]
Need = Literal["all inputs", "rows of inputs", "rows"]
"""What comparisons ask of the calls of a site: the whole input; rows that were drawn, and the whole
input to choose in; rows alone."""


@dataclass(frozen=True)
class SiteCall:
    """What a site was given and gave in the dense pass."""

    square: float  # ||y||^2 of the dense output
    tokens: int
    x: Tensor | None  # [windows, tokens, d_in]
    rows: Rows | None  # where a sample is asked for

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What is held; sites that share an input share the tensor."""
        of_rows = () if self.rows is None else (self.rows.x, self.rows.y)
        return of_rows if self.x is None else (*of_rows, self.x)


Watch = Callable[[Site, SiteCall], None]


@dataclass
class DensePass:
    """One dense pass over windows [windows, tokens]. Calls are by the site's name, in order."""

    need: Need = "all inputs"
    kept: bool = True  # for later comparisons, which need the calls
    tokens: list[DenseTokens] = field(default_factory=list)  # one a window
    hidden: dict[int, Tensor] = field(default_factory=dict)  # [windows, tokens, d_model] by block
    alone: bool = True  # a block hands on its hidden state and nothing else
    calls: dict[str, list[SiteCall]] = field(default_factory=dict)
    too_large: bool = False

    def note(self, site: Site, x: Tensor, y: Tensor, seed: str) -> SiteCall:
        """Keep a call, as long as the pass may be kept at all; with a sample where one is asked
        for, the same for the same seed."""
        squares = torch.linalg.vecdot(y, y)
        whole = squares.sum(dtype=torch.float64).item()
        if self.need == "all inputs":
            made = held = SiteCall(whole, squares.numel(), x, None)
        else:
            rows = draw(x, y, squares, f"{seed} {site.name}")
            made = SiteCall(whole, squares.numel(), x, rows)
            held = made if self.need == "rows of inputs" else replace(made, x=None)
        if self.kept and not self.too_large:
            self.calls.setdefault(site.name, []).append(held)
            if self.size > PASSES.memory():
                self.too_large = True
                self.calls.clear()
        return made

    def has(self, need: Need) -> bool:
        """Whether what is kept of the calls serves that need."""
        return self.need == need or (self.need == "rows of inputs" and need == "rows")

    @property
    def size(self) -> int:
        """Bytes held."""
        held = (one for calls in self.calls.values() for call in calls for one in call.tensors)
        shared = {id(one): one.nbytes for one in held}
        others = [*self.hidden.values(), *(one.logits for one in self.tokens)]
        return sum(shared.values()) + sum(tensor.nbytes for tensor in others)


class DensePasses:
    """Dense passes by model and windows. Those of other texts go first, the longest unused first;
    what does not fit beside those of its own text is not kept.
    """

    def __init__(self, memory: Callable[[], int] = holding.of_passes) -> None:
        self.memory = memory
        self._kept: OrderedDict[tuple[str, str, str], DensePass] = OrderedDict()
        self._lock = RLock()

    def get(self, loaded: LoadedModel, text: str, ids: Tensor) -> DensePass | None:
        """What is kept of these windows of the text that `text` names."""
        with self._lock:
            found = self._kept.get(_key(loaded, text, ids))
            if found is not None:
                self._kept.move_to_end(_key(loaded, text, ids))
            return found

    def put(self, loaded: LoadedModel, text: str, ids: Tensor, made: DensePass) -> None:
        key = _key(loaded, text, ids)
        with self._lock:
            self._kept.pop(key, None)
            others = [other for other in self._kept if other[:2] != key[:2]]
            while others and self.size + made.size > self.memory():
                del self._kept[others.pop(0)]
            if not made.too_large and self.size + made.size <= self.memory():
                self._kept[key] = made

    @property
    def size(self) -> int:
        """Bytes held."""
        with self._lock:  # an OrderedDict that is being cleared has keys without values
            return sum(made.size for made in self._kept.values())

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._kept.clear()


PASSES = DensePasses()
holding.holds("dense passes", lambda: PASSES.size, lambda: PASSES.clear())


def text_key(windows: Tensor) -> str:
    """Names the text cut into these windows, int64 [count, tokens], by the first of them."""
    return hashlib.sha256(windows[:1].numpy().tobytes()).hexdigest()


def dense_pass(
    loaded: LoadedModel,
    text: str,
    ids: Tensor,
    watch: Watch,
    check: Check,
    need: Need = "all inputs",
    kept: bool = True,
) -> DensePass:
    """The dense pass over windows ids, int64 [windows, tokens]: known, or made now, and then `kept`
    for the next that asks.

    `watch` is called for every site, in order, with what it needs to compare a pruned one.
    """
    known = PASSES.get(loaded, text, ids)
    if known is None or not known.has(need):
        known = _make(loaded, ids, watch, check, DensePass(need, kept))
        if kept:
            PASSES.put(loaded, text, ids, known)
        return known
    for site in find_sites(loaded.model):
        for call in known.calls.get(site.name, ()):
            check()
            watch(site, call)
    return known


@torch.inference_mode()
def logits(loaded: LoadedModel, ids: Tensor) -> Tensor:
    """Logits of ids int64 [tokens] or [windows, tokens]: the same with [vocabulary] behind."""
    windows = ids[None] if ids.dim() == 1 else ids
    made = loaded.model(input_ids=windows.to(loaded.device), use_cache=False).logits
    return made[0] if ids.dim() == 1 else made


def square(x: Tensor) -> float:
    """||x||^2: of each row in its own width, the rows added in float64."""
    return torch.linalg.vecdot(x, x).sum(dtype=torch.float64).item()


@contextmanager
def skipped(model: nn.Module, dense: DensePass, first: int) -> Iterator[None]:
    """Inside, the blocks before `first` are not run: they give what they gave in the dense pass
    over the same windows. All of them are run where blocks share more than a hidden state."""
    _, blocks = find_blocks(model)
    config: Any = model.config
    shares = getattr(config.get_text_config(), "num_kv_shared_layers", 0)
    known = {} if shares or not dense.alone else dense.hidden
    early = [block for number, block in enumerate(blocks) if number < first and number in known]
    with standing_in({block: partial(_given, known[n]) for n, block in enumerate(early)}):
        yield


def _given(hidden: Tensor, *_given: object, **_named: object) -> Tensor:
    return hidden


@contextmanager
def block_outputs(model: nn.Module, take: Callable[[int, Tensor, bool], None]) -> Iterator[None]:
    """Give every block's output, [windows, tokens, d_model], to `take(block, hidden, alone)`;
    `alone` says that it hands on nothing else."""

    def hook(number: int, module: nn.Module, inputs: object, output: Tensor | tuple) -> None:
        alone = isinstance(output, Tensor)
        take(number, output if isinstance(output, Tensor) else output[0], alone)

    _, blocks = find_blocks(model)
    handles = [block.register_forward_hook(partial(hook, n)) for n, block in enumerate(blocks)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _make(
    loaded: LoadedModel, ids: Tensor, watch: Watch, check: Check, made: DensePass
) -> DensePass:
    seed = hash_of(ids)

    def forward(site: Site, x: Tensor) -> Tensor:
        check()
        y = site.dense(x)
        watch(site, made.note(site, x, y, seed))
        return y

    def pass_on(number: int, output: Tensor, alone: bool) -> None:
        made.hidden[number], made.alone = output, made.alone and alone

    observing: Mapping[Site, SiteForward]
    observing = {site: partial(forward, site) for site in find_sites(loaded.model)}
    hidden = block_outputs(loaded.model, pass_on)
    with loaded.lock, replaced(observing, len(ids)), hidden:
        scores = logits(loaded, ids)
    made.tokens = [
        DenseTokens.of(one, own.to(one.device)) for one, own in zip(scores, ids, strict=True)
    ]
    return made


def _key(loaded: LoadedModel, text: str, ids: Tensor) -> tuple[str, str, str]:
    return f"{loaded.sha256} {loaded.device}", text, hash_of(ids)


def hash_of(ids: Tensor) -> str:
    """Names windows, int64 [windows, tokens]; samples of their tokens are drawn by it."""
    return hashlib.sha256(ids.numpy().tobytes()).hexdigest()
