"""Flips in words: what is kept of a result as numbers, read with what is on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass

from nmviz.base.errors import UserError
from nmviz.core.answers.item_flips import ItemFlips, item_flips
from nmviz.core.results import Result
from nmviz.core.tokenwise.flips import FlipInWords
from nmviz.service.runs import lookup
from nmviz.service.tasks import dense_of
from nmviz.sources.task_items import Item, items_here

MOST_ITEMS = 50
"""So many examples of a task are told that came out wrong, and as many that came out right."""
NO_WORDS = (
    "The model is not on this machine: words are shown by their numbers in its vocabulary, and the "
    "text before them is left out."
)
NO_TEXT = "The text is not on this machine: what stands before the words is left out."


@dataclass(frozen=True)
class Told:
    """The flips that are kept of a result, the largest first; `lacking` says what they lack."""

    rows: tuple[FlipInWords, ...]
    lacking: str = ""


def flips_in_words(result: Result, text: str | None = None) -> Told:
    """The flips of a result; `text` is the user's own where it is of one. The first answer for a
    model reads its tokenizer, and for a text cuts it into tokens; later ones take milliseconds."""
    kept = () if result.flips is None else result.flips.rows
    if not kept:
        return Told(())
    from nmviz.engine.look import words

    known = words.vocabulary(result.experiment)
    if known is None:
        return Told(tuple(map(FlipInWords.in_numbers, kept)), NO_WORDS)
    windows = words.windows_here(known, result.experiment, text)
    return Told(words.in_words(kept, known, windows), NO_TEXT if windows is None else "")


def answers_changed(result: Result) -> tuple[ItemFlips, ...]:
    """The examples of every task and metric that the stored dense model and this result do not both
    get right or wrong; the first 50 each way are told one by one. Empty where there are none to
    compare with."""
    experiment = result.experiment
    if not experiment.tasks or experiment.mask.is_dense:
        return ()
    try:
        dense = lookup(dense_of(experiment))
    except UserError:  # of a model that is not here any more
        return ()
    found = () if dense is None else item_flips(dense, result)
    return tuple(one.first(MOST_ITEMS) for one in found)


def questions_of(result: Result, flips: ItemFlips) -> Mapping[int, Item]:
    """The examples of these flips by their place, where the task's rows are on this machine."""
    places = [one.item for one in flips.items]
    try:
        return items_here(flips.task, places, result.experiment.limit)
    except UserError:
        return {}
