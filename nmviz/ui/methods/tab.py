"""Methods: every pattern, criterion, mitigation and quantity, in words and formulas."""

from collections.abc import Sequence

import gradio as gr

from nmviz.core.metrics import METRICS
from nmviz.hardware.metadata import bits
from nmviz.methods.method import Method
from nmviz.methods.patterns import parse_pattern
from nmviz.service import Catalogue
from nmviz.ui.explore.form.notes import example
from nmviz.ui.shell.html import contents, esc, table, words
from nmviz.views.shared import numbers

NEEDS = {
    "nothing": "nothing in advance",
    "weight": "the weight alone, in advance",
    "inputs": "calibration text: the inputs of the layer",
    "gradients": "calibration text: the gradients of its loss",
}
WIDTH = 4096
"""Of the layer at which the Methods tab says what a method adds."""
ACROSS_TOKENS = "the mask of a token depends on the other tokens of its window"


def build_methods(catalogue: Catalogue) -> None:
    """The tab. Call it inside a Tab context."""
    parts = {
        "Patterns": _patterns(catalogue.patterns),
        "Criteria for activations": _methods(catalogue.criteria["activation"]),
        "Criteria for weights": _methods(catalogue.criteria["weight"]),
        "Mitigations": _methods(catalogue.mitigations),
        "Quantities": _quantities(),
        "Models and texts": _sources(catalogue),
    }
    listed = contents("Methods", [(_place(title), title) for title in parts])
    gr.HTML(listed, elem_classes="stays")
    told = "".join(f'<h2 id="{_place(title)}">{title}</h2>{of}' for title, of in parts.items())
    gr.HTML(f'<div class="methods">{told}</div>', elem_id="methods-of")


def _place(title: str) -> str:
    return "methods-" + title.lower().replace(" ", "-")


def _patterns(names: Sequence[str]) -> str:
    rows = []
    for name in names:
        pattern = parse_pattern(name)
        needed = bits(name) if pattern.is_grouped else None
        rows.append(
            [
                esc(name),
                esc(pattern.words),
                esc(numbers.share(pattern.density)),
                esc(numbers.significant(needed.entropy, 3)) if needed else "&ndash;",
                esc(numbers.significant(needed.whole, 3)) if needed else "&ndash;",
            ]
        )
    heads = [
        "pattern",
        "in words",
        "kept",
        "bits an entry to say which, at least (entropy): log2(C(M, N)) / M",
        "as a code of whole bits a group, as the paper prints it: ceil(log2(C(M, N))) / M",
    ]
    return table("Which entries may survive; any other N:M or P% may be typed", heads, rows)


def _methods(methods: Sequence[Method]) -> str:
    return "".join(_method(method) for method in methods)


def _method(method: Method) -> str:
    paragraphs = "".join(f"<p>{words(part)}</p>" for part in method.help.split("\n\n") if part)
    facts = {
        "written": f"<code>{esc(method.name)}</code>",
        "formula": f"<code>{esc(method.formula)}</code>",
        "settings": _settings(method),
        "needs": esc(_needs(method)),
        "adds": esc(_adds(method)),
        "patterns": esc(_patterns_of(method)),
        "not with": words(_excludes(method)),
        "as published": esc(method.as_published),
        "note": esc(_across_tokens(method)),
        "source": words(method.source),
    }
    rows = "".join(
        f"<div><dt>{name}</dt><dd>{said}</dd></div>" for name, said in facts.items() if said
    )
    title = words(method.title)
    return f'<section class="method"><h3>{title}</h3>{paragraphs}<dl>{rows}</dl></section>'


def _settings(method: Method) -> str:
    """`rank=64`, or the choices with the default first; and how one is written."""
    if not method.parameters:
        return ""
    said = [
        f"<code>{esc(one.name)}={esc(one.default)}</code>"
        + "".join(f" or <code>{esc(c)}</code>" for c in one.choices if c != one.default)
        for one in method.parameters
    ]
    return f"{', '.join(said)}; written <code>{esc(example(method))}</code>"


def _needs(method: Method) -> str:
    """What has to be worked out before a run, in words."""
    facts = method.facts
    said = NEEDS[facts.needs]
    if facts.learned:
        said += ", and trains on them block by block, each after the pruned ones before it"
    elif facts.sequential:
        said += ", as the pruned blocks before it give them"
    return said


def _adds(method: Method) -> str:
    """Why, and how much at one width: everything is a function of the layer's shape."""
    why = (method.facts.adds.__doc__ or "").partition("\n\n")[0].rstrip(".")
    told = method.added(WIDTH, WIDTH).in_words()
    return f"{' '.join(why.split())}. For a token at a layer of {WIDTH:,} x {WIDTH:,}: {told}"


def _patterns_of(method: Method) -> str:
    kind = method.facts.patterns
    return "every N:M and every P%" if kind == "any" else f"{kind} only"


def _excludes(method: Method) -> str:
    facts = method.facts
    others = ", ".join(facts.excludes)
    unless = f" (but with {'='.join(facts.unless)})" if facts.unless else ""
    return f"{others}{unless}: {facts.because}" if others else ""


def _across_tokens(method: Method) -> str:
    if not method.facts.batch_invariant:
        return ACROSS_TOKENS
    of_window = any("window" in parameter.choices for parameter in method.parameters)
    return f"at P% with over=window, {ACROSS_TOKENS}" if of_window else ""


def _quantities() -> str:
    rows = [
        [
            esc(one.title),
            words(one.help),
            f"<code>{esc(one.formula)}</code>",
            esc(one.unit or "none"),
        ]
        for one in METRICS.values()
    ]
    return table("What is measured", ["quantity", "in words", "formula", "unit"], rows)


def _sources(catalogue: Catalogue) -> str:
    models = [[esc(one.title), esc(one.licence), words(one.note or "")] for one in catalogue.models]
    corpora = [[esc(one.title), esc(one.licence), words(one.note)] for one in catalogue.corpora]
    heads = ["licence", "note"]
    return table("Models", ["model", *heads], models) + table("Texts", ["text", *heads], corpora)
