"""The chosen layer: inputs before and after, and the masks. Needs no run."""

from typing import Any

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.core.results import SiteLook
from nmviz.core.settings import TARGETS, Target
from nmviz.service.layers import Window
from nmviz.ui.shell.figures import drawn
from nmviz.ui.shell.freshness import stamp
from nmviz.ui.shell.html import esc, note, quantity
from nmviz.ui.shell.view import Look, View, methods_of
from nmviz.views.explore.channels import along_channels, most_kept_first, sentence, spread
from nmviz.views.explore.distribution import distribution
from nmviz.views.explore.mask import mask
from nmviz.views.explore.sentences import FIRST_DRAW
from nmviz.views.shared import numbers
from nmviz.views.shared.theme import NAMES, title_of

CHANNELS = ("channels_head", "channels_in_order", "channels_along")
WIDEST = 256
"""Columns of a mask that are shown at once."""


def layer_panels(view: View) -> dict[str, Any]:
    """Both targets at the layer of the view. Loads the model and reads the prompt on first use.

    A side that cannot be shown says why, and is tried again the next time: `looked_at` is None.
    """
    looks: dict[Target, SiteLook] = {}
    reasons: dict[Target, UserError] = {}
    for target in TARGETS:
        try:
            looks[target] = look_at(view, target)
        except UserError as error:
            reasons[target] = error
    if not looks:
        raise reasons["activation"]
    masks = [look.mask for look in looks.values()]
    size = max(mask.rows_in_all for mask in masks), max(mask.columns_in_all for mask in masks)
    values: dict[str, Any] = {"layer_head": head(view, looks), "mask_size": size}
    for target, look in looks.items():
        values |= _pane(view, target, look)
    values |= _channels(view, looks)
    for target, reason in reasons.items():
        values |= _no_pane(target, str(reason))
    return values | ({"looked_at": None} if reasons else {})


def identity(view: View) -> str:
    """What the pictures depend on: not the text and the budget, and the scope only where something
    is calibrated in it."""
    chosen = [
        (
            *(one.model, one.pattern, one.criterion, one.mitigations, one.seed, one.ties),
            one.calibration_windows and (one.calibration_windows, one.projections, one.blocks),
        )
        for one in view.experiments()
    ]
    return repr((chosen, view.look, view.writing.prompt))


def look_at(view: View, target: Target) -> SiteLook:
    """One target at the layer of the view."""
    look = view.look
    asked = look.model_dump(include={*Window.__dataclass_fields__})
    place = look.block or 0, look.projection or ""
    return service.see(view.of(target), view.writing.prompt, *place, Window(**asked))


def head(view: View, looks: dict[Target, SiteLook]) -> str:
    """Which layer it is, how large, and what pruning it alone does to its output."""
    look = view.look
    any_look = next(iter(looks.values()))
    errors = ", ".join(
        f"{NAMES[target]} {esc(numbers.share(one.rel_error))}" for target, one in looks.items()
    )
    made = stamp("layer", identity(view), methods_of(view))
    return (
        f'<h2 class="spoken">Block {look.block}, {esc(look.projection)}: '
        f"{esc(methods_of(view))}</h2>{made}"
        f'<p class="words">{any_look.d_in:,} inputs, {any_look.d_out:,} outputs, '
        f"{any_look.tokens:,} tokens of the prompt. {quantity('rel_error', 'Output error')} "
        f"on this prompt: {errors}.{esc(_kept(looks))}</p>"
    )


def _kept(looks: dict[Target, SiteLook]) -> str:
    """What is said of looks that were not made now, each sentence once, and whose it is where only
    one was."""
    said = {target: one.said for target, one in looks.items() if one.said}
    if len(said) == len(looks) and len({*said.values()}) == 1:
        return f" {next(iter(said.values()))}"
    each = ((NAMES[target].capitalize(), words) for target, words in said.items())
    return "".join(f" {name}: {words[0].lower()}{words[1:]}" for name, words in each)


