"""What the page, the command line and the API all call. Nothing here imports torch until it runs.

A request is answered from the store where it can be, and measured live otherwise.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from threading import Event, Thread
from typing import TYPE_CHECKING

from nmviz import corpora, models, provenance
from nmviz.errors import UserError
from nmviz.experiment import TARGETS, Artefacts, Experiment, Target, read_blocks
from nmviz.methods import BY_TARGET, MITIGATIONS
from nmviz.methods.method import Method
from nmviz.methods.patterns import PRESETS
from nmviz.results import GenerationProgress, Progress, Result, SiteLook
from nmviz.store import Store, open_store, seed

if TYPE_CHECKING:
    from nmviz.engine.capture import Captures
    from nmviz.engine.loading import LoadedModel

OWN_TEXT = "text"
"""The corpus name of a text the user brings; its SHA-256 is part of the experiment."""


@dataclass(frozen=True)
class Catalogue:
    """Everything there is to choose from, as plain data."""

    models: tuple[models.ModelInfo, ...]
    corpora: tuple[corpora.CorpusInfo, ...]
    patterns: tuple[str, ...]
    criteria: dict[Target, tuple[Method, ...]]
    mitigations: tuple[Method, ...]


def catalogue() -> Catalogue:
    """What the page and the command line offer."""
    return Catalogue(
        models=tuple(models.offered()),
        corpora=tuple(corpus.info for corpus in corpora.CORPORA.values()),
        patterns=PRESETS,
        criteria={target: tuple(BY_TARGET[target].values()) for target in TARGETS},
        mitigations=tuple(MITIGATIONS.values()),
    )


@cache
def store() -> Store:
    """The process's store, opened and brought up to date once."""
    opened = open_store()
    seed.build(opened)
    return opened


def resolve(experiment: Experiment, text: str | None = None) -> Experiment:
    """The experiment in canonical scope, with the hashes of what it reads.

    UserError as `canonical`, and for an unknown corpus or a missing text.
    """
    hashes = Artefacts(
        model=models.identify(experiment.model), corpus=_identify(experiment.corpus, text)
    )
    return canonical(experiment).but(artefacts=hashes)


def canonical(experiment: Experiment) -> Experiment:
    """The experiment with one spelling of its scope: None for all, else in the model's order.

    UserError for whatever can be told without loading the model: an unknown model, projection
    or block, a window longer than the context, d_in not a multiple of M.
    """
    info = models.describe(experiment.model)
    if 0 < info.context < experiment.window:
        raise UserError(
            f"A window of {experiment.window} tokens is longer than the {info.context} tokens "
            f"{info.title} reads at once: shorten the window."
        )
    return experiment.but(
        projections=_canonical_projections(experiment, info),
        blocks=_canonical_blocks(experiment, info),
    )


def lookup(experiment: Experiment, text: str | None = None) -> Result | None:
    """The stored result of the experiment, or None. Milliseconds; nothing is loaded."""
    return store().get(resolve(experiment, text).key)


def run(
    experiments: Sequence[Experiment],
    *,
    text: str | None = None,
    rerun: bool = False,
    keep: bool = True,
    device: str = "cpu",
    cancel: Event | None = None,
) -> Iterator[Progress]:
    """Answer experiments on one model and text, from the store or live; see `Progress`.

    The last Progress has stage "done" and one whole result an experiment, in the order given. When
    `cancel` is set the last one has stage "cancelled" and what was measured until then.
    """
    wanted = [resolve(experiment, text) for experiment in experiments]
    found = {e.key: None if rerun else store().get(e.key) for e in wanted}
    answers = {key: result for key, result in found.items() if result is not None}
    missing = list({e.key: e for e in wanted if e.key not in answers}.values())
    if not missing:
        yield Progress("done", results=tuple(answers[e.key] for e in wanted), from_store=True)
        return
    yield Progress("loading the model")
    for progress in _live(missing, text, device, cancel):
        answers |= {result.key: result for result in progress.results}
        note = _put(progress.results) if keep and progress.stage == "done" else None
        ready = tuple(answers[e.key] for e in wanted if e.key in answers)
        yield replace(progress, results=ready, note=note)


def look(
    experiment: Experiment,
    prompt: str,
    block: int,
    projection: str,
    *,
    first_row: int = 0,
    rows: int = 32,
    first_column: int = 0,
    columns: int = 64,
) -> SiteLook:
    """One site under an experiment, on the dense inputs of a prompt (captured on first use)."""
    from nmviz.engine.calibration import bind_site
    from nmviz.engine.capture import Part
    from nmviz.engine.capture import look as look_at
    from nmviz.engine.sites import find_site

    loaded = _load(experiment.model)
    site = find_site(loaded.model, block, projection)
    pruned = bind_site(loaded, canonical(experiment), site)
    part = Part(first_row, rows, first_column, columns)
    return look_at(_captures().get(loaded, prompt), pruned, site, part)


