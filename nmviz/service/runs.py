"""Answering experiments: from the store where it can be, measured live otherwise."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from nmviz.base.errors import UserError, without_places
from nmviz.core import pairing
from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Progress, Result
from nmviz.core.running import AS_EVERYWHERE, Running
from nmviz.core.settings import TARGETS
from nmviz.methods.own import is_own
from nmviz.service import tasks
from nmviz.service.at_hand.models import in_parts, load, opened, room_of
from nmviz.service.at_hand.streaming import said, seconds_of, streamed
from nmviz.service.choices import (
    canonical,
    refuse_old_rules,
    refuse_stored,
    resolve,
    text_of,
)
from nmviz.service.estimates import estimate, passes
from nmviz.service.stored import answer_to, dense_floor, is_answer, serving
from nmviz.sources import corpora, models
from nmviz.sources.opening import LOADING, opening
from nmviz.store import OWN, Store, open_store, seed
from nmviz.store.standing import unnoted

if TYPE_CHECKING:
    from nmviz.engine.stream.room import Room

READ = ("corpus", "tokens", "window")
AS_USUAL = Running()
_WARMING = Lock()
_warmed: deque[tuple[str, str]] = deque(maxlen=2)
"""What was loaded last in the background, or is being."""


@cache
def store() -> Store:
    """The process's store, opened and brought up to date once."""
    opened = open_store()
    seed.build(opened)
    return opened


def lookup(
    experiment: Experiment, text: str | None = None, precision: float | None = None
) -> Result | None:
    """The stored result of the experiment, or None. Milliseconds; nothing is loaded.

    With a `precision` above 0, in nats a token, a run of the same on less of the text will do, if
    the standard error of its cost is at most that.
    """
    return answer_to(resolve(experiment, text), store(), precision, text)


def run(
    experiments: Sequence[Experiment],
    *,
    text: str | None = None,
    how: Running = AS_USUAL,
    cancel: Event | None = None,
) -> Iterator[Progress]:
    """Answer experiments on one model and text, or that run tasks; from the store or live.

    The last Progress has stage "done" and one whole result an experiment, in the order given. When
    `cancel` is set the last one has stage "cancelled" and what was measured until then. A pruned
    model's tasks are compared with the dense one's, which are run first and kept like any other.
    What is measured under a criterion of one's own (`methods.own`) is never kept.
    """
    wanted = [resolve(experiment, text) for experiment in experiments]
    found = {one: serving(one, store(), how, text) for one in dict.fromkeys(wanted)}
    answers = {e: result for e, result in found.items() if result is not None}
    missing = [e for e in found if e not in answers]
    if not missing:
        yield Progress("done", results=tuple(answers[e] for e in wanted), from_store=True)
        return
    refuse_old_rules(missing)
    refuse_stored(missing[0].model)
    yield Progress(opening(missing[0].model))
    kept: set[str] = set()
    note = None
    for progress in _live(missing, text, how, cancel):
        answers |= {e: r for r in progress.results for e in missing if is_answer(r, e)}
        whole = [r for r in progress.results if not r.partial and r.key not in kept]
        kept |= {result.key for result in whole}
        kept_now = [as_kept(result, how) for result in whole if not _of_own(result.experiment)]
        note = _joined([note, put(kept_now) if how.keep else None])
        ready = tuple(answers[e] for e in wanted if e in answers)
        yield replace(progress, results=ready, note=progress.note or note)


def sensitivity(experiment: Experiment, projections: Sequence[str]) -> tuple[Experiment, ...]:
    """The experiments that prune one projection at a time, the rest dense, for both targets.

    Given to `run` together they share the dense pass. Where the sites are a list a projection has
    the blocks it has there, and all where it is not in it. A projection whose d_in does not fit the
    pattern is left out.
    """
    chosen = []
    alone = experiment.sites.entry_of if experiment.lists_sites else str
    for projection in projections:
        for target in TARGETS:
            plain = {"target": target, "criterion": "magnitude", "mitigations": (), "ties": "auto"}
            own = {} if target == experiment.target else plain
            one = experiment.but(projections=(alone(projection),), **own)
            try:
                chosen.append(canonical(one))
            except UserError:
                continue
    return tuple(chosen)


@unnoted()
def estimate_seconds(experiments: Sequence[Experiment], how: Running | None = None) -> float | None:
    """How long a live run made that way takes here, from the newest run of the model on this
    machine, or None.

    Tasks are told from earlier runs of the same tasks; where there are none, `run` times the first
    examples and says so. It tells of nothing that is stored, so an answer that holds it may be one
    of before the newest run. UserError for what cannot be run because the model does not fit.
    """
    if experiments[0].tasks:
        resolved = [resolve(experiment) for experiment in experiments]
        return tasks.estimate(tasks.with_dense(resolved, store()), store())
    room = _streamed_room(experiments, how or AS_USUAL)
    if room is not None:
        return seconds_of(room, experiments, how or AS_USUAL, store())
    model = models.spelled(experiments[0].model)
    found = store().find(sites=False, model=model, source=OWN)
    return estimate(experiments, passes(found), how)


