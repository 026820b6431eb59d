"""The menus of criteria and mitigations: what does not fit the pattern says so in its label."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.methods.method import Method
from nmviz.methods.patterns import Pattern, parse_pattern
from nmviz.views.explore.method_errors import shortened

Choices = list[tuple[str, str]]


def choices_of(methods: Sequence[Method], pattern: Pattern) -> Choices:
    """Labels and names: `TEAL (only with a share such as 50%)` where TEAL does not fit.

    The style sheet greys every entry whose label says `(only with`.
    """
    choices = []
    for method in methods:
        refusal = method.refusal(pattern)
        misfit = f" ({shortened(refusal)})" if refusal else ""
        choices.append((method.short_title + misfit, method.name))
    return choices


def menus(pattern: Pattern) -> dict[str, Choices]:
    """Every menu of methods, by the name of its field."""
    offered = service.catalogue()
    return {
        "criterion": choices_of(offered.criteria["activation"], pattern),
        "weight_criterion": choices_of(offered.criteria["weight"], pattern),
        "mitigations": choices_of(offered.mitigations, pattern),
    }


def relabelled(pattern: str, before: Any) -> Any:
    """The menus after the pattern has moved, when that changes a label.

    What they are labelled for comes first, then criteria of activations and weights, mitigations.
    """
    try:
        labels = menus(parse_pattern(pattern))
    except UserError:
        return gr.skip()  # still being typed
    if repr(labels) == before:
        return gr.skip()
    return [repr(labels), *(gr.Dropdown(choices=choices) for choices in labels.values())]
