"""Results as a table for reading: one line a measurement. Sites, drift and the rest of where a
result comes from are not in it, so it is not read back; JSONL is."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmviz.base.errors import UserError
from nmviz.base.spreadsheets import shown_as_text
from nmviz.core.experiment import Experiment
from nmviz.core.metrics import METRICS
from nmviz.core.results import Result
from nmviz.store.transfer.files import shown, write_whole

ARTEFACTS = ("model_sha256", "corpus_sha256")
SETTINGS = tuple(name for name in Experiment.model_fields if name != "artefacts")
OF_ERROR = ("stderr", "n", "unit_of_n", "no_stderr")
NUMBER = ("metric", "task", "unit", "value", *OF_ERROR, "printed", "censored")
ORIGIN = ("source", "place", "started")
COLUMNS = ("key", *SETTINGS, *ARTEFACTS, *NUMBER, *ORIGIN)


@dataclass(frozen=True)
class Dialect:
    """What stands between two cells and before the decimals: spreadsheets of many countries read
    `;` and `,`. UserError where it is not one character each, or twice the same."""

    separator: str = ","
    decimal: str = "."

    def __post_init__(self) -> None:
        if len(self.separator) != 1 or self.separator in '"\r\n' or self.separator.isalnum():
            raise UserError(
                f"A separator is one character, such as ; or a tab; given: {shown(self.separator)}."
            )
        if self.decimal not in (".", ","):
            raise UserError(f"Decimals stand behind . or ,; given: {shown(self.decimal)}.")
        if self.separator == self.decimal:
            raise UserError(
                f"{self.decimal} cannot stand between cells and in numbers: give another "
                "--separator, such as ;."
            )


PLAIN = Dialect()


def write_csv(results: Iterable[Result], path: Path, dialect: Dialect = PLAIN) -> int:
    """Write a line a measurement, whole or not at all, and give the number of lines.

    UserError when the file cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", delimiter=dialect.separator)
    writer.writeheader()
    lines = 0
    for row in (row for result in results for row in _rows(result)):
        writer.writerow({name: _cell(value, dialect) for name, value in row.items()})
        lines += 1
    write_whole(path, text.getvalue())
    return lines


def _rows(result: Result) -> Iterator[dict[str, Any]]:
    """A censored quantity has no value, but what was printed and why."""
    about = {**_experiment(result), **_origin(result)}
    for number in result.measurements:
        yield {**about, **number.model_dump(), "unit": _unit(number.metric)}
    for beyond in result.censored:
        told = beyond.model_dump(include={"metric", "task", "printed"})
        yield {**about, **told, "unit": _unit(beyond.metric), "censored": beyond.reason}


def _experiment(result: Result) -> dict[str, Any]:
    experiment = result.experiment
    read = (experiment.artefacts.model, experiment.artefacts.corpus)
    fields = {name: getattr(experiment, name) for name in SETTINGS}
    if experiment.lists_sites:  # blocks have commas of their own
        fields["projections"] = str(experiment.sites)
    return {"key": result.key, **fields, **dict(zip(ARTEFACTS, read, strict=True))}


def _origin(result: Result) -> dict[str, Any]:
    made = result.provenance
    place = made.printed.place if made.printed else None
    return {"source": made.source, "place": place, "started": made.started}


def _unit(metric: str) -> str:
    return METRICS.get(metric).unit if metric in METRICS else ""


def _cell(value: Any, dialect: Dialect) -> Any:
    """A cell; several names with commas between. What was printed stays as it was printed."""
    if isinstance(value, float):
        return repr(value).replace(".", dialect.decimal)
    return shown_as_text(",".join(value) if isinstance(value, tuple) else value)
