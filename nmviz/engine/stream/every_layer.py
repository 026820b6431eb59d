"""What a dense pass over a prompt gives the layers of a model that is read block by block."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.look.capture import Capture, caught, prompt_ids
from nmviz.engine.prune.sparsify import SiteForward
from nmviz.engine.stream.parts import InParts
from nmviz.engine.stream.passing import embedded, through


@dataclass
class _Passing:
    """A prompt on its way: `hidden` is what the last block gave, [1, tokens, d_model]."""

    loaded: LoadedModel
    ids: Tensor  # int64 [1, tokens]
    entering: Tensor  # [1, tokens, d_model]
    hidden: Tensor | None = None

    def through(self, number: int, watching: Mapping[Site, SiteForward]) -> None:
        self.hidden, _ = through(
            self.loaded, number, self.ids, self.entering, self.hidden, watching
        )


def streamed_inputs(
    loaded: LoadedModel, parts: InParts, prompt: str, check: Callable[[], None]
) -> Iterator[tuple[Site, Capture]]:
    """Every layer with its inputs on the prompt, while its block is in memory: it has its weights
    until the next one is asked for."""
    ids = prompt_ids(loaded, prompt)
    with parts.entering():
        passing = _Passing(loaded, ids[None], embedded(loaded, ids[None]))
    for number in range(len(parts.paths)):
        sites = [site for site in find_sites(loaded.model) if site.block == number]
        with parts.block(number):
            capture = caught(loaded, ids, sites, partial(passing.through, number), check)
            for site in sites:
                yield site, capture
