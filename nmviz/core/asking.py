"""What stands beside the numbers of a task because of how it was asked."""

from nmviz.core.provenance import cut_of
from nmviz.core.results import Result
from nmviz.sources.tasks import TASKS

LINE_BREAK = (
    "Where the header of a chat template ends in a line break, as most do, lm-eval moves that "
    "break to the answer and scores it too; a pruned model may find it unlikely by itself, and "
    "acc_norm divides it by the length of the answer."
)
"""Of tasks whose answers are scored, not written."""


def remarks(result: Result, task: str) -> list[str]:
    """Prompts that were cut, and what the chat template adds to the score; empty where neither."""
    cut = result.provenance.settings.get(cut_of(task))
    return [
        *([f"{cut}."] if cut else []),
        *([LINE_BREAK] if scores_line_break(result, task) else []),
    ]


def scores_line_break(result: Result, task: str) -> bool:
    """Whether its answers were scored behind the header of a chat template, and not written."""
    return result.experiment.chat and not TASKS.get(task).writes
