"""What the tab of published results says in words: counts, findings, names."""

from collections.abc import Mapping, Sequence
from typing import Literal

from nmviz import service
from nmviz.core.asking import LINE_BREAK
from nmviz.published.audit import Finding
from nmviz.published.listing import Row, findings_of
from nmviz.published.listing.imported import OTHERS
from nmviz.published.listing.live import DIFFERENT
from nmviz.published.listing.selection import BY_METRIC, is_better_higher, place_order
from nmviz.published.protocol import PRINTED
from nmviz.ui.shell.html import esc, note, quantity, table
from nmviz.ui.shell.pins import pin

MOST_PLACES = 8
COLUMNS = (
    *("Pin", "Model", "Pattern", "Method", "Value", "±", "As shown", "Where", "How", "Findings"),
    *("± from", "Quantity", "Task", "Layers", "Source", "Note", "Asked"),
    "Protocol",
)
KINDS: Mapping[str, Literal["number", "html"]] = {"Pin": "html", "Value": "number", "±": "number"}
TYPES: list[Literal["number", "str", "html"]] = [KINDS.get(name, "str") for name in COLUMNS]
WIDTHS = (
    *("58px", "130px", "75px", "120px", "80px", "70px", "130px", "100px", "110px", "340px"),
    *("300px", "190px", "330px", "140px", "170px", "330px", "260px"),
    "330px",
)


def head(said: str, found: Sequence[Row], remarks: Sequence[str]) -> str:
    """The finding of the figure, and what stands below it."""
    sentence = f'<p class="headline">{esc(said)}.</p>' if said else ""
    live = [f"Live runs are {DIFFERENT}."] if any(row.live for row in found) else []
    brought = [f"Imported results are {OTHERS}."] if any(row.imported for row in found) else []
    read = [PRINTED] if any(row.protocol and not row.laid_over for row in found) else []
    chat = [LINE_BREAK] if any(row.in_template for row in found) else []
    lines = "".join(note(text) for text in (*remarks, *read, *chat, *live, *brought))
    return f"{sentence}{_quantity(found)}{lines}"


def counted(found: Sequence[Row]) -> str:
    """How many rows, from where, and how many have a finding."""
    if not found:
        return '<p class="words" id="published-count">0 rows.</p>'
    rows = "1 row" if len(found) == 1 else f"{len(found):,} rows"
    marked = sum(bool(row.marks) for row in found)
    said = f"{rows} from {_sources(found)}; {marked or 'none'} with a finding."
    return f'<p class="words" id="published-count">{esc(said)}</p>'


def cells(found: Sequence[Row]) -> list[list[object]]:
    """The rows of the table; what is not known or censored has no number."""
    return [
        [
            pin(row.pin, of=_called(row)),
            row.model + (" (live)" if row.live else " (imported)" if row.imported else ""),
            row.pattern,
            row.method,
            None if row.value is None else float(f"{row.value:.4g}"),
            None if row.stderr is None else float(f"{row.stderr:.3g}"),
            row.text,
            row.where,
            row.how,
            row.marked,
            row.stderr_from,
            _short(row),
            row.task,
            row.layers,
            source_title(row.source),
            row.note,
            row.asked.words,
            row.protocol,
        ]
        for row in found
    ]


def _called(row: Row) -> str:
    return f"{row.model}, {row.pattern}, {row.method}, {row.where}"


def findings(found: Sequence[Row]) -> str:
    """Every finding of what is shown: how sure it is, and what changes if it is right."""
    all_found = findings_of(found)
    title = "<h2>What the audit says of these numbers</h2>"
    if not all_found:
        return f'{title}<p class="words">No finding concerns what is shown.</p>'
    return title + _list(all_found)


def audit() -> str:
    """All findings, those that people had made before, and the rows that logs confirm."""
    said = service.published().audit
    before = [
        [str(one.number), esc(one.sentence), _ids(one.ids), esc(one.reason)] for one in said.known
    ]
    confirmed = [[esc(one.row), esc(one.logged)] for one in said.confirmed]
    return (
        f'<p class="words">{esc(said.summary)} As text: <code>nmviz audit</code></p>'
        f"{_list(said.findings)}"
        + table(
            "Thirteen findings that people made by hand, and what code makes of each",
            ["kind", "what was noted", "findings", "what code cannot tell"],
            before,
        )
        + table("Rows of the tables that logs of the same run confirm", ["row", "log"], confirmed)
    )


def _list(found: Sequence[Finding]) -> str:
    items = "".join(
        f'<li><details><summary><b class="sure {esc(one.certainty)}">{esc(one.certainty)}</b> '
        f"{esc(one.title)}</summary><p>{esc(one.evidence)}</p>"
        f"<p>If it is right: {esc(one.consequence)}</p>"
        f"<p><code>{esc(one.id)}</code></p></details></li>"
        for one in found
    )
    return f'<ul class="findings">{items}</ul>'


def _ids(names: Sequence[str]) -> str:
    return "<br>".join(f"<code>{esc(name)}</code>" for name in names) or "none"


def names() -> str:
    """Which printed name means what here, and why."""
    rows = [
        [esc(one.printed), esc(one.kind), esc(one.name), esc(one.patterns), esc(one.why)]
        for one in service.published().names.rows
    ]
    head = ["printed", "kind", "name here", "patterns", "why"]
    said = "Names of the sources and the one name each has here; the printed one is never lost"
    return table(said, head, rows)


def sources() -> str:
    """The sources with their citation, and how the numbers were taken from them."""
    rows = [
        [
            f'<a href="{esc(one.url)}" target="_blank" rel="noopener">{esc(one.title)}</a>',
            esc(one.citation),
            esc(one.extraction),
            esc(one.licence),
        ]
        for one in service.published().sources
    ]
    return table("Where the numbers are from", ["source", "citation", "taken how", "licence"], rows)


def _quantity(found: Sequence[Row]) -> str:
    if not found:
        return ""
    metric = found[0].metric
    better = "more is better" if is_better_higher(metric) else "less is better"
    recomputed = (
        " Drops are recomputed from the printed accuracies of the chosen tasks, where those are "
        "printed; ± is one standard error."
        if metric == "average_drop"
        else ""
    )
    shown = quantity(metric, _title(metric))
    return f'<p class="words">{shown}: {better}.{esc(recomputed)}</p>'


def _title(metric: str) -> str | None:
    return BY_METRIC[metric].title if metric in BY_METRIC else None


def _short(row: Row) -> str:
    return _title(row.metric) or "nats a token, against dense"


def _sources(found: Sequence[Row]) -> str:
    """`The paper, version 1 (Tables 6, 10) and 2 of the authors' run logs`."""
    tables = sorted({row.place for row in found if row.where.startswith("Table")}, key=place_order)
    logs = {row.place for row in found if row.where.startswith("log")}
    runs = {row.key for row in found if row.live}
    numbers = ", ".join(place.removeprefix("Table ") for place in tables)
    said = []
    if tables:
        said.append(f"the paper, version 1 (Table{'s' if len(tables) > 1 else ''} {numbers})")
    if logs:
        said.append(f"{len(logs)} of the authors' run logs")
    files = {row.place for row in found if row.imported}
    if files:
        said.append(f"{len(files)} imported file{'s' if len(files) > 1 else ''}")
    if runs:
        said.append(f"{len(runs)} live runs of another model")
    return " and ".join(said)


def source_title(source: str) -> str:
    """A source in words."""
    titles = {one.id: one.title for one in service.published().sources}
    return titles.get(source, source)
