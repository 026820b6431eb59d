"""What a request may ask of this page: listed models and texts, bounded sizes."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nmviz import service
from nmviz.base.errors import NotYet, SettingError, UserError
from nmviz.core.experiment import Experiment
from nmviz.core.protocols import tokens_read
from nmviz.methods.pattern_lists import Patterns
from nmviz.methods.scopes import ALL, EXPERTS, ROUTER
from nmviz.service import OWN_TEXT
from nmviz.service.plans import known_plans
from nmviz.sources.tasks import TASKS
from nmviz.ui.shell.view import Look, View

if TYPE_CHECKING:
    from nmviz.sources.models import ModelInfo

LONGEST_TEXT = 200_000
LARGEST_LIVE_BUDGET = 65_536
LARGEST_WINDOW = 4_096
MOST_METHODS = 8
MOST_EXAMPLES = 20_000


def offered(model: object) -> "ModelInfo | None":
    """The model of that id, where the page offers it."""
    return next((one for one in service.catalogue().models if one.id == model), None)


def model_of(view: View) -> "ModelInfo":
    """The model of the view. UserError unless the page offers it."""
    chosen = view.experiment.model
    known = offered(chosen)
    if known is None:
        said = f"This page does not offer the model {chosen[:60]!r}: choose one it lists."
        raise SettingError(said, "model")
    return known


def settle(view: View) -> View:
    """The view with its layer filled in. UserError when it asks for what the page does not have."""
    model = model_of(view)
    view = _with_plan(view)
    experiment = view.experiment
    corpora = [corpus.name for corpus in service.catalogue().corpora]
    corpus = experiment.reading.corpus
    if corpus not in (*corpora, OWN_TEXT):
        said = f"This page does not offer the text {corpus[:60]!r}: choose one it lists."
        raise SettingError(said, "corpus")
    if len(experiment.mitigations) > MOST_METHODS:
        said = f"That is more than {MOST_METHODS} mitigations: leave some out."
        raise SettingError(said, "mitigations")
    _check_projections(experiment.sites.blocks, model)
    look = view.look
    block = model.blocks // 2 if look.block is None else look.block
    if model.blocks and block >= model.blocks:
        said = f"{model.title} has no block {block}: choose one from 0 to {model.blocks - 1}."
        raise SettingError(said, "block")
    projection = model.alone(look.projection or _usual(model))
    if model.projections and projection not in model.layers:
        names = ", ".join(model.projections)
        said = f"{model.title} has no projection {projection!r}: choose one of {names}."
        raise SettingError(said, "projection")
    filled = Look(**{**look.model_dump(), "block": block, "projection": projection})
    return view.model_copy(update={"look": filled})


def _with_plan(view: View) -> View:
    """The view with the list that its plan's name stands for, in the spelling of its model."""
    one = view.experiment
    if not one.mask.plan:
        return view
    try:
        patterns = one.by_layer or Patterns.read(known_plans.found(one.pattern))
        fields = known_plans.named(patterns, one.model)
        return view.model_copy(update={"experiment": one.but(**fields)})
    except UserError as error:
        raise SettingError(str(error), "pattern") from None


def _check_projections(chosen: Iterable[str], model: "ModelInfo") -> None:
    """UserError when one is none of the model's: a menu refuses all events while it holds one."""
    several = (*((EXPERTS,) if model.experts else ()), *((ROUTER,) if model.routers else ()))
    known = (*model.projections, *model.routers, *several, ALL)
    other = next((name for name in chosen if name not in known), None)
    if model.projections and other is not None:
        names = ", ".join(model.projections)
        said = f"{model.title} has no projection {other[:60]!r}: choose among {names}."
        raise SettingError(said, "projections")


def layer_of(view: View) -> tuple[int, str] | None:
    """Block and projection of the layer that is looked at, as figures name it; None before the view
    is settled."""
    look = view.look
    if look.block is None or look.projection is None:
        return None
    return look.block, model_of(view).pooled(look.projection)


def text_for(view: View, text: str | None) -> str | None:
    """The visitor's own text where the view measures on it, else None."""
    if view.experiment.corpus != OWN_TEXT:
        return None
    if not isinstance(text, str | None):
        raise SettingError("Your own text is no text: paste words.", "text")
    if not (text or "").strip():
        said = "Paste your own text first, or choose another text to measure on."
        raise NotYet(said, "text")
    if len(text or "") > LONGEST_TEXT:
        said = f"That text is too long: at most {LONGEST_TEXT:,} characters."
        raise SettingError(said, "text")
    return text


def check_live(view: View, text: str | None = None) -> None:
    """UserError when a run would hold the machine for too long, or end before it begins because the
    visitor's own text is too short."""
    reading = view.experiment.reading
    if reading.tokens > LARGEST_LIVE_BUDGET:
        raise SettingError(
            f"The page measures at most {LARGEST_LIVE_BUDGET:,} tokens: lower the budget, "
            "or use nmviz run.",
            "tokens",
        )
    if (read := tokens_read(view.experiment)) > LARGEST_LIVE_BUDGET:
        said = f"With this stride {read:,} tokens are read, and the page reads at most "
        said += f"{LARGEST_LIVE_BUDGET:,}: lengthen it, or use nmviz run."
        raise SettingError(said, "stride")
    if reading.window > LARGEST_WINDOW:
        said = f"The page takes windows of at most {LARGEST_WINDOW:,} tokens: shorten it."
        raise SettingError(said, "window")
    if text is not None and not view.experiment.tasks:
        with _about("text"):
            service.check_text(view.experiment, text)


@contextmanager
def _about(setting: str) -> Iterator[None]:
    """What is wrong there is that setting's fault."""
    try:
        yield
    except UserError as error:
        raise SettingError(str(error), setting) from None


def check_questions(experiments: Sequence[Experiment]) -> None:
    """UserError when tasks would hold the machine for too long."""
    asked = sum(TASKS.get(name).count(one.limit) for one in experiments for name in one.tasks)
    if asked > MOST_EXAMPLES:
        raise UserError(
            f"That is {asked:,} examples, and the page asks at most {MOST_EXAMPLES:,}: lower the "
            "number or leave tasks out, or use `nmviz run --tasks`."
        )


def _usual(model: "ModelInfo") -> str:
    return "down" if "down" in model.projections or not model.projections else model.projections[-1]
