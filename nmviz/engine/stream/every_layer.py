"""What a dense pass over a prompt gives the layers of a model that is read block by block."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.look.capture import Capture, prompt_ids, tokens_of
from nmviz.engine.stream.parts import InParts
from nmviz.engine.stream.passing import embedded, through


def streamed_inputs(
    loaded: LoadedModel, parts: InParts, prompt: str, check: Callable[[], None]
) -> Iterator[tuple[Site, Capture]]:
    """Every layer with its inputs on the prompt, while its block is in memory: it has its weights
    until the next one is asked for."""
    ids = prompt_ids(loaded, prompt)[None]
    tokens = tokens_of(loaded, ids[0])
    with parts.entering():
        entering = embedded(loaded, ids)
    hidden = None
    for number in range(len(parts.paths)):
        sites = [site for site in find_sites(loaded.model) if site.block == number]
        seen: defaultdict[str, list[Tensor]] = defaultdict(list)

        def note(site: Site, x: Tensor, seen: defaultdict[str, list[Tensor]] = seen) -> Tensor:
            check()
            seen[site.name].append(x.reshape(-1, site.d_in))
            return site.dense(x)

        watching = {site: partial(note, site) for site in sites}
        with parts.block(number):
            hidden, _ = through(loaded, number, ids, entering, hidden, watching)
            inputs = {name: torch.cat(each) for name, each in seen.items()}
            for site in sites:
                yield site, Capture(tokens, inputs)
