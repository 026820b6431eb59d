"""A prompt passed through the first blocks of a streamed model, up to the one that is looked at."""

from dataclasses import dataclass, field
from functools import partial

from torch import Tensor

from nmviz.engine.load.loading import LoadedModel
from nmviz.engine.load.refusals import enough_memory
from nmviz.engine.load.sites import find_sites
from nmviz.engine.look.capture import Capture, Captures, caught, prompt_ids
from nmviz.engine.stream.parts import Parts
from nmviz.engine.stream.passing import embedded, through


@dataclass
class Entered:
    """How far a prompt has come: `states` are what the blocks passed so far, and the next one, are
    given, [1, tokens, d_model] by block; of block 0 what the embedding gives."""

    ids: Tensor  # int64 [tokens]
    states: dict[int, Tensor] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(state.nbytes for state in list(self.states.values()))


def capture_of(
    loaded: LoadedModel, parts: Parts, captures: Captures, prompt: str, block: int
) -> Capture:
    """The dense inputs of the sites of one block over a prompt. Blocks before it are read where no
    earlier look has passed them, one at a time; none behind it is. UserError as `make_capture`."""

    def made() -> Capture:
        key = loaded.sha256, prompt, "entered"
        entered = captures.kept(key, lambda: Entered(prompt_ids(loaded, prompt)))
        with enough_memory(loaded.info.id):
            return _capture(loaded, parts, entered, block)

    return captures.kept((loaded.sha256, prompt, str(block)), made)


def _capture(loaded: LoadedModel, parts: Parts, entered: Entered, block: int) -> Capture:
    ids, states = entered.ids[None], entered.states
    if not states:
        with parts.entering():
            states[0] = embedded(loaded, ids)
    for number in range(max(one for one in states if one <= block), block):
        before = states[number] if number else None
        with parts.block(number):
            states[number + 1], _ = through(loaded, number, ids, states[0], before, {})
    given = states[block] if block else None
    passing = partial(through, loaded, block, ids, states[0], given)
    sites = [site for site in find_sites(loaded.model) if site.block == block]
    with parts.block(block):
        return caught(loaded, entered.ids, sites, passing)
