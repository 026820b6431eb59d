"""Calibrating many experiments that each prune layers of one block: one walk serves them all."""

from collections.abc import Generator, Sequence

from nmviz.core.experiment import Experiment
from nmviz.core.settings import BLOCKS
from nmviz.engine.calibrate import artefacts
from nmviz.engine.calibrate.blockwise import Check
from nmviz.engine.calibrate.calibration import Stage, is_calibrated, is_kept, key_of, make, walk
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.refusals import enough_memory
from nmviz.engine.load.scope import choose
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.prune.sparsify import Pruned


def calibrate_apart(
    loaded: LoadedModel, experiments: Sequence[Experiment], check: Check
) -> Generator[Stage, None, None]:
    """Calibrate and keep those of the experiments that prune layers of one block alone and differ
    in nothing else, unless it is kept already; `check` may raise Cancelled.

    Before such a block nothing is pruned, so all of them see what the dense model computes, also
    those whose methods see what the pruned blocks before them give. What is trained is trained for
    each experiment alone, and left out here.
    """
    for alike in _alike(loaded, experiments):
        sites = {site: None for pruned in alike for site in pruned.sites}
        together = make(alike[0].experiment.but(projections=None, blocks=None), list(sites))
        with enough_memory(loaded.info.id):
            figures = yield from walk(loaded, together, check, dense=True)
        for pruned in alike:
            for site in pruned.sites:
                pruned.states[site] = together.states[site]
            own = {site.name for site in pruned.sites}
            others = {site.name for site in sites} - own
            told = {name: value for name, value in figures.items() if name not in others}
            artefacts.save(key_of(loaded, pruned), pruned, told)


def _alike(loaded: LoadedModel, experiments: Sequence[Experiment]) -> list[list[Pruned]]:
    """What has to be calibrated of one block each, together where only the layers differ."""
    found: dict[Experiment, list[Pruned]] = {}
    for experiment in experiments:
        if not experiment.calibration_windows or experiment.target == BLOCKS:
            continue
        pruned = make(experiment, choose(find_sites(loaded.model), experiment))
        if _of_one_block(pruned.sites) and _is_asked(loaded, pruned):
            rest = experiment.but(projections=None, blocks=None)
            found.setdefault(rest, []).append(pruned)
    return [some for some in found.values() if len(some) > 1]


def _of_one_block(sites: Sequence[Site]) -> bool:
    return len({site.block for site in sites}) == 1


def _is_asked(loaded: LoadedModel, pruned: Pruned) -> bool:
    if not is_calibrated(pruned) or any(call.method.facts.learned for call in pruned.calls):
        return False
    return not is_kept(loaded, pruned)
