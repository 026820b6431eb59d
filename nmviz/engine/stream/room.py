"""Whether a model is loaded whole or streamed: what each needs of memory, and what there is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from nmviz.base.cache import megabytes
from nmviz.base.errors import UserError
from nmviz.base.memory import resident
from nmviz.core.experiment import Experiment
from nmviz.core.rules import DRAWS
from nmviz.core.running import AS_EVERYWHERE, Running
from nmviz.core.settings import BLOCKS
from nmviz.engine.load.configs import language_model, read_config
from nmviz.engine.load.refusals import broken_files, plain_words, refuse_config
from nmviz.engine.load.tensors import heads
from nmviz.engine.measure.room import BYTES, at_once, scores_of, states_of
from nmviz.engine.stream.hidden import check_disk
from nmviz.engine.stream.opening import folder_of
from nmviz.engine.stream.parts import Parts
from nmviz.methods import BY_TARGET, MITIGATIONS
from nmviz.methods.method import Call, parse_call
from nmviz.sources import models

LIBRARIES = 200_000_000
"""Bytes that what is loaded and compiled in a run takes, beside what the process has by then."""
MATRICES = 4
"""Times the largest matrix: its scores, mask and pruned copy are there beside it."""
WIDE = 3
"""Times the widest row of every token read at once: an input, what is kept of it, an output."""
A_LAYER = 4096  # a layer's d_in and d_out, to tell what a method keeps of it
FEW = 4  # numbers kept for each input and output of a layer: more is a matrix


@dataclass(frozen=True)
class Room:
    """What a run of a model needs and may take; `parts` where it is streamed."""

    said: str
    parts: Parts | None = None
    folder: Path | None = None
    in_file: bool = False  # whether hidden states have no place in memory


def decide(experiments: Sequence[Experiment], how: Running) -> Room | None:
    """How a model is read within `how.memory`; None where it is loaded whole without a word: no
    bound is given, or nothing is known of its size before it is loaded.

    UserError where not even a block fits, or the experiments need the whole model in memory; where
    files or tensors are missing or wrong.
    """
    model_id = experiments[0].model
    if how.memory is None or how.device != AS_EVERYWHERE:
        return None
    if models.recipe_of(model_id) is None:  # a recipe has the config of its model
        refuse_config(models.read_config(model_id), model_id)  # before weights are fetched
    folder = folder_of(model_id)
    if folder is None:
        return None
    with plain_words(model_id), broken_files(folder, model_id):
        return _decide(folder, experiments, how, how.memory)


def _decide(folder: Path, experiments: Sequence[Experiment], how: Running, most: int) -> Room:
    """The same of a folder of safetensors, and a bound in bytes."""
    model_id = experiments[0].model
    stored = heads(folder, model_id)
    count = sum(prod(head.shape) for head in stored.values())
    base = (resident() or 0) + LIBRARIES
    on_disk = sum(head.bits for head in stored.values()) // 8  # mapped while it is read
    whole = base + count * BYTES + max(on_disk, _of_whole(folder, experiments, count))
    title, there = models.describe(model_id).title, f"{megabytes(most)} MB may be used"
    told = f"{title} has {_millions(count)} million parameters"
    if whole <= most:
        needs = f"a run takes about {megabytes(whole)} MB"
        return Room(f"{told}; {needs}, {there}: loaded whole.")
    _refuse_whole(experiments, how)
    parts = Parts(folder, model_id)
    least = base + _least(parts, experiments[0])
    states = _states(parts, experiments, how)
    if least > most:
        raise UserError(
            f"{told}; even block by block a run takes {megabytes(least)} MB of memory, and "
            f"{there}: give it more, or choose a smaller model."
        )
    in_file = least + states > most
    if in_file:
        check_disk(states)
    takes = f"{megabytes(least if in_file else least + states)} MB"
    where = f", with {megabytes(states)} MB of hidden states on disk" if in_file else ""
    said = (
        f"{told}; whole a run takes about {megabytes(whole)} MB, {there}: streamed block by block "
        f"in about {takes}{where}."
    )
    return Room(said, parts, folder, in_file)


def _of_whole(folder: Path, experiments: Sequence[Experiment], count: int) -> int:
    """Bytes beside the weights: of a pass over the windows, and of masks as bits."""
    if experiments[0].tasks:  # how long a question is nobody knows
        return 0
    model_id, window = experiments[0].model, experiments[0].reading.window
    config, _ = language_model(read_config(folder, model_id), model_id)
    blocks = int(getattr(config.get_text_config(), "num_hidden_layers", 0))
    masks = sum(one.target == "weight" for one in experiments) * count // 8
    return scores_of(config, window) + states_of(config, window, blocks) + masks


def _least(parts: Parts, experiment: Experiment) -> int:
    """Bytes that are there at once at the most: with a block and its work, or an end of the model
    and the scores."""
    sizes, window = parts.sizes(), experiment.reading.window
    config = parts.model.config
    work = MATRICES * sizes.matrix + WIDE * BYTES * at_once(window) * parts.widest
    work += states_of(config, window, 4)
    leaving = sizes.head + scores_of(config, window)
    return sizes.outside + max(sizes.block + work, sizes.ends, leaving)


def _states(parts: Parts, experiments: Sequence[Experiment], how: Running) -> int:
    """Bytes of all hidden states: embedded, dense, and one of every comparison."""
    weights = sum(one.target == "weight" and one.ties != "index" for one in experiments)
    compared = len(experiments) * (2 if how.control else 1) + weights * (DRAWS - 1)
    width = int(parts.model.config.get_text_config().hidden_size)
    return (2 + compared) * int(experiments[0].reading.tokens) * width * BYTES


def _refuse_whole(experiments: Sequence[Experiment], how: Running) -> None:
    """UserError for what cannot be done with a block in memory at a time."""
    for said in _whole_only(experiments, how):
        raise UserError(
            f"The model does not fit into memory, and {said} it whole: leave that out, choose a "
            "smaller model, or give it more memory."
        )


def _whole_only(experiments: Sequence[Experiment], how: Running) -> Iterator[str]:
    if how.precision:
        yield "stopping early needs"
    if how.noise_floor:
        yield "a noise floor needs"
    for one in experiments:
        if one.tasks:
            yield "tasks need"
        elif one.target == BLOCKS:
            yield "leaving out blocks needs"
        else:
            calls = [parse_call(one.criterion, BY_TARGET[one.target])]
            calls += [parse_call(text, MITIGATIONS) for text in one.mitigations]
            yield from (f"{call.method.name} needs" for call in calls if _needs_whole(call))


def _needs_whole(call: Call) -> bool:
    """Whether a method goes back through the model, trains, or keeps matrices of every layer."""
    facts = call.method.facts
    kept = call.method.added(A_LAYER, A_LAYER, **call.settings).numbers
    backward = facts.learned or facts.needs == "gradients"
    return backward or facts.gives == "weight" or kept > FEW * 2 * A_LAYER


def _millions(count: int) -> str:
    return f"{count / 1e6:,.1f}" if count < 1e9 else f"{count / 1e6:,.0f}"
