"""What nmviz prunes of every type that transformers can load as a causal language model.

A tiny random model of each (tiny_types.py) is written to a folder and opened as any model is. Then
its logits under 2:4 are compared with those of an independent pruning, by plain hooks and by
functions of torch exchanged for ones that mask; those of a pattern that drops nothing with those of
transformers; and the products of a pass, as torch's dispatcher sees them, with what is called
covered, left dense or a router.

.venv/bin/python tools/census.py              all types; writes docs/architectures.md
.venv/bin/python tools/census.py gpt2 jamba   these, without writing
.venv/bin/python tools/census.py --json       one object a type on stdout
.venv/bin/python tools/census.py --methods    every criterion and mitigation on each as well

Ends with status 1 at a traceback, a difference, or weights that are multiplied in silence.
"""

import argparse
import json
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from logging import CRITICAL
from pathlib import Path
from typing import Any

import tiny_types
import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.calibrate.calibration import bind
from nmviz.engine.load import loading
from nmviz.engine.load.blocks import find_blocks
from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.probe import probe
from nmviz.engine.load.sites import Site, find_sites
from nmviz.engine.prune.sparsify import forwards, replaced

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "docs" / "architectures.md"
KEEP, GROUP = 2, 4
EQUAL = 1e-4  # of the spread of the logits
PRODUCTS = ("mm", "bmm", "addmm", "baddbmm", "convolution", "_grouped_mm", "addbmm", "mv", "dot")
EXCHANGED: tuple[tuple[Any, str], ...] = (
    (functional, "linear"),
    (torch, "baddbmm"),
    *((where, name) for where in (torch, Tensor) for name in ("bmm", "matmul", "mm")),
    (Tensor, "__matmul__"),
)
"""Functions of torch that an independent pruning takes the place of."""


@dataclass
class Entry:
    """What came of one type."""

    type: str
    verdict: str = "refused"  # whole, part, refused, unbuilt
    reason: str = ""
    coverage: dict[str, Any] | None = None
    sites: list[str] = field(default_factory=list)
    attention: str = ""
    remarks: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def census(kind: str, methods: bool) -> Entry:
    """One type, from its tiny model's folder to what is wrong with it."""
    entry = Entry(kind)
    with tempfile.TemporaryDirectory() as folder:
        try:
            tiny_types.save_tiny(kind, Path(folder))
        except Exception as error:  # what stops transformers is not ours
            entry.verdict, entry.reason = "unbuilt", _first_line(error)
            return entry
        try:
            _look(entry, folder, methods)
        except UserError as error:
            entry.reason = str(error).replace(folder, "The model")
            if "\n" in entry.reason:
                entry.faults.append("the refusal has several lines")
        except Exception:  # a traceback is a fault, whichever it is
            entry.faults.append(traceback.format_exc(limit=-3))
        if tiny_types.is_encoder(kind):
            entry.faults += _encoder_faults(kind)
    loading.forget()
    return entry


def _look(entry: Entry, folder: str, methods: bool) -> None:
    loaded = loading.load(folder)
    ids = tiny_types.sample(len(loaded.tokenizer))
    before = {name: tensor.clone() for name, tensor in loaded.model.state_dict().items()}
    sites = find_sites(loaded.model)
    entry.attention = loaded.computing["attention"]
    entry.sites = list(dict.fromkeys(site.projection for site in sites if not site.is_router))
    bound = bind(loaded, Experiment(pattern=f"{KEEP}:{GROUP}"), _nothing)
    entry.coverage = bound.coverage.model_dump(mode="json")
    whole = bound.coverage.parameters == 1
    entry.verdict = "whole" if whole else "part"
    entry.reason = "; ".join(list(bound.coverage.lines())[0 if not whole else 1 :])
    dense = _logits(loaded, ids)
    entry.faults += _differences(loaded, folder, ids, dense)
    entry.faults += _silent(loaded.model, ids)
    if methods:
        entry.faults += _methods(loaded, ids)
    after = loaded.model.state_dict()
    changed = [name for name in before if not _same(before[name], after[name])]
    if changed or any("forward" in module.__dict__ for module in loaded.model.modules()):
        entry.faults.append(f"not restored: {changed[:3]}")
    if not _same(_logits(loaded, ids), dense):
        entry.faults.append("the dense logits are others afterwards")


