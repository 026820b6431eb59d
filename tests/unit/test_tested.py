"""The table of what is tested says what pytest collects, and leaves nothing out."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).parents[2]
TOOL = PROJECT / "tools/write_tested.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_tested", TOOL)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_as_the_tool_writes_it_and_nothing_goes_untested() -> None:
    # A process of its own: this one is collecting or running these very tests.
    command = [sys.executable, str(TOOL), "--check"]
    checked = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_entry_has_a_file_of_its_name(tool: ModuleType) -> None:
    wanted = [tool.file_of(kind, entry) for kind in tool.KINDS for entry in kind.entries]
    assert len(set(wanted)) == len(wanted)
    assert [path for path in wanted if not path.is_file()] == []
    folders = [PROJECT / "tests/methods" / kind.folder for kind in tool.KINDS]
    assert {path for folder in folders for path in folder.glob("test_*.py")} == set(wanted)


def test_what_no_test_asks_for_is_named(tool: ModuleType) -> None:
    every = {cell: ["a.py::test_a"] for kind in tool.KINDS for cell in tool.cells(kind)}
    assert tool.without_test(every) == []
    gone = tool.Cell("wina", "activation", "4:8")
    assert tool.without_test({cell: t for cell, t in every.items() if cell != gone}) == [gone]


def test_a_cell_says_its_tests_or_that_there_are_none_and_what_is_refused(
    tool: ModuleType,
) -> None:
    tests = {
        tool.Cell("wina", "activation", "1:4"): ["a.py::test_a", "a.py::test_b", "b.py::test_a"],
        tool.Cell("teal", "activation", "2:4"): ["c.py::test_c"],
    }
    written = tool.page(tests)
    assert "| `wina` | activation | 1:4 | a.py: `test_a`, `test_b`; b.py: `test_a` |" in written
    others = "dense, 2:4, 4:8, 8:16, 16:32, 50%, 70%"
    assert f"| `wina` | activation | {others} | **no test** |" in written
    reason = "teal works with a share such as 50% only, not with this pattern"
    assert f"| `teal` | activation | 2:4 | refused ({reason}); c.py: `test_c` |" in written


@pytest.mark.parametrize(
    ("entry", "target", "pattern", "refused"),
    [
        ("teal", "activation", "2:4", True),
        ("teal", "activation", "50%", False),
        ("var", "weight", "2:4", True),
        ("var", "activation", "2:4", False),
        ("sparsegpt", "weight", "70%", False),
        ("2:4", "weight", "2:4", False),
    ],
)
def test_what_is_refused_is_what_an_experiment_refuses(
    tool: ModuleType, entry: str, target: str, pattern: str, refused: bool
) -> None:
    assert bool(tool.refusal(tool.Cell(entry, target, pattern))) == refused
