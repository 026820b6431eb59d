"""View: everything a visitor has chosen, frozen. It is the form and the address of the page."""

from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from pydantic import BaseModel, ConfigDict, Field

from nmviz.base.errors import SettingError, UserError
from nmviz.base.validation import built
from nmviz.core import depth
from nmviz.core.experiment import FOUND, Experiment
from nmviz.core.looks.prompts import NEW_TOKENS, OPENING
from nmviz.core.reading import TASK
from nmviz.core.running import Running
from nmviz.core.settings import BLOCKS, TARGETS, Target, Ties
from nmviz.methods import WEIGHT
from nmviz.methods.method import parse_call
from nmviz.methods.patterns import PLAN, parse_pattern
from nmviz.views.explore.sentences import how_and_where

LONGEST_ADDRESS = 8_000
LONGEST_FIELD = 4_000
LONGEST_PROMPT = 2_000
DEFAULT_PROMPT = OPENING


def title_of(name: str) -> str:
    """The title of a field of `Experiment` or `Running`, as the form and its refusals name it."""
    return str({**Experiment.model_fields, **Running.model_fields}[name].title)


class Look(BaseModel):
    """The layer that is looked at, and the window of its masks. None: the model's own middle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    block: int | None = Field(None, ge=0, le=100_000, title="Block")
    projection: str | None = Field(None, max_length=40, title="Projection")
    first_row: int = Field(0, ge=0, le=10_000_000, title="First row")
    rows: int = Field(24, ge=1, le=128, title="Rows")
    first_column: int = Field(0, ge=0, le=10_000_000, title="First column")
    columns: int = Field(64, ge=1, le=256, title="Columns")


class Writing(BaseModel):
    """What the models are asked to continue, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str = Field(DEFAULT_PROMPT, min_length=1, max_length=LONGEST_PROMPT, title="Prompt")
    new_tokens: int = Field(NEW_TOKENS, ge=1, le=200, title="Tokens to write")
    temperature: float = Field(0.0, ge=0, le=2, title="Temperature")
    real_speed: bool = False  # dropped inputs are really skipped, and the time is told