def _differences(loaded: LoadedModel, folder: str, ids: Tensor, dense: Tensor) -> Iterator[str]:
    """Logits that are not those of transformers, or of an independent pruning."""
    own = AutoModelForCausalLM.from_pretrained(folder).eval()
    if not _close(own(input_ids=ids, use_cache=False).logits, dense):
        yield "the dense logits are not transformers'"
    with _pruned(loaded, pattern="4:4"):
        if not _close(_logits(loaded, ids), dense):
            yield "dropping nothing changes the logits"
    chosen = bind(loaded, Experiment(pattern=f"{KEEP}:{GROUP}"), _nothing).pruned.sites
    with _pruned(loaded, pattern=f"{KEEP}:{GROUP}"):
        ours = _logits(loaded, ids)
    with independent(chosen):
        theirs = _logits(loaded, ids)
    if _close(ours, dense):
        yield "pruning changes nothing"
    if not _close(ours, theirs):
        yield f"an independent pruning differs by {_distance(ours, theirs):.1e}"


def _silent(model: nn.Module, ids: Tensor) -> Iterator[str]:
    """Weights of the blocks that a product reads and that are neither sites nor named."""
    seen = probe(model)
    assert seen is not None
    known = set(seen.work) | {id(site.whole) for site in find_sites(model)}
    with torch.no_grad(), Dispatched(model) as products:
        model(input_ids=ids, use_cache=False)
    for name, parameter in products.read.items():
        if id(parameter) not in known:
            yield f"{name} is multiplied in silence"


class Dispatched(TorchDispatchMode):
    """Parameters of the blocks that the products of torch's dispatcher are given, by name."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.read: dict[str, nn.Parameter] = {}
        self._by_storage = {
            parameter.untyped_storage().data_ptr(): (f"{path}.{name}", parameter)
            for path, block in zip(*find_blocks(model), strict=True)
            for name, parameter in block.named_parameters()
        }

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = func.name().partition("::")[2].partition(".")[0]
        depthwise = name == "convolution" and args[8] == args[0].shape[1] and args[8] > 1
        if name in PRODUCTS and not depthwise:
            given = {"convolution": args[1:2], "addmm": args[1:], "baddbmm": args[1:]}
            for one in given.get(name, args):
                if isinstance(one, Tensor) and one.dim() > 1:
                    found = self._by_storage.get(one.untyped_storage().data_ptr())
                    if found is not None:
                        self.read.setdefault(*found)
        return func(*args, **(kwargs or {}))


def _methods(loaded: LoadedModel, ids: Tensor) -> Iterator[str]:
    """Methods that end in anything but numbers, or one sentence why not."""
    from nmviz.methods import BY_TARGET, MITIGATIONS

    for target, criteria in BY_TARGET.items():
        asked = [{"criterion": name, "mitigations": ""} for name in criteria]
        if target == "activation":
            asked += [{"mitigations": name} for name in MITIGATIONS]
        for fields in asked:
            try:
                with _pruned(loaded, pattern="2:4", target=target, **fields):
                    if not _logits(loaded, ids).isfinite().all():
                        yield f"{target} {fields}: the logits are not finite"
            except UserError as error:
                if "\n" in str(error):
                    yield f"{target} {fields}: {error}"
            except Exception:
                yield f"{target} {fields}: {traceback.format_exc(limit=-2)}"


def _pruned(loaded: LoadedModel, **fields: Any) -> Any:
    experiment = Experiment.build(window=32, tokens=64, calibration_windows=2, **fields)
    return replaced(forwards(bind(loaded, experiment, _nothing).pruned, _nothing))


def _encoder_faults(kind: str) -> Iterator[str]:
    """The default form of an encoder must be refused."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            tiny_types.save_tiny(kind, Path(folder), decoder=False)
        except Exception:  # transformers has no such form
            return
        try:
            loading.load(folder)
        except UserError as error:
            if "not causal" not in str(error):
                yield f"the default form is refused for another reason: {error}"
        else:
            yield "the default form sees later tokens and is not refused"


# An independent pruning


def masked(x: Tensor) -> Tensor:
    """x [..., d_in] with the 2 largest of every 4 entries; of equal ones the first."""
    groups = x.unflatten(-1, (-1, GROUP))
    order = groups.abs().sort(dim=-1, descending=True, stable=True).indices[..., :KEEP]
    return (groups * torch.zeros_like(groups).scatter(-1, order, 1.0)).flatten(-2)


