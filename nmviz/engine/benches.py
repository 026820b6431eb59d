"""What the engine's speed is measured on: masks alone, and whole forward passes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from nmviz.base.benching import Row, in_turns
from nmviz.core.experiment import Experiment
from nmviz.engine.calibrate.calibration import bind, make, walk
from nmviz.engine.load.blocks import find_blocks
from nmviz.engine.load.loading import LoadedModel, load
from nmviz.engine.load.scope import choose
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.load.tokens import encode
from nmviz.engine.measure.dense import SiteCall, dense_pass, logits, skipped, text_key
from nmviz.engine.plain import topk_masked, usual_way
from nmviz.engine.prune import kernels
from nmviz.engine.prune.masking import prune, top_in_torch
from nmviz.engine.prune.sparsify import SiteForward, forwards, replaced
from nmviz.engine.write import skipping
from nmviz.engine.write.bytes_read import dense_bytes, skip
from nmviz.engine.write.generate import Sampling, write
from nmviz.methods.patterns import parse_pattern
from nmviz.sources import corpora

TOKENS = 512
PROMPT = 32
SKIPPED = ("8:16", "50%")
D_IN, D_OUT = 1536, 576  # `down` of the default model
FORWARD: dict[str, dict[str, Any]] = {
    "2:4": {"pattern": "2:4"},
    "8:16": {"pattern": "8:16"},
    "16:32": {"pattern": "16:32"},
    "8:16 d-pts+var": {"pattern": "8:16", "mitigations": ("d-pts", "var")},
    "8:16 amber": {"pattern": "8:16", "criterion": "amber"},
}


def masks() -> Iterator[Row]:
    """One input of `down`, 512 tokens: compiled, plain torch, and topk with scatter, against the
    layer's own product."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(TOKENS, D_IN, generator=generator)
    weight = torch.randn(D_OUT, D_IN, generator=generator)
    cases: dict[str, Callable[[], object]] = {"product": partial(linear, x, weight)}
    for pattern in map(parse_pattern, ("2:4", "8:16", "16:32", "32:64")):
        keep, group = int(pattern.keep or 0), int(pattern.group or 1)
        cases[f"{pattern} compiled"] = partial(prune, x, None, pattern)
        cases[f"{pattern} plain torch"] = partial(_plain, x, keep, group)
        cases[f"{pattern} topk and scatter"] = partial(topk_masked, x, keep, group)
    yield from in_turns(cases, "product")


def forward(model: str, device: str = "cpu") -> Iterator[Row]:
    """One window of 512 tokens through the whole model, dense and pruned."""
    kernels.warm()
    loaded = load(model, device)
    ids = encode(loaded, corpora.read("wiki-leads"), public=True)[:TOKENS]
    cases: dict[str, Callable[[], object]] = {"dense": partial(_pass, loaded, ids, None)}
    for name, fields in FORWARD.items():
        pruned = bind(loaded, Experiment.build(model=model, **fields), _go_on).pruned
        cases[name] = partial(_pass, loaded, ids, forwards(pruned, _go_on))
    stand_in = {site: partial(usual_way, site) for site in find_sites(loaded.model)}
    cases["8:16 stand-in"] = partial(_pass, loaded, ids, stand_in)
    yield from in_turns(cases, "dense", repeats=7)


def attribution(model: str) -> Iterator[Row]:
    """A window of 512 tokens, every third block (as deep as all on average) pruned alone to 2:4:
    what is behind it, run again from the dense model's hidden states, and whole passes."""
    kernels.warm()
    loaded = load(model)
    ids = encode(loaded, corpora.read("wiki-leads"), public=True)[:TOKENS][None]
    dense = dense_pass(loaded, text_key(ids), ids, _look_on, _go_on, kept=False)
    blocks = range(1, len(find_blocks(loaded.model)[1]), 3)
    chosen = {n: Experiment.build(model=model, pattern="2:4", blocks=str(n)) for n in blocks}
    alone = {number: bind(loaded, one, _go_on).pruned for number, one in chosen.items()}

    def each(behind: bool) -> None:
        for number, pruned in alone.items():
            with skipped(loaded.model, dense, number if behind else 0):
                _pass(loaded, ids, forwards(pruned, _go_on))

    cases = {f"{model}, what is behind": partial(each, True), f"{model}, all": partial(each, False)}
    yield from in_turns(cases, f"{model}, what is behind", warm_up=1, repeats=5)


