"""One experiment of a run while it is measured: what it has shown so far, over all its draws."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch

from nmviz.core.attribution.control import BEYOND, NOISE
from nmviz.core.coverage import Coverage
from nmviz.core.depth import EACH_ALONE, IN_TURN, LEFT_OUT
from nmviz.core.experiment import Experiment
from nmviz.core.metrics import SPREAD
from nmviz.core.results import Measurement
from nmviz.core.site_errors import SAMPLED_ERRORS
from nmviz.core.tokenwise.flips import Flips
from nmviz.core.tokenwise.floor import NoiseFloor
from nmviz.engine.measure.evaluate import Comparison
from nmviz.engine.measure.statistics import PairedTokens, mean, mean_over
from nmviz.engine.measure.tails import Tails, tails_of
from nmviz.engine.prune.depth import WithoutBlocks
from nmviz.engine.prune.samples import SAMPLE_IN_WORDS
from nmviz.engine.prune.sparsify import Pruned
from nmviz.engine.prune.weights import PrunedWeights
from nmviz.methods.scopes import write_blocks

TIE_BREAKS = "random tie-breaks"


@dataclass
class Trial:
    """A comparison with the dense model; where ties are broken at random, one a draw. Figures of
    tokens are means over the draws, those of layers are the first draw's."""

    comparison: Comparison
    figures: Mapping[str, float]  # what calibration has to say of itself
    coverage: Coverage
    calibrated: Mapping[str, int] = field(default_factory=dict)  # tokens by the name of an expert
    redrawn: list[Comparison] = field(default_factory=list)
    control: Comparison | None = None  # random noise in place of the errors
    spent: int | None = None  # tokens, where the run ended before its budget

    @property
    def experiment(self) -> Experiment:
        """What was measured."""
        asked = settled(self.comparison.pruned)
        return asked if self.spent is None else asked.but(tokens=self.spent)

    @property
    def draws(self) -> list[Comparison]:
        return [self.comparison, *self.redrawn]

    @property
    def all(self) -> list[Comparison]:
        """Whatever reads the text for it."""
        return [*self.draws, *([] if self.control is None else [self.control])]

    @property
    def tokens(self) -> PairedTokens:
        """Figures of every token, over the draws that have read as many windows as the first."""
        return mean_over([one.tokens for one in self._level])

    @property
    def _level(self) -> list[Comparison]:
        read = len(self.comparison.tokens.nll)
        return [one for one in self.draws if len(one.tokens.nll) == read]

    def measurements(self) -> tuple[Measurement, ...]:
        """Means over the tokens so far, and what is said of ties and calibration."""
        figures = tie_share(self.comparison.pruned), self._over_draws(), learned(self.figures)
        others = (*self._of_control(), *(one for some in figures for one in some))
        return (*self.tokens.measurements(), *others)

    @property
    def floor(self) -> NoiseFloor | None:
        """What rounding alone does to the pruned model, where that was asked for."""
        of = self.comparison.floor
        return None if of is None else of.told()

    def tails(self) -> Tails:
        """What the tokens so far say beyond their means."""
        return tails_of([one.tokens for one in self._level])

    @property
    def flips(self) -> Flips | None:
        """The words that changed, in the first draw."""
        of = self.comparison.tokens.flips
        return None if of is None else of.told()

    def settings(self) -> dict[str, str]:
        """What the numbers of layers are of, where that is not all there is."""
        drawn, said = len(self.draws), depth_of(self.comparison.pruned)
        if self.redrawn:
            said["ties"] = f"at random, {drawn} draws; layers, masks and texts of the first"
        if self.comparison.sampled:
            said[SAMPLED_ERRORS] = SAMPLE_IN_WORDS
        return said

    def _of_control(self) -> Iterator[Measurement]:
        """What noise as large as the errors costs, and pruning beyond it."""
        tokens, control = self.tokens, None if self.control is None else self.control.tokens
        if control is None or not control.nll or len(control.nll) < len(tokens.nll):
            return
        yield control.cost().model_copy(update={"metric": NOISE})
        beyond = [one - other for one, other in zip(tokens.nll, control.nll, strict=True)]
        yield mean(BEYOND, beyond)

    def _over_draws(self) -> Iterator[Measurement]:
        """The spread of each figure over the draws, and how far the perplexity reaches."""
        if len(self._level) < 2 or len(self._level) < len(self.draws):
            return
        found = [{m.metric: m.value for m in one.measurements()} for one in self.draws]
        of_draws = {"n": len(found), "unit_of_n": TIE_BREAKS}
        for metric in SPREAD if found[0] else ():
            spread = torch.tensor([one[metric] for one in found], dtype=torch.float64).std().item()
            yield Measurement(metric=f"{metric}_spread", value=spread, **of_draws)
        for end, choose in (("low", min), ("high", max)) if found[0] else ():
            value = choose(one["perplexity"] for one in found)
            yield Measurement(metric=f"perplexity_ties_{end}", value=value, **of_draws)


def settled(pruned: Pruned) -> Experiment:
    """What is measured: the experiment, with the rule of ties that its scores led to."""
    if not isinstance(pruned, PrunedWeights):
        return pruned.experiment
    return pruned.experiment.model_copy(update={"ties": pruned.rule})


def tie_share(pruned: Pruned) -> tuple[Measurement, ...]:
    """The share of the weights' blocks that a tie decides; empty where there is nothing to say."""
    if not isinstance(pruned, PrunedWeights) or not pruned.ties.count:
        return ()
    share, n, unit = pruned.ties.share, pruned.ties.count, pruned.unit_of_ties
    return (Measurement(metric="tie_share", value=share, n=n, unit_of_n=unit),)


def depth_of(pruned: Pruned) -> dict[str, str]:
    """The blocks that were left out, and by what costs they were chosen; empty where none were."""
    said = {LEFT_OUT: write_blocks(list(pruned.left_out))} if pruned.left_out else {}
    if isinstance(pruned, WithoutBlocks):
        for name, costs in (
            (EACH_ALONE, dict(enumerate(pruned.costs))),
            (IN_TURN, pruned.in_turn),
        ):
            if costs:
                said[name] = ", ".join(f"{number}: {cost:.4g}" for number, cost in costs.items())
    return said


def learned(figures: Mapping[str, float]) -> tuple[Measurement, ...]:
    """What calibration has to say of itself, as measurements."""
    return tuple(Measurement(metric=name, value=value) for name, value in figures.items())
