"""The looks that were kept of a pruned model, from the store or from what ships, and a layer as the
page shows it: from these where they have what is asked, else from the model where it can be had."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.looks.compact import Packed, opened
from nmviz.core.looks.kept import pruned_alone
from nmviz.core.looks.prompts import OPENING
from nmviz.core.results import SiteLook
from nmviz.service.choices import canonical
from nmviz.service.layers import Window, look
from nmviz.service.runs import load, store
from nmviz.sources import models
from nmviz.sources.on_offer import StoredModel
from nmviz.store import Store, looks
from nmviz.store.database import results_folder

FOLDER, ENDING = "looks", ".looks"
SHOWN = 60  # characters of a prompt


def kept_of(experiment: Experiment) -> Packed | None:
    """What was kept last of the pruned model of an experiment, or ships; None where nothing was, or
    only of other files of the model. UserError as `canonical`."""
    alone = pruned_alone(canonical(experiment))
    sha256 = models.identify(alone.model)
    read = (None if data is None else _opened(data) for data in _files_of(alone))
    return next((one for one in read if one and one.head.model.sha256 == sha256), None)


def _files_of(alone: Experiment) -> Iterator[bytes | None]:
    yield looks.find(store(), alone)
    if models.stored(alone.model):  # of a result, whose ties are settled
        yield looks.find(store(), alone.but(ties="auto"))
    yield _shipped(alone)


def see(
    experiment: Experiment, prompt: str, block: int, projection: str, window: Window
) -> SiteLook:
    """One layer under an experiment, as `look`. What was kept beside a result is shown where it
    holds what is asked: then no model is loaded. What it does not hold is made by the model; where
    that cannot be had, the look that was kept is shown, and `said` says what it is of.

    UserError as `look`, where nothing was kept.
    """
    packed = kept_of(experiment)
    kept = None if packed is None else packed.look(block, projection)
    if packed is None or kept is None:
        return _made(experiment, prompt, block, projection, window)
    whose = f"kept beside the result, of the prompt “{_shortened(packed.head.prompt)}”."
    part = _part_of(kept, window)
    if part is not None and prompt == packed.head.prompt:
        return replace(part, said=f"Shown as {whose}")
    try:
        load(experiment.model)
    except UserError:
        rows, columns = kept.mask.kept.shape
        said = f"Another prompt needs the model, which is not here: shown is what was {whose}"
        if prompt == packed.head.prompt:
            said = "Other parts of the mask need the model, which is not here: shown are the first "
            said += f"{rows} rows and {columns} columns, {whose}"
        return replace(part or _part_of(kept, window.inside(rows, columns)) or kept, said=said)
    return _made(experiment, prompt, block, projection, window)


def _made(
    experiment: Experiment, prompt: str, block: int, projection: str, window: Window
) -> SiteLook:
    return look(experiment, prompt, block, projection, **window.named, keep=prompt == OPENING)


def _part_of(kept: SiteLook, window: Window) -> SiteLook | None:
    """The asked window of a mask whose first rows and columns are kept, moved inside the mask as it
    is of a whole one; None where more is asked than is kept."""
    mask = kept.mask
    rows, columns = mask.kept.shape
    asked = window.inside(mask.rows_in_all, mask.columns_in_all)
    below, behind = asked.first_row + asked.rows, asked.first_column + asked.columns
    if below > rows or behind > columns:
        return None
    cells = slice(asked.first_row, below), slice(asked.first_column, behind)
    shown = replace(
        mask,
        kept=mask.kept[cells],
        values=mask.values[cells],
        scores=mask.scores[cells],
        row_labels=mask.row_labels[cells[0]],
        first_row=asked.first_row,
        first_column=asked.first_column,
    )
    return replace(kept, mask=shown)


def stored_models() -> Mapping[str, StoredModel]:
    """The models that looks are kept of in the store, whether they are here or not."""
    opened_store = store()
    return _stored_models(opened_store, opened_store.standing().looks)


@lru_cache(maxsize=1)
def _stored_models(of: Store, _newest: int) -> Mapping[str, StoredModel]:
    found = looks.models(of).items()
    return {name: StoredModel(model.info, model.sha256) for name, model in found}


def _shipped(alone: Experiment) -> bytes | None:
    """The file that ships of a pruned model, or None."""
    folder = results_folder() if alone.model in models.MODELS else None
    file = None if folder is None else folder / FOLDER / name_of_file(alone)
    return file.read_bytes() if file is not None and file.is_file() else None


def name_of_file(alone: Experiment) -> str:
    """What the file of a pruned model alone is called where it ships."""
    return f"{alone.model}-{alone.target}-{alone.key[:16]}{ENDING}"


@lru_cache(maxsize=4)
def _opened(data: bytes) -> Packed | None:
    """As `opened`, once for all layers; None for what this version cannot read."""
    try:
        return opened(data)
    except UserError:
        return None


def _shortened(prompt: str) -> str:
    return prompt if len(prompt) <= SHOWN else f"{prompt[:SHOWN].rstrip()} ..."
