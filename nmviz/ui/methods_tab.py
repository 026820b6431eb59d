"""Methods: every pattern, criterion, mitigation and quantity, in words and formulas."""

from collections.abc import Sequence

import gradio as gr

from nmviz.methods.method import Method
from nmviz.methods.patterns import parse_pattern
from nmviz.metrics import METRICS
from nmviz.service import Catalogue
from nmviz.ui.html import esc, table
from nmviz.views import numbers


def build_methods(catalogue: Catalogue) -> None:
    """The tab. Call it inside a Tab context."""
    gr.HTML(
        '<div class="methods">'
        f"<h2>Patterns</h2>{_patterns(catalogue.patterns)}"
        f"<h2>Criteria for activations</h2>{_methods(catalogue.criteria['activation'])}"
        f"<h2>Criteria for weights</h2>{_methods(catalogue.criteria['weight'])}"
        f"<h2>Mitigations</h2>{_methods(catalogue.mitigations)}"
        f"<h2>Quantities</h2>{_quantities()}"
        f"<h2>Models and texts</h2>{_sources(catalogue)}</div>"
    )


def _patterns(names: Sequence[str]) -> str:
    rows = []
    for name in names:
        pattern = parse_pattern(name)
        bits = pattern.metadata_bits()
        rows.append(
            [
                esc(name),
                esc(pattern.words),
                esc(numbers.share(pattern.density)),
                esc(numbers.significant(bits)) if bits is not None else "&ndash;",
            ]
        )
    heads = ["pattern", "in words", "kept", "bits an entry to say which: log2(C(M, N)) / M"]
    return table("Which entries may survive; any other N:M or P% may be typed", heads, rows)


def _methods(methods: Sequence[Method]) -> str:
    return "".join(_method(method) for method in methods)


def _method(method: Method) -> str:
    paragraphs = "".join(f"<p>{esc(part)}</p>" for part in method.help.split("\n\n") if part)
    settings = ", ".join(f"{one.name}={one.default}" for one in method.parameters)
    extra = f"<div><dt>settings</dt><dd><code>{esc(settings)}</code></dd></div>" if settings else ""
    reads = "<div><dt>needs</dt><dd>calibration text</dd></div>" if method.calibrated else ""
    return (
        f'<section class="method"><h3>{esc(method.title)}</h3>{paragraphs}<dl>'
        f"<div><dt>written</dt><dd><code>{esc(method.name)}</code></dd></div>"
        f"<div><dt>formula</dt><dd><code>{esc(method.formula)}</code></dd></div>{extra}{reads}"
        f"<div><dt>source</dt><dd>{esc(method.source)}</dd></div></dl></section>"
    )


def _quantities() -> str:
    rows = [
        [esc(one.title), esc(one.help), f"<code>{esc(one.formula)}</code>", esc(one.unit or "none")]
        for one in METRICS.values()
    ]
    return table("What is measured", ["quantity", "in words", "formula", "unit"], rows)


def _sources(catalogue: Catalogue) -> str:
    models = [[esc(one.title), esc(one.licence), esc(one.note or "")] for one in catalogue.models]
    corpora = [[esc(one.title), esc(one.licence), esc(one.note)] for one in catalogue.corpora]
    heads = ["licence", "note"]
    return table("Models", ["model", *heads], models) + table("Texts", ["text", *heads], corpora)
