"""What layers a model has, from its config alone: built on the meta device, without weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from nmviz.engine.load.loading import quiet
from nmviz.engine.load.refusals import plain_words, refuse_config
from nmviz.engine.load.sites import find_sites
from nmviz.sources import models


def with_layers(info: models.ModelInfo) -> models.ModelInfo:
    """The model with its blocks, projections and their widths as its architecture has them.

    Unchanged where there is no config to build from (a GGUF file). UserError for an architecture
    that cannot be built.
    """
    config = dict(models.read_config(info.id))
    if not config:
        return info
    refuse_config(config, info.id)
    with quiet(), plain_words(info.id), _no_weights():
        built = AutoConfig.for_model(**config)
        sites = find_sites(AutoModelForCausalLM.from_config(built, trust_remote_code=False))
    d_in = {site.projection: site.d_in for site in sites}
    d_out = {site.projection: site.d_out for site in sites}
    blocks = len({site.block for site in sites})
    return replace(info, blocks=blocks, projections=tuple(d_in), d_in=d_in, d_out=d_out)


@contextmanager
def _no_weights() -> Iterator[None]:
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        yield
