"""Gradio without the type stubs that it writes anew each time it is imported.

For every component it parses its own source and the stub that its wheel brought, and writes what
differs: a third of the import, in each process, and in all of them to the same files at once.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

MODULE, WRITER = "gradio.component_meta", "create_or_modify_pyi"


class _Finder(MetaPathFinder):
    """Finds that module as Python does, and takes the writer out before anything calls it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == MODULE else None
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def load_without(module: ModuleType) -> None:
            load(module)
            if hasattr(module, WRITER):
                setattr(module, WRITER, lambda *_: None)

        setattr(spec.loader, "exec_module", load_without)  # noqa: B010
        return spec


def write_no_stubs() -> None:
    """Call it before Gradio is imported; later it changes nothing, and a second call neither."""
    if not any(isinstance(one, _Finder) for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
