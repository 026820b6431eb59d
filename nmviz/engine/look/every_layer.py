"""A look at every layer of a pruned model, one after the other."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.looks.kept import name_of
from nmviz.core.looks.pieces import MOST_COLUMNS, MOST_ROWS
from nmviz.core.results import SiteLook
from nmviz.engine.calibrate.calibration import Stage, bind_site
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.look.capture import Capture, Part, look, make_capture

Inputs = Iterable[tuple[Site, Capture]]
LOOKING = "looking at the layers"
LARGEST = Part(rows=MOST_ROWS, columns=MOST_COLUMNS)


@dataclass
class EveryLayer:
    """What there is to see of each layer, and why there is nothing, by its name."""

    looks: list[SiteLook] = field(default_factory=list)
    without: dict[str, str] = field(default_factory=dict)
    tokens: tuple[str, ...] = ()


def inputs_of(loaded: LoadedModel, prompt: str) -> Inputs:
    """Every layer of a model that is in memory, with what a dense pass over the prompt gave it."""
    capture = make_capture(loaded, prompt)
    return [(site, capture) for site in find_sites(loaded.model)]


def look_at_all(
    loaded: LoadedModel,
    experiment: Experiment,
    inputs: Inputs,
    found: EveryLayer,
    check: Callable[[], None],
) -> Iterator[Stage]:
    """Fill `found` with a look at each layer that is given, as the page makes it of one: with the
    largest part of its mask that can be shown. What is calibrated must be kept already."""
    sites = len(find_sites(loaded.model))
    for number, (site, capture) in enumerate(inputs):
        check()
        yield Stage(LOOKING, number / sites)
        found.tokens = capture.tokens
        try:
            pruned = bind_site(loaded, experiment, site)
            found.looks.append(look(capture, pruned, site, LARGEST))
        except UserError as reason:
            found.without[name_of(site.block, site.projection)] = str(reason)
