"""What layers a model has, from its config alone: built on the meta device, without weights."""

from dataclasses import replace

from nmviz.engine.load.configs import built, empty, language_model
from nmviz.engine.load.loading import quiet
from nmviz.engine.load.positions import context_of
from nmviz.engine.load.refusals import plain_words, refuse_config
from nmviz.engine.load.sites import find_sites
from nmviz.sources import models


def with_layers(info: models.ModelInfo) -> models.ModelInfo:
    """The model with its context, blocks, projections and widths as its architecture has them.

    Unchanged where there is no config to build from (a GGUF file). UserError for an architecture
    that cannot be built.
    """
    config = dict(models.read_config(info.id))
    if not config:
        return info
    refuse_config(config, info.id)
    with quiet(), plain_words(info.id):
        text, _ = language_model(built(config, info.id), info.id)
        model = empty(text, info.id)
        sites = find_sites(model)
    d_in = {site.projection: site.d_in for site in sites}
    d_out = {site.projection: site.d_out for site in sites}
    blocks = len({site.block for site in sites})
    return replace(
        info,
        blocks=blocks,
        projections=tuple(d_in),
        context=context_of(model, info.context),
        d_in=d_in,
        d_out=d_out,
    )
