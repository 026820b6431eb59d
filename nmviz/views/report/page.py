"""The HTML of a report: one file, figures to be moved in, no address outside it."""

from html import escape

from plotly.io import to_html
from plotly.offline import get_plotlyjs

from nmviz.views.report.document import Block, Code, Document, Listed, Section, Shown, Terms, Words
from nmviz.views.shared.theme import plot_config, title_of
from nmviz.views.tables.writing import to_html as table_html

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "script-src 'unsafe-inline'",
        "img-src data: blob:",
    )
)
"""What the page may load: nothing from anywhere else, which a browser holds it to."""
LOOK = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; color: #1F2933;
  background: #FFF; max-width: 62rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; border-top: 1px solid #E3E6EA;
  padding-top: 1.25rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
a { color: #0072B2; }
figure { margin: 1.5rem 0; }
figure .said { font-weight: 600; margin: 0 0 .25rem; }
figcaption, caption { color: #56606B; font-size: .875rem; text-align: left; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; margin: .75rem 0; }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid #E3E6EA; text-align: left;
  vertical-align: top; }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
dl { margin: .25rem 0 1rem; font-size: .9375rem; }
dl div { display: grid; grid-template-columns: minmax(8rem, 14rem) 1fr; gap: .25rem 1rem;
  padding: .15rem 0; }
dt { color: #56606B; }
dd { margin: 0; }
dd, p { overflow-wrap: anywhere; }
th.number { text-align: right; }
pre { background: #F5F6F8; padding: .75rem 1rem; overflow-x: auto; font-size: .8125rem; }
@media (max-width: 36rem) { dl div { grid-template-columns: 1fr; } }
@media print { nav { display: none; } figure, table { break-inside: avoid; } }
"""


def page_of(document: Document) -> str:
    """The whole file, with plotly.js in it once."""
    links = "".join(
        f'<li><a href="#{one.name}">{escape(one.title)}</a></li>' for one in document.sections
    )
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(document.title)}</title><style>{LOOK}</style>",
            f"<script>{get_plotlyjs()}</script></head><body>",
            f"<header><h1>{escape(document.title)}</h1><p>{escape(document.about)}</p></header>",
            f'<nav aria-label="Sections"><ul>{links}</ul></nav><main>',
            *map(_section, document.sections),
            "</main></body></html>",
            "",
        )
    )


def _section(section: Section) -> str:
    inside = "\n".join(map(_block, section.blocks))
    return f'<section id="{section.name}"><h2>{escape(section.title)}</h2>{inside}</section>'


def _block(block: Block) -> str:
    if isinstance(block, Words):
        return f"<p>{escape(block.text)}</p>"
    if isinstance(block, Listed):
        table = f'<div class="wide">{table_html(block.table)}</div>'
        named = f"<summary>{escape(block.table.title)}</summary>"
        return f"<details>{named}{table}</details>" if block.folded else table
    if isinstance(block, Code):
        return f"<pre><code>{escape(block.text)}</code></pre>"
    if isinstance(block, Terms):
        return _terms(block)
    return _figure(block)


def _terms(block: Terms) -> str:
    pairs = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(said)}</dd></div>" for name, said in block.pairs
    )
    return f"<h3>{escape(block.heading)}</h3><dl>{pairs}</dl>"


def _figure(block: Shown) -> str:
    drawn = to_html(
        block.figure,
        full_html=False,
        include_plotlyjs=False,
        include_mathjax=False,
        config=plot_config(f"nmviz-{block.name}"),
    )
    return (
        f'<figure><p class="said">{escape(title_of(block.figure))}</p>{drawn}'
        f"<figcaption>{escape(block.caption)}</figcaption></figure>"
    )
