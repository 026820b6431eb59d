"""Pruning a model for good: into a folder that other tools read."""

import shutil
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from nmviz.base.errors import Cancelled, UserError, check_of
from nmviz.base.stepping import each
from nmviz.core.experiment import Experiment
from nmviz.core.results import Progress, Result
from nmviz.core.running import Running
from nmviz.core.settings import BLOCKS
from nmviz.service.at_hand.calibrating import told
from nmviz.service.at_hand.models import load
from nmviz.service.at_hand.streaming import said
from nmviz.service.choices import describe, resolve, text_of
from nmviz.service.runs import run, store
from nmviz.service.saving.about import Made, about, as_json
from nmviz.service.saving.card import card
from nmviz.service.saving.place import check_place, check_room, written_whole
from nmviz.sources.opening import LOADING, opening
from nmviz.sources.saved import ABOUT

if TYPE_CHECKING:
    from nmviz.engine.calibrate.calibration import Bound
    from nmviz.engine.load.loading import LoadedModel
    from nmviz.engine.save.weights import Held

DTYPES = ("source", "float32")
"""What weights may be stored as: as the source's are, or so that nothing is rounded."""
Steps = Generator[Progress, None, dict[str, Any]]


def prune(
    experiment: Experiment,
    out: Path,
    dtype: str = "source",
    how: Running | None = None,
    command: str = "",
    cancel: Event | None = None,
) -> Steps:
    """Prune a model and put it into the folder `out`, with what it costs; returns what nmviz.json
    says. Activations are pruned as a model runs, so of them the recipe is written.

    UserError before anything is loaded for a folder that is there, a model that stays dense, and
    what `resolve` refuses; nothing is left of a folder that cannot be written whole. Cancelled once
    `cancel` is set.
    """
    place = check_place(out)
    _refuse(experiment)
    resolved, how = resolve(experiment), how or Running()
    yield Progress(opening(resolved.model))
    stop = cancel or Event()
    at_hand = yield from _opened(resolved, how, check_of(stop))
    made_of = _recipe if resolved.target == "activation" else _weights
    with written_whole(place) as folder:
        made = yield from made_of(at_hand, folder, dtype, how, stop)
        whole = replace(made, command=command)
        told = about(whole, folder)
        (folder / ABOUT).write_text(as_json(told), encoding="utf-8")
        (folder / "README.md").write_text(card(whole), encoding="utf-8")
    return told


def _refuse(experiment: Experiment) -> None:
    if experiment.target == BLOCKS:
        raise UserError("Blocks that are left out are not written: prune weights or activations.")
    if experiment.is_dense:
        raise UserError("A dense model has nothing to write: choose a pattern.")


@dataclass(frozen=True)
class _AtHand:
    """A model and the experiment bound to it; with `held` its weights are there inside that
    alone."""

    loaded: "LoadedModel"
    bound: "Bound"
    held: "Held | None" = None


def _opened(
    experiment: Experiment, how: Running, check: Callable[[], None]
) -> Generator[Progress, None, _AtHand]:
    """The model loaded whole, or opened to be streamed where `how.memory` does not do."""
    from nmviz.engine.calibrate.calibration import prepare
    from nmviz.engine.stream.room import decide

    room = decide([experiment], how)
    if room is not None:
        yield Progress(LOADING, note=said(room, [experiment], how, store()))
    if room is None or room.parts is None:
        loaded = load(experiment.model, how.device)
        steps = prepare(loaded, experiment, check, packed=True)
        return _AtHand(loaded, (yield from each(steps, told)))
    from nmviz.engine.stream import for_good
    from nmviz.engine.stream.opening import kept_opened

    assert room.folder is not None
    loaded, parts = kept_opened(experiment.model, room.folder), room.parts
    bound = yield from each(for_good.prepare(loaded, parts, experiment, check), told)
    return _AtHand(loaded, bound, for_good.holding(parts, bound.pruned, check))


def _weights(
    at_hand: _AtHand, folder: Path, dtype: str, how: Running, stop: Event
) -> Generator[Progress, None, Made]:
    """Write weights and masks, and say what they cost: what `nmviz run` measures where it measures
    these weights, else what is read back from the files."""
    from nmviz.engine.measure.trial import settled
    from nmviz.engine.prune.weights import PrunedWeights
    from nmviz.engine.save import masks, measuring, types, weights

    loaded, bound = at_hand.loaded, at_hand.bound
    assert isinstance(bound.pruned, PrunedWeights)
    kind = types.type_of(loaded, dtype)
    check_room(folder, weights.size(loaded.model, kind))
    steps = weights.write(loaded, bound.pruned, folder, kind, check_of(stop), at_hand.held)
    masks.write(folder, (yield from each(steps, told)))
    types.copy_texts(loaded, folder)
    experiment, exact = settled(bound.pruned), measuring.is_exact(bound, kind)
    if exact:
        result = yield from _measured(run([experiment], how=how, cancel=stop))
    else:
        text = text_of(experiment.reading.corpus, None)
        again = measuring.RunOfFiles(loaded, bound, folder, text, how, stop)
        result = yield from _measured(iter(again))
    return _made(loaded, bound, result, type=types.called(kind), of_files=not exact)


def _recipe(
    at_hand: _AtHand, folder: Path, dtype: str, how: Running, stop: Event
) -> Generator[Progress, None, Made]:
    """Write what is done to the inputs of every layer, and an example of doing it."""
    from nmviz.engine.calibrate import recipes
    from nmviz.engine.save import apply_recipe

    loaded, bound = at_hand.loaded, at_hand.bound
    if dtype != "source":
        raise UserError("Of activations no weights are written: leave --dtype out.")
    recipes.write(folder, bound.pruned, {**bound.figures, **bound.given})
    example = Path(apply_recipe.__file__)
    shutil.copyfile(example, folder / example.name)
    result = yield from _measured(run([bound.pruned.experiment], how=how, cancel=stop))
    return _made(loaded, bound, result)


def _made(loaded: "LoadedModel", bound: "Bound", result: Result, **more: Any) -> Made:
    experiment = result.experiment
    sites = {site.name: str(site.mask_in(experiment)) for site in bound.pruned.sites}
    return Made(describe(experiment.model), loaded.sha256, experiment, sites, result, **more)


def _measured(steps: Iterator[Progress]) -> Generator[Progress, None, Result]:
    """What a run comes to. Cancelled where it was."""
    for last in steps:
        yield last
    if last.stage == "cancelled":
        raise Cancelled
    return last.results[0]
