"""What there is to choose from, and experiments in the one spelling that has a key."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.reading import Artefacts
from nmviz.core.settings import TARGETS, Target
from nmviz.methods import BY_TARGET, MITIGATIONS, scopes
from nmviz.methods.method import Method
from nmviz.methods.patterns import PRESETS
from nmviz.methods.site_lists import Sites
from nmviz.published import LARGE_MODELS
from nmviz.sources import corpora, models, task_data
from nmviz.sources.corpora import OWN_TEXT
from nmviz.sources.saved import Saved
from nmviz.sources.tasks import TASKS, Task

MOST_SINCE = 16
"""Models that are added while a process runs: each is described at every event of the page."""

OF_RECIPES = (
    *("target", "pattern", "plan", "criterion", "mitigations", "ties", "projections", "blocks"),
    *("calibration_windows", "seed"),
)
"""The settings that a recipe says."""


@dataclass(frozen=True)
class Catalogue:
    """Everything there is to choose from, as plain data."""

    models: tuple[models.ModelInfo, ...]
    corpora: tuple[corpora.CorpusInfo, ...]
    patterns: tuple[str, ...]
    criteria: dict[Target, tuple[Method, ...]]
    mitigations: tuple[Method, ...]
    tasks: tuple[Task, ...]


def catalogue() -> Catalogue:
    """What the page and the command line offer."""
    return Catalogue(
        models=(*map(_with_layers, models.offered()), *map(_large, LARGE_MODELS)),
        corpora=tuple(corpus.info for corpus in corpora.CORPORA.values()),
        patterns=PRESETS,
        criteria={target: tuple(BY_TARGET[target].values()) for target in TARGETS},
        mitigations=tuple(MITIGATIONS.values()),
        tasks=tuple(TASKS.values()),
    )


def describe(model_id: str) -> models.ModelInfo:
    """What is known of a model before it is loaded, its layers included. UserError when there is no
    such model, or only published results of it.
    """
    refuse_large(model_id)
    return _with_layers(models.describe(model_id))


def layout(model_id: str) -> models.ModelInfo:
    """The same with what pruning every layer would cover: the architecture is always built for it,
    without weights. UserError where it cannot be built."""
    refuse_large(model_id)
    from nmviz.engine.load.layout import with_layers

    return with_layers(models.describe(model_id))


def offer(model_id: str) -> models.ModelInfo:
    """Put a model into the catalogue until this process ends, and say what is known of it. Its
    weights are not fetched yet.

    UserError, as on the command line, where there is no such model, it cannot be had or built, its
    weights are stored in a way that is not read, or enough were added.
    """
    if not model_id.strip():
        raise UserError("No model was named: give an id of the hub as owner/name, or a folder.")
    refuse_large(model_id.strip())
    with models.themselves():
        spelled = models.spelled(model_id.strip())
        info = layout(spelled)
        models.refuse_without_weights(spelled)
    since = models.offered_since()
    if len(since) >= MOST_SINCE and spelled not in since:
        raise UserError(f"{MOST_SINCE} models were added: start the page anew to add others.")
    models.offer(spelled)
    return info


def fetch_again(model_id: str) -> models.ModelFiles:
    """Fetch and convert a model again, whatever is kept of it, and load it; where it lies.
    UserError when it cannot be had or loaded."""
    refuse_large(model_id)
    from nmviz.engine.load.loading import fetch_again as fetch

    return fetch(model_id)


@lru_cache(maxsize=64)
def _with_layers(info: models.ModelInfo) -> models.ModelInfo:
    """Layers that no file tells are found by building the architecture, which imports torch.

    What cannot be built stays as it is: loading it will say why.
    """
    if info.projections or not (info.context or info.blocks):
        return info
    from nmviz.engine.load.layout import with_layers

    try:
        return with_layers(info)
    except UserError:
        return info


def refuse_old_rules(experiments: Sequence[Experiment]) -> None:
    """UserError for what only a stored result can be of: an experiment under a rule of before."""
    if any(one.dropping != "exact" for one in experiments):
        raise UserError(
            "P% of a weight drops exactly that share now, no longer every tie at the cut: ask for "
            "the experiment anew."
        )


def refuse_large(model_id: str) -> None:
    """UserError for a model of which only published results are known here."""
    if model_id in LARGE_MODELS:
        raise UserError(
            f"{LARGE_MODELS.get(model_id).title} is known here by its published results alone: "
            "choose a small model, or name a folder or Hub id that has its weights."
        )


def refuse_stored(model_id: str) -> None:
    """UserError for a model that is known by what is stored of it alone."""
    if known := models.stored(model_id):
        raise known.refusal


def _large(model_id: str) -> models.ModelInfo:
    large = LARGE_MODELS.get(model_id)
    return models.ModelInfo(
        id=large.id,
        title=large.title,
        licence=models.UNSTATED,
        note="Published results only: nothing of it is run here.",
        blocks=large.blocks,
        projections=scopes.PROJECTIONS,
        context=0,
        published=True,
    )


def resolve(experiment: Experiment, text: str | None = None) -> Experiment:
    """The experiment in canonical scope, with the hashes of what it reads.

    UserError as `canonical`, and for an unknown corpus or a missing text.
    """
    refuse_large(experiment.model)
    read = _identify_read(experiment, text)
    hashes = Artefacts(model=models.identify(experiment.model), corpus=read)
    return canonical(experiment).but(artefacts=hashes)


def canonical(experiment: Experiment) -> Experiment:
    """The experiment with one spelling of its model, and of its scope: None for all, else in the
    model's order.

    UserError for whatever can be told without loading the model: an unknown model, projection
    or block, a window longer than the context, d_in not a multiple of M, a part not known,
    examples in the prompt, a chat template where the model has none.
    """
    refuse_large(experiment.model)
    experiment.check_known()
    info = describe(experiment.model)
    if 0 < info.context < (experiment.window or 0):
        raise UserError(
            f"A window of {experiment.window} tokens is longer than the {info.context} tokens "
            f"{info.title} reads at once: shorten the window."
        )
    for task in map(TASKS.get, experiment.tasks):
        if 0 < info.context <= task.writes:
            raise UserError(
                f"{task.title} lets a model write {task.writes:,} tokens, and {info.title} takes "
                f"{info.context:,} at once: choose another model."
            )
    if experiment.shots != 0:
        raise UserError(
            "Tasks are asked here without examples in the prompt: leave shots at 0, or import what "
            "lm-eval measured with them."
        )
    if experiment.chat and not info.chat:
        raise UserError(f"{info.title} has no chat template: run the tasks without one.")
    sites = _canonical_sites(experiment, info)
    made = experiment.but(model=models.spelled(experiment.model), **sites)
    _check_recipe(made)
    return made


def recipe_settings(recipe: Saved) -> dict[str, Any]:
    """What a recipe says of an experiment, as its fields. UserError where that is none."""
    told = {name: recipe.settings.get(name) for name in OF_RECIPES if name in recipe.settings}
    try:
        made = Experiment.build(**told)
    except UserError as error:
        raise UserError(f"The recipe {recipe.folder} says no experiment: {error}") from None
    return made.model_dump(include=set(OF_RECIPES))


def _check_recipe(experiment: Experiment) -> None:
    """UserError where a recipe's model is to be pruned in another way than the recipe says."""
    recipe = None if experiment.is_dense else models.recipe_of(experiment.model)
    if recipe is None:
        return
    said = recipe_settings(recipe)
    if experiment.model_dump(include=set(said)) != said:
        raise UserError(
            f"{recipe.folder.name} is a recipe and is run as it says ({recipe.pruned}): to prune "
            "in another way choose the model that it was made for."
        )


