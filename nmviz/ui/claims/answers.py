"""Claims as HTML: verdict, answer, rule and numbers. Plain functions."""

from collections.abc import Iterable, Mapping

from nmviz import service
from nmviz.claims import CLAIMS, VERDICTS, Answer, Half, Number, Verdict
from nmviz.claims.shared.digits import plain
from nmviz.core.pairing import CORRECTION
from nmviz.core.provenance import OWN
from nmviz.published.audit import Finding
from nmviz.service.comparing.pinned import MOST
from nmviz.ui.shell.html import esc, hint, table, with_hint
from nmviz.ui.shell.pins import pin
from nmviz.views.shared.numbers import units
from nmviz.views.shared.theme import Figure, title_of

SHAPES: Mapping[Verdict, str] = dict(zip(VERDICTS, ("●", "◐", "○", "?"), strict=True))
KINDS: Mapping[Verdict, str] = dict(
    zip(VERDICTS, ("holds", "partly", "not", "undecided"), strict=True)
)
BARS = (
    "Bars are 95% intervals, or what the table says; on the other tabs they are one standard error."
)
OPEN = "Open markers use rows that the audit marked."
MARKED = "marked by the audit"
NOTHING = "&ndash;"
"""In a cell."""


def badge(verdict: Verdict) -> str:
    """The verdict as a word and a shape."""
    shape = f'<span aria-hidden="true">{SHAPES[verdict]}</span>'
    return f'<span class="verdict {KINDS[verdict]}">{shape} {esc(verdict)}</span>'


def overview(answers: Mapping[str, Answer]) -> str:
    """Every question with its verdict; a click goes to its answer."""
    rows = "".join(
        f'<li><a href="#claim-{esc(claim.name)}">{esc(claim.question)}</a>'
        f"{badge(answers[claim.name].verdict)}</li>"
        for claim in CLAIMS.values()
    )
    return f'<ol class="claims-overview">{rows}</ol>'


def main_half(name: str, answer: Answer) -> str:
    """Question, verdict, answer and rule of what is published or computed."""
    claim = CLAIMS.get(name)
    number = list(CLAIMS).index(name) + 1
    return (
        f'<header class="claim-head"><h2>{number}. {esc(claim.question)}</h2>'
        f"{badge(answer.verdict)}{_pin(answer.main, claim.title)}</header>{_half(answer.main)}"
    )


def live_half(name: str, answer: Answer, title: str) -> str:
    """The same of the small model; or what its button would run."""
    claim = CLAIMS.get(name)
    if answer.live is None:
        return f'<h3>Live</h3><p class="words">{esc(claim.live.words)}.</p>'.replace("..", ".")
    head = f"<h3>Live, {esc(title)}</h3>{badge(answer.live.verdict)}"
    head += _pin(answer.live, f"{claim.title}, live")
    return f'<header class="claim-head">{head}</header>{_half(answer.live)}'


def caption(half: Half, figure: Figure) -> str:
    """What the figure of a half shows, in a sentence, and how to read it."""
    said = [f"{title_of(figure)}."]
    said += [BARS] * any(number.estimate.low is not None for number in half.numbers)
    said += [OPEN] * bool(half.findings)
    return f'<p class="words">{esc(" ".join(said))}</p>'


def numbers(half: Half | None) -> str:
    """Every number behind an answer, and what the audit says of the marked ones."""
    if half is None or not half.numbers:
        return ""
    marked = bool(half.findings)
    heads = ["number", "value", "95% interval", "unit", "n", "source", "place", "spread from"]
    rows = [_row(number, marked) for number in half.numbers]
    said = f"{len(half.numbers)} numbers with their sources"
    whole = table(said, *_filled(heads + [MARKED] * marked, rows))
    return (
        f'<details class="claim-numbers"><summary>{esc(said)}</summary>{whole}'
        f"{_findings(half.findings)}</details>"
    )


def _filled(heads: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """The same without columns that say nothing of any number."""
    columns = zip(heads, *rows, strict=True)
    told = [column for column in columns if {*column[1:]} - {NOTHING, ""}]
    heads, *rows = map(list, zip(*told, strict=True))
    return heads, rows


def _pin(half: Half, title: str) -> str:
    """The first results that an answer rests on, as many as the tray holds."""
    return pin(*half.pins[:MOST], of=f"the first results of: {title}") if half.pins else ""


def _half(half: Half) -> str:
    remarks = "".join(f'<p class="words">{esc(remark)}</p>' for remark in half.remarks)
    text = "".join(
        f'<p class="claim-text">{with_hint(line, CORRECTION)}</p>'
        for line in half.text.splitlines()
    )
    return (
        f"{text}{remarks}"
        f'<details class="claim-rule"><summary>The rule behind the verdict</summary>'
        f"<p>{with_hint(half.rule, CORRECTION)}</p></details>"
    )


def _row(number: Number, marked: bool) -> list[str]:
    estimate = number.estimate
    reach = NOTHING
    if estimate.is_bounded and estimate.low is not None and estimate.high is not None:
        reach = f"{esc(plain(estimate.low))} to {esc(plain(estimate.high))}"
    elif estimate.low is not None:
        reach = "no bound"
    count = f"{number.n:,} {units(number.unit_of_n)}" if number.n else NOTHING
    pinned = pin(*number.pins[:MOST], of=number.label) if number.pins else ""
    cells = [
        f"{esc(number.label)} {pinned}",
        esc(number.written),
        reach,
        esc(number.unit),
        count,
        esc(_source(number.source)),
        esc(number.place),
        esc(number.how),
    ]
    return cells + [esc(", ".join(number.findings)) or NOTHING] * marked


def _source(name: str) -> str:
    titles = {source.id: source.title for source in service.published().sources}
    return titles.get(name, "run here" if name == OWN else name)


def _findings(names: Iterable[str]) -> str:
    known = {finding.id: finding for finding in service.published().audit.findings}
    said = [_finding(known[name]) for name in names if name in known]
    if not said:
        return ""
    return f'<h3>What the audit says of them</h3><ul class="claim-findings">{"".join(said)}</ul>'


def _finding(finding: Finding) -> str:
    name = hint(f"<code>{esc(finding.id)}</code>", finding.evidence)
    return f"<li>{name} ({esc(finding.certainty)}): {esc(finding.title)}</li>"
