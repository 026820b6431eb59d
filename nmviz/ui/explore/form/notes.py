"""Under the menus: the chosen methods in a line each, their settings, and a model's terms."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nmviz import service
from nmviz.base.registry import Registry
from nmviz.methods import BY_TARGET, MITIGATIONS
from nmviz.methods.method import Call, Method, Parameter, Value, parse_call
from nmviz.ui.shell.html import esc, hint, words
from nmviz.ui.shell.view import View

if TYPE_CHECKING:
    from nmviz.sources.models import ModelInfo


def method_notes(view: View) -> str:
    """The chosen methods: what each does, its formula with the source on hover, its settings; and
    what activations spend, with what magnitude alone may drop for as much."""
    weight, activation = view.experiments()
    lines = [
        *_lines(BY_TARGET["activation"], [activation.criterion], "activations"),
        *_lines(BY_TARGET["weight"], [weight.criterion], "weights"),
        *_lines(MITIGATIONS, activation.mitigations, "repair"),
    ]
    if spent := service.budget_of(activation):
        lines.append(f"<li><p><b>Budget</b> (activations): {esc(spent.in_words())}.</p></li>")
    return f'<ul class="formulas">{"".join(lines)}</ul>'


def example(method: Method, now: Mapping[str, Value] | None = None) -> str:
    """How a setting is written: the first one with a value it does not have now."""
    first = method.parameters[0]
    value = (now or {}).get(first.name, first.default)
    return f"{method.name}({first.name}={_other_value(first, value)})"


def _other_value(parameter: Parameter, now: Value) -> Value:
    if parameter.choices:
        return next(choice for choice in parameter.choices if choice != now)
    if isinstance(now, str):
        return now
    if isinstance(now, bool):
        return not now
    return f"{2 * now or 1:g}"


def terms(model: "ModelInfo") -> str:
    """The terms of a model that has any, with their address as a link; else nothing."""
    if not model.terms:
        return ""
    linked = re.sub(
        r"https://[^\s,;]+[^\s,;.]",
        lambda found: f'<a href="{found[0]}" target="_blank" rel="noopener">{found[0]}</a>',
        esc(model.terms),
    )
    return f'<p class="words">{linked}</p>'


def _lines(registry: Registry[Method], calls: Sequence[str], who: str) -> list[str]:
    return [_line(parse_call(call, registry), who) for call in calls]


def _line(call: Call, who: str) -> str:
    method = call.method
    does = method.title.partition(": ")[2] or method.title
    formula = hint(f"<code>{esc(method.formula)}</code>", f"Source: {method.source}.")
    left = f"<p>{esc(method.as_published)}</p>" if method.as_published else ""
    return (
        f"<li><p><b>{esc(method.short_title)}</b> ({esc(who)}): {words(does)}</p>"
        f"<p>{formula}</p>{left}{_settings(call)}</li>"
    )


def _settings(call: Call) -> str:
    if not call.method.parameters:
        return ""
    now = ", ".join(f"{name}={value}" for name, value in call.settings.items())
    written = (
        f"Type <code>{esc(example(call.method, call.settings))}</code> into the menu to change one."
    )
    return f"<p>Settings: <code>{esc(now)}</code>. {written}</p>"
