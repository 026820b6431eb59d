"""What stands in the dialog "Share": the link, command lines that give the same, a citation, one
panel for another page. All of it is worked out from the address."""

import json
from collections.abc import Iterator, Sequence
from shlex import quote
from urllib.parse import parse_qsl

from nmviz.service.reports.commands import run_command, run_in_python
from nmviz.service.reports.writing import report_of
from nmviz.ui.explore.address import Address
from nmviz.ui.link.panels import PANELS, TRAY
from nmviz.ui.published.selected import selection_in
from nmviz.ui.share.figures import chooser
from nmviz.ui.share.seen import seen
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.html import esc, note, options
from nmviz.ui.tradeoffs.faster import LAYER
from nmviz.ui.tradeoffs.place import USUAL
from nmviz.ui.tray.place import Place
from nmviz.views.published.catalogue import FIGURES
from nmviz.views.shared.citing import bibtex

PRIVATE = "The text is your own: it is not in the link, nor in the command line."
Command = tuple[str, str]
"""What it does, and the command."""


def shared(query: str) -> str:
    """The HTML of what a view is shared as; `query` is the address without its place. What only
    the browser knows, the address itself, the script of the page fills in."""
    try:
        inside = _shared(query)
    except Exception as error:
        inside = note(sentence(error), "error")
    return f'<div class="share-said" data-of="{esc(query)}">{inside}</div>'


def _shared(query: str) -> str:
    shown = seen(query)
    asked, tray = shown.asked, shown.tray
    said = note(PRIVATE, "warning") if shown.is_private else ""
    commands = "".join(_command(one) for one in _commands(asked, tray, query))
    cited = bibtex(*shown.keys)
    return (
        f"<section><h3>Link</h3>{_copied('', 'link')}{said}</section>"
        f"<section><h3>Command line</h3>{commands}</section>"
        f"{_in_python(asked)}"
        f"<section><h3>Cite</h3>{_copied(cited)}</section>"
        f"{_report(shown.reported)}{chooser(asked, tray)}{_embedded(asked, tray)}"
    )


def report(query: str) -> str:
    """The report of what an address shows, as a file for the script of the page: name, type and
    text, or what failed."""
    try:
        text = report_of(seen(query).results())
        return json.dumps({"name": "nmviz-report.html", "type": "text/html", "text": text})
    except Exception as error:
        return json.dumps({"failed": sentence(error)})


def _commands(asked: Address, tray: Place, query: str) -> Iterator[Command]:
    told = dict(parse_qsl(query.lstrip("?"), keep_blank_values=True))
    if asked.tab == "explore":
        for one in asked.view.experiments():
            yield f"Measure pruned {one.target}s", run_command(one)
    elif asked.tab == "published":
        yield from _published(told.get("published.ready", ""), query)
    elif asked.tab == "trade-offs":
        yield from _tradeoffs(told.get("faster") or ",".join(USUAL.values()))
    elif asked.tab == "claims":
        yield "What in the published numbers contradicts itself", "nmviz audit"
    elif asked.tab == "methods":
        yield "List patterns, criteria and mitigations", "nmviz methods"
    if tray.pair:
        a, b = (one.name for one in tray.pair)
        yield "Compare A and B of the tray", f"nmviz compare {a} {b}"
    yield "This page on your own machine: open the link there", "nmviz app"


def _published(ready: str, query: str) -> Iterator[Command]:
    if ready in FIGURES:
        yield "Draw the figure", f"nmviz figure {ready} --out {ready}.pdf --columns 1"
    chosen = quote(selection_in(query))
    yield "The rows that are shown", f"nmviz table published {chosen} --out published.csv"


def _tradeoffs(faster: str) -> Iterator[Command]:
    values = dict(zip(USUAL, faster.split(","), strict=False))
    if len(values) == len(USUAL) and values["model"] != LAYER:
        model = values.pop("model")
        options = " ".join(f"--{name} {value}" for name, value in values.items())
        yield "What it costs on that machine", f"nmviz cost {model} {options}"
    yield "Draw quality against cost", "nmviz figure frontier --out frontier.pdf --columns 1"


def _in_python(asked: Address) -> str:
    if asked.tab != "explore":
        return ""
    lines = ["import nmviz", *map(run_in_python, asked.view.experiments())]
    return f"<section><h3>Python</h3>{_copied(chr(10).join(lines))}</section>"


def _report(keys: Sequence[str]) -> str:
    if not keys:
        return ""
    names = " ".join(one[:12] for one in keys)
    count = "one result" if len(keys) == 1 else f"{len(keys)} results"
    said = f"One page of {count} that needs nothing else: figures, methods, protocol, origin"
    return (
        f'<section><h3>Report</h3><p class="words">{esc(said)} '
        '<button type="button" class="save-report">Save the report</button></p>'
        f'<p class="words">With figures and tables for a paper:</p>'
        f"{_copied(f'nmviz report {names} --out report.zip')}</section>"
    )


def _embedded(asked: Address, tray: Place) -> str:
    panels = PANELS[asked.tab] | (TRAY if tray.pinned else {})
    if not panels:
        return ""
    return (
        '<section><h3>Embed</h3><label class="share-panel">One panel without menus, for a blog or '
        f"a slide <select>{options(panels)}</select></label>{_copied('', 'embed')}</section>"
    )


def _command(one: Command) -> str:
    said, command = one
    return f'<p class="words">{esc(said)}</p>{_copied(command)}'


def _copied(text: str, filled: str = "") -> str:
    """A text with a button that copies it; one that is `filled` is the browser's."""
    place = f' data-fill="{filled}"' if filled else ""
    return (
        f'<div class="copied"><pre tabindex="0"{place}>{esc(text)}</pre>'
        '<button type="button" class="copy">Copy</button></div>'
    )
