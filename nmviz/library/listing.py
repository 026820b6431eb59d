"""What there is to choose from, and what was published."""

from typing import Any

from nmviz import service
from nmviz.library.framed import Rows
from nmviz.service.listing import rows_of

OF_A_MODEL = ("id", "title", "licence", "blocks", "context", "projections", "pinned", "note")


def list_models() -> Rows[Any]:
    """The models on offer; any Hub id, folder or GGUF file of a causal language model works too."""
    found = service.catalogue().models
    told = [{name: getattr(one, name) for name in OF_A_MODEL} for one in found]
    return Rows(found, tuple(told))


def list_methods() -> Rows[Any]:
    """Criteria for activations and for weights, then mitigations, yours among them."""
    offered = service.catalogue()
    groups = {f"{target} criterion": some for target, some in offered.criteria.items()}
    groups["mitigation"] = offered.mitigations
    pairs = [(kind, one) for kind, some in groups.items() for one in some]
    return Rows(
        tuple(one for _, one in pairs),
        tuple(
            {
                "kind": kind,
                "name": one.name,
                "title": one.title,
                "formula": one.formula,
                "source": one.source,
                "settings": {p.name: p.default for p in one.parameters},
            }
            for kind, one in pairs
        ),
    )


def published_rows(**chosen: Any) -> Rows[Any]:
    """Published numbers as printed and as recomputed, with their standard errors and what the audit
    found: `published_rows(patterns="2:4", methods=("ACT", "WT"), metric="drop")`.

    Chosen by `models`, `patterns`, `methods`, `tasks`, `metric`, `sources`, `places`, `each_task`,
    `live`, `words`, `order` and `imported`. UserError for another name.
    """
    found = rows_of(**chosen)
    return Rows(tuple(found), tuple(one.to_json() for one in found))
