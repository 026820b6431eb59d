"""The tables of measured runs say what the runs that ship say."""

import importlib.util
from pathlib import Path
from types import ModuleType

PROJECT = Path(__file__).parents[2]


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tool", PROJECT / "tools/write_measured.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_document_is_as_the_tool_writes_it() -> None:
    found = tool().documents()
    assert {path.name for path in found} == {"measured.md", "README.md"}
    for path, text in found.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run tools/write_measured.py"


def test_a_changed_number_is_noticed() -> None:
    before = "<!-- measured: tasks -->\n| wrong |\n<!-- end -->\n"
    assert "wrong" not in tool()._between_marks(before)