class View(BaseModel):
    """One experiment for each target, a layer, and a prompt.

    `experiment` is the one on activations. The one on weights shares its settings, but for the
    mitigations (they repair activations), the criterion and how its ties are broken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    experiment: Experiment = Experiment()
    weight_criterion: str = Field("magnitude", max_length=200, title="Criterion for weights")
    calibration_windows: int = Field(16, ge=0, le=256, title=title_of("calibration_windows"))
    ties: Ties = Field("auto", title=title_of("ties"))
    precision: float = Field(0.05, ge=0, le=10, title=title_of("precision"))  # of `Running`
    noise_floor: bool = Field(False, title=title_of("noise_floor"))  # of `Running`
    keep_words: bool = Field(False, title=title_of("keep_words"))  # of `Running`
    look: Look = Look()
    writing: Writing = Writing()

    @classmethod
    def build(cls, fields: Mapping[str, Any]) -> Self:
        """A View from loose values, flat. UserError, one sentence, for the first that is wrong."""
        for name, value in fields.items():
            if len(str(value)) > LONGEST_FIELD:
                said = f"{name[:40]} is longer than {LONGEST_FIELD:,} characters: shorten it."
                raise SettingError(said, name)
        rest = dict(fields)
        own = {name: rest.pop(name) for name in OWN if name in rest}
        parts = {
            name: built(part, {key: rest.pop(key) for key in part.model_fields if key in rest})
            for name, part in (("look", Look), ("writing", Writing))
        }
        if str(rest.get("pattern") or "").strip().lower().startswith(PLAN):
            rest |= {"projections": None, "blocks": None}  # a plan says which layers
        windows = own.get("calibration_windows", cls.model_fields["calibration_windows"].default)
        experiment = Experiment.build(**rest, calibration_windows=windows, target="activation")
        view = built(cls, {**own, **parts, "experiment": experiment})
        _refuse_dense(experiment)
        weights, _ = view.experiments()
        if not parse_call(weights.criterion, WEIGHT).method.facts.now or weights.mask.is_grouped:
            return view
        return view.model_copy(update={"weight_criterion": weights.criterion})

    @classmethod
    def from_query(cls, query: str) -> Self:
        """The view an address names. UserError for unknown names and wrong values."""
        if len(query) > LONGEST_ADDRESS:
            raise UserError("The address is too long to be one of ours: check it.")
        pairs = dict(parse_qsl(query.lstrip("?"), keep_blank_values=True))
        fields = {name: text for name, text in pairs.items() if not name.startswith("__")}
        if fields.get("target") == BLOCKS:
            raise SettingError(NO_COLUMN, "target")
        unknown = set(fields) - set(READ)
        if unknown:
            raise UserError(f"The address names no setting {sorted(unknown)[0][:40]!r}: check it.")
        if fields.pop("target", "activation") == "weight":
            fields.setdefault("weight_criterion", fields.pop("criterion", "magnitude"))
        if criterion := fields.get("weight_criterion"):
            fields["weight_criterion"] = _as_it_meant(criterion, fields.get("pattern"))
        return cls.build(fields)

    def to_query(self) -> str:
        """The address of this view: what differs from the default, and `from_query` backwards."""
        pairs = dict(parse_qsl(self.experiment.to_query(), keep_blank_values=True))
        pairs.pop("calibration_windows", None)
        for part in (self, self.look, self.writing):
            for name, field in type(part).model_fields.items():
                value = getattr(part, name)
                if name not in ("experiment", "look", "writing") and value != field.default:
                    pairs[name] = str(value)
        return urlencode(pairs)

    def flat(self) -> dict[str, Any]:
        """Every setting by its name, `build` backwards."""
        own = {name: getattr(self, name) for name in OWN}
        parts = (self.experiment, self.look, self.writing)
        fields = {name: value for part in parts for name, value in part.model_dump().items()}
        return {name: value for name, value in (fields | own).items() if name in NAMES}

    def experiments(self) -> tuple[Experiment, Experiment]:
        """Weights first, then activations. UserError when a criterion is not of its target."""
        shared = self.experiment.model_dump()
        changes = {"target": "weight", "criterion": self.weight_criterion, "mitigations": ()}
        windows = {"calibration_windows": self.calibration_windows, "ties": self.ties}
        try:
            return Experiment.build(**{**shared, **changes, **windows}), self.experiment
        except SettingError as error:
            own = "weight_criterion" if error.setting == "criterion" else error.setting
            raise SettingError(str(error), own) from None

    def of(self, target: Target) -> Experiment:
        """The experiment on that target."""
        return self.experiments()[TARGETS.index(target)]

    def measured_as(self, other: "View") -> bool:
        """Whether a run of the other answers this one too: layer and prompt do not matter."""
        return (self.experiments(), self.precision) == (other.experiments(), other.precision)


def _as_it_meant(criterion: str, pattern: str | None) -> str:
    """A criterion of an address, with the setting said whose default has changed since; what is
    wrong is refused by `build`."""
    try:
        call = parse_call(criterion, WEIGHT)
        asked = parse_pattern(pattern or Experiment().pattern)
    except UserError:
        return criterion
    return call.out_loud.canonical(asked) if call.method.facts.now else criterion


def methods_of(view: View) -> str:
    """`2:4, magnitude`, or `2:4, weights by wanda, activations by magnitude + var`."""
    weight, activation = map(how_and_where, view.experiments())
    if weight == activation:
        return f"{view.experiment.pattern}, {weight}"
    return f"{view.experiment.pattern}, weights by {weight}, activations by {activation}"


NO_COLUMN = (
    "Explore shows pruned weights and activations; a model with blocks left out is in Trade-offs, "
    "and nmviz run measures one."
)
OWN = (
    *("weight_criterion", "calibration_windows", "ties", "precision", "noise_floor"),
    "keep_words",
)
NAMES = tuple(
    name
    for name in dict.fromkeys(
        (*Experiment.model_fields, *OWN, *Look.model_fields, *Writing.model_fields)
    )
    if name not in (*FOUND, "target", *depth.FIELDS, *TASK)
)
"""What an address may name of a view, the model first: both targets are part of it, and the tasks
are asked beside it."""
READ = (*NAMES, "plan")
"""The same with the list of a plan, which only a link names: the form has it by its pattern."""


def _refuse_dense(experiment: Experiment) -> None:
    if experiment.mask.is_dense:
        said = "Dense is the first column already: choose a pattern that drops something."
        raise SettingError(said, "pattern")
