"""The named endpoints: the same experiments for scripts. Everything is checked as on the page."""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial, wraps
from typing import Any, TypeVar

import gradio as gr

from nmviz import service
from nmviz.base.errors import SettingError, UserError
from nmviz.base.validation import built
from nmviz.core import depth
from nmviz.core.experiment import Experiment
from nmviz.core.reading import TASK
from nmviz.core.results import GenerationProgress, Progress, SiteLook
from nmviz.core.settings import BLOCKS, Settings
from nmviz.methods.patterns import DIGITS, PLAN
from nmviz.service.comparing.two_results import compare as side_by_side
from nmviz.service.plans import known_plans
from nmviz.ui.guard.at_home import at_home_only
from nmviz.ui.shell.events import LIVE
from nmviz.ui.shell.failures import sentence
from nmviz.ui.shell.limits import check_live, offered, settle
from nmviz.ui.shell.places import in_turn
from nmviz.ui.shell.sessions import Turn
from nmviz.ui.shell.view import LONGEST_ADDRESS, View

T = TypeVar("T")
Json = dict[str, Any]
NAMELESS = f"{PLAN}{'0' * DIGITS}"
"""The pattern of a plan before it has its name."""
LAYERS = re.compile(r"^layers\s*:", re.MULTILINE)
"""What the text of a plan has, and a list of patterns with their sites has not."""
SWITCHES = ("chat", "real_speed")
"""The settings that are true or false. Of the others none is, though Python counts with both."""


def add_api() -> None:
    """Add the endpoints to the page being built."""
    gr.api(catalogue, api_name="catalogue", queue=False)
    gr.api(lookup, api_name="lookup", queue=False)
    gr.api(compare, api_name="compare", queue=False)
    gr.api(_live(run), api_name="run", **LIVE)
    gr.api(look, api_name="look", concurrency_limit=4)
    gr.api(_live(generate), api_name="generate", **LIVE)
    gr.api(add_model, api_name="add_model", queue=False)


def _live(endpoint: Callable[..., Iterator[Json]]) -> Callable[..., AsyncIterator[Json]]:
    """It waits for a place among all live work, and says how many come before."""

    @wraps(endpoint)
    async def waiting(*given: Any, **named: Any) -> AsyncIterator[Json]:
        async for told in in_turn(Turn(0), partial(endpoint, *given, **named), _before):
            yield told

    return waiting


def _before(others: int) -> Json:
    return {"stage": "waiting", "before": others}


def catalogue() -> Json:
    """Models, texts, patterns, criteria and mitigations to choose from."""
    offered = service.catalogue()
    return {
        "models": {model.id: model.title for model in offered.models},
        "corpora": {corpus.name: corpus.title for corpus in offered.corpora},
        "patterns": list(offered.patterns),
        "criteria": {
            target: [method.name for method in methods]
            for target, methods in offered.criteria.items()
        },
        "mitigations": [method.name for method in offered.mitigations],
    }


def lookup(experiment: dict) -> Json:
    """The stored result of an experiment, given by its fields; empty when there is none."""
    return in_a_sentence(lambda: _stored(_view(experiment), experiment))


def compare(a: Any, b: Any) -> Json:
    """Two stored results, the first minus the second: each a key, a link, settings as in a link, or
    an experiment by its fields."""
    return in_a_sentence(lambda: side_by_side(_named(a, "a"), _named(b, "b")).to_json())


def _named(given: Any, argument: str) -> str | Experiment:
    """How a result is named. UserError for what is neither a text nor fields."""
    if isinstance(given, dict):
        return _wanted(_view(given), given)
    if isinstance(given, str) and len(given) <= LONGEST_ADDRESS:
        return given
    said = "give a key, a link, settings as in a link, or fields of an experiment."
    raise UserError(f"{argument} names no result: {said}")


def run(experiment: dict) -> Iterator[Json]:
    """Measure an experiment, from the store or live: progress, and in the last one the result."""
    try:
        view = _view(experiment)
        check_live(view)
        for progress in service.run([_wanted(view, experiment)]):
            yield _progress(progress)
    except Exception as error:
        raise gr.Error(sentence(error), print_exception=False) from None


def look(experiment: dict, prompt: str, block: int, projection: str) -> Json:
    """One layer under an experiment on a prompt: its error, and how much of it is kept."""

    def answer() -> Json:
        place: Json = {"prompt": prompt, "block": block, "projection": projection}
        _refuse_missing(place)
        view = _view(experiment, place)
        wanted = _wanted(view, experiment)
        return _site(service.look(wanted, view.writing.prompt, int(block), projection))

    return in_a_sentence(answer)


