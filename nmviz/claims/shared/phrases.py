"""How claims write numbers, rows and lists."""

from collections.abc import Iterable, Sequence

from nmviz.base.wording import listed
from nmviz.claims.shared.answer import Number
from nmviz.claims.shared.digits import plain
from nmviz.claims.shared.drops import HOW, Row
from nmviz.claims.shared.estimate import Estimate
from nmviz.claims.shared.evidence import PAPER
from nmviz.core.comparing.pins import pin_of
from nmviz.core.results import Result
from nmviz.published import LARGE_MODELS
from nmviz.sources.models import MODELS
from nmviz.views.claims.dot_rows import IntervalRow

PERCENT = "% of the dense accuracy"
POINTS = "points of drop"
TIMES = "times"
UNPAIRED = (
    "Rows of one model are of the same examples, but which of them it got right is not printed: "
    "they are taken as unpaired, which makes intervals too wide rather than too narrow."
)


def model_title(model: str) -> str:
    """`Llama 3.1 8B` for what the tables call llama3.1-8b; also the small models' titles."""
    if model in LARGE_MODELS:
        return LARGE_MODELS.get(model).title
    return MODELS.get(model).info.title if model in MODELS else model.rstrip("/").rpartition("/")[2]


def with_interval(estimate: Estimate, places: int = 2, unit: str = "") -> str:
    """`1.94 (1.57 to 2.44)`; without an interval the value alone; below the noise floor, that."""
    number = f"{plain(estimate.value, places)}{unit}"
    if estimate.low is None or estimate.high is None:
        return number
    if not estimate.is_bounded:
        return f"{number} (no bound)"
    below = ", below the noise floor" if estimate.is_near(0.0) else ""
    return f"{number} ({plain(estimate.low, places)} to {plain(estimate.high, places)}{below})"


def paragraphs(*parts: str) -> str:
    """Those that say something, a line each."""
    return "\n".join(part for part in parts if part)


def place_of(result: Result) -> str:
    """`Table 10, Llama3.1-8B, 2:4, WANDA`, as printed."""
    printed = result.provenance.printed
    assert printed is not None, "a published row"
    parts = (printed.place, printed.model, printed.pattern, printed.method, printed.scope)
    return ", ".join(part for part in parts if part)


def row_number(row: Row) -> Number:
    """A recomputed drop as a number of an answer, with the printed one beside it."""
    printed = row.printed
    beside = f"; printed as {printed.printed}" if printed is not None else ""
    title = model_title(row.sparse.experiment.model)
    return Number(
        label=f"{title}, {row.label}",
        written=plain(row.drop.value, 2),
        estimate=row.drop,
        unit=PERCENT,
        source=PAPER,
        place=place_of(row.sparse) + beside,
        how=HOW,
        n=row.examples,
        unit_of_n=f"examples of {len(row.tasks)} tasks" if len(row.tasks) > 1 else "examples",
        findings=tuple(finding.id for finding in row.findings),
        pins=(pin_of(row.sparse),),
    )


def drop_row(label: str, row: Row, series: str) -> IntervalRow:
    """A row's drop as a figure draws it, open where the audit doubts it."""
    drop = row.drop
    return IntervalRow(label, drop.value, drop.low, drop.high, series, bool(row.suspect))


def rows_numbers(rows: Iterable[Row]) -> list[Number]:
    """Every row once, in the order given."""
    return list({(number.label, number.place): number for number in map(row_number, rows)}.values())


def derived(label: str, estimate: Estimate, unit: str, rows: Sequence[Row], how: str) -> Number:
    """A number worked out from several rows."""
    tables = listed(place_of(row.sparse).partition(",")[0] for row in rows)
    return Number(
        label=label,
        written=plain(estimate.value, 2),
        estimate=estimate,
        unit=unit,
        source=PAPER,
        place=f"worked out from {tables}",
        how=how,
        n=rows[0].examples,
        unit_of_n="examples a row",
        findings=tuple(dict.fromkeys(f.id for row in rows for f in row.findings)),
        pins=tuple(pin_of(row.sparse) for row in rows),
    )
