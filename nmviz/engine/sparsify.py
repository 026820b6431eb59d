"""A model under an experiment: what every site computes instead, inside a `with` block.

Nothing of the model is written to. A pruned weight is a copy, and a site's `forward` is replaced on
the instance and put back, so the model afterwards is the model before, bit for bit.
"""

import weakref
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import functional

from nmviz.engine.masking import Ties, count_ties, matrix_mask, prune, token_mask, weighted
from nmviz.engine.sites import Site
from nmviz.experiment import Experiment
from nmviz.methods import ACTIVATION, MITIGATIONS, WEIGHT
from nmviz.methods.method import Call, parse_call
from nmviz.methods.mitigations import At, Mitigation, Undo
from nmviz.methods.patterns import Pattern

SiteForward = Callable[[Tensor], Tensor]
States = dict[str, dict[str, Tensor]]  # of one site: method name -> its tensors

_OF_WEIGHT: WeakKeyDictionary[Site, States] = WeakKeyDictionary()


@dataclass(frozen=True)
class Masked:
    """What a mask did at one site: [..., d_in] of its input or [d_out, d_in] of its weight."""

    values: Tensor  # before the mask: the site's inputs, or its weight
    scores: Tensor
    mask: Tensor  # bool
    shift: Tensor | None = None  # what the `before` steps took away


class Pruned(Protocol):
    """An experiment bound to the sites of one model.

    Sites whose methods are calibrated must be given their state first, by `calibrate` or by filling
    `states`; `finish` then prepares them.
    """

    experiment: Experiment
    sites: Sequence[Site]
    states: dict[Site, States]

    @property
    def calls(self) -> Sequence[Call]:
        """The criterion and the mitigations."""

    def calibrate(self, site: Site, x: Tensor) -> None:
        """Work out the site's state from its inputs on calibration text, [tokens, d_in]."""

    def finish(self, site: Site) -> None:
        """Prepare the site once its state is known."""

    def forward(self, site: Site, x: Tensor) -> Tensor:
        """The pruned layer: [..., d_in] to [..., d_out]."""

    def masked(self, site: Site, x: Tensor) -> Masked:
        """The mask at one site and what it was made from."""

    def kept_of(self, site: Site, x: Tensor) -> tuple[int, int]:
        """Ones in the site's mask on this input, and entries."""


