"""The rules of the layout: who may import whom, how long files and functions may be."""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from itertools import takewhile
from pathlib import Path

import pytest

import nmviz

PACKAGE = Path(nmviz.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = sorted({file.parent for file in FILES})
MOST_LOOSE, MOST_FILES, MOST_ARROWS = 5, 20, 80
"""Modules at the top of the package, files in a folder, arrows between the package's folders."""

LAYERS = (
    ("base",),
    ("methods",),
    ("sources",),
    ("core",),
    ("hardware",),
    ("published",),
    ("engine", "store", "views"),
    ("claims",),
    ("lessons",),
    ("service",),
    ("library",),
    ("ui",),
    ("cli",),
    ("__main__",),
)
"""Lowest first; a module imports from its own folder or from layers below."""

HOMES = {
    "torch": ("engine",),
    "numba": ("engine",),
    "transformers": ("engine",),
    "lm_eval": ("engine",),
    "datasets": ("engine",),
    "sqlalchemy": ("store",),
    "alembic": ("store",),
    "plotly": ("views",),
    "matplotlib": ("views",),
    "gradio": ("ui",),
    "typer": ("cli",),
    "yaml": ("base",),
    "ray": ("service",),
}
"""Where a library may be imported at all; `methods` may import torch inside functions."""


def part(file: Path) -> str:
    """`nmviz/engine/look/capture.py` to `engine`, `nmviz/__main__.py` to `__main__`."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def tree(file: Path) -> ast.Module:
    """A file as Python reads it, once for all tests."""
    return ast.parse(file.read_text())


@cache
def imports(file: Path) -> tuple[tuple[str, bool], ...]:
    """Every imported module and whether it is imported when the file is (not type-checking)."""
    return tuple(_imports(file))


def _imports(file: Path) -> Iterator[tuple[str, bool]]:
    for node, at_load in walk(tree(file), at_load=True):
        if isinstance(node, ast.Import):
            yield from ((alias.name, at_load) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = (
                [f"nmviz.{alias.name}" for alias in node.names] if module == "nmviz" else [module]
            )
            yield from ((name, at_load) for name in names)


def walk(node: ast.AST, at_load: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        deferred = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) or (
            isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        )
        yield child, at_load and not deferred
        yield from walk(child, at_load and not deferred)


def layer(name: str) -> int:
    return next(level for level, names in enumerate(LAYERS) if name in names)


def imports_that_point_up(file: Path) -> Iterator[str]:
    own = part(file)
    for module, _ in imports(file) if own != "__init__" else ():
        if module.startswith("nmviz."):
            other = module.split(".")[1]
            if other != own and layer(other) >= layer(own):
                yield f"{own} must not import {other}"


def module_of(file: Path) -> tuple[str, ...]:
    """`nmviz/base/errors.py` to (base, errors); a folder's `__init__.py` is the folder itself."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


MODULES = {module_of(file): file for file in FILES}


def arrows() -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Which module imports which, whenever it does."""
    for module, file in MODULES.items():
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nmviz"):
                _, *home = str(node.module).split(".")
                for alias in node.names:
                    inside = (*home, alias.name)
                    yield module, inside if inside in MODULES else tuple(home)


def arrows_by_level() -> dict[tuple[str, ...], dict[str, set[str]]]:
    """Of every folder: which of the things in it import which others."""
    found: dict[tuple[str, ...], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one, other in arrows():
        same = [
            a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
        ]
        level = len(same)
        if level < min(len(one), len(other)):  # else a folder's face and what lies in it
            found[tuple(same)][one[level]].add(other[level])
    return found


def test_few_modules_lie_loose() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_LOOSE


def test_folders_hold_few_files() -> None:
    assert [folder for folder in FOLDERS if not (folder / "__init__.py").exists()] == []
    assert [folder for folder in FOLDERS if len(list(folder.glob("*.py"))) > MOST_FILES] == []


def test_few_arrows_between_the_folders() -> None:
    top = arrows_by_level()[()]
    count = sum(len(others) for others in top.values())
    assert 0 < count <= MOST_ARROWS


def test_every_folder_reads_from_top_to_bottom() -> None:
    """No two things in a folder, files or folders, import each other, straight or by a third."""
    levels = arrows_by_level()
    assert {(), ("engine",), ("ui",), ("ui", "explore")} <= levels.keys()
    for graph in levels.values():
        TopologicalSorter(graph).prepare()  # CycleError names the circle


def libraries_away_from_home(file: Path) -> Iterator[str]:
    for module, at_load in imports(file):
        library = module.split(".")[0]
        if library in HOMES:
            allowed = part(file) in HOMES[library] or (
                library == "torch" and part(file) == "methods" and not at_load
            )
            if not allowed:
                yield f"{library} is imported in {part(file)}"


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        (
            "nmviz.methods, nmviz.store, nmviz.service, nmviz.cli.main",
            ["torch", "transformers", "gradio", "plotly", "ray"],
        ),
        ("nmviz.views.explore.error_depth", ["torch", "gradio", "sqlalchemy"]),
        ("nmviz.ui.launch", ["torch"]),
        ("nmviz.engine.measure.runner", ["gradio", "plotly", "sqlalchemy"]),
    ],
)
def test_a_fresh_process_loads_only_what_it_needs(modules: str, absent: list[str]) -> None:
    code = f"import {modules}, sys; print([m for m in {absent} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def what_is_too_long(file: Path) -> Iterator[str]:
    if file.read_text().count("\n") > 300:
        yield "a file has one subject"
    for node in ast.walk(tree(file)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > 60:
                yield f"{node.name} has {length} lines"


def what_does_not_say_what_it_does(file: Path) -> Iterator[str]:
    for node in tree(file).body:
        named = isinstance(node, (ast.FunctionDef, ast.ClassDef))
        if named and not node.name.startswith("_") and not ast.get_docstring(node):
            yield f"{node.name} has no docstring"


@pytest.mark.parametrize(
    "faults",
    [
        imports_that_point_up,
        libraries_away_from_home,
        what_is_too_long,
        what_does_not_say_what_it_does,
    ],
    ids=lambda rule: rule.__name__,
)
def test_every_file_keeps_the_rule(faults: Callable[[Path], Iterator[str]]) -> None:
    """All files at once: a test each would be a third of all tests, and take longer to count."""
    assert len(FILES) > 500
    assert [(str(file), said) for file in FILES for said in faults(file)] == []
