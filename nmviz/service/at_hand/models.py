"""A model at hand: whole in memory where it fits, else opened with its weights left on disk."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from nmviz.base import holding
from nmviz.base.cache import megabytes
from nmviz.base.errors import UserError
from nmviz.base.memory import resident
from nmviz.core.experiment import Experiment
from nmviz.core.running import AS_EVERYWHERE, Running, usual_device
from nmviz.service.at_hand.turns import reading
from nmviz.service.choices import refuse_large, refuse_stored
from nmviz.sources import models
from nmviz.sources.opening import LOADING, opening

if TYPE_CHECKING:
    from nmviz.engine.load.loading import LoadedModel
    from nmviz.engine.load.sites import Site
    from nmviz.engine.look.capture import Capture, Captures
    from nmviz.engine.stream.parts import Parts
    from nmviz.engine.stream.room import Room, Whole


WORK = 2**31
"""Bytes that no usual run takes beside the weights, and what has to be imported for it."""


@dataclass(frozen=True)
class InParts:
    """A model that does not fit: its norms and tokenizer are read, its weights lie on disk."""

    loaded: "LoadedModel"
    parts: "Parts"
    whole: "Whole"
    most: int  # bytes that the process may take


@dataclass(frozen=True)
class Looked:
    """One layer of a model on a prompt; its weight is there."""

    loaded: "LoadedModel"
    site: "Site"
    capture: "Capture"


def load(model: str, device: str | None = None) -> "LoadedModel":
    """The model whole, loaded once a process, on the device that the process uses unless one is
    said. Where the process is held to a size, what is idle is given up for it first.

    UserError also where it does not fit.
    """
    refuse_large(model)
    refuse_stored(model)
    from nmviz.engine.load.loading import is_loaded
    from nmviz.engine.load.loading import load as load_model

    device = device or usual_device()
    found = _whole(model) if device == AS_EVERYWHERE else None
    if found is not None:
        if found.needs > _most():
            raise UserError(_not_whole(found))
        if not is_loaded(model):
            holding.make_room(found.alone, _most())
    return load_model(model, device)


def opened(model: str) -> "LoadedModel":
    """The model for what needs its tokenizer and layers and none of its weights: those may lie on
    disk."""
    found = in_parts(model)
    return load(model) if found is None else found.loaded


def in_parts(model: str) -> InParts | None:
    """The model where it does not fit into what the process may take; None where it is loaded
    whole."""
    refuse_large(model)
    found = _too_large(model)
    if found is None:
        return None
    from nmviz.engine.stream.opening import kept_opened, kept_parts

    parts = kept_parts(model, found.folder)
    return InParts(kept_opened(model, found.folder), parts, found, _most())


def room_of(experiments: Sequence[Experiment], how: Running) -> "Room | None":
    """How a run reads the model within the memory that it is given, else within that of the
    process; None where it is loaded whole without a word. Where only the process is held to a size
    a `precision` is passed over: a run that is streamed measures all of the text."""
    refuse_large(experiments[0].model)
    if how.memory is None:
        if _surely_fits(experiments[0].model):
            return None
        how = how.model_copy(update={"memory": holding.most(), "precision": None})
    from nmviz.engine.stream.room import decide

    # Several experiments on weights take 8% longer from disk than by block with all in memory.
    of_weights = len(experiments) > 1 and all(one.target == "weight" for one in experiments)
    return decide(experiments, how, lean=not (how.keep_passes or of_weights))


def why_not_whole(model: str) -> str:
    """Why what needs the whole model is not done, or an empty string; nothing is fetched to
    tell."""
    found = _told(model)
    return "" if found is None else _not_whole(found)


def why_no_texts(model: str) -> str:
    """Why a model writes no texts here, or an empty string; nothing is fetched to tell."""
    found = _told(model)
    if found is None:
        return ""
    return (
        f"No texts are written: {found.beside(_most())}, so each word would read all "
        f"{megabytes(found.on_disk)} MB from disk again. Choose a smaller model, or give it more "
        "memory."
    )


@contextmanager
def looking(model: str, prompt: str, block: int, projection: str) -> Iterator[Looked]:
    """A layer on a prompt; inside, its weight is there. Of a model that does not fit the blocks up
    to that one are read, those that no earlier look at the prompt has passed."""
    from nmviz.engine.load.sites import find_site

    found = in_parts(model)
    if found is None:
        loaded = load(model)
        site = find_site(loaded.model, block, projection)
        yield Looked(loaded, site, captures().get(loaded, prompt))
        return
    from nmviz.engine.look.capture import LARGEST_PROMPT
    from nmviz.engine.stream.looking import capture_of
    from nmviz.engine.stream.room import check_look

    site = find_site(found.loaded.model, block, projection)
    with reading(found.loaded.info.title):
        needs = check_look(found.parts, found.whole, LARGEST_PROMPT, found.most)
        holding.make_room(needs, found.most)
        capture = capture_of(found.loaded, found.parts, captures(), prompt, site.block)
        with found.parts.layer(site):
            yield Looked(found.loaded, site, capture)


@cache
def captures() -> "Captures":
    """The inputs of layers that this process keeps."""
    from nmviz.engine.look.capture import Captures

    kept = Captures()
    holding.holds("captures", lambda: kept.size, give_up=kept.clear)
    return kept


def _not_whole(found: "Whole") -> str:
    return (
        f"This needs the whole model in memory. {found.beside(_most())}: choose a smaller model, "
        "or give it more memory."
    )


def _most() -> int:
    return holding.most() or 0


def _whole(model: str) -> "Whole | None":
    """What it takes with a usual run, where the process is held to a size."""
    if holding.most() is None or usual_device() != AS_EVERYWHERE:
        return None
    from nmviz.engine.stream.room import whole_of

    return whole_of(model, (Experiment(model=model),))


def _too_large(model: str) -> "Whole | None":
    """The same of one that takes more than the process may once what is idle is given up."""
    found = None if _surely_fits(model) else _whole(model)
    return found if found is not None and found.needs > _most() else None


def _told(model: str) -> "Whole | None":
    """The same, of a model that is here and whole: what is wrong with another is said when it is
    opened."""
    with suppress(UserError):
        return _too_large(model) if opening(model) == LOADING else None
    return None


def _surely_fits(model: str) -> bool:
    """Whether the sizes of its files tell that it fits, without a look into them, for which torch
    would have to be there."""
    most = holding.most()
    if most is None:
        return True
    return (resident() or 0) + WORK + models.largest_in_fp32(model) <= most