class PrunedActivations:
    """Every token's input is masked anew, between the mitigations' steps."""

    def __init__(self, experiment: Experiment, sites: Sequence[Site]) -> None:
        self.experiment, self.sites = experiment, sites
        self.pattern = experiment.mask
        self.criterion = parse_call(experiment.criterion, ACTIVATION)
        self.repairs = [parse_call(text, MITIGATIONS) for text in experiment.mitigations]
        self.mitigations: list[Mitigation] = [c.method.code(**c.settings) for c in self.repairs]
        self.states: dict[Site, States] = defaultdict(dict)
        self._same_for_all_sites = all(c.method.facts.needs == "nothing" for c in self.calls)
        self._last: tuple[weakref.ref[Tensor], Tensor] | None = None

    @property
    def calls(self) -> Sequence[Call]:
        return [self.criterion, *self.repairs]

    def calibrate(self, site: Site, x: Tensor) -> None:
        self.finish(site)
        states = self.states[site]
        for call, step in zip(self.repairs, self.mitigations, strict=True):
            if call.method.facts.needs == "inputs":
                states[call.method.name] = step.calibrate(site.weight, x)
            x, _ = step.before(x, At(site.weight, states.get(call.method.name, {})))
        if self.criterion.method.facts.needs == "inputs":
            states[self.criterion.method.name] = _state(self.criterion, site, x, self.pattern)

    def finish(self, site: Site) -> None:
        for call in self.calls:
            if call.method.facts.needs == "weight":
                self.states[site][call.method.name] = _state_of_weight(call, site, self.pattern)

    def forward(self, site: Site, x: Tensor) -> Tensor:
        kept, places = self._kept_of_input(site, x), self._places(site)
        y = functional.linear(kept, site.weight)
        for step, at in places:
            y = step.after(y, x, kept, at)
        return y if site.bias is None else y + site.bias

    def _kept_of_input(self, site: Site, x: Tensor) -> Tensor:
        """What the layer multiplies; made once for sites that are given the same input, where
        nothing that makes it looks at the site."""
        known = self._last
        if known is not None and known[0]() is x and not _graded(x):
            return known[1]
        kept = self._repaired(site, x)
        if self._same_for_all_sites:
            self._last = weakref.ref(x), kept
        return kept

    def _repaired(self, site: Site, x: Tensor) -> Tensor:
        shifted, undos = self._before(site, x)
        kept = self._pruned(site, shifted)
        for step, at in self._places(site):
            kept = step.kept(shifted, kept, at)
        for undo in reversed(undos):
            kept = undo(kept)
        return kept

    def masked(self, site: Site, x: Tensor) -> Masked:
        shifted, undos = self._before(site, x)
        mask, scores = self._mask(site, shifted)
        return Masked(x, scores, mask, x - shifted if undos else None)

    def kept_of(self, site: Site, x: Tensor) -> tuple[int, int]:
        if self.pattern.is_grouped:  # exactly N of every M, whatever the input
            return int(self.pattern.keep or 0), int(self.pattern.group or 1)
        mask, _ = self._mask(site, self._before(site, x)[0])
        return int(mask.sum()), mask.numel()

    def _places(self, site: Site) -> list[tuple[Mitigation, At]]:
        states = self.states[site]
        return [
            (step, At(site.weight, states.get(call.method.name, {})))
            for call, step in zip(self.repairs, self.mitigations, strict=True)
        ]

    def _before(self, site: Site, x: Tensor) -> tuple[Tensor, list[Undo]]:
        undos = []
        for step, at in self._places(site):
            x, undo = step.before(x, at)
            if undo is not None:
                undos.append(undo)
        return x, undos

    def _pruned(self, site: Site, x: Tensor) -> Tensor:
        """The shifted input with what is dropped set to zero."""
        if self.pattern.is_dense:
            return x
        if self.criterion.method.facts.gives == "channel":
            with torch.no_grad():
                channel = self._given(site, x)
            return prune(x, channel, self.pattern, self._over)
        return torch.where(self._mask(site, x)[0], x, 0)

    def _mask(self, site: Site, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mask and scores of the shifted input."""
        if self.pattern.is_dense:
            return torch.ones_like(x, dtype=torch.bool), x.abs()
        gives = self.criterion.method.facts.gives
        with torch.no_grad():  # a mask is a constant to whatever is learned
            given = self._given(site, x)
            if gives == "threshold":
                return x.abs() > given, x.abs()
            scores = given if gives == "scores" else weighted(x, given)
            return token_mask(scores, self.pattern, self._over), scores

    def _given(self, site: Site, x: Tensor) -> Any:
        """What the criterion says of an input: see `gives`."""
        method = self.criterion.method
        state = self.states[site].get(method.name, {})
        return method.code(x, site.weight, state, **self.criterion.settings)

    @property
    def _over(self) -> str:
        return str(self.criterion.settings.get("over", "token"))


class PrunedWeights:
    """The weight is masked once; a tie seed breaks ties at random instead of by index."""

    def __init__(
        self, experiment: Experiment, sites: Sequence[Site], tie_seed: int | None = None
    ) -> None:
        self.experiment, self.sites = experiment, sites
        self.pattern = experiment.mask
        self.criterion = parse_call(experiment.criterion, WEIGHT)
        self.generator = None if tie_seed is None else torch.Generator().manual_seed(tie_seed)
        self.states: dict[Site, States] = defaultdict(dict)
        self.ties = Ties(0, 0)
        self._pruned: dict[Site, Tensor] = {}
        self._kept: dict[Site, tuple[int, int]] = {}

    @property
    def calls(self) -> Sequence[Call]:
        return [self.criterion]

    def calibrate(self, site: Site, x: Tensor) -> None:
        state = _state(self.criterion, site, x, self.pattern)
        self.states[site] = {self.criterion.method.name: state}

    def finish(self, site: Site) -> None:
        masked = self.masked(site, site.weight)
        changed = self._changed_weight(site)
        weight = site.weight if changed is None else changed[0]
        self._pruned[site] = torch.where(masked.mask, weight, 0)
        self._kept[site] = int(masked.mask.sum()), masked.mask.numel()
        if self.generator is None and changed is None:
            self.ties += count_ties(masked.scores, self.pattern)

    def forward(self, site: Site, x: Tensor) -> Tensor:
        return functional.linear(x, self._pruned[site], site.bias)

    def masked(self, site: Site, x: Tensor) -> Masked:
        changed = self._changed_weight(site)
        if changed is not None:
            return Masked(site.weight, changed[0].abs(), changed[1])
        scores = self._given(site)
        over = str(self.criterion.settings.get("over", "matrix"))
        return Masked(site.weight, scores, matrix_mask(scores, self.pattern, self.generator, over))

    def kept_of(self, site: Site, x: Tensor) -> tuple[int, int]:
        return self._kept[site]

    def _given(self, site: Site) -> Any:
        method = self.criterion.method
        state = self.states[site].get(method.name, {})
        return method.code(site.weight, state, **self.criterion.settings)

    def _changed_weight(self, site: Site) -> tuple[Tensor, Tensor] | None:
        """Weight and mask of a criterion that also changes what it keeps, or None."""
        gives_weight = self.criterion.method.facts.gives == "weight"
        return self._given(site) if gives_weight else None


@contextmanager
def replaced(substitutes: Mapping[Site, SiteForward]) -> Iterator[None]:
    """Sites compute something else inside the block; undone whatever happens inside."""
    missing = object()
    before = {site: site.module.__dict__.get("forward", missing) for site in substitutes}
    try:
        for site, forward in substitutes.items():
            site.module.__dict__["forward"] = forward
        yield
    finally:
        for site, forward in before.items():
            if forward is missing:
                site.module.__dict__.pop("forward", None)
            else:
                site.module.__dict__["forward"] = forward


def forwards(pruned: Pruned, check: Callable[[], None]) -> dict[Site, SiteForward]:
    """What every site in the scope computes; `check` runs first and may raise Cancelled."""

    def forward(site: Site, x: Tensor) -> Tensor:
        check()
        return pruned.forward(site, x)

    return {site: partial(forward, site) for site in pruned.sites}


def _state(call: Call, site: Site, x: Tensor | None, pattern: Pattern) -> dict[str, Tensor]:
    """The state of a criterion or mitigation at a site, from its weight and inputs."""
    if isinstance(call.method.code, type):
        return call.method.code(**call.settings).calibrate(site.weight, x)
    calibrate = call.method.facts.calibrate
    return calibrate(site.weight, x, pattern, **call.settings) if calibrate else {}


def _state_of_weight(call: Call, site: Site, pattern: Pattern) -> dict[str, Tensor]:
    """State that only the weight decides: worked out once and kept as long as the model is."""
    kept = _OF_WEIGHT.setdefault(site, {})
    if str(call) not in kept:
        kept[str(call)] = _state(call, site, None, pattern)
    return kept[str(call)]


def _graded(x: Tensor) -> bool:
    return torch.is_grad_enabled() and x.requires_grad
