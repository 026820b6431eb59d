"""Write docs/tested.md: which test covers which entry, for every target and pattern.

Entries, targets and patterns are those of the registries. A test belongs to what it is given: its
parameters `entry`, `target` and `pattern` where it has them, and otherwise the entry that its file
is named after. Tests are read from what pytest collects, so that none is named which is not there.

.venv/bin/python tools/write_tested.py            write the page; fails where something has no test
.venv/bin/python tools/write_tested.py --check    only say whether the page is as it should be
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.methods import ACTIVATION, MITIGATIONS, WEIGHT
from nmviz.methods.patterns import PRESETS

PROJECT = Path(__file__).parents[1]
TESTS = PROJECT / "tests" / "methods"
PAGE = PROJECT / "docs" / "tested.md"
ABOUT = """# What is tested by which test

Written by `tools/write_tested.py` from the registries and from what pytest collects in
`tests/methods`. Every test named here exists, is given the patterns it stands beside and is not
skipped. A combination that is refused says so, and why. `tests/unit/test_tested.py` fails where
this page is out of date, where an entry has no file of its name, and where something that may be
asked for has no test.
"""


class Kind(NamedTuple):
    """Entries of one sort: their folder in tests/methods, and what they are used for."""

    folder: str
    title: str
    entries: tuple[str, ...]
    targets: tuple[str, ...]


class Cell(NamedTuple):
    """What may be asked for; of a pattern the entry is the pattern itself."""

    entry: str
    target: str
    pattern: str


KINDS = (
    Kind("patterns", "Patterns", PRESETS, ("activation", "weight")),
    Kind("activation_criteria", "Criteria for activations", tuple(ACTIVATION), ("activation",)),
    Kind("weight_criteria", "Criteria for weights", tuple(WEIGHT), ("weight",)),
    Kind("mitigations", "Mitigations", tuple(MITIGATIONS), ("activation", "weight")),
)

Tests = Mapping[Cell, Sequence[str]]
"""The tests of every cell, `folder/file::name` within tests/methods."""


def file_of(kind: Kind, entry: str) -> Path:
    """Where an entry's tests are: its name, with `_` for what no module's name may have."""
    name = re.sub(r"\W", "_", entry)
    return TESTS / kind.folder / f"test_{name}.py"


def cells(kind: Kind) -> list[Cell]:
    """Everything of a kind that may be asked for, refused or not."""
    if kind.folder == "patterns":
        return [Cell(name, target, name) for name, target in product(kind.entries, kind.targets)]
    return [Cell(*cell) for cell in product(kind.entries, kind.targets, PRESETS)]


def refusal(cell: Cell) -> str | None:
    """What is said where the combination is refused; None where it may be run."""
    fields = {"target": cell.target, "pattern": cell.pattern}
    if cell.entry in MITIGATIONS:
        fields["mitigations"] = cell.entry
    elif cell.entry not in PRESETS:
        fields["criterion"] = cell.entry
    try:
        Experiment.build(**fields)
    except UserError as error:
        return str(error)
    return None


def without_test(tests: Tests) -> list[Cell]:
    """What may be asked for and no test asks for."""
    return [cell for kind in KINDS for cell in cells(kind) if not tests.get(cell)]


# What pytest collects.


class _Collector:
    """A plugin that keeps what was collected."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = list(session.items)


def collected() -> Tests:
    """The tests of every cell. RuntimeError where pytest cannot collect them."""
    collector, said = _Collector(), StringIO()
    options = ["--collect-only", "-q", "-p", "no:cacheprovider", "--rootdir", str(PROJECT)]
    with redirect_stdout(said):
        status = pytest.main([*options, str(TESTS)], plugins=[collector])
    if status != pytest.ExitCode.OK:
        raise RuntimeError(f"pytest cannot collect tests/methods:\n{said.getvalue()}")
    found: dict[Cell, dict[str, None]] = defaultdict(dict)  # in order, each once
    for item in collector.items:
        cell = _cell_of(item)
        if cell is not None:
            name = getattr(item, "originalname", item.name)
            found[cell][f"{item.path.relative_to(TESTS)}::{name}"] = None
    return {cell: list(names) for cell, names in found.items()}


def _cell_of(item: pytest.Item) -> Cell | None:
    """What a test is about, or None where it is about no one entry, target and pattern."""
    if any(item.get_closest_marker(mark) for mark in ("skip", "skipif", "xfail")):
        return None
    given = item.callspec.params if hasattr(item, "callspec") else {}
    said = {**_by_file(item.path), **given}
    cell = Cell(said.get("entry"), said.get("target"), said.get("pattern"))
    known = any(cell.entry in kind.entries and cell.target in kind.targets for kind in KINDS)
    return cell if known and cell.pattern is not None else None


def _by_file(path: Path) -> dict[str, str]:
    """What the name of a test file says its tests are about."""
    for kind in KINDS:
        for entry in kind.entries:
            if file_of(kind, entry) == path:
                of_pattern = kind.folder == "patterns"
                own = {"pattern": entry} if of_pattern else {"target": kind.targets[0]}
                return {"entry": entry, **own}
    return {}


# The page.


def page(tests: Tests) -> str:
    return "\n".join([ABOUT, *(_table(kind, tests) for kind in KINDS)])


def _table(kind: Kind, tests: Tests) -> str:
    rows = [
        f"## {kind.title}",
        "",
        "| entry | target | patterns | tested by |",
        "|---|---|---|---|",
    ]
    for entry, target in product(kind.entries, kind.targets):
        asked = [cell for cell in cells(kind) if cell[:2] == (entry, target)]
        others = [cell for cell in tests if cell[:2] == (entry, target) and cell not in asked]
        for text, patterns in _together([*asked, *others], tests):
            rows.append(f"| `{entry}` | {target} | {', '.join(patterns)} | {text} |")
    return "\n".join(rows) + "\n"


def _together(asked: Iterable[Cell], tests: Tests) -> Iterator[tuple[str, list[str]]]:
    """What a row says, and the patterns of which it is to be said."""
    found: dict[str, list[str]] = defaultdict(list)
    for cell in asked:
        found[_tested_by(cell, tests.get(cell, ()))].append(cell.pattern)
    yield from found.items()


def _tested_by(cell: Cell, names: Sequence[str]) -> str:
    by_file: dict[str, list[str]] = defaultdict(list)
    for name in names:
        file, _, test = name.partition("::")
        by_file[file].append(f"`{test}`")
    listed = "; ".join(f"{file}: {', '.join(found)}" for file, found in by_file.items())
    refused = refusal(cell)
    if refused is None:
        return listed or "**no test**"
    reason = refused.replace(cell.pattern, "this pattern")  # so that patterns share a row
    return f"refused ({reason.rstrip('.')}); {listed or '**no test**'}"


def main(check: bool) -> int:
    """0 where the page is right, or has been written, and nothing goes untested."""
    tests = collected()
    for cell in without_test(tests):
        print(f"no test in tests/methods asks for {cell.entry}, {cell.target}, {cell.pattern}")
    if not check:
        PAGE.write_text(page(tests), encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page(tests):
        print("docs/tested.md is out of date: run tools/write_tested.py")
        return 1
    return 1 if without_test(tests) else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
