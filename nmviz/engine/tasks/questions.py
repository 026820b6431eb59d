"""lm-eval's own tasks on rows that we bring: prompts, choices and scoring stay lm-eval's."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import lm_eval.tasks
from lm_eval.api.group import Group
from lm_eval.config.group import GroupConfig
from lm_eval.tasks import TaskManager

from nmviz.base.cache import cache_dir
from nmviz.base.errors import UserError
from nmviz.engine.tasks.harness import silence
from nmviz.sources import task_data
from nmviz.sources.tasks import TASKS, Task

SHUFFLE = 1234  # lm-eval's own seed for examples in the prompt, of which there are none here
ALL_PARTS = "nmviz"
WORDS = "tokenizers/punkt_tab"


def load_task(name: str) -> dict[str, Any]:
    """A task of lm-eval, without examples in the prompt, in the form its evaluator takes.

    UserError when the rows or a package it needs cannot be had.
    """
    task = TASKS.get(name)
    folder = task_data.tables(name)
    home = Path(lm_eval.tasks.__file__).parent / task.folder
    try:
        with silence():
            _fetch_words(task)
            manager = TaskManager(include_path=str(home), include_defaults=False)
            wanted = _of_hub(task) if folder is None else list(_on_rows(task, folder))
            found = manager.load([{"group": ALL_PARTS, "task": wanted}])["tasks"]
    except ModuleNotFoundError as error:
        raise UserError(f"{task.title} needs {error.name}: pip install nmviz[eval].") from None
    except UserError:
        raise
    except Exception as error:  # what the hub's libraries raise shares no class
        if folder is not None and not isinstance(error, OSError):
            raise
        why = str(error).partition("\n")[0][:160].rstrip(". ")
        raise UserError(f"The rows of {task.title} cannot be read ({why}): mend that.") from None
    for one in found.values():
        one.set_config(key="num_fewshot", value=0)
        one.set_fewshot_seed(seed=SHUFFLE)
    return {"tasks": found, "groups": _groups(task, found), "group_map": {}}


def examples(task: Mapping[str, Any], limit: int | None) -> int:
    """How many examples of a loaded task a limit leaves."""
    sizes = [len(one.eval_docs) for one in task["tasks"].values()]
    return sum(size if limit is None else min(size, limit) for size in sizes)


def _on_rows(task: Task, folder: Path) -> Iterator[dict[str, Any]]:
    """What is said otherwise than in lm-eval's task files: which rows there are, and where."""
    for part in sorted(folder.iterdir()) if task.parts > 1 else [folder]:
        files = {file.stem: str(file) for file in sorted(part.glob("*.arrow"))}
        validating = task.split == "validation"
        yield {
            "task": f"{task.name}_{part.name}" if task.parts > 1 else task.name,
            "dataset_path": "arrow",
            "dataset_name": None,
            "dataset_kwargs": {"data_files": files, "cache_dir": str(cache_dir() / "datasets")},
            "training_split": None,
            "validation_split": task.split if validating else None,
            "test_split": None if validating else task.split,
            **_metrics(task),
        }


def _of_hub(task: Task) -> list[dict[str, Any]]:
    """As lm-eval reads it by itself, at the commit that identifies the rows."""
    pinned = {"dataset_kwargs": {"revision": task_data.origin(task.name).revision}}
    kind = "group" if task.parts > 1 else "task"
    return [{kind: task.name, **pinned, **_metrics(task)}]


def _metrics(task: Task) -> dict[str, Any]:
    """LAMBADA's perplexity is of the last word alone, and its error takes minutes: left out."""
    if task.name != "lambada_openai":
        return {}
    return {"metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}]}


def _groups(task: Task, parts: Mapping[str, Any]) -> dict[str, Group]:
    """A task of parts as a whole, every example counting the same, as lm-eval has it."""
    if task.parts == 1:
        return {}
    whole = [{"metric": metric, "weight_by_size": True} for metric in task.metrics]
    group = Group.from_config(GroupConfig(group=task.name, aggregate_metric_list=whole))
    for part in parts.values():
        group.add(part)
    return {task.name: group}


def _fetch_words(task: Task) -> None:
    """IFEval counts sentences with data of nltk, which lm-eval would fetch by itself."""
    if task.name != "ifeval":
        return
    import nltk

    try:
        nltk.data.find(WORDS)
    except LookupError:
        nltk.data.path.append(str(task_data.sentences()))