def warm(model: str, corpus: str = Experiment().reading.corpus) -> None:
    """Load a model, read a corpus and compile in the background, so that the first click waits for
    none of it."""
    with _WARMING:
        begun = (model, corpus) in _warmed
        if not begun:
            _warmed.append((model, corpus))
    if not begun:
        Thread(target=_warm, args=(model, corpus), name=f"load {model}", daemon=True).start()


def _warm(model: str, corpus: str) -> None:
    from nmviz.engine.load.tokens import encode
    from nmviz.engine.prune import kernels
    from nmviz.engine.write import skipping

    try:
        encode(opened(model), corpora.read(corpus), public=True)
        kernels.warm()
        skipping.warm()
    except UserError as error:
        with _WARMING, suppress(ValueError):
            _warmed.remove((model, corpus))
        print(f"nmviz: {error}")  # the first click says it again, on the page


def check_text(experiment: Experiment, text: str) -> None:
    """UserError where a text of the user's own does not fill one window: what a run would say,
    before it is begun. Loads the model, whose tokenizer tells."""
    from nmviz.engine.measure.runner import windows_of

    whole = in_parts(experiment.model) is None
    windows_of(opened(experiment.model), experiment, text, whole)


def check_device(device: str) -> None:
    """UserError where this machine lacks the device."""
    if device != AS_EVERYWHERE:
        from nmviz.engine.load.loading import check_device as check

        check(device)


def compare(first: Experiment, second: Experiment) -> tuple[Measurement, ...]:
    """Two stored runs of tasks, the first minus the second on the same examples: two methods, say.

    UserError where one was not run yet or their examples are not the same ones.
    """
    found = [lookup(experiment) for experiment in (first, second)]
    for experiment, result in zip((first, second), found, strict=True):
        if result is None:
            raise UserError(f"{experiment.pattern}, {experiment.criterion} was not run: run it.")
    one, other = (result for result in found if result is not None)
    return pairing.paired(one, other)


def same_questions(experiment: Experiment) -> tuple[Experiment, ...]:
    """Experiments in the store that `compare` can set beside one that runs tasks."""
    return tasks.same_questions(resolve(experiment), store())


def _live(
    experiments: Sequence[Experiment],
    text: str | None,
    how: Running,
    cancel: Event | None,
) -> Iterator[Progress]:
    first, room = experiments[0], room_of(experiments, how)
    if room is not None and (room.parts is not None or how.memory is not None):
        yield Progress(LOADING, note=said(room, experiments, how, store()))
    if first.tasks:
        tasks.check_installed()
        yield from tasks.live(load(first.model, how.device), experiments, store(), cancel)
        return
    text, floor = text_of(first.reading.corpus, text), dense_floor(first, store())
    if room is not None and room.parts is not None:
        yield from streamed(room, experiments, text, how, floor, cancel or Event())
        return
    from nmviz.engine.stream.whole import together

    yield from together(load(first.model, how.device), experiments, text, cancel, how, floor)


def said_beforehand(experiments: Sequence[Experiment], how: Running = AS_USUAL) -> str:
    """What is said before a run of a model that does not fit; empty where it is loaded whole, or is
    still to be fetched. UserError where it cannot be run."""
    room = _streamed_room(experiments, how)
    return "" if room is None else said(room, experiments, how, store())


def _streamed_room(experiments: Sequence[Experiment], how: Running) -> "Room | None":
    """How a run is streamed; None where the model is loaded whole, or is still to be fetched."""
    here = opening(experiments[0].model) == LOADING
    room = room_of(experiments, how) if here else None
    return None if room is None or room.parts is None else room


def put(results: Sequence[Result]) -> str | None:
    """Store results; what was measured is still shown when that fails, with every reason. One that
    cannot be stored takes none of the others along."""
    reasons: list[str] = []
    for result in results:
        try:
            store().put(result)
        except UserError as error:
            reasons.append(without_places(error))
    return f"The result is not stored: {_joined(reasons)}" if reasons else None


def as_kept(result: Result, how: Running) -> Result:
    """What the store gets of a result: no word of a visitor's own text unless that is asked for."""
    own = result.experiment.corpus == corpora.OWN_TEXT
    if not own or how.keep_words or result.flips is None:
        return result
    return result.model_copy(update={"flips": result.flips.without_rows()})


def _of_own(experiment: Experiment) -> bool:
    return is_own(experiment.target, experiment.criterion)


def _joined(notes: Sequence[str | None]) -> str | None:
    """Notes one behind the other, each once; None where there are none."""
    return " ".join(dict.fromkeys(note for note in notes if note)) or None
