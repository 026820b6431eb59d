"""About how long a streamed run takes, told before it from what it multiplies and reads."""

from collections.abc import Sequence
from functools import cache
from time import perf_counter

import torch
from torch.nn import functional

from nmviz.core.experiment import Experiment
from nmviz.core.rules import DRAWS
from nmviz.core.running import Running
from nmviz.engine.calibrate.calibration import WINDOW
from nmviz.engine.load.probe import probe
from nmviz.engine.load.sites import find_sites
from nmviz.engine.stream.parts import Parts
from nmviz.methods import BY_TARGET, MITIGATIONS
from nmviz.methods.method import parse_call

READ = 400e6
"""Bytes a second that are read from a disk and made into fp32: what a laptop's slow disk does."""
WORK = 1.3
"""Times the products alone: masks, attention, norms and figures of tokens come on top."""
TIMED = (256, 1024, 4096)
"""Tokens, outputs and inputs of the product that tells how fast this machine multiplies."""


def seconds_of(parts: Parts, experiments: Sequence[Experiment], how: Running) -> float:
    """Seconds that the experiments take together: every model multiplies each token by the weights,
    the errors of layers once more, and each look at a block reads it."""
    reading = experiments[0].reading
    passes, looks = 1.0, 1
    for one in experiments:
        weights = one.target == "weight"
        passes += 1 + (1 if how.exact_errors else 0.1) + (1 if how.control else 0)
        drawn = one.ties == "random" or (one.ties == "auto" and parts.is_coarse)
        passes += DRAWS - 1 if weights and drawn else 0
        looks += weights and one.ties == "auto"
    tokens = passes * reading.tokens
    for one in experiments:
        if _reads_inputs(one):
            looks += 1
            tokens += one.drawn[0] * WINDOW
    products = tokens * _multiply_adds(parts) / _rate()
    return WORK * products + looks * parts.sizes().on_disk / READ


def _reads_inputs(experiment: Experiment) -> bool:
    calls = [parse_call(experiment.criterion, BY_TARGET[experiment.target])]
    calls += [parse_call(text, MITIGATIONS) for text in experiment.mitigations]
    return any(call.method.facts.needs == "inputs" for call in calls)


def _multiply_adds(parts: Parts) -> float:
    """Of the dense model, for a token."""
    seen = probe(parts.model)
    head = parts.model.get_output_embeddings().weight.numel()
    if seen is not None:
        return sum(seen.work.values()) + head
    return sum(site.d_in * site.d_out for site in find_sites(parts.model)) + head


@cache
def _rate() -> float:
    """Multiply-adds a second of a product as a layer makes it, the fastest of three."""
    tokens, d_out, d_in = TIMED
    x, weight = torch.ones(tokens, d_in), torch.ones(d_out, d_in)
    taken = []
    for _ in range(3):
        began = perf_counter()
        functional.linear(x, weight)
        taken.append(perf_counter() - began)
    return tokens * d_out * d_in / min(taken)
