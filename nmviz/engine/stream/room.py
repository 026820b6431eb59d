"""Whether a model is loaded whole or streamed: what each needs of memory, and what there is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from nmviz.base import holding
from nmviz.base.cache import megabytes
from nmviz.base.errors import UserError
from nmviz.base.memory import give_back, resident
from nmviz.core.experiment import Experiment
from nmviz.core.rules import DRAWS
from nmviz.core.running import AS_EVERYWHERE, Running
from nmviz.core.settings import BLOCKS
from nmviz.engine.load.configs import language_model, read_config
from nmviz.engine.load.refusals import broken_files, plain_words, refuse_config
from nmviz.engine.load.tensors import heads
from nmviz.engine.measure.room import BYTES, at_once, scores_of, states_of
from nmviz.engine.stream.hidden import check_disk
from nmviz.engine.stream.opening import folder_of, kept_parts
from nmviz.engine.stream.parts import Parts
from nmviz.engine.stream.timing import seconds_of
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
    """What a run of a model needs and may take, in words without a full stop; `parts` where it is
    streamed."""

    said: str
    parts: Parts | None = None
    folder: Path | None = None
    in_file: bool = False  # whether hidden states have no place in memory
    needs: int = 0  # bytes, beside what the process has by then
    most: int = 0  # bytes that the process may have
    seconds: float = 0.0  # of the run, as far as products and reading tell
    fits: bool = False  # whether all of the model has a place as well

    def make(self) -> None:
        """Give up what is idle, where it is in the way."""
        holding.make_room(self.needs, self.most)


@dataclass(frozen=True)
class Whole:
    """A model in safetensors: bytes that it has on disk, that it takes in memory with the work on
    it, and that the process takes in all then, once what is idle is given up."""

    folder: Path
    count: int  # of parameters
    on_disk: int
    alone: int  # beside what the process has by then
    said: str  # how many parameters it has

    @property
    def needs(self) -> int:
        return _begun() + self.alone

    def beside(self, most: int) -> str:
        """What it needs and what there is, in words."""
        return (
            f"{self.said}; whole a run takes about {megabytes(self.needs)} MB, and "
            f"{megabytes(most)} MB may be used"
        )


def decide(experiments: Sequence[Experiment], how: Running, *, lean: bool = False) -> Room | None:
    """How a model is read within `how.memory`; None where it is loaded whole without a word: no
    bound is given, or nothing is known of its size before it is loaded. What is idle in the process
    counts as free. With `lean` one that fits is read a block at a time too, where that can be.

    UserError where not even a block fits, or the experiments need the whole model in memory; where
    files or tensors are missing or wrong.
    """
    model_id, most = experiments[0].model, how.memory
    if most is None or how.device != AS_EVERYWHERE:
        return None
    found = whole_of(model_id, experiments)
    if found is None:
        return None
    with plain_words(model_id), broken_files(found.folder, model_id):
        return _decide(found, experiments, how, most, lean)


def whole_of(model_id: str, experiments: Sequence[Experiment]) -> Whole | None:
    """What it takes in memory whole with a run of the experiments; None where nothing is known of
    its size before it is loaded. It is fetched where it is missing."""
    if models.recipe_of(model_id) is None:  # a recipe has the config of its model
        refuse_config(models.read_config(model_id), model_id)  # before weights are fetched
    folder = folder_of(model_id)
    if folder is None:
        return None
    with plain_words(model_id), broken_files(folder, model_id):
        stored = heads(folder, model_id)
        count = sum(prod(head.shape) for head in stored.values())
        on_disk = sum(head.bits for head in stored.values()) // 8  # mapped while it is read
        work = max(on_disk, _of_whole(folder, experiments, count))
    said = f"{models.describe(model_id).title} has {_millions(count)} million parameters"
    return Whole(folder, count, on_disk, count * BYTES + work, said)


def _begun() -> int:
    """Bytes of the process once what is idle is given up and a run has begun."""
    return max(0, (resident() or 0) - holding.idle()) + LIBRARIES


def _decide(
    found: Whole, experiments: Sequence[Experiment], how: Running, most: int, lean: bool
) -> Room:
    """The same of a folder of safetensors, and a bound in bytes."""
    model_id, there = experiments[0].model, f"{megabytes(most)} MB may be used"
    if found.needs <= most:
        needs = f"a run takes about {megabytes(found.needs)} MB"
        whole = Room(f"{found.said}; {needs}, {there}: loaded whole")
        return (_leaner(found, experiments, how, most) if lean else None) or whole
    _refuse_whole(experiments, how)
    parts = kept_parts(model_id, found.folder)
    alone, states = _least(parts, experiments[0].reading.window), _states(parts, experiments, how)
    least = _refuse_little(found.said, parts, alone, most)
    in_file = least + states > most
    if in_file:
        check_disk(states)
    takes = f"{megabytes(least if in_file else least + states)} MB"
    where = f", with {megabytes(states)} MB of hidden states on disk" if in_file else ""
    return Room(
        f"{found.beside(most)}: streamed block by block in about {takes}{where}",
        parts,
        found.folder,
        in_file,
        LIBRARIES + alone + (0 if in_file else states),
        most,
        seconds_of(parts, experiments, how),
    )


def _leaner(
    found: Whole, experiments: Sequence[Experiment], how: Running, most: int
) -> Room | None:
    """The room of a run that takes a block at a time although all of the model has a place: as fast
    and with less memory. None where the run or the model has to be whole."""
    if next(_whole_only(experiments, how), None) is not None:
        return None
    try:
        parts = kept_parts(experiments[0].model, found.folder)
    except UserError:
        return None
    needs = LIBRARIES + _least(parts, experiments[0].reading.window)
    needs += _states(parts, experiments, how)
    takes = f"a run takes about {megabytes(_begun() - LIBRARIES + needs)} MB"
    said = f"{found.said}; {takes} block by block, {megabytes(most)} MB may be used"
    return Room(said, parts, found.folder, needs=needs, most=most, fits=True)


def check_look(parts: Parts, whole: Whole, tokens: int, most: int) -> int:
    """Bytes that it takes to have a prompt of so many tokens pass through a block. UserError where
    they do not fit."""
    needs = parts.sizes().outside + _in_block(parts, tokens)
    _refuse_little(whole.said, parts, needs, most)
    return LIBRARIES + needs


def _refuse_little(said: str, parts: Parts, alone: int, most: int) -> int:
    """Bytes that the process has with so many more. UserError where those are too many, also once
    what the process let go of is given back."""
    if _begun() + alone > most:
        give_back()
    least = _begun() + alone
    if least > most:
        raise UserError(
            f"{said}; even block by block a run takes {megabytes(least)} MB of memory, of which "
            f"{megabytes(parts.sizes().block)} MB are one block, and {megabytes(most)} MB may be "
            f"used: give --memory {-(-least // 2**20)}M at least, or choose a smaller model."
        )
    return least


def _of_whole(folder: Path, experiments: Sequence[Experiment], count: int) -> int:
    """Bytes beside the weights: of a pass over the windows, and of masks as bits."""
    if experiments[0].tasks:  # how long a question is nobody knows
        return 0
    model_id, window = experiments[0].model, experiments[0].reading.window
    config, _ = language_model(read_config(folder, model_id), model_id)
    blocks = int(getattr(config.get_text_config(), "num_hidden_layers", 0))
    masks = sum(one.target == "weight" for one in experiments) * count // 8
    return scores_of(config, window) + states_of(config, window, blocks) + masks


def _least(parts: Parts, window: int) -> int:
    """Bytes that are there at once at the most with windows of so many tokens: with a block and its
    work, or an end of the model and the scores."""
    leaving = parts.sizes().head + scores_of(parts.model.config, window)
    return parts.sizes().outside + max(_in_block(parts, at_once(window)), leaving)


def _in_block(parts: Parts, tokens: int) -> int:
    """Bytes of a block and the work on so many tokens at once, or of an end of the model."""
    sizes = parts.sizes()
    work = MATRICES * sizes.matrix + WIDE * BYTES * tokens * parts.widest
    return max(sizes.block + work + states_of(parts.model.config, tokens, 4), sizes.ends)


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