def refused(block: object, projection: object, message: str, kind: str = "error") -> dict[str, Any]:
    """The panel when this layer cannot be shown: why, and no pictures."""
    title = f"<h2>Block {esc(block)}, {esc(projection)}</h2>"
    empty = {name: "" if end else None for target in TARGETS for name, end in _parts(target)}
    none = dict.fromkeys(CHANNELS) | {"channels_head": ""}
    return {"layer_head": title + note(message, kind), **empty, **none}


def step(
    look: Look, direction: str, size: tuple[int, int] | None = None, group: int | None = None
) -> Look:
    """The mask's window moved by its own size, or halved and doubled around its corner.

    Not closer than one block of `group` entries, which shows what a pattern chose between.
    Not past the end of masks of that size, if it is known: there the pictures stand still, and as
    many steps back would show nothing new.
    """
    rows, columns = look.rows, look.columns
    least = min(columns, group if group and group <= WIDEST else 1)
    changes = {
        "left": {"first_column": max(0, look.first_column - columns)},
        "right": {"first_column": look.first_column + columns},
        "up": {"first_row": max(0, look.first_row - rows)},
        "down": {"first_row": look.first_row + rows},
        "closer": {"rows": max(1, rows // 2), "columns": max(least, columns // 2)},
        "wider": {"rows": min(128, rows * 2), "columns": min(WIDEST, columns * 2)},
    }
    now = look.model_copy(update=changes[direction])
    if size is None:
        return now
    rows_in_all, columns_in_all = size
    last = {
        "first_row": min(now.first_row, max(0, rows_in_all - now.rows)),
        "first_column": min(now.first_column, max(0, columns_in_all - now.columns)),
    }
    return now.model_copy(update=last)


def _pane(view: View, target: Target, look: SiteLook) -> dict[str, Any]:
    what = "Weights" if target == "weight" else "Activations"
    inputs, entries = distribution(look), mask(look)
    place = _place(view)
    before = "weights before and after" if target == "weight" else "inputs before and after"
    return {
        f"{target}_inputs_head": _caption(f"{what}: {before}", title_of(inputs)),
        f"{target}_inputs": drawn(inputs, f"nmviz-{target}-inputs-{place}"),
        f"{target}_mask_head": _caption(f"{what}: mask", title_of(entries), look),
        f"{target}_mask": drawn(entries, f"nmviz-{target}-mask-{place}"),
    }


def _channels(view: View, looks: dict[Target, SiteLook]) -> dict[str, Any]:
    """How often each channel is kept: both targets in each picture."""
    in_order, along = most_kept_first(looks), along_channels(looks)
    said = f"{sentence(looks)}. {spread(looks)}"
    place = _place(view)
    return {
        "channels_head": _caption("How often each channel is kept", said),
        "channels_in_order": drawn(in_order, f"nmviz-channels-in-order-{place}"),
        "channels_along": drawn(along, f"nmviz-channels-{place}"),
    }


def _place(view: View) -> str:
    """Which layer of what, for the name of a file."""
    look = view.look
    return f"{view.experiment.model}-{view.experiment.pattern}-block{look.block}-{look.projection}"


def _no_pane(target: Target, message: str) -> dict[str, Any]:
    values: dict[str, Any] = {name: "" if end else None for name, end in _parts(target)}
    title = f"<h3>{esc(NAMES[target].capitalize())}</h3>"
    return {**values, f"{target}_inputs_head": title + note(message, "warning")}


def _parts(target: Target) -> list[tuple[str, str]]:
    """Names of a pane's pictures and heads; the second is empty for a picture."""
    return [(f"{target}_{part}{end}", end) for part in ("inputs", "mask") for end in ("", "_head")]


def _caption(title: str, said: str, look: SiteLook | None = None) -> str:
    whole = ""
    if look is not None:
        whole = f" {quantity('kept', 'Kept')} in the whole layer: {esc(numbers.share(look.kept))}."
        whole += f" {FIRST_DRAW}" if look.drawn else ""
    return f'<h3>{esc(title)}</h3><p class="words">{esc(said)}.{whole}</p>'