def generate(experiment: dict, prompt: str, new_tokens: int = 40) -> Iterator[Json]:
    """The dense model and the experiment's continue a prompt, as they are written."""
    try:
        view = _view(experiment, {"prompt": prompt, "new_tokens": new_tokens})
        chat = {model.id: model.chat for model in service.catalogue().models}
        writing = view.writing
        for progress in service.generate(
            [_wanted(view, experiment)],
            writing.prompt,
            max_new_tokens=writing.new_tokens,
            seed=view.experiment.reading.seed,
            chat=chat[view.experiment.model],
        ):
            yield _texts(progress)
    except Exception as error:
        raise gr.Error(sentence(error), print_exception=False) from None


@at_home_only
def add_model(model: str) -> Json:
    """Offer a model of one's own until the page ends, by its Hub id or folder: its id and title.

    Only who sits at the machine that the page runs on may, and only where it is for them alone.
    """

    def answer() -> Json:
        if not isinstance(model, str):
            raise SettingError("model is no text: give a Hub id or a folder.", "model")
        info = service.offer(model)
        return {"id": info.id, "title": info.title}

    return in_a_sentence(answer)


def _view(experiment: Any, beside: Mapping[str, Any] | None = None) -> View:
    """The settings of a request, with what is asked beside the experiment, checked like the form's.
    UserError for anything else."""
    if not isinstance(experiment, dict):
        raise SettingError("experiment is no object: give one such as {'pattern': '8:16'}.")
    fields = _with_plan({**experiment, **(beside or {})})
    for name, value in fields.items():
        if isinstance(value, bool) and name not in SWITCHES:
            raise SettingError(f"{name[:40]} is neither true nor false: give its value.", name)
    # What a View has no part for is checked here.
    beside_it = ("target", *depth.FIELDS, *TASK)
    built(Settings, {name: fields[name] for name in beside_it if name in fields})
    kept_back = ("target", *(depth.FIELDS if fields.get("target") == BLOCKS else ()))
    given = {str(name): value for name, value in fields.items() if name not in kept_back}
    if fields.get("target") != "weight":
        Experiment.build(ties=given.get("ties", "auto"))  # refused where there is no rule to choose
    else:
        given["weight_criterion"] = given.pop("criterion", "magnitude")
    return settle(View.build(given))


def _with_plan(fields: Json) -> Json:
    """The fields with what their plan says: its text as in a file, or patterns with their sites."""
    plan, model = fields.get("plan"), fields.get("model", Experiment().model)
    if plan is None:
        return fields
    if "pattern" in fields and not str(fields["pattern"]).startswith(PLAN):
        said = "A plan says the pattern of each layer: leave the pattern out."
        raise SettingError(said, "pattern")
    if isinstance(plan, str) and LAYERS.search(plan) and offered(model) is not None:
        return {**fields, **known_plans.read(plan, str(model))}
    return {**fields, "pattern": NAMELESS}


def _refuse_missing(place: Json) -> None:
    """UserError for null, and for a projection of no letters: on the page that is the usual one."""
    for name, value in place.items():
        if value is None or value == "":
            raise SettingError(f"{name} is missing: give one.", name)


def _wanted(view: View, fields: Json) -> Experiment:
    if fields.get("target") == BLOCKS:
        given = {name: fields[name] for name in depth.FIELDS if name in fields}
        windows = {"calibration_windows": view.calibration_windows}
        return view.experiment.but(target=BLOCKS, **given, **windows)
    return view.of("weight" if fields.get("target") == "weight" else "activation")


def _stored(view: View, fields: Json) -> Json:
    result = service.lookup(_wanted(view, fields))
    return result.model_dump(mode="json") if result else {}


def in_a_sentence(answer: Callable[[], T]) -> T:
    """The answer of an endpoint; what goes wrong is an error of one sentence."""
    try:
        return answer()
    except Exception as error:
        raise gr.Error(sentence(error), print_exception=False) from None


def _progress(progress: Progress) -> Json:
    return {
        "stage": progress.stage,
        "done": progress.done,
        "total": progress.total,
        "share": progress.part,
        "from_store": progress.from_store,
        "results": [result.model_dump(mode="json") for result in progress.results],
    }


def _site(look: SiteLook) -> Json:
    names = ("target", "site", "block", "projection", "d_in", "d_out", "tokens")
    numbers = {"rel_error": float(look.rel_error), "kept": float(look.kept)}
    return {name: getattr(look, name) for name in names} | numbers


def _texts(progress: GenerationProgress) -> Json:
    return {
        "texts": {one.column: one.text for one in progress.continuations},
        "done": progress.done,
    }
