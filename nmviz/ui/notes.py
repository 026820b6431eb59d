"""How the chosen methods rank and repair, under their menus."""

from collections.abc import Sequence

from nmviz import service
from nmviz.methods.method import Method
from nmviz.ui.html import esc, hint
from nmviz.ui.state import View


def method_notes(view: View) -> str:
    """One line a method: its formula, explained on hover."""
    offered = service.catalogue()
    weight, activation = view.experiments()
    lines = [
        *_lines(offered.criteria["weight"], [weight.criterion], "weights"),
        *_lines(offered.criteria["activation"], [activation.criterion], "activations"),
        *_lines(offered.mitigations, activation.mitigations, "repair"),
    ]
    return f'<ul class="formulas">{"".join(lines)}</ul>'


def _lines(methods: Sequence[Method], calls: Sequence[str], who: str) -> list[str]:
    known = {method.name: method for method in methods}
    names = [call.partition("(")[0] for call in calls]
    chosen = [known[name] for name in names if name in known]
    return [
        f"<li>{esc(who)}: {hint(f'<code>{esc(one.formula)}</code>', one.title)}</li>"
        for one in chosen
    ]
