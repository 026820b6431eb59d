"""What lm-eval says of one task, as measurements and as which examples came out right."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmviz.core.results import Measurement, TaskExamples
from nmviz.sources.tasks import LM_EVAL_METRICS, TASKS, Task

ASKED, CUT = "prompts asked", "prompts cut"
"""What is counted beside lm-eval's scores."""
NO_PARTS: Mapping[str, Any] = {}
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
OF_LENGTH = "acc_norm"
"""The metric that chooses by likelihood over the length of an answer, in characters."""


@dataclass(frozen=True)
class Scored:
    """What one task came to, and how long that took."""

    measurements: tuple[Measurement, ...]
    examples: tuple[TaskExamples, ...]
    version: str  # of lm-eval's task
    seconds: float
    asked: int = 0  # prompts with an answer
    cut: int = 0  # of them, those too long for the model, which lost their beginning


def read_scores(
    name: str, found: Mapping[str, Any], seconds: float, parts: Mapping[str, Any] = NO_PARTS
) -> Scored:
    """The scores of a task, from what lm-eval's evaluator gives with samples; with its `parts`,
    lm-eval's own tasks by name, also which answers were chosen."""
    task = TASKS.get(name)
    samples = list(_in_order(found["samples"]))
    versions = {str(version) for version in found["versions"].values() if version is not None}
    return Scored(
        measurements=tuple(_measurements(task, found["results"][name], len(samples))),
        examples=tuple(_examples(task, samples, list(_answers(found["samples"], parts)))),
        version=", ".join(sorted(versions)),
        seconds=seconds,
        asked=found.get(ASKED, 0),
        cut=found.get(CUT, 0),
    )


def digest(samples: list[Mapping[str, Any]]) -> str:
    """SHA-256 over every prompt, its choices and the right answer, in order."""
    total = hashlib.sha256()
    for sample in samples:
        asked = [sample["arguments"], str(sample["target"])]
        total.update(json.dumps(asked, sort_keys=True, default=str).encode())
    return total.hexdigest()


def _in_order(samples: Mapping[str, list[Mapping[str, Any]]]) -> Iterator[Mapping[str, Any]]:
    """All parts by name, each in the order of its rows."""
    for part in sorted(samples):
        yield from sorted(samples[part], key=lambda sample: sample["doc_id"])


def _measurements(task: Task, scores: Mapping[str, Any], count: int) -> Iterator[Measurement]:
    for metric in task.metrics:
        theirs = LM_EVAL_METRICS[metric]
        stderr = scores.get(f"{theirs}_stderr,none")
        yield Measurement(
            metric=metric,
            value=float(scores[f"{theirs},none"]),
            stderr=float(stderr) if isinstance(stderr, int | float) else None,
            n=count,
            unit_of_n="examples",
            task=task.name,
        )


def _answers(
    samples: Mapping[str, list[Mapping[str, Any]]], parts: Mapping[str, Any]
) -> Iterator[Sequence[str]]:
    """The answers that every sample could choose from, in the order of `_in_order`; none where a
    model writes."""
    for part in sorted(samples):
        known: Any = parts.get(part)
        chooses = getattr(known, "OUTPUT_TYPE", "") == "multiple_choice"
        for sample in sorted(samples[part], key=lambda one: one["doc_id"]):
            yield known.doc_to_choice(sample["doc"]) if chooses else ()


def _examples(
    task: Task, samples: list[Mapping[str, Any]], answers: Sequence[Sequence[str]]
) -> Iterator[TaskExamples]:
    same = digest(samples)
    for metric in task.metrics:
        right = "".join(str(int(sample[LM_EVAL_METRICS[metric]])) for sample in samples)
        chosen = ""
        if all(answers) and max(map(len, answers), default=0) <= len(DIGITS):
            pairs = zip(samples, answers, strict=True)
            chosen = "".join(DIGITS[_chosen(metric, *pair)] for pair in pairs)
        yield TaskExamples(task=task.name, metric=metric, right=right, chosen=chosen, digest=same)


def _chosen(metric: str, sample: Mapping[str, Any], answers: Sequence[str]) -> int:
    """Which answer lm-eval takes for the model's: the likeliest, the first of equals."""
    logs = [float(one[0]) for one in sample["filtered_resps"]][: len(answers)]
    if metric == OF_LENGTH:
        logs = [log / len(answer) for log, answer in zip(logs, answers, strict=True)]
    return logs.index(max(logs))