def text_of(corpus: str, text: str | None) -> str:
    """The evaluation text. UserError when it is the user's own and none was given."""
    if corpus != OWN_TEXT:
        return corpora.read(corpus)
    if text is None:
        raise UserError("No text was given: paste one, or choose a corpus.")
    return text


def _identify_read(experiment: Experiment, text: str | None) -> str:
    """SHA-256 of what is read: the text, or the examples of the tasks."""
    if not experiment.tasks:
        return _identify(experiment.reading.corpus, text)
    if text is not None:
        raise UserError("Tasks bring their own text: leave yours out, or the tasks.")
    return task_data.identify(experiment.tasks)


def _identify(corpus: str, text: str | None) -> str:
    if corpus != OWN_TEXT:
        return corpora.identify(corpus)
    own = corpora.check_text(text_of(corpus, text))
    return hashlib.sha256(own.encode()).hexdigest()


def _canonical_sites(experiment: Experiment, info: models.ModelInfo) -> dict[str, Any]:
    """Projections and blocks in the model's order, None for all. M divides each d_in.

    UserError for a projection or a block the model does not have.
    """
    sites = experiment.sites
    if info.blocks and sites.last >= info.blocks:
        raise UserError(
            f"{info.title} has no block {sites.last}: its blocks are 0-{info.blocks - 1}."
        )
    known = info.projections or tuple(sites.blocks)  # some only once the model is loaded
    sites = sites.spelled_out(scopes.EXPERTS, tuple(info.experts))
    sites = sites.spelled_out(scopes.ROUTER, info.routers)
    unknown = [name for name in sites.blocks if name not in (*known, *info.routers, scopes.ALL)]
    if unknown:
        raise UserError(
            f"{info.title} has no projection {unknown[0][:40]!r}: choose among {', '.join(known)}."
        )
    for part in experiment.parts:
        _check_widths(part, info, part.sites if experiment.by_layer else sites)
    named = [name for name in info.routers if name in sites.blocks]
    sites = sites.in_model([*known, *named], info.blocks)
    projections, blocks = sites.product or (sites.entries, None)
    by_layer = experiment.by_layer and experiment.by_layer.in_model(known, info.blocks)
    return {
        "plan": by_layer and by_layer.entries,
        "projections": None if projections == info.projections else projections,
        "blocks": blocks,
    }


def _check_widths(experiment: Experiment, info: models.ModelInfo, sites: Sites) -> None:
    """UserError where M divides no d_in, or not that of a projection that is named: of all those
    that do not fit are left out."""
    named = [name for name in sites.blocks if name in info.d_in]
    group = experiment.mask.group or 1
    none = scopes.ALL in sites.blocks and all(width % group for width in info.d_in.values())
    for projection in info.d_in if none else named:
        experiment.mask.check_divides(info.d_in[projection], f"projection {projection}")
