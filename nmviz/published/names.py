"""The names that papers and logs use, each with what it means here: results/published/names.csv."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from nmviz.base.errors import UserError
from nmviz.base.registry import Registry
from nmviz.core.depth import in_words
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.core.rules import as_stored
from nmviz.methods.method import UNKNOWN, split_calls
from nmviz.methods.scopes import SCOPES
from nmviz.published.files import rows_of

Kind = Literal["model", "pattern", "method", "scope"]
NAMES_FILE = "names.csv"
DENSE = "dense"


@dataclass(frozen=True)
class LargeModel:
    """A model of which only published results are known here."""

    id: str
    title: str
    blocks: int


LARGE_MODELS: Registry[LargeModel] = Registry("published model")
for _model in (
    LargeModel("llama2-7b", "Llama 2 7B", 32),
    LargeModel("llama3.1-8b", "Llama 3.1 8B", 32),
    LargeModel("qwen2.5-7b", "Qwen 2.5 7B", 28),
    LargeModel("gemma3-4b", "Gemma 3 4B", 34),
):
    LARGE_MODELS.add(_model.id, _model)
LARGE_MODELS.freeze()

FOUR_MODELS = "four-models"
"""The paper's rows that average the four models; not a model, and shown apart."""


@dataclass(frozen=True)
class Name:
    """One printed name. For a method, `target` to `mitigations` say what it does, at `patterns`."""

    kind: Kind
    printed: str
    name: str
    patterns: str
    target: str
    criterion: str
    mitigations: str
    scope: str
    why: str


_ROW = TypeAdapter(Name)


class Names:
    """Every printed name, looked up by kind. UserError for one that is not in the table."""

    def __init__(self, rows: list[Name]) -> None:
        self.rows = rows
        self._printed: dict[tuple[str, str], list[Name]] = {}
        for row in rows:
            self._printed.setdefault((row.kind, row.printed), []).append(row)
        self._methods: dict[tuple[str, str, tuple[str, ...]], str] = {}

    def get(self, kind: Kind, printed: str, pattern: str | None = None) -> Name:
        """What a printed name means; a method's may depend on the kind of pattern."""
        for row in self._printed.get((kind, printed), ()):
            if _fits(row, pattern):
                return row
        raise UserError(f"{NAMES_FILE} has no {kind} printed as {printed[:80]!r}: add a row.")

    def of_method(self, experiment: Experiment) -> str:
        """The usual name of what an experiment does, such as D-PTS; spelled out without one."""
        if experiment.by is not None:
            return in_words(experiment.drop, experiment.by)
        if experiment.is_dense:
            return DENSE
        does = experiment.target, experiment.criterion, experiment.mitigations
        if does not in self._methods:
            self._methods[does] = self._method_of(experiment)
        if named := self._methods[does]:
            return named
        target = "weights: " if experiment.target == "weight" else ""
        return target + " + ".join((experiment.rule, *experiment.mitigations))

    def _method_of(self, experiment: Experiment) -> str:
        """The name of the row that says the same, or leaves open what differs; empty without."""
        methods = [row for row in self.rows if row.kind == "method" and row.name != DENSE]
        found = (row.name for same in (_same, _covers) for row in methods if same(row, experiment))
        return next(found, "")

    def of_result(self, result: Result) -> str:
        """The usual name of a result's method: a published one's from its printed name."""
        printed = result.provenance.printed
        if printed is None:
            return self.of_method(result.experiment)
        return self.get("method", printed.method, result.experiment.pattern).name

    def experiment(self, model: str, pattern: str, method: str, scope: str = "") -> Experiment:
        """The experiment that printed names stand for; what they do not say stays unknown."""
        known = self.get("model", model)
        mask = self.get("pattern", pattern).name
        does = self.get("method", method, mask)
        sites = self.get("scope", scope).name if scope else known.scope
        fields = {
            "model": known.name,
            "target": does.target,
            "pattern": mask,
            "criterion": does.criterion,
            "mitigations": does.mitigations,
            "projections": SCOPES.get(sites).projections if sites not in ("", "all") else None,
        }
        return Experiment.build(
            **as_stored(fields),
            **dict.fromkeys(("corpus", "tokens", "window", "bos", "calibration_windows", "seed")),
        )


def _fits(row: Name, pattern: str | None) -> bool:
    if pattern is None or row.patterns in ("", "any"):
        return True
    return (row.patterns == "P%") == pattern.endswith("%")


def _same(row: Name, experiment: Experiment) -> bool:
    """Whether the experiment does exactly what the name says."""
    does = [experiment.target, experiment.criterion, *experiment.mitigations]
    return [row.target, row.criterion, *split_calls(row.mitigations)] == does


def _covers(row: Name, experiment: Experiment) -> bool:
    """The same, where what the name leaves open may be anything."""
    told = [row.criterion, *split_calls(row.mitigations)]
    does = [experiment.criterion, *experiment.mitigations]
    open_or_same = [
        one == other or (UNKNOWN in one and one.partition("(")[0] == other.partition("(")[0])
        for one, other in zip(told, does, strict=False)
    ]
    return row.target == experiment.target and len(told) == len(does) and all(open_or_same)


def read_names(folder: Path) -> Names:
    """The table of names in results/published. UserError where it cannot be read."""
    rows = rows_of(folder / NAMES_FILE)
    try:
        return Names([_ROW.validate_python(row) for row in rows])
    except ValueError as error:  # pydantic's is one
        raise UserError(f"{NAMES_FILE} cannot be read: {error}.") from None
