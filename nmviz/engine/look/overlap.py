"""How much of a token's mask another token shares: from captures, a dense pass a text."""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nmviz.core.experiment import Experiment
from nmviz.engine.calibrate.calibration import bind_site
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.look.capture import make_capture
from nmviz.engine.look.together import Together

LONGEST = 64  # tokens of a text that are compared


@dataclass(frozen=True)
class Overlap:
    """Shares of a token's kept entries that another token keeps too, averaged over layers.

    `shares["within"]` has one number a text, over all pairs of its tokens; `shares["across"]` one a
    pair of texts, no text in two pairs. `chance` is what masks drawn at random share.
    """

    pattern: str
    chance: float
    texts: int
    tokens: int
    sites: int
    shares: dict[str, tuple[float, ...]]
    by_projection: dict[str, tuple[float, ...]]  # as "within"
    together: dict[str, tuple[float, ...]]  # columns that several tokens need, by `together.py`


@torch.inference_mode()
def measure(
    loaded: LoadedModel,
    experiment: Experiment,
    texts: Sequence[str],
    check: Callable[[], None],
) -> Generator[int, None, Overlap]:
    """Yields how many texts are done and returns the whole; `check` may raise Cancelled."""
    sites = find_sites(loaded.model)
    within: list[float] = []
    across: list[float] = []
    by_projection: dict[str, list[float]] = defaultdict(list)
    before: dict[Site, Tensor] = {}
    together = Together()
    tokens = 0
    for number, text in enumerate(texts):
        check()
        masks = _masks(loaded, experiment, sites, text, check)
        tokens += len(next(iter(masks.values())))
        own = {site: _in_common(mask) for site, mask in masks.items()}
        within.append(_mean(own.values()))
        for projection in dict.fromkeys(site.projection for site in sites):
            some = [share for site, share in own.items() if site.projection == projection]
            by_projection[projection].append(_mean(some))
        if number % 2:
            across.append(_mean(_in_common(mask, before[site]) for site, mask in masks.items()))
        before = masks
        together.add(masks)
        yield number + 1
    return Overlap(
        pattern=experiment.pattern,
        chance=_mean(site.mask_in(experiment).density for site in sites),
        texts=len(texts),
        tokens=tokens,
        sites=len(sites),
        shares={"within": tuple(within), "across": tuple(across)},
        by_projection={name: tuple(shares) for name, shares in by_projection.items()},
        together={name: tuple(shares) for name, shares in together.shares.items()},
    )


def _masks(
    loaded: LoadedModel,
    experiment: Experiment,
    sites: Sequence[Site],
    text: str,
    check: Callable[[], None],
) -> dict[Site, Tensor]:
    """The mask of every site on the text's first tokens, bool [tokens, d_in]."""
    capture = make_capture(loaded, text)
    masks = {}
    for site in sites:
        check()
        x = capture.of(site)[:LONGEST]
        masks[site] = bind_site(loaded, experiment, site).masked(site, x).mask
    return masks


def _in_common(mask: Tensor, other: Tensor | None = None) -> float:
    """Mean share of a row's ones that another row has too; of two masks, or of one's own rows."""
    one = mask.float()
    kept = one.sum(-1, keepdim=True).clamp(min=1)
    if other is not None:
        return ((one @ other.float().T) / kept).mean().item()
    rows = len(one)
    shared = (one @ one.T) / kept
    return ((shared.sum() - shared.diagonal().sum()) / max(1, rows * (rows - 1))).item()


def _mean(values: Iterable[float]) -> float:
    each = list(values)
    return sum(each) / len(each)