def decode(model: str) -> Iterator[Row]:
    """One token at a layer of 11008 inputs and 4096 outputs, and through the whole model: all read
    and half skipped, beside the limit that the bytes read set.
    """
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(4096, 11008, generator=generator)
    x = torch.randn(1, 11008, generator=generator)
    turned = weight.T.contiguous().numpy()
    cases: dict[str, Callable[[], object]] = {"one layer, dense": partial(linear, x, weight)}
    for name in SKIPPED:
        kept = prune(x, None, parse_pattern(name)).reshape(-1).numpy()
        case = f"one layer, {name} skipped (limit {kept.astype(bool).mean():.2f})"
        cases[case] = partial(skipping.product, turned, kept)
    yield from in_turns(cases, "one layer, dense", repeats=21)
    yield from _decode_whole(load(model))


def _decode_whole(loaded: LoadedModel) -> Iterator[Row]:
    kernels.warm()
    ids = encode(loaded, corpora.read("wiki-leads"), public=True)[:PROMPT]
    sampling = Sampling(max_new_tokens=10_000, stop=False)
    cases: dict[str, Callable[[], object]] = {}
    for name in ("dense", *SKIPPED):
        chosen = Experiment.build(model=loaded.info.id, pattern=name)
        pruned = bind(loaded, chosen, _go_on).pruned
        read = skip(pruned)
        writer = write(loaded, ids, sampling, forwards(pruned, _go_on) if name != "dense" else {})
        for _ in range(3):
            next(writer)
        limit = (read(loaded) or dense_bytes(loaded)) / dense_bytes(loaded)
        case = name if name == "dense" else f"{name} skipped (limit {limit:.2f})"
        cases[f"{loaded.info.id}, {case}"] = partial(next, writer)
    yield from in_turns(cases, f"{loaded.info.id}, dense", repeats=41)


def training(model: str, device: str = "cpu") -> Iterator[Row]:
    """Calibrating and training over all blocks, from nothing, once: 16 windows of 512 tokens."""
    loaded = load(model, device)
    cases: dict[str, Callable[[], object]] = {}
    for name in ("s-pts", "ls", "l-pts", "ls,l-pts,var"):
        chosen = Experiment.build(model=model, mitigations=name)
        cases[name] = partial(_calibrate, loaded, chosen)
    yield from in_turns(cases, "s-pts", warm_up=0, repeats=1)


def _calibrate(loaded: LoadedModel, chosen: Experiment) -> None:
    """Without what is kept on disk."""
    pruned = make(chosen, choose(find_sites(loaded.model), chosen))
    for _ in walk(loaded, pruned, _go_on):
        pass


def _go_on() -> None:
    """Nothing cancels a benchmark."""


def _look_on(_site: Site, _call: SiteCall) -> None:
    """No layer is compared."""


def _pass(loaded: LoadedModel, ids: Tensor, computing: Mapping[Site, SiteForward] | None) -> None:
    changed: AbstractContextManager[None] = (
        nullcontext() if computing is None else replaced(computing)
    )
    with loaded.lock, changed:
        logits(loaded, ids)
    if loaded.device.startswith("cuda"):
        torch.cuda.synchronize(loaded.device)


def _plain(x: Tensor, keep: int, group: int) -> Tensor:
    mask = top_in_torch(x.abs().unflatten(-1, (-1, group)), keep)
    return torch.where(mask.flatten(-2), x, 0)