@contextmanager
def independent(sites: Sequence[Site]) -> Iterator[None]:
    """Inputs of these sites are masked: of layers by hooks, of parameters, and of layers that are
    never called, where torch's products are given the matrix. Masking twice is masking once."""
    layers = {site.module for site in sites if site.stored is None}
    hooks = [
        layer.register_forward_pre_hook(lambda _, args: (masked(args[0]),)) for layer in layers
    ]
    try:
        with _products({site.weight.data_ptr() for site in sites}):
            yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _products(starts: set[int]) -> Iterator[None]:
    """torch's products mask what meets a matrix that begins at one of these places."""
    kept = [(where, name, getattr(where, name)) for where, name in EXCHANGED]
    linear, baddbmm = functional.linear, torch.baddbmm

    def is_ours(weight: Tensor) -> bool:
        return weight.dim() > 1 and weight.data_ptr() in starts

    def of_two(product: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def multiply(x: Tensor, other: Tensor, **named: Any) -> Tensor:
            if is_ours(other):
                return product(masked(x), other, **named)
            if is_ours(x):
                return product(x, masked(other.mT).mT, **named)
            return product(x, other, **named)

        return multiply

    def of_linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return linear(masked(input) if is_ours(weight) else input, weight, bias)

    def of_sum(input: Tensor, batch1: Tensor, batch2: Tensor, **named: Any) -> Tensor:
        return baddbmm(input, masked(batch1) if is_ours(batch2) else batch1, batch2, **named)

    own = {"linear": of_linear, "baddbmm": of_sum}
    for where, name, before in kept:
        setattr(where, name, own.get(name) or of_two(before))
    try:
        yield
    finally:
        for where, name, before in kept:
            setattr(where, name, before)


# Small things


def _nothing() -> None:
    """A check that never cancels."""


@torch.no_grad()
def _logits(loaded: LoadedModel, ids: Tensor) -> Tensor:
    return loaded.model(input_ids=ids, use_cache=False).logits


def _distance(one: Tensor, other: Tensor) -> float:
    return ((one - other).abs().max() / (one.amax() - one.amin())).item()


def _close(one: Tensor, other: Tensor) -> bool:
    return _distance(one, other) < EQUAL


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.nan_to_num(), other.nan_to_num())


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"[:200]


def write_page(entries: Sequence[Entry]) -> None:
    """docs/architectures.md: a row a type."""
    built = [entry for entry in entries if entry.verdict != "unbuilt"]
    whole = sum(entry.verdict == "whole" for entry in built)
    head = [
        "# Architectures",
        "",
        f"What nmviz prunes of each of the {len(entries)} types that transformers "
        f"{transformers.__version__} can load as a causal language model; written by "
        "`python tools/census.py`. Of every type a tiny model with random weights is opened, its "
        "logits under 2:4 are compared with an independent pruning, and every product of a pass "
        "with what is called covered, left dense or a router.",
        "",
        f"{len(built)} can be built here. {whole} are pruned wholly, "
        f"{sum(entry.verdict == 'part' for entry in built)} in part, "
        f"{sum(entry.verdict == 'refused' for entry in built)} are refused.",
        "",
        "Coverage is the share of the matrix parameters in the decoder's blocks that the scope "
        "`all` covers under 2:4, and of a token's multiply-adds with them; routers are not among "
        "them. Real weights were read of `llama` (SmolLM2) and `gemma3_text` (Gemma 3); of all "
        "other types tiny random weights only.",
        "",
        "| type | sites | parameters | multiply-adds | attention | remark |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    PAGE.write_text("\n".join([*head, *map(_row, entries)]) + "\n", encoding="utf-8")


def _row(entry: Entry) -> str:
    of = entry.coverage or {}
    shares = [f"{100 * of[name]:.3g}%" if of else "" for name in ("parameters", "multiply_adds")]
    verdict = "" if entry.verdict in ("whole", "part") else f"{entry.verdict}: "
    cells = [f"`{entry.type}`", ", ".join(entry.sites), *shares, entry.attention]
    remark = f"{verdict}{entry.reason}".replace("|", "\\|")
    return f"| {' | '.join([*cells, remark])} |"


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("types", nargs="*")
    asked.add_argument("--json", action="store_true")
    asked.add_argument("--methods", action="store_true")
    options = asked.parse_args()
    warnings.simplefilter("ignore")
    logging.set_verbosity(CRITICAL)
    logging.disable_progress_bar()
    entries = []
    for kind in options.types or tiny_types.types():
        entry = census(kind, options.methods)
        entries.append(entry)
        if options.json:
            print(json.dumps(asdict(entry)), flush=True)
        else:
            said = [f"FAULT {fault}" for fault in entry.faults]
            print("\n  ".join([f"{kind}: {entry.verdict}. {entry.reason}", *said]), flush=True)
    if not options.types:
        write_page(entries)
    return int(any(entry.faults for entry in entries))


if __name__ == "__main__":
    sys.exit(main())
