"""Pruned activations: what a site computes when its input is masked, token by token."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nmviz.core.experiment import Experiment
from nmviz.engine.load.refusals import not_finite
from nmviz.engine.load.sites import Site
from nmviz.engine.prune import kernels
from nmviz.engine.prune.masking import graded, prune, token_mask, token_pruner, weighted
from nmviz.engine.prune.of_last import SEEN, OfLast
from nmviz.engine.prune.one_pass import OnePass, one_pass
from nmviz.engine.prune.samples import Rows
from nmviz.engine.prune.sparsify import Masked, States, state_of, state_of_weight
from nmviz.methods import ACTIVATION, MITIGATIONS
from nmviz.methods.method import Call, parse_call
from nmviz.methods.mitigation import At, Mitigation, Undo
from nmviz.methods.patterns import Pattern


class PrunedActivations:
    """Every token's input is masked anew, between the mitigations' steps."""

    left_out: Sequence[int] = ()

    def __init__(self, experiment: Experiment, sites: Sequence[Site]) -> None:
        self.experiment, self.sites = experiment, sites
        self.criterion = parse_call(experiment.criterion, ACTIVATION)
        self._rest_dropped = self.criterion.settings.get("rest") == "dropped"
        self.repairs = [parse_call(text, MITIGATIONS) for text in experiment.mitigations]
        self.mitigations: list[Mitigation] = [c.method.code(**c.settings) for c in self.repairs]
        self.states: dict[Site, States] = defaultdict(dict)
        self._of_site: dict[Site, tuple[Pattern, OnePass | None]] = {}
        self._same_for_all_sites = all(c.method.facts.same_for_all_sites for c in self.calls)
        facts = self.criterion.method.facts
        self._looks = str(self.criterion) if facts.sees_input and facts.same_for_all_sites else ""
        self.multiply: Callable[[Site, Tensor], Tensor] = _whole_product
        self.single: Callable[[Site, Tensor], Tensor | None] | None = None
        self._last = OfLast()

    @property
    def calls(self) -> Sequence[Call]:
        return [self.criterion, *self.repairs]

    def pattern(self, site: Site) -> Pattern:
        """What its inputs are pruned to."""
        return self._how(site)[0]

    def _how(self, site: Site) -> tuple[Pattern, OnePass | None]:
        """Its pattern, and the one pass that does all there is to do, where there is one."""
        if site not in self._of_site:
            asked = site.mask_in(self.experiment)
            pattern = replace(asked, rest_dropped=self._rest_dropped)
            fast = one_pass(pattern, self.criterion, self.mitigations)
            self._of_site[site] = pattern, fast
        return self._of_site[site]

    def calibrate(self, site: Site, x: Tensor) -> None:
        self.finish(site)
        states = self.states[site]
        for call, step in zip(self.repairs, self.mitigations, strict=True):
            if call.method.facts.needs == "inputs":
                states[call.method.name] = step.calibrate(site.weight, x.flatten(0, -2))
            x, _ = step.before(x, At(site.weight, states.get(call.method.name, {})))
        if self.criterion.method.facts.needs == "inputs":
            state = state_of(self.criterion, site, x, self.pattern(site))
            states[self.criterion.method.name] = state

    def finish(self, site: Site) -> None:
        for call in self.calls:
            if call.method.facts.needs == "weight":
                self.states[site][call.method.name] = state_of_weight(
                    call, site, self.pattern(site)
                )

    def release(self, site: Site) -> None:
        """Nothing is held that is as large as a weight."""

    def pruner(self, site: Site) -> Callable[[np.ndarray], np.ndarray] | None:
        """Of one token [d_in] what is kept, the rest zero.

        None where one look does not tell: with a mitigation, or a weight that the input changes.
        """
        pattern, fast = self._how(site)
        if fast is None or self.mitigations or fast.sees_input:
            return None
        return token_pruner(site.weight[:1], self._given(site, site.weight[:1]), pattern)

    def forward(self, site: Site, x: Tensor) -> Tensor:
        if self.single is not None and (y := self.single(site, x)) is not None:
            return y if site.bias is None else y + site.bias
        return self._output(site, x, self._kept_of_input(site, x))

    def _output(self, site: Site, x: Tensor, kept: Tensor) -> Tensor:
        """Of an input [..., d_in] and what is kept of it."""
        y = self.multiply(site, kept)
        for step, at in self._places(site):
            y = step.after(y, x, kept, at)
        return y if site.bias is None else y + site.bias

    def lost(self, site: Site, x: Tensor) -> Tensor:
        if self._sees_output:
            return site.dense(x) - self.forward(site, x)
        return functional.linear(x - self._kept_of_input(site, x), site.weight)

    def lost_rows(self, site: Site, rows: Rows, x: Tensor | None) -> Tensor:
        dropped = self.dropped_of_rows(site, rows, x)
        if dropped is None:
            return rows.y - self._output(site, rows.x, self._kept_of_rows(site, rows, x))
        return functional.linear(dropped, site.weight)

    def dropped_of_rows(self, site: Site, rows: Rows, x: Tensor | None) -> Tensor | None:
        return None if self._sees_output else rows.x - self._kept_of_rows(site, rows, x)

    def _kept_of_rows(self, site: Site, rows: Rows, x: Tensor | None) -> Tensor:
        if x is None or self.token_by_token:
            return self._repaired(site, rows.x)
        weighted_alone = self.criterion.method.facts.gives == "channel" and self._over == "token"
        if weighted_alone and not self.mitigations:  # what is seen of others is in the weights
            channel = self._given(site, x).expand(x.shape).flatten(0, -2)
            return prune(rows.x, channel[rows.index], self.pattern(site))
        return self._kept_of_input(site, x).flatten(0, -2)[rows.index]

    @property
    def _sees_output(self) -> bool:
        """Whether a mitigation changes what the layer gives, and not only what it is given."""
        return any(type(step).after is not Mitigation.after for step in self.mitigations)

    @property
    def token_by_token(self) -> bool:
        """A threshold keeps another share of every token: what it keeps is counted on all."""
        return self._counts_alike and all(
            call.is_batch_invariant(mask) for call in self.calls for mask in self.experiment.masks
        )

    @property
    def _counts_alike(self) -> bool:
        return self.experiment.is_dense or self.criterion.method.facts.gives != "threshold"

    def _kept_of_input(self, site: Site, x: Tensor) -> Tensor:
        """What the layer multiplies; made once for sites that are given the same input, where
        nothing that makes it looks at the site."""
        if not self._same_for_all_sites or graded(x):
            return self._repaired(site, x)
        return self._last.get(x, str(self.pattern(site)), partial(self._repaired, site, x))

    def _repaired(self, site: Site, x: Tensor) -> Tensor:
        """x [..., d_in] shifted, masked, repaired and shifted back; by one pass where that is equal
        to these steps."""
        fast, states = self._how(site)[1], self.states[site].values()
        if fast and fast.serves(x, chain.from_iterable(state.values() for state in states)):
            return fast(x, self._places(site), partial(self._given, site))
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
        if any(step.turns for step in self.mitigations):
            return Masked(shifted, scores, mask, turned=True)
        dropped = torch.zeros_like(shifted)
        for undo in reversed(undos):
            dropped = undo(dropped)
        return Masked(x, scores, mask, dropped if dropped.any() else None)

    def kept_of(self, site: Site, x: Tensor) -> tuple[int, int]:
        pattern = self.pattern(site)
        if pattern.is_grouped:  # exactly N of every M, whatever the input
            return int(pattern.keep or 0), int(pattern.group or 1)
        if self.token_by_token:  # as many of every token
            x = x.flatten(0, -2)[:1]
        mask, _ = self._mask(site, self._before(site, x)[0])
        return int(mask.count_nonzero()), mask.numel()

    def _places(self, site: Site) -> list[tuple[Mitigation, At]]:
        if not self.mitigations:
            return []
        states = self.states[site]
        return [
            (step, At(site.weight, states.get(call.method.name, {}), kernels.median))
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
        pattern = self.pattern(site)
        if pattern.is_dense:
            return x
        if self.criterion.method.facts.gives == "channel":
            with torch.no_grad():
                channel = self._given(site, x)
            return prune(x, channel, pattern, self._over)
        return torch.where(self._mask(site, x)[0], x, 0)

    def _mask(self, site: Site, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mask and scores of the shifted input."""
        pattern = self.pattern(site)
        if pattern.is_dense:
            return torch.ones_like(x, dtype=torch.bool), x.abs()
        gives = self.criterion.method.facts.gives
        with torch.no_grad():  # a mask is a constant to whatever is learned
            given = self._given(site, x)
            if gives == "threshold":
                if bool(x.isnan().any()):
                    raise not_finite()
                return x.abs() > given, x.abs()
            scores = given if gives == "scores" else weighted(x, given)
            return token_mask(scores, pattern, self._over), scores

    def _given(self, site: Site, x: Tensor) -> Any:
        """What the criterion says of an input: see `gives`. Where it looks at nothing but the input
        it is the same for all experiments and sites that are given it, and worked out once."""
        if self._looks and not graded(x):
            return SEEN.get(x, self._looks, partial(self._made_of, site, x))
        return self._made_of(site, x)

    def _made_of(self, site: Site, x: Tensor) -> Any:
        method = self.criterion.method
        state = self.states[site].get(method.name, {})
        return method.code(x, site.weight, state, **self.criterion.settings)

    @property
    def _over(self) -> str:
        return str(self.criterion.settings.get("over", "token"))


def _whole_product(site: Site, kept: Tensor) -> Tensor:
    """[..., d_in] to [..., d_out], without the bias."""
    return functional.linear(kept, site.weight)