def generate(
    experiments: Sequence[Experiment],
    prompt: str,
    *,
    max_new_tokens: int = 60,
    temperature: float = 0.0,
    seed: int = 0,
    chat: bool = True,
    cancel: Event | None = None,
) -> Iterator[GenerationProgress]:
    """The dense model and each experiment's model continue the prompt, a token each in turns.

    When `cancel` is set the texts stay as they are.
    """
    from nmviz.engine.generate import Sampling
    from nmviz.engine.generate import generate as continue_prompt

    sampling = Sampling(max_new_tokens, temperature, seed, chat)
    loaded = _load(experiments[0].model)
    experiments = [canonical(experiment) for experiment in experiments]
    yield from continue_prompt(loaded, experiments, prompt, sampling, cancel or Event())


def estimate_seconds(experiments: Sequence[Experiment]) -> float | None:
    """How long a live run takes here, from the newest run of the model on this machine, or None."""
    here = provenance.machine()
    for run in store().find(sites=False, model=experiments[0].model, source="nmviz"):
        made = run.provenance
        if made.seconds and here.items() <= made.machine.items():
            return made.seconds / run.experiment.tokens * experiments[0].tokens
    return None


def warm(model: str, corpus: str = Experiment().corpus) -> None:
    """Load a model and read a corpus in the background, so that the first click finds them."""
    Thread(target=_warm, args=(model, corpus), name=f"load {model}", daemon=True).start()


def _warm(model: str, corpus: str) -> None:
    from nmviz.engine.loading import encode

    try:
        encode(_load(model), corpora.read(corpus))
    except UserError as error:
        print(f"nmviz: {error}")  # the first click says it again, on the page


def _load(model: str, device: str = "cpu") -> "LoadedModel":
    from nmviz.engine.loading import load

    return load(model, device)


@cache
def _captures() -> "Captures":
    from nmviz.engine.capture import Captures

    return Captures()


def _live(
    experiments: Sequence[Experiment], text: str | None, device: str, cancel: Event | None
) -> Iterator[Progress]:
    from nmviz.engine.runner import Run

    first = experiments[0]
    loaded = _load(first.model, device)
    yield from Run(loaded, experiments, _text_of(first.corpus, text), cancel)


def _put(results: Sequence[Result]) -> str | None:
    """Store results; what was measured is still shown when that fails, with the reason."""
    try:
        for result in results:
            store().put(result)
    except UserError as error:
        return f"The result is not stored: {error}"
    return None


def _text_of(corpus: str, text: str | None) -> str:
    if corpus != OWN_TEXT:
        return corpora.read(corpus)
    if text is None:
        raise UserError("No text was given: paste one, or choose a corpus.")
    return text


def _identify(corpus: str, text: str | None) -> str:
    if corpus != OWN_TEXT:
        return corpora.identify(corpus)
    own = corpora.check_text(_text_of(corpus, text))
    return hashlib.sha256(own.encode()).hexdigest()


def _canonical_projections(
    experiment: Experiment, info: models.ModelInfo
) -> tuple[str, ...] | None:
    """None for all, else the chosen ones in the model's order; checks that M divides each d_in."""
    if not info.projections:  # known only once the model is loaded
        return experiment.projections
    unknown = [name for name in experiment.projections or () if name not in info.projections]
    if unknown:
        raise UserError(
            f"{info.title} has no projection {unknown[0][:40]!r}: choose among "
            f"{', '.join(info.projections)}."
        )
    chosen = tuple(p for p in info.projections if p in (experiment.projections or info.projections))
    for projection in chosen:
        experiment.mask.check_divides(info.d_in[projection], f"projection {projection}")
    return None if chosen == info.projections else chosen


def _canonical_blocks(experiment: Experiment, info: models.ModelInfo) -> str | None:
    """None for all blocks. UserError for a block the model does not have."""
    if experiment.blocks is None:
        return None
    blocks = read_blocks(experiment.blocks)
    if info.blocks == 0:  # known only once the model is loaded
        return experiment.blocks
    if max(blocks) >= info.blocks:
        raise UserError(
            f"{info.title} has no block {max(blocks)}: its blocks are 0-{info.blocks - 1}."
        )
    return None if len(blocks) == info.blocks else experiment.blocks
