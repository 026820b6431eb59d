"""The tables of measured runs say what the runs that ship say."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

from nmviz.core.ties import tie_breaks

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


def test_spreads_of_ties_stand_in_the_order_of_the_patterns_beside_them() -> None:
    made = tool()
    runs = [run for run in made._runs("smollm2-135m") if run.experiment.target == "weight"]
    (said,) = [one for one in made._tie_rules(runs) if "ties at random" in one]
    patterns = re.findall(r"\d+:\d+", said.split(": ties")[0])
    spreads = [float(one) for one in re.findall(r"\d\.\d{3}", said.rsplit(":", 1)[1])]
    known = {
        run.experiment.pattern: ties.spread
        for run in runs
        if (ties := tie_breaks(run)) and ties.many and ties.rule == "random"
    }
    assert spreads == [round(known[pattern] or 0, 3) for pattern in patterns]
    assert len(spreads) == len(known) > 3
