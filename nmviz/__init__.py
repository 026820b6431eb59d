"""nmviz: explore what N:M sparsity does to a language model.

`import nmviz` loads nothing more until one of its functions is asked for: see `nmviz.library`.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
_LIBRARY = {
    "Experiment": "experiment",
    "UserError": "experiment",
    "run": "running",
    "sweep": "running",
    "lookup": "running",
    "attribute": "running",
    "compare": "comparing",
    "look": "looking",
    "figure": "drawing",
    "report": "reporting",
    "cost": "costs",
    "list_models": "listing",
    "list_methods": "listing",
    "list_figures": "drawing",
    "published_rows": "listing",
    "register_criterion": "own_criteria",
}
"""What a script uses, and the module of `nmviz.library` that has it."""
__all__ = ["__version__", *_LIBRARY]


def __getattr__(name: str) -> Any:
    if name not in _LIBRARY:
        raise AttributeError(f"module 'nmviz' has no attribute {name!r}")
    return getattr(import_module(f"nmviz.library.{_LIBRARY[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LIBRARY})
