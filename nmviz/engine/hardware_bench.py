"""Products of the four models' widest layer, dense and pruned: on a GPU what PyTorch has for 2:4,
on a CPU our own kernels."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import linear

from nmviz.base.benching import Row, in_turns
from nmviz.engine.prune import kernels
from nmviz.engine.prune.masking import prune
from nmviz.engine.write import skipping
from nmviz.hardware.facts import shipped
from nmviz.methods.patterns import Pattern, parse_pattern

FOUR = ("llama2-7b", "llama3.1-8b", "qwen2.5-7b", "gemma3-4b")
ON_CPU, ON_GPU = (1, 16), (16, 256, 1024, 4096, 16_384)
"""Tokens."""
TYPES = {
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "int8": torch.int8,
    "fp8": torch.float8_e4m3fn,
}
MASKED = ("2:4", "8:16")
TWO_FOUR = parse_pattern("2:4")
DENSE = "dense"
Cases = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Timed(Row):
    """A row with what it was measured on and of."""

    device: str
    torch: str
    driver: str
    model: str
    dtype: str
    tokens: int
    d_in: int
    d_out: int


def hardware(device: str | None = None) -> Iterator[Timed]:
    """Each model, type and number of tokens by itself, its cases in turns."""
    on = device or ("cuda" if torch.cuda.is_available() else "cpu")
    kernels.warm()
    for model in FOUR:
        for dtype, counts in _asked(on):
            for tokens in counts:
                yield from layer(model, dtype, tokens, on)


def _asked(on: str) -> list[tuple[str, tuple[int, ...]]]:
    return [("fp32", ON_CPU)] if on == "cpu" else [(name, ON_GPU) for name in TYPES]


def layer(
    model: str, dtype: str, tokens: int, on: str, *, sizes: tuple[int, int] = (0, 0)
) -> Iterator[Timed]:
    """One layer: the model's widest, or of `sizes` [d_in, d_out]."""
    d_in, d_out = sizes if all(sizes) else shipped()[model].widths
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(tokens, d_in, generator=generator)
    weight = torch.randn(d_out, d_in, generator=generator)
    cases = _on_cpu(x, weight) if on == "cpu" else _on_gpu(x, weight, dtype, on)
    if DENSE not in cases:
        return
    for row in in_turns(cases, DENSE, repeats=5):
        case = f"{model}, {dtype}, {tokens} tokens: {row.case}"
        times = (row.seconds, row.low, row.high, row.ratio, row.against)
        yield Timed(case, *times, *_device(on), model, dtype, tokens, d_in, d_out)


def _device(on: str) -> tuple[str, str, str]:
    if on == "cpu":
        return "cpu", torch.__version__, ""
    driver = getattr(torch._C, "_cuda_getDriverVersion", lambda: "")()
    return torch.cuda.get_device_name(), torch.__version__, str(driver)


def _on_cpu(x: Tensor, weight: Tensor) -> Cases:
    """Activations pruned on the fly and multiplied in full; of one token, columns skipped."""
    cases: Cases = {DENSE: partial(linear, x, weight)}
    for name in MASKED:
        pattern = parse_pattern(name)
        cases[f"activations {name} on the fly"] = partial(_masked, x, weight, pattern)
        if len(x) == 1:
            turned = weight.T.contiguous().numpy()
            kept = prune(x, None, pattern).reshape(-1).numpy()
            cases[f"activations {name}, columns skipped"] = partial(skipping.product, turned, kept)
    return cases


def _masked(x: Tensor, weight: Tensor, pattern: Pattern) -> Tensor:
    return linear(prune(x, None, pattern), weight)


def _on_gpu(x: Tensor, weight: Tensor, dtype: str, on: str) -> Cases:
    """Dense, 2:4 weights by both libraries, 2:4 activations compressed on the fly. What this GPU or
    torch refuses is left out."""
    from torch.sparse import (
        SparseSemiStructuredTensorCUSPARSELT,
        SparseSemiStructuredTensorCUTLASS,
        to_sparse_semi_structured,
    )

    pruned = prune(weight, None, TWO_FOUR)
    x, weight, pruned = (_typed(one, dtype, on) for one in (x, weight, pruned))
    made: dict[str, Callable[[], Callable[[], object]]] = {
        DENSE: lambda: partial(PRODUCTS.get(dtype, torch.mm), x, weight.T),
        "weights 2:4, CUTLASS": lambda: _pruned(
            x, SparseSemiStructuredTensorCUTLASS.from_dense(pruned), dtype
        ),
        "weights 2:4, cuSPARSELt": lambda: _pruned(
            x, SparseSemiStructuredTensorCUSPARSELT.from_dense(pruned), dtype
        ),
    }
    if dtype in ("bf16", "fp16"):  # masks are made of numbers with a fraction, of 16 bits
        made["activations 2:4, pruned and compressed on the fly"] = lambda: (
            lambda: torch.mm(to_sparse_semi_structured(prune(x, None, TWO_FOUR)), weight.T)
        )
    return {name: case for name, make in made.items() if (case := _possible(make)) is not None}


def _pruned(x: Tensor, weight: Tensor, dtype: str) -> Callable[[], object]:
    """x [tokens, d_in] times compressed W [d_out, d_in]; of FP8 torch has W x^T alone."""
    return partial(scaled, weight, x.T) if dtype == "fp8" else partial(linear, x, weight)


def scaled(left: Tensor, right: Tensor) -> Tensor:
    """A product of FP8 matrices, unscaled, in BF16; `right` lies column by column."""
    one = torch.ones((), device=right.device)
    return torch._scaled_mm(left, right, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)


PRODUCTS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "int8": torch._int_mm,
    "fp8": scaled,
}
"""Of types that `torch.mm` does not take."""


def _typed(one: Tensor, dtype: str, on: str) -> Tensor:
    scaled = (one * 20).round().clamp(-127, 127) if dtype == "int8" else one
    return scaled.to(on, TYPES[dtype])


def _possible(
    make: Callable[[], Callable[[], object]],
) -> Callable[[], object] | None:
    """The case, waiting for the GPU to be done; None where it is refused."""
    try:
        case = make()
        case()
        torch.cuda.synchronize()
    except (RuntimeError, ValueError, TypeError, AssertionError, AttributeError):
        return None

    def waited() -> None:
        case()
        torch.cuda.synchronize()

    return waited
