"""How numbers are written: as many digits as their uncertainty lets stand."""

from collections.abc import Sequence
from math import floor, isfinite, log10

from nmviz.core.metrics import METRICS
from nmviz.core.pairing import interval
from nmviz.core.results import Measurement, SiteError

__all__ = [
    "BARS",
    "bar",
    "column",
    "interval",
    "not_finite",
    "perplexity",
    "share",
    "show",
    "significant",
    "times",
    "uncertainty",
    "with_error",
]

BARS = "bars: one standard error"
"""Said wherever bars are drawn, but for the claims, whose rules are on intervals."""


UNITS = {
    "blocks": "groups",
    "blocks and entries": "groups and entries",
    "blocks of 64 tokens": "pieces of 64 tokens",
}
"""What the store calls blocks, in the words of the page, where a block is one of the model."""


def units(unit: str | None) -> str:
    """What is counted behind a standard error or a share, in the words of the page."""
    return UNITS.get(unit or "", unit or "")


def bar(measurement: Measurement) -> float:
    """How far a bar reaches to either side: one standard error, 0 where it is not known."""
    error = measurement.stderr
    return error if error is not None and isfinite(error) else 0.0


def show(measurement: Measurement) -> str:
    """A measurement in words of its own: `2,512`, `+0.57 ± 0.03 nats a token`, `62.1% ± 0.8%`.

    A published number is written as it was printed. After ± stands one standard error.
    """
    if measurement.printed is not None:
        return measurement.printed
    value, error = measurement.value, measurement.stderr
    unit = _unit(measurement)
    if "perplexity" in measurement.metric:
        return perplexity(value)
    if unit == "share":
        return share(value, error)
    signed = measurement.metric == "delta_nll"
    return f"{with_error(value, error, signed=signed)} {unit}".rstrip()


def _unit(measurement: Measurement) -> str:
    return METRICS.get(measurement.metric).unit if measurement.metric in METRICS else ""


def with_error(value: float, error: float | None, *, signed: bool = False) -> str:
    """`0.57 ± 0.03`: the error in one digit (two where it starts with 1), the value to match."""
    if not isfinite(value):
        return not_finite(value)
    if error is None or not isfinite(error) or error <= 0:
        number, after = significant(value), ""
    else:
        places = _places(error)
        number, after = _fixed(value, places), f" ± {_fixed(error, places)}"
    return (_signed(number) if signed else number) + after


def column(numbers: Sequence[tuple[float, float | None]], most: int = 3) -> list[tuple[str, str]]:
    """Values and errors of a column of a table, all with as many decimals as the smallest error
    asks for, `most` at most; an error that is not known is a dash."""
    known = [_places(error) for _, error in numbers if error and isfinite(error)]
    places = min(max(known, default=most), most)
    return [
        (
            _fixed(value, places) if isfinite(value) else not_finite(value),
            "\N{EN DASH}" if error is None or not isfinite(error) else _fixed(error, places),
        )
        for value, error in numbers
    ]


def perplexity(value: float) -> str:
    """`8.41`, `33.7`, `512`, `2,512`; `1.2 × 10^9` beyond ten million."""
    if not isfinite(value):
        return not_finite(value)
    if value >= 1e7:
        power = floor(log10(value))
        return f"{value / 10**power:.1f} × 10^{power}"
    return _fixed(value, 2 if value < 9.995 else 1 if value < 99.95 else 0)


def share(value: float, error: float | None = None) -> str:
    """A share of 0..1 in percent: `62%`, `4.7%`, `62.1% ± 0.8%`."""
    if not isfinite(value):
        return not_finite(value)
    percent = 100 * value
    if error is not None and isfinite(error) and error > 0:
        number, _, after = with_error(percent, 100 * error).partition(" ± ")
        return f"{number}% ± {after}%"
    near_an_end = percent not in (0, 100) and not 10 <= percent <= 90
    return f"{percent:.1f}%" if near_an_end else f"{percent:.0f}%"


def significant(value: float, digits: int = 2) -> str:
    """`0.052`, `0.31`, `4.1`, `78`, `2,512`: at least `digits` significant ones, no exponent."""
    if not isfinite(value):
        return not_finite(value)
    if value == 0:
        return "0"
    places = digits - 1 - floor(log10(abs(float(f"{value:.{digits - 1}e}"))))
    return _fixed(value, min(max(places, 0), 12))


def times(ratio: float) -> str:
    """`4.1 times`."""
    return f"{significant(ratio)} times"


def not_finite(value: float) -> str:
    """What is written for a number that is none."""
    return "not a number" if value != value else "beyond all bounds"


def _places(error: float) -> int:
    """Decimals that show the first digit of an error, or two where that digit is 1."""
    mantissa, exponent = f"{error:.1e}".split("e")
    if mantissa[0] == "1":
        return min(max(1 - int(exponent), 0), 12)
    return min(max(-int(f"{error:.0e}".split("e")[1]), 0), 12)


def _fixed(value: float, places: int) -> str:
    text = f"{abs(value):,.{places}f}"
    nothing = not text.strip("0.,")
    return text if value >= 0 or nothing else f"\N{MINUS SIGN}{text}"


def _signed(text: str) -> str:
    """A plus before what is neither negative nor nothing."""
    return text if text.startswith("\N{MINUS SIGN}") or not text.strip("0.,") else f"+{text}"


def uncertainty(site: SiteError) -> str:
    """What stands behind the error of a layer that is from a sample: one standard error, and how
    many tokens were drawn; nothing where it is of every token."""
    return "" if site.stderr is None else f" ± {significant(site.stderr)}, {site.n:,} tokens drawn"
