"""What layers a model has, from its config alone: built on the meta device, without weights."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from nmviz.engine.load.blocks import find_blocks
from nmviz.engine.load.configs import built, empty, language_model
from nmviz.engine.load.coverage import everything
from nmviz.engine.load.gguf.copies import config_of_copy
from nmviz.engine.load.loading import quiet
from nmviz.engine.load.positions import context_of
from nmviz.engine.load.probe import Probe, probe
from nmviz.engine.load.refusals import plain_words, refuse_config
from nmviz.engine.load.sites import Site, find_sites
from nmviz.sources import models
from nmviz.sources.model_info import read_json
from nmviz.sources.widths import Layer


def with_layers(info: models.ModelInfo) -> models.ModelInfo:
    """The model with its context, blocks, projections and widths as its architecture has them.

    Unchanged where there is no config to build from (a GGUF file that was not converted yet).
    UserError for an architecture that cannot be built.
    """
    config = dict(models.read_config(info.id))
    if not config:
        copy = config_of_copy(models.identify(info.id))
        config = read_json(copy, models.remedy(info.id)) if copy.is_file() else {}
    if not config:
        return info
    refuse_config(config, info.id)
    with quiet(), plain_words(info.id):
        text, _ = language_model(built(config, info.id), info.id)
        model = empty(text, info.id)
        every = find_sites(model)
        covered = everything(model)
    sites, seen = [site for site in every if not site.is_router], probe(model)
    d_in = {site.projection: site.d_in for site in sites}
    widths = {name: [s.d_in for s in sites if s.projection == name] for name in d_in}
    ends = {name: (min(each), max(each)) for name, each in widths.items()}
    return replace(
        info,
        blocks=len(find_blocks(model)[0]),
        projections=tuple(d_in),
        context=context_of(model, info.context),
        d_in=d_in,
        d_out={site.projection: site.d_out for site in sites},
        experts=_experts([site for site in sites if site.is_expert]),
        routers=tuple(dict.fromkeys(site.projection for site in every if site.is_router)),
        ranges={name: (low, high) for name, (low, high) in ends.items() if low < high},
        coverage=covered.model_dump(mode="json") if seen else None,
        matrices=tuple(_layers(sites, seen)) if seen else (),
    )


def _layers(sites: Sequence[Site], seen: Probe) -> Iterator[Layer]:
    """A row a parameter."""
    met: set[int] = set()
    for site in sites:
        known = id(site.whole)
        if known not in met:
            met.add(known)
            uses = seen.work.get(known, 0.0) / (site.d_in * site.d_out)
            yield Layer(site.projection, site.block, site.d_in, site.d_out, uses)


def _experts(sites: Sequence[Site]) -> dict[str, tuple[str, ...]]:
    """What each expert of a projection is called, as in the first block that has them."""
    first = {site.projection: site.block for site in reversed(sites)}
    return {
        name: tuple(s.own_name for s in sites if (s.projection, s.block) == (name, block))
        for name, block in reversed(first.items())
    }
