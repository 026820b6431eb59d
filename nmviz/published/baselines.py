"""What a pruned model has to beat: published accuracies of its 4-bit weights, and of smaller dense
models of its family. results/published/baselines.csv, a row a baseline, each with its own source.

A row has the accuracies of the dense model from the same source, so that what is lost is of one
protocol. Not among `sources.toml`: those are tables of pruned models.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from nmviz.base.errors import UserError
from nmviz.hardware.facts import shipped
from nmviz.hardware.memory import share_held
from nmviz.published.accuracy import Pair, of_drop
from nmviz.published.files import rows_of
from nmviz.published.tables import EXAMPLES, FOUR_TASKS

BASELINES_FILE = "baselines.csv"
Kind = Literal["4-bit weights", "smaller dense"]


@dataclass(frozen=True)
class Baseline:
    """A model that takes less memory than dense `model`. `smaller` is the id of a smaller dense
    one, empty where it is the model itself at so many `bits` a weight of its blocks, scales among
    them. `accuracies` and `dense` are shares by task, as printed."""

    model: str
    kind: Kind
    title: str
    smaller: str
    bits: float
    accuracies: Mapping[str, str]
    dense: Mapping[str, str]
    protocol: str
    citation: str
    place: str
    url: str

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Task by task, each with its binomial variance and that of rounding."""
        return tuple(
            Pair(*_told(self.accuracies[task], task), *_told(self.dense[task], task))
            for task in FOUR_TASKS
        )

    @property
    def drop(self) -> float:
        """100 * mean over tasks of (dense - own) / dense, in percent."""
        return 100 * sum(1 - one.sparse / one.dense for one in self.pairs) / len(self.pairs)

    @property
    def memory(self) -> float:
        """Of its weights, in % of the dense model's at 16 bits."""
        dense = shipped()[self.model]
        return share_held(shipped()[self.smaller or self.model], bits=self.bits, of=dense)

    @property
    def error(self) -> float:
        """One standard error of `drop`; the two models are taken as unpaired."""
        return sqrt(of_drop(self.pairs))


def _told(printed: str, task: str) -> tuple[float, float]:
    """An accuracy and its variance."""
    value, digits = float(printed), len(printed.partition(".")[2])
    spread = value * (1 - value) / (EXAMPLES[task] - 1)
    return value, spread + 10.0 ** (-2 * digits) / 12


_ROW = TypeAdapter(Baseline)


def read_baselines(folder: Path) -> tuple[Baseline, ...]:
    """Every baseline. UserError, with file and line, where one cannot be read."""
    rows = rows_of(folder / BASELINES_FILE)
    return tuple(_read(line, row) for line, row in enumerate(rows, start=2))


def _read(line: int, row: Mapping[str, str]) -> Baseline:
    plain = {name: value for name, value in row.items() if "[" not in name}
    told = {
        whole: {task: row[f"{column}[{task}]"] for task in FOUR_TASKS if f"{column}[{task}]" in row}
        for whole, column in (("accuracies", "acc"), ("dense", "dense"))
    }
    try:
        found = _ROW.validate_python({**plain, **told})
        assert found.pairs and found.memory, "read now: what is wrong is named with its line"
    except (KeyError, ValueError) as error:
        said = f"{BASELINES_FILE}, line {line}: {_why(error)}: mend the row."
        raise UserError(said) from None
    return found


def _why(error: KeyError | ValueError) -> str:
    """What is wrong, in a few words."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{error} is not known" if isinstance(error, KeyError) else str(error)
