"""What single tokens do, in a few lines to read."""

from collections.abc import Iterator

from nmviz.core.pairing import floor_of
from nmviz.core.results import Result
from nmviz.core.tokenwise.flips import Flips
from nmviz.core.tokenwise.tails import OF_DELTA_P, OF_KL, SHARES, Sureness
from nmviz.views.shared.numbers import significant, with_error

KL = "KL of a token (nats)"
DELTA_P = "change of the right word's probability"
OLD = "tails over tokens: not known, as this result was made before they were; --rerun measures it"


def tail_lines(result: Result) -> Iterator[str]:
    """Quantiles of KL and delta p, and means by how sure the dense model was; that they are not
    known where a result was made before they were measured."""
    if result.lacks_tails:
        yield OLD
    for title, name, ends in ((KL, "kl", OF_KL), (DELTA_P, "delta_p", OF_DELTA_P)):
        told = {end: result.get(f"{name}_{end}") for end in ends}
        said = [
            f"{_end(end)} {with_error(one.value, one.stderr)}" for end, one in told.items() if one
        ]
        if said:
            yield f"{title}: {', '.join(said)}"
    if result.by_confidence:
        said = [_range(one) for one in result.by_confidence if one.n]
        yield f"KL by the probability of the dense model's likeliest word: {', '.join(said)}"


def flip_lines(result: Result) -> Iterator[str]:
    """How many words changed; that it is not known where a result was made before."""
    flips = result.flips
    if flips is not None:
        yield f"words that changed: {flips_counted(flips)}"
    elif result.lacks_flips:
        yield "words that changed: not known, as this result was made before; --rerun measures it"


def flips_counted(flips: Flips) -> str:
    """`812 of 2,040 tokens (310 right to wrong, ...)`."""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in flips.counts.items())
    return f"{flips.total:,} of {flips.n:,} tokens ({kinds})"


def floor_lines(result: Result) -> Iterator[str]:
    """What rounding alone does, and that a cost no larger than that is none; or that no floor was
    measured."""
    if not result.noise_floors and result.get("kl") is not None:
        yield "no noise floor measured: --noise-floor measures it"
    for one in result.noise_floors:
        moved = f"KL {significant(one.kl)}, cost {significant(one.delta_nll)} nats a token"
        yield f"noise floor, bf16's rounding in the {one.of} model: {moved} ({one.draws} draws)"
    cost, floor = result.get("delta_nll"), floor_of(result)
    if cost is not None and floor is not None and abs(cost.value) < floor.delta_nll:
        yield "the cost of pruning is below what rounding alone does"


def _end(end: str) -> str:
    return f"{100 * SHARES[end]:g}%" if end in SHARES and end != "median" else end


def _range(row: Sureness) -> str:
    kl = with_error(row.kl or 0.0, row.kl_stderr)
    return f"{100 * row.low:g} to {100 * row.high:g}% {kl} ({row.n:,} tokens)"
