"""Tasks: every entry is whole, and names are read into one order or refused with a hint."""

import pytest

from nmviz.base.errors import UserError
from nmviz.core.metrics import METRICS, PAIRED
from nmviz.sources.tasks import LM_EVAL_METRICS, SETS, TASKS, Task, read_tasks


@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
def test_every_task_is_whole(task: Task) -> None:
    assert task.title and task.about.endswith((".", "?"))
    assert set(task.metrics) <= set(LM_EVAL_METRICS) & set(METRICS) & set(PAIRED)
    assert task.chance is None or 0 <= task.chance < 1
    assert task.split in ("train", "validation", "test")
    assert task.examples >= task.parts >= 1
    assert task.rows is not None or not task.caveat


def test_the_papers_tasks_are_there() -> None:
    assert SETS["core"] == ("arc_easy", "boolq", "piqa", "winogrande")
    assert all(name in TASKS for names in SETS.values() for name in names)
    assert "ifeval" in TASKS


def test_names_come_in_one_order_each_once() -> None:
    assert read_tasks(["piqa", "arc_easy", "piqa"]) == ("arc_easy", "piqa")
    assert read_tasks(["rte", "core"]) == ("arc_easy", "boolq", "piqa", "winogrande", "rte")
    assert read_tasks([]) == read_tasks([""]) == ()


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="no task 'pika'; did you mean piqa"):
        read_tasks(["boolq", "pika"])


def test_a_limit_counts_in_every_part() -> None:
    assert TASKS.get("piqa").count(None) == TASKS.get("piqa").count(10**6) == 1838
    assert TASKS.get("piqa").count(20) == 20
    assert TASKS.get("mmlu").count(2) == 2 * 57
