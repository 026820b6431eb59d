"""Printed tables as Results: one CSV a source, a line a row of the source, a column a quantity.

A column is `metric` or `metric[task]`; ` stderr` behind it is its standard error. Every cell keeps
the text that was printed.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nmviz.base.errors import UserError
from nmviz.core.results import Censored, Measurement, Printed, Provenance, Result
from nmviz.published.files import rows_of
from nmviz.published.names import Names
from nmviz.sources import tasks

SOURCES_FILE = "sources.toml"
BEYOND = "OUT"
BEYOND_REASON = (
    "printed as OUT: perplexity above a cut-off that the text of the paper does not give legibly "
    "(422 is printed as a number)"
)
TASKS = {
    "arc_easy": "ARC-Easy",
    "boolq": "BoolQ",
    "piqa": "PIQA",
    "winogrande": "WinoGrande",
    "arc_challenge": "ARC-Challenge",
    "hellaswag": "HellaSwag",
    "openbookqa": "OpenBookQA",
    "rte": "RTE",
    "mmlu": "MMLU",
    "lambada_standard": "LAMBADA (standard)",
    "lambada_openai": "LAMBADA (OpenAI)",
    "ifeval": "IFEval",
}
"""Tasks by their names in lm-eval, the four core ones first."""
FOUR_TASKS = ("arc_easy", "boolq", "piqa", "winogrande")
"""The tasks that every table of the paper has, and of the drops it prints without accuracies."""
SUMMARY = "mean of "
"""What the name of a task begins with that is itself an average over tasks."""
EXAMPLES = {
    **{task.name: task.examples for task in tasks.TASKS.values()},
    "lambada_standard": tasks.TASKS.get("lambada_openai").examples,
}
"""Examples in the split that lm-eval scores, for the counts beside published accuracies."""
LOGGED = {"num_fewshot": "0", "apply_chat_template": "False", "batch_size": "512"}
"""How lm-eval was asked in every log of the authors that has accuracies."""
_COLUMN = re.compile(r"(?P<metric>\w+)(\[(?P<task>[^\]]+)\])?$")
_ABOUT = ("place", "model", "pattern", "method", "scope", "seqlen", "commit")


@dataclass(frozen=True)
class PublishedSource:
    """Where printed numbers come from, and how they were taken from there."""

    id: str
    title: str
    citation: str
    url: str
    version: str
    licence: str
    extraction: str


def read_sources(folder: Path) -> list[PublishedSource]:
    """The sources of results/published. UserError where their file cannot be read."""
    try:
        told = tomllib.loads((folder / SOURCES_FILE).read_text(encoding="utf-8"))
        return [PublishedSource(**fields) for fields in told.values()]
    except (OSError, TypeError, ValueError) as error:
        raise UserError(f"{SOURCES_FILE} cannot be read: {error}.") from None


def read_results(folder: Path, names: Names) -> list[Result]:
    """Every row of every source. UserError, with file and line, refuses all of them."""
    return [
        result
        for source in read_sources(folder)
        for result in _read_source(folder / f"{source.id}.csv", source.id, names)
    ]


def _read_source(path: Path, source: str, names: Names) -> Iterator[Result]:
    for line, row in enumerate(rows_of(path), start=2):
        try:
            yield _result(row, source, names)
        except (KeyError, ValueError, UserError) as error:
            raise UserError(f"{path.name}, line {line}: {error}") from None


def _result(row: Mapping[str, str], source: str, names: Names) -> Result:
    experiment = names.experiment(row["model"], row["pattern"], row["method"], row["scope"])
    cells = {column: text for column, text in row.items() if column not in _ABOUT and text}
    if "perplexity" in cells:
        window = row.get("seqlen")
        experiment = experiment.but(corpus="wikitext-2", window=int(window) if window else None)
    return Result(
        experiment=experiment,
        measurements=tuple(_measurements(cells)),
        censored=tuple(
            Censored(**_quantity(column), printed=text, reason=BEYOND_REASON)
            for column, text in cells.items()
            if text == BEYOND
        ),
        provenance=Provenance(
            source=source,
            commit=row.get("commit") or None,
            settings=LOGGED if _is_evaluated_log(row) else {},
            printed=Printed(
                place=row["place"],
                model=row["model"],
                pattern=row["pattern"],
                method=row["method"],
                scope=row["scope"] or None,
            ),
        ),
    )


def _is_evaluated_log(row: Mapping[str, str]) -> bool:
    """Whether a row is of a log of lm-eval; a log of a perplexity alone says nothing of it."""
    return bool(row.get("seqlen")) and any(text for name, text in row.items() if "acc" in name)


def _measurements(cells: Mapping[str, str]) -> Iterator[Measurement]:
    for column, text in cells.items():
        if column.endswith(" stderr") or text == BEYOND:
            continue
        quantity = _quantity(column)
        stderr = cells.get(f"{column} stderr")
        count = EXAMPLES.get(quantity["task"] or "")
        yield Measurement(
            **quantity,
            value=float(text),
            stderr=float(stderr) if stderr else None,
            n=count,
            unit_of_n="examples" if count else None,
            printed=text,
        )


def _quantity(column: str) -> dict[str, str | None]:
    match = _COLUMN.match(column)
    if match is None:
        raise ValueError(f"the column {column!r} is not a metric, metric[task] or its stderr")
    return {"metric": match["metric"], "task": match["task"]}
