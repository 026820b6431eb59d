"""Making the looks of a result: `nmviz run --keep looks`.

They are of the prompt that the page opens with, and not of the text that was evaluated: that is
what the page asks for first, a look at it is the same as one that the page makes with the model,
and no word of a text of one's own is kept. It costs a dense pass over two dozen tokens; a model
that does not fit into memory is read once more for it, block by block.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING

import nmviz
from nmviz.base.errors import UserError, check_of
from nmviz.base.stepping import each
from nmviz.core.experiment import Experiment
from nmviz.core.looks.compact import LARGEST, packed
from nmviz.core.looks.kept import KeptLooks, KeptModel, KeptText, as_kept, pruned_alone
from nmviz.core.looks.prompts import NEW_TOKENS, OPENING, PROMPTS
from nmviz.core.results import Continuation, Progress, Result
from nmviz.core.running import Running
from nmviz.core.settings import BLOCKS
from nmviz.service.at_hand.calibrating import told
from nmviz.service.choices import canonical, describe
from nmviz.service.layers import generate
from nmviz.service.runs import load, store
from nmviz.sources.opening import opening
from nmviz.store import looks

if TYPE_CHECKING:
    from nmviz.engine.load.loading import LoadedModel
    from nmviz.engine.look.every_layer import Inputs

STREAMED = "The model was never in memory as a whole, so no texts were written."


def check_has_looks(experiment: Experiment) -> None:
    """UserError where there is nothing to look at."""
    if experiment.tasks:
        raise UserError("Looks are kept of runs over a text: leave --keep looks out, or the tasks.")
    if experiment.target == BLOCKS or experiment.is_dense:
        raise UserError("Nothing is masked here, so there are no looks: leave --keep looks out.")


def keep_looks(
    experiment: Experiment, result: Result, how: Running, cancel: Event | None = None
) -> Iterator[Progress]:
    """Make the looks of an experiment and store them beside its result; the last Progress has
    stage "done" and that result.

    UserError as for a run, where there is nothing to look at, and where the store keeps nothing.
    """
    check_has_looks(experiment)
    store().check_keeps()
    data = yield from made(experiment, how, cancel)
    looks.put(store(), result.key, data)
    said = f"Looks at the layers are kept beside the result ({len(data) / 1e6:.1f} MB)."
    yield Progress("done", results=(result,), note=said)


def made(
    experiment: Experiment, how: Running, cancel: Event | None = None, largest: int = LARGEST
) -> Generator[Progress, None, bytes]:
    """The looks of an experiment as a file of at most so many bytes."""
    from nmviz.engine.look.every_layer import EveryLayer, look_at_all

    one, check = pruned_alone(canonical(experiment)), check_of(cancel or Event())
    yield Progress(opening(one.model))
    at_hand = yield from _opened(one, how, check)
    found = EveryLayer()
    steps = look_at_all(at_hand.loaded, one, at_hand.inputs, found, check)
    for stage in steps:
        yield told(stage)
    if not found.looks:
        raise UserError(next(iter(found.without.values()), "There is no layer to look at."))
    texts: tuple[KeptText, ...] = ()
    if at_hand.writes:
        texts = yield from _texts(one, cancel or Event())
    return packed(
        KeptLooks(
            experiment=one,
            model=KeptModel.of(describe(one.model), at_hand.loaded.sha256),
            prompt=OPENING,
            tokens=found.tokens,
            looks=tuple(found.looks),
            made=datetime.now(UTC).isoformat(timespec="seconds"),
            version=nmviz.__version__,
            texts=texts,
            no_texts="" if texts else STREAMED,
            without=found.without,
        ),
        largest,
    )


@dataclass(frozen=True)
class _AtHand:
    """A model, every layer with its inputs, and whether it can write."""

    loaded: "LoadedModel"
    inputs: "Inputs"
    writes: bool


def _opened(
    experiment: Experiment, how: Running, check: Callable[[], None]
) -> Generator[Progress, None, _AtHand]:
    """The model whole, or block by block where `how.memory` does not do, calibrated."""
    from nmviz.engine.calibrate.calibration import made_ready, make
    from nmviz.engine.load.scope import choose
    from nmviz.engine.load.sites import find_sites
    from nmviz.engine.look.every_layer import inputs_of
    from nmviz.engine.stream.room import decide

    room = decide([experiment], how)
    if room is None or room.parts is None:
        loaded = load(experiment.model, how.device)
        pruned = make(experiment, choose(find_sites(loaded.model), experiment))
        yield from each(made_ready(loaded, pruned, check), told)
        return _AtHand(loaded, inputs_of(loaded, OPENING), True)
    assert room.folder is not None
    from nmviz.engine.stream.calibrating import ready
    from nmviz.engine.stream.every_layer import streamed_inputs
    from nmviz.engine.stream.opening import kept_opened

    loaded, parts = kept_opened(experiment.model, room.folder), room.parts
    yield from each(ready(loaded, parts, experiment, check), told)
    return _AtHand(loaded, streamed_inputs(loaded, parts, OPENING, check), False)


def _texts(
    experiment: Experiment, cancel: Event
) -> Generator[Progress, None, tuple[KeptText, ...]]:
    """What the dense and the pruned model make of the prompts that the page opens with."""
    found = []
    chat = describe(experiment.model).chat
    for number, prompt in enumerate(PROMPTS):
        texts: tuple[Continuation, ...] = ()
        steps = generate([experiment], prompt, max_new_tokens=NEW_TOKENS, chat=chat, cancel=cancel)
        for step in steps:
            texts = step.continuations
            yield Progress("writing", share=number / len(PROMPTS))
        check_of(cancel)()
        dense, pruned = map(as_kept, texts)
        found.append(KeptText(prompt=prompt, tokens=NEW_TOKENS, dense=dense, pruned=pruned))
    return tuple(found)
