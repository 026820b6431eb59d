"""What lm-eval says of one task, as measurements and as which examples came out right."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nmviz.core.results import Measurement, TaskExamples
from nmviz.sources.tasks import LM_EVAL_METRICS, TASKS, Task

ASKED, CUT = "prompts asked", "prompts cut"
"""What is counted beside lm-eval's scores."""


@dataclass(frozen=True)
class Scored:
    """What one task came to, and how long that took."""

    measurements: tuple[Measurement, ...]
    examples: tuple[TaskExamples, ...]
    version: str  # of lm-eval's task
    seconds: float
    asked: int = 0  # prompts with an answer
    cut: int = 0  # of them, those too long for the model, which lost their beginning


def read_scores(name: str, found: Mapping[str, Any], seconds: float) -> Scored:
    """The scores of a task, from what lm-eval's evaluator gives with samples."""
    task = TASKS.get(name)
    samples = list(_in_order(found["samples"]))
    versions = {str(version) for version in found["versions"].values() if version is not None}
    return Scored(
        measurements=tuple(_measurements(task, found["results"][name], len(samples))),
        examples=tuple(_examples(task, samples)),
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


def _examples(task: Task, samples: list[Mapping[str, Any]]) -> Iterator[TaskExamples]:
    same = digest(samples)
    for metric in task.metrics:
        right = "".join(str(int(sample[LM_EVAL_METRICS[metric]])) for sample in samples)
        yield TaskExamples(task=task.name, metric=metric, right=right, digest=same)
