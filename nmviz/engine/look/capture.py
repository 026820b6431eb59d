"""Capture once, look often: the dense inputs of every site over a prompt, in bounded memory."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from threading import RLock
from typing import Protocol, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from nmviz.base import holding
from nmviz.base.errors import UserError
from nmviz.core.looks.kept import row_labels
from nmviz.core.results import Histogram, MaskWindow, SiteLook
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.refusals import enough_memory, not_finite
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.load.tokens import bos_token, encode
from nmviz.engine.measure.evaluate import Squares, logits
from nmviz.engine.prune.sparsify import Masked, Pruned, SiteForward, replaced
from nmviz.engine.prune.weights import is_drawn

LARGEST_PROMPT = 256  # tokens
BINS = 80


@dataclass(frozen=True)
class Capture:
    """The dense inputs of every site over one prompt."""

    tokens: tuple[str, ...]
    inputs: dict[str, Tensor]  # [tokens, d_in] by the site's name, shared where the input is

    def of(self, site: Site) -> Tensor:
        """The inputs of a site. UserError where the prompt gave it none."""
        if site.name not in self.inputs:
            raise UserError(
                f"No token of the prompt is routed to {site.name}: write another prompt, or look "
                "at another expert."
            )
        return self.inputs[site.name]

    @property
    def size(self) -> int:
        """Bytes held."""
        shared = {x.data_ptr(): x.nbytes for x in self.inputs.values()}
        return sum(shared.values())


class Sized(Protocol):
    """What is kept: it says how many bytes it holds, which may grow."""

    @property
    def size(self) -> int: ...


Held = TypeVar("Held", bound=Sized)


class Captures:
    """The captures of the process, least recently used out first."""

    def __init__(self, memory: Callable[[], int] = holding.of_captures) -> None:
        self.memory = memory
        self._kept: OrderedDict[tuple[str, ...], Sized] = OrderedDict()
        self._lock = RLock()

    def get(self, loaded: LoadedModel, prompt: str) -> Capture:
        """The capture of that prompt, made by one dense pass if it is not kept."""
        return self.kept((loaded.sha256, prompt), lambda: make_capture(loaded, prompt))

    def kept(self, key: tuple[str, ...], make: Callable[[], Held]) -> Held:
        """What is kept under that key, made if it is not."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return cast(Held, self._kept[key])
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > 1 and self.size > self.memory():
                self._kept.popitem(last=False)
        return made

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._kept.clear()

    @property
    def size(self) -> int:
        """Bytes held."""
        with self._lock:
            return sum(capture.size for capture in self._kept.values())


def prompt_ids(loaded: LoadedModel, prompt: str) -> Tensor:
    """The first tokens of a prompt as a capture reads them, int64 [tokens]. UserError when it has
    none."""
    ids, bos = encode(loaded, prompt), bos_token(loaded)
    if bos is not None:
        ids = torch.cat([ids.new_tensor([bos]), ids])
    if len(ids) == 0:
        raise UserError("The prompt is empty: write a few words.")
    return ids[:LARGEST_PROMPT]


def make_capture(loaded: LoadedModel, prompt: str) -> Capture:
    """One dense pass over at most 256 tokens of the prompt. UserError when it has none."""
    ids = prompt_ids(loaded, prompt)
    with enough_memory(loaded.info.id):
        return caught(
            loaded, ids, find_sites(loaded.model), partial(_whole_pass, loaded=loaded, ids=ids)
        )


def _whole_pass(watching: Mapping[Site, SiteForward], loaded: LoadedModel, ids: Tensor) -> None:
    with loaded.lock, replaced(watching):
        logits(loaded, ids)


def caught(
    loaded: LoadedModel,
    ids: Tensor,
    sites: Sequence[Site],
    passing: Callable[[Mapping[Site, SiteForward]], object],
    check: Callable[[], None] | None = None,
) -> Capture:
    """What these sites are given while `passing` has the ids, int64 [tokens], pass through them,
    each computing what it is handed; before each `check` may raise Cancelled."""
    seen: dict[str, list[Tensor]] = {}

    def forward(site: Site, x: Tensor) -> Tensor:
        if check is not None:
            check()
        seen.setdefault(site.name, []).append(x.reshape(-1, site.d_in))
        return site.dense(x)

    passing({site: partial(forward, site) for site in sites})
    inputs = {name: xs[0] if len(xs) == 1 else torch.cat(xs) for name, xs in seen.items()}
    return Capture(tokens_of(loaded, ids), inputs)


