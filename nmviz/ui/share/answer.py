"""What stands in the dialog "Share": the link, command lines that give the same, a citation, one
panel for another page. All of it is worked out from the address."""

from collections.abc import Iterator
from urllib.parse import parse_qsl

from nmviz import service
from nmviz.service.reports.commands import run_command
from nmviz.sources.corpora import OWN_TEXT
from nmviz.ui.explore.address import Address, read_address
from nmviz.ui.explore.restore import first_view
from nmviz.ui.link.panels import PANELS, TRAY
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.html import esc, note
from nmviz.ui.tradeoffs.faster import LAYER
from nmviz.ui.tradeoffs.place import USUAL
from nmviz.ui.tray.place import Place, place_of
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
    asked = read_address(query, first_view())
    tray = place_of(_tray_of(query))
    private = asked.view.experiment.corpus == OWN_TEXT and asked.tab == "explore"
    said = note(PRIVATE, "warning") if private else ""
    commands = "".join(_command(one) for one in _commands(asked, tray, query))
    cited = bibtex(*_keys(asked, tray))
    return (
        f"<section><h3>Link</h3>{_copied('', 'link')}{said}</section>"
        f"<section><h3>Command line</h3>{commands}</section>"
        f"<section><h3>Cite</h3>{_copied(cited)}</section>{_embedded(asked, tray)}"
    )


def _tray_of(query: str) -> str:
    return query[query.find("tray=") :] if "tray=" in query else ""


def _commands(asked: Address, tray: Place, query: str) -> Iterator[Command]:
    told = dict(parse_qsl(query.lstrip("?"), keep_blank_values=True))
    if asked.tab == "explore":
        for one in asked.view.experiments():
            yield f"Measure pruned {one.target}s", run_command(one)
    elif asked.tab == "published":
        yield from _published(told.get("published.ready", ""))
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


def _published(ready: str) -> Iterator[Command]:
    if ready in FIGURES:
        yield "Draw the figure", f"nmviz figure {ready} --out {ready}.svg"
    yield "Every published number, as a table", "nmviz store export --all published.csv"


def _tradeoffs(faster: str) -> Iterator[Command]:
    values = dict(zip(USUAL, faster.split(","), strict=False))
    if len(values) == len(USUAL) and values["model"] != LAYER:
        model = values.pop("model")
        options = " ".join(f"--{name} {value}" for name, value in values.items())
        yield "What it costs on that machine", f"nmviz cost {model} {options}"
    yield "Draw quality against cost", "nmviz figure frontier --out frontier.svg"


def _keys(asked: Address, tray: Place) -> list[str]:
    """Of the stored results that are shown."""
    keys = [one.result.key for one in tray.pinned]
    if asked.tab == "explore" and asked.view.experiment.corpus != OWN_TEXT:
        found = map(service.lookup, asked.view.experiments())
        keys = [*(one.key for one in found if one is not None), *keys]
    return list(dict.fromkeys(keys))


def _embedded(asked: Address, tray: Place) -> str:
    panels = PANELS[asked.tab] | (TRAY if tray.pinned else {})
    if not panels:
        return ""
    options = "".join(
        f'<option value="{esc(name)}">{esc(title)}</option>' for name, title in panels.items()
    )
    return (
        '<section><h3>Embed</h3><label class="share-panel">One panel without menus, for a blog or '
        f"a slide <select>{options}</select></label>{_copied('', 'embed')}</section>"
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
