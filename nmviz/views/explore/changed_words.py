"""The words that changed: which rows of the table are chosen, and what stands in them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmviz.base.wording import listed
from nmviz.core.results import Column, Result
from nmviz.core.settings import TARGETS
from nmviz.core.tokenwise.flips import FlipInWords
from nmviz.views.explore.tail_lines import flips_counted
from nmviz.views.shared.numbers import share, significant
from nmviz.views.shared.theme import NAMES

HEADS = (
    *("text before", "pruned", "true next word", "dense model's word", "pruned model's word"),
    *("KL (nats)", "what changed", "window, token"),
)
OLD = "These results were made before single words were followed: run them again."
LATER = "Which words changed comes when the run is whole."
NOTHING = "Nothing is measured here yet."
NOT_KEPT = (
    "Of a text of your own the store keeps how many words changed, and not which: run it again to "
    "see them, and tick \N{LEFT DOUBLE QUOTATION MARK}Keep which words changed"
    "\N{RIGHT DOUBLE QUOTATION MARK} below the text first if they are to stay."
)
NONE_CHANGED = "No word changed."


@dataclass(frozen=True)
class ChangedWord:
    """A row: one token of the text under the model with that pruned."""

    target: Column
    told: FlipInWords


def chosen(
    told: Mapping[Column, Sequence[FlipInWords]], target: str = "", kind: str = "", words: str = ""
) -> list[ChangedWord]:
    """The rows of a target, of a kind, and with these words in them, or of all where one is empty;
    the largest fall of the dense model's word first."""
    wanted = words.casefold()
    rows = [
        ChangedWord(one, row)
        for one, rows in told.items()
        for row in rows
        if target in ("", one) and kind in ("", row.flip.kind) and wanted in row.searched
    ]
    return sorted(rows, key=lambda row: -row.told.flip.fall)


def cells(row: ChangedWord) -> tuple[str, ...]:
    """What stands under `HEADS`."""
    flip, told = row.told.flip, row.told
    return (
        visible(told.before) if told.before else "\N{EN DASH}",
        NAMES[row.target],
        visible(told.right),
        _moved(told.dense, flip.dense_before, flip.dense_after),
        _moved(told.pruned, flip.pruned_before, flip.pruned_after),
        significant(flip.kl),
        flip.kind,
        f"{flip.window:,}, {flip.token:,}",
    )


def record(row: ChangedWord) -> dict[str, Any]:
    """The same with every number as it is kept, for a file."""
    flip, told = row.told.flip, row.told
    words = {name: visible(getattr(told, name)) for name in ("right", "dense", "pruned")}
    numbers = flip.model_dump()
    of_words = {f"{name}_id": numbers.pop(name) for name in ("right", "dense", "pruned")}
    return {
        "before": visible(told.before) if told.before else "",
        **words,
        "what_changed": flip.kind,
        "target": row.target,
        "fall": round(flip.fall, 6),
        **numbers,
        **of_words,
    }


def visible(text: str) -> str:
    """A word, or some text, on one line; spaces and line breaks alone are shown as signs."""
    line = text.replace("\r", "").replace("\n", "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}")
    return line.strip() or "\N{OPEN BOX}" * max(len(line), 1)


def counted(results: Mapping[Column, Result]) -> str:
    """How many words changed with either target, and how many of them are listed."""
    known = [(one, of.flips) for one, of in results.items() if of.flips is not None]
    said = [f"for {flips_counted(flips)} with {NAMES[one]} pruned" for one, flips in known]
    if not said:
        return ""
    kept = [f"{len(flips.rows):,} of {NAMES[one]}" for one, flips in known if flips.rows]
    below = f" Listed: the largest changes, {listed(kept)}." if kept else ""
    return f"Another word is the likeliest {' and '.join(said)}.{below}"


def why_none(results: Mapping[Column, Result]) -> str:
    """Why no word can be listed."""
    if not results:
        return NOTHING
    if any(one.partial for one in results.values()):
        return LATER
    known = [one.flips for one in results.values() if one.flips is not None]
    if any(one.lacks_rows for one in known):
        return NOT_KEPT
    return NONE_CHANGED if known else OLD


def lacking(results: Mapping[Column, Result]) -> Iterator[str]:
    """What is missing of one target while the other is listed."""
    for one in TARGETS:
        if one in results and results[one].lacks_flips:
            yield f"The result for {NAMES[one]} was made before single words were followed."


def _moved(word: str, before: float, after: float) -> str:
    said = f"{percent(before)} \N{RIGHTWARDS ARROW} {percent(after)}"
    return f"\N{LEFT DOUBLE QUOTATION MARK}{visible(word)}\N{RIGHT DOUBLE QUOTATION MARK} {said}"


def percent(probability: float) -> str:
    """Of very small and very large ones only which they are."""
    if 0.0005 <= probability <= 0.9995:
        return share(probability)
    return "< 0.1%" if probability < 0.5 else "> 99.9%"