def tokens_of(loaded: LoadedModel, ids: Tensor) -> tuple[str, ...]:
    """The text of each of these ids, int64 [tokens]."""
    return tuple(loaded.tokenizer.decode([i]) for i in ids.tolist())


@dataclass(frozen=True)
class Part:
    """The rows and columns of a mask to be shown."""

    first_row: int = 0
    rows: int = 32
    first_column: int = 0
    columns: int = 64


@torch.inference_mode()
def look(capture: Capture, pruned: Pruned, site: Site, part: Part) -> SiteLook:
    """One site under one experiment, on the captured inputs. No forward pass."""
    experiment = pruned.experiment
    x = capture.of(site)
    error, masked = local_error(pruned, site, x, site.dense(x)), pruned.masked(site, x)
    rows = site.d_out if experiment.target == "weight" else len(x)
    labels = row_labels(experiment.target, rows, capture.tokens)
    return SiteLook(
        target=experiment.target,
        site=site.name,
        block=site.block,
        projection=site.projection,
        d_in=site.d_in,
        d_out=site.d_out,
        tokens=len(x),
        rel_error=error,
        kept=int(masked.mask.count_nonzero()) / masked.mask.numel(),
        inputs=_histogram(masked),
        mask=_part_of(masked, part, labels, site.mask_in(experiment).group),
        turned=masked.turned,
        drawn=is_drawn(pruned),
    )


@torch.inference_mode()
def local_error(pruned: Pruned, site: Site, x: Tensor, y: Tensor) -> float:
    """||Y - Y_pruned||_F / ||Y||_F of a site on inputs x [tokens, d_in]; y is its dense output.
    UserError where that is no number."""
    squares = Squares()
    squares.add(site, pruned.lost(site, x), y)
    error = squares.ratio(site)
    if not isfinite(error):
        raise not_finite("compared")
    return error


def _histogram(masked: Masked) -> Histogram:
    """Entries by value, kept and dropped apart."""
    values, mask = masked.values.float().cpu().numpy(), masked.mask.cpu().numpy()
    edges = _bin_edges(values)
    smallest = torch.where(masked.mask, masked.scores, torch.inf).amin(-1)  # kept score of each row
    return Histogram(
        edges=edges,
        kept=np.histogram(values[mask], edges)[0],
        dropped=np.histogram(values[~mask], edges)[0],
        shift=None if masked.shift is None else masked.shift.mean().item(),
        cut=smallest.median().item(),
    )


def _bin_edges(values: np.ndarray) -> np.ndarray:
    """Bins from the least to the greatest value, finer near 0: equal in asinh(value / scale).

    Inputs reach hundreds of times beyond where masks cut; equal bins would put all in one.
    """
    low, high = float(values.min()), float(values.max())
    scale = 3 * float(np.median(np.abs(values)))
    if scale == 0 or low == high:
        return np.histogram_bin_edges(values, BINS)
    edges = scale * np.sinh(
        np.linspace(np.arcsinh(low / scale), np.arcsinh(high / scale), BINS + 1)
    )
    edges[0], edges[-1] = low, high
    return edges


def _part_of(masked: Masked, part: Part, labels: tuple[str, ...], group: int | None) -> MaskWindow:
    """The asked window, moved inside the mask where it reaches over its edge."""
    rows_in_all, columns_in_all = masked.mask.shape
    top = max(0, min(part.first_row, rows_in_all - part.rows))
    left = max(0, min(part.first_column, columns_in_all - part.columns))
    window = (slice(top, top + part.rows), slice(left, left + part.columns))
    return MaskWindow(
        kept=masked.mask[window].cpu().numpy(),
        values=masked.values[window].float().cpu().numpy(),
        scores=masked.scores[window].float().cpu().numpy(),
        row_labels=labels[window[0]],
        first_row=top,
        first_column=left,
        rows_in_all=rows_in_all,
        columns_in_all=columns_in_all,
        group=group,
        kept_of_column=masked.mask.sum(0).cpu().numpy(),
    )
