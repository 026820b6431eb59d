"""Errors of pruned layers, of the experts of a block together, and of the states behind blocks."""

from collections.abc import Iterable, Iterator, Sequence

from nmviz.core.record import Record

SAMPLED_ERRORS = "errors of layers"
"""The setting of a run whose errors of layers are from a sample of the tokens."""


class SiteError(Record):
    """One pruned linear layer, measured on its dense input."""

    name: str  # module path, such as model.layers.0.self_attn.q_proj
    block: int
    projection: str
    rel_error: float
    stderr: float | None = None  # of rel_error, where it is from a sample of tokens,
    n: int | None = None  # and how many were drawn; None where every token was read
    kept: float  # share of ones in the mask
    square: float | None = None  # of an expert: ||y||^2 of the dense output, so that a block's can
    tokens: int | None = None  # be pooled; and tokens that it was given
    calibrated: int | None = None  # tokens of the calibration text that it was given


class BlockDrift(Record):
    """How far the hidden state after a block is from the dense model's."""

    block: int
    drift: float


def pooled(sites: Iterable[SiteError]) -> Iterator[SiteError]:
    """Sites in order, the experts of one block and projection as one."""
    groups: dict[object, list[SiteError]] = {}
    for site in sites:
        alone = site.square is None
        groups.setdefault(site.name if alone else (site.block, site.projection), []).append(site)
    for group in groups.values():
        yield group[0] if group[0].square is None else _pool(group)


def _pool(experts: Sequence[SiteError]) -> SiteError:
    squares = [one.square or 0.0 for one in experts]
    given = [one.tokens or 0 for one in experts]
    lost = sum(one.rel_error**2 * square for one, square in zip(experts, squares, strict=True))
    whole, tokens = sum(squares), sum(given)
    kept = sum(one.kept * count for one, count in zip(experts, given, strict=True))
    error = (lost / whole) ** 0.5 if whole else max(one.rel_error for one in experts)
    return SiteError(
        name=f"{experts[0].name} and {len(experts) - 1} more",
        block=experts[0].block,
        projection=experts[0].projection,
        rel_error=error,
        stderr=_pooled_stderr(experts, squares, error),
        n=sum(one.n or 0 for one in experts) or None,
        kept=kept / tokens if tokens else experts[0].kept,
        square=whole,
        tokens=tokens,
    )


def _pooled_stderr(
    experts: Sequence[SiteError], squares: Sequence[float], error: float
) -> float | None:
    """Of the pooled error, the experts' being independent; None where none is from a sample."""
    if all(one.stderr is None for one in experts):
        return None
    parts = (
        (one.rel_error * (one.stderr or 0.0) * square) ** 2
        for one, square in zip(experts, squares, strict=True)
    )
    whole = error * sum(squares)
    return sum(parts) ** 0.5 / whole if whole else 0.0
