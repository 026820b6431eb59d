"""What the settings of the form ask of every panel, so that none is taken for another's."""

from nmviz.ui.explore.form.values import Asked, Panel
from nmviz.ui.explore.panels import beforehand, every_method, layer, render, texts
from nmviz.ui.shell.freshness import wanted


def wanted_of(found: Asked) -> str:
    """What the form asks of the panels that are worked out from it alone, for `freshness`."""
    view = found.view
    identities: dict[Panel, str] = {
        "figures": render.identity(view, found.text),
        "beforehand": beforehand.identity(view),
        "layer": layer.identity(view),
        "methods": every_method.swept_at(view),
        "texts": texts.identity(view),
    }
    panels: dict[str, str | None] = {
        name: None if found.refusal(name) else of for name, of in identities.items()
    }
    return wanted(panels, found.wrong)
