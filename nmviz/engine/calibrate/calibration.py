"""From an experiment to a model ready to run: sites chosen, methods calibrated, weights pruned."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from nmviz.base.errors import UserError
from nmviz.base.stepping import at_once
from nmviz.core.coverage import Coverage
from nmviz.core.experiment import Experiment
from nmviz.core.settings import BLOCKS
from nmviz.engine.calibrate import artefacts, recipes
from nmviz.engine.calibrate.blockwise import Check, Walk
from nmviz.engine.calibrate.gradients import input_gradients
from nmviz.engine.calibrate.training import train_block
from nmviz.engine.load.coverage import of_experiment
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.refusals import enough_memory
from nmviz.engine.load.scope import choose
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.load.tokens import bos_token, encode
from nmviz.engine.load.windows import cut_windows
from nmviz.engine.prune.activations import PrunedActivations
from nmviz.engine.prune.sparsify import Pruned, forwards
from nmviz.engine.prune.weights import PrunedWeights, Redrawn
from nmviz.sources import corpora

WINDOW = 512  # tokens of a calibration window
HELD_OUT = 4  # windows never trained on, for the loss before and after
DRAWING = "breaking ties at random"
SITES_A_STEP = 20  # sites pruned between two reports


@dataclass(frozen=True)
class Stage:
    """What preparation is doing, in plain words, and how much of it is done, 0..1."""

    words: str
    share: float


@dataclass(frozen=True)
class Bound:
    """An experiment bound to a model, with what calibration has to say of itself."""

    pruned: Pruned
    figures: Mapping[str, float]  # such as the held-out loss before and after training
    coverage: Coverage
    given: Mapping[str, int] = field(default_factory=dict)
    """Calibration tokens by the name of an expert, where it was given its own."""


Steps = Generator[Stage, None, Bound]
Walking = Callable[[LoadedModel, Tensor, Check], Walk]


def prepare(
    loaded: LoadedModel, experiment: Experiment, check: Check, packed: bool = False
) -> Steps:
    """The experiment on the sites of its scope, calibrated and pruned; `check` may raise Cancelled.

    Yields what it is doing and returns the whole. What was calibrated before is read from disk.
    `packed` is for what is run over many tokens at once: see `PrunedWeights`.
    """
    pruned = make(experiment, choose(find_sites(loaded.model), experiment), packed)
    figures, given = yield from made_ready(loaded, pruned, check)
    if loaded.recipe is not None and not experiment.is_dense:
        recipes.check_sites(loaded.recipe, pruned)
    yield from _finish(pruned, "pruning", check)
    if isinstance(pruned, PrunedWeights) and pruned.settle():
        yield from _finish(pruned, DRAWING, check)
    covered = of_experiment(loaded.model, experiment, pruned.sites)
    return Bound(pruned, figures, covered, given)


def made_ready(
    loaded: LoadedModel, pruned: Pruned, check: Check, walking: Walking | None = None
) -> Generator[Stage, None, tuple[dict[str, float], dict[str, int]]]:
    """Give the sites what is calibrated, worked out in such a walk where it is not kept on disk;
    those that got none are left out. Returns its figures, and the tokens by the name of an
    expert."""
    figures: Mapping[str, float] = {}
    if is_calibrated(pruned):
        found = kept(loaded, pruned)
        if found is None:
            with enough_memory(loaded.info.id):
                figures = yield from walk(loaded, pruned, check, walking=walking)
            artefacts.save(key_of(loaded, pruned), pruned, figures)
        else:
            figures = found
    given = {site.name: int(figures[site.name]) for site in pruned.sites if site.name in figures}
    _leave_idle(pruned)
    return {name: value for name, value in figures.items() if name not in given}, given


def kept(loaded: LoadedModel, pruned: Pruned) -> dict[str, float] | None:
    """What was calibrated before, given to the sites, and its figures; None where there is nothing.
    Of these sites, or of all of the model where that gives each site the same; of a recipe what it
    says."""
    if loaded.recipe is not None:
        return recipes.given(loaded.recipe, pruned, loaded.device)
    names = {site.name for site in find_sites(loaded.model)} - {site.name for site in pruned.sites}
    for key in _keys(loaded, pruned):
        found = artefacts.load(key, pruned, loaded.device)
        if found is not None:
            return {name: told for name, told in found.items() if name not in names}
    return None


def _sees_the_dense_model(pruned: Pruned) -> bool:
    """Whether calibration is given what the dense model computes, whatever else is pruned."""
    facts = [call.method.facts for call in pruned.calls if call.method.calibrated]
    return not any(fact.learned or fact.sequential for fact in facts)


def _keys(loaded: LoadedModel, pruned: Pruned) -> Iterator[str]:
    """What serves it: its own first."""
    yield key_of(loaded, pruned)
    if _sees_the_dense_model(pruned):
        plain = {"pattern": str(pruned.experiment.masks[0]), "projections": None, "blocks": None}
        everywhere = pruned.experiment.but(**plain)
        yield key_of(loaded, make(everywhere, pruned.sites))


def _leave_idle(pruned: Pruned) -> None:
    """Take the sites out that calibration gave nothing: experts that got no token of its text.
    They stay dense. UserError where none is left."""
    needing = [call.method.name for call in pruned.calls if call.method.calibrated]
    known = pruned.states
    pruned.sites = [s for s in pruned.sites if all(name in known[s] for name in needing)]
    if not pruned.sites:
        raise UserError(
            "No layer of the scope is given a token of the calibration text: ask for more windows."
        )


def draw_again(bound: Bound, draw: int, check: Check) -> Steps:
    """The same weights, bound already, with their ties broken by another draw."""
    assert isinstance(bound.pruned, PrunedWeights)
    redrawn = Redrawn(bound.pruned, draw)
    yield from _finish(redrawn, DRAWING, check)
    return Bound(redrawn, {}, bound.coverage)


def _finish(pruned: Pruned, words: str, check: Check) -> Iterator[Stage]:
    for index, site in enumerate(pruned.sites):
        check()
        pruned.finish(site)
        if index % SITES_A_STEP == 0:
            yield Stage(words, index / len(pruned.sites))


def bind(loaded: LoadedModel, experiment: Experiment, check: Check, packed: bool = False) -> Bound:
    """`prepare`, without its steps."""
    return at_once(prepare(loaded, experiment, check, packed))


def bind_site(loaded: LoadedModel, experiment: Experiment, site: Site) -> Pruned:
    """The experiment at one site. UserError when it must be calibrated first, leaves it out, or its
    pattern does not divide the site's d_in.

    Where the scores decide how ties are broken, those of this site do; random ones are broken as in
    the first draw of a run.
    """
    site.mask_in(experiment).check_divides(site.d_in, site.name)
    pruned = make(experiment, [site])
    if is_calibrated(pruned):
        _refuse_outside(loaded, experiment, site)
        if kept(loaded, pruned) is None or not pruned.states[site]:
            names = ", ".join(c.method.name for c in pruned.calls if c.method.calibrated)
            raise UserError(f"{names} must first be calibrated on text: press Run to do it.")
    pruned.finish(site)
    if isinstance(pruned, PrunedWeights) and pruned.settle():
        pruned.finish(site)
    return pruned


def _refuse_outside(loaded: LoadedModel, experiment: Experiment, site: Site) -> None:
    if site not in choose(find_sites(loaded.model), experiment):
        raise UserError(
            f"{site.name} is outside the scope, and calibration covers the layers of the scope "
            "only: look at another layer, or widen the scope."
        )


def make(experiment: Experiment, sites: Sequence[Site], packed: bool = False) -> Pruned:
    """The experiment on these sites, with no state yet. UserError where blocks are left out: there
    is no mask to look at, and what it writes would need a cache without them."""
    if experiment.target == BLOCKS:
        raise UserError(
            "With blocks left out only a text is read: use nmviz run, or prune weights or "
            "activations."
        )
    if experiment.target == "weight":
        return PrunedWeights(experiment, sites, packed)
    return PrunedActivations(experiment, sites)


def is_calibrated(pruned: Pruned) -> bool:
    """Whether any of its methods needs calibration text."""
    return any(call.method.calibrated for call in pruned.calls)


def is_ready(loaded: LoadedModel, experiment: Experiment) -> bool:
    """Whether it can be bound without calibrating: no method needs it, or it is kept on disk."""
    pruned = make(experiment, choose(find_sites(loaded.model), experiment))
    return not is_calibrated(pruned) or is_kept(loaded, pruned)


def is_kept(loaded: LoadedModel, pruned: Pruned) -> bool:
    """Whether there is a file of what `kept` would give; it is not read."""
    if loaded.recipe is not None:
        return True
    return any(artefacts.path_of(key).exists() for key in _keys(loaded, pruned))


def calibration_windows(loaded: LoadedModel, count: int, seed: int) -> Tensor:
    """`count` windows drawn from the calibration text without overlap, int64 [count, 512]."""
    ids = encode(loaded, corpora.read(corpora.CALIBRATION_CORPUS, "calibration"), public=True)
    length = min(WINDOW, loaded.info.context or WINDOW)
    bos = bos_token(loaded)
    windows = cut_windows(ids, window=length, tokens=len(ids), bos=bos, where="window").ids
    if count > len(windows):
        raise UserError(
            f"The calibration text has {len(windows)} windows, not {count}: ask for fewer."
        )
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(seed))
    return windows[order[:count]]


def key_of(loaded: LoadedModel, pruned: Pruned) -> str:
    """What its calibration is kept under."""
    calibration = corpora.identify(corpora.CALIBRATION_CORPUS)
    return artefacts.key_of(pruned, loaded.sha256, calibration)


def walk(
    loaded: LoadedModel,
    pruned: Pruned,
    check: Check,
    dense: bool = False,
    walking: Walking | None = None,
) -> Generator[Stage, None, Mapping[str, float]]:
    """Calibrate block by block; learned and sequential methods see the pruned blocks before, or
    with `dense` what the dense model gives.

    Returns the held-out losses, where something is learned, and by the name of an expert how many
    tokens it was given.
    """
    facts = [call.method.facts for call in pruned.calls]
    learned = any(fact.learned for fact in facts)
    sequential = not dense and (learned or any(fact.sequential for fact in facts))
    count, seed = pruned.experiment.drawn
    windows = calibration_windows(loaded, count + HELD_OUT * learned, seed)
    if any(fact.needs == "gradients" for fact in facts):
        yield from _gradients(loaded, pruned, windows[:count], check)
    if not any(fact.needs == "inputs" for fact in facts):
        return {}
    walk = (walking or Walk)(loaded, windows, check)
    last = max(site.block for site in pruned.sites)
    losses: list[Tensor] = []
    given: dict[str, float] = {}
    for block in range(last + 1):
        doing = "training" if learned else "calibrating"
        yield Stage(f"{doing}, block {block + 1} of {last + 1}", block / (last + 1))
        own = [site for site in pruned.sites if site.block == block]
        inputs: Mapping[Site, Tensor] = {}
        with walk.held(block):
            if own:
                inputs, outputs = walk.dense(block, count, to_the_end=learned)
            for site in own:
                check()
                if site in inputs:
                    pruned.calibrate(site, inputs[site])
                    pruned.finish(site)
                if site.is_expert:
                    given[site.name] = inputs[site].shape[:-1].numel() if site in inputs else 0
            if learned and own:
                losses.append(train_block(walk, block, pruned, count, outputs))
            if block < last:  # nothing behind it is calibrated
                ready = [site for site in own if site in inputs] if sequential else []
                computing = forwards(pruned, check) if ready else {}
                walk.advance(block, {site: computing[site] for site in ready})
    if not losses:
        return given
    before, after = torch.stack(losses).mean(0).tolist()
    return {**given, "heldout_loss_before": before, "heldout_loss_after": after}


def _gradients(
    loaded: LoadedModel, pruned: Pruned, windows: Tensor, check: Check
) -> Generator[Stage, None, None]:
    for done in input_gradients(loaded, pruned, windows, check):
        yield Stage("calibrating", done)
