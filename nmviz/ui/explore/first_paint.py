"""What a link shows before the app is there: the finding, a block to play with, three perplexities,
what was asked."""

from nmviz import service
from nmviz.ui.explore.address import TABS, read_address
from nmviz.ui.explore.panels import hand, published_only, render
from nmviz.ui.explore.panels.cards import cards
from nmviz.ui.explore.restore import first_view, there
from nmviz.ui.shell.html import esc
from nmviz.ui.shell.limits import model_of
from nmviz.ui.shell.view import View
from nmviz.views.explore.sentences import how_and_where

ABOUT = (
    "What N:M sparsity does to a language model. "
    '<a href="?tab=lessons">New here? Begin with the lessons</a> '
    '<a href="docs/start">How to use it</a>'
)
"""HTML beside the name, in the header of the app too."""
TOOLS = (
    '<div class="tools" aria-hidden="true"><button disabled id="drawer-to-come">Settings</button>'
    "<button disabled>Copy link</button><button disabled>Share</button>"
    "<button disabled>Dark</button></div>"
)
"""As in the header of the app, where they do something."""
RUN = '<div class="run-to-come" aria-hidden="true"><span>Run</span><span>Run again</span></div>'
"""On a small screen it stands above the numbers."""
LAST = '<i class="last" hidden></i>'
"""Tells the style sheet that all of it has come: a browser draws what it has read so far."""


def first_paint(query: str) -> str:
    """The HTML in front of the app for the query of an address, from the store alone: nothing of a
    model is loaded. The script of the page takes it away once the app shows the same."""
    asked = read_address(query, first_view())
    status, shown = _figures(asked.view)
    tabs = "".join(
        f"<span{' class=chosen' if name == asked.tab else ''}>{esc(name.capitalize())}</span>"
        for name in TABS
    )
    return (
        '<div id="first-paint"><script>window.nmviz?.startTheme()</script>'
        f'<header class="top"><h1>nmviz</h1><p>{ABOUT}</p>{TOOLS}</header>'
        f'<nav class="tabs-to-come" aria-hidden="true">{tabs}</nav>'
        f'<div class="columns">{RUN}<aside>{_asked(asked.view)}</aside>'
        f'<main><div class="status">{asked.remarks}{status}</div>'
        f'<div class="hand">{hand.panel(asked.view)["hand"]}</div>{shown}{LAST}</main></div></div>'
    )


def _figures(view: View) -> tuple[str, str]:
    """Status and cards, as the app will show them."""
    if published_only.is_large(view):
        told = published_only.panels(view)
        return told["status"], told["cards"]
    shown, message = there(view)
    return render.status(shown, message), cards(shown.results, shown.view)


def _asked(view: View) -> str:
    """What was asked, where the settings will stand."""
    one = view.experiment
    weights, activations = view.experiments()
    titles = {corpus.name: corpus.title for corpus in service.catalogue().corpora}
    told = {
        "Model": model_of(view).title,
        "Pattern": one.pattern,
        "Activations": how_and_where(activations),
        "Weights": how_and_where(weights),
        "Text": titles.get(one.corpus or "", "your own text"),
        "Tokens": f"{one.tokens:,} in windows of {one.window:,}",
    }
    rows = "".join(
        f"<div><dt>{esc(name)}</dt><dd>{esc(said)}</dd></div>" for name, said in told.items()
    )
    return f"<dl>{rows}</dl>"
