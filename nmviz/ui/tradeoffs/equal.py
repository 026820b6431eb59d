"""The third part: N:M beside simpler ways of spending less, at equal cost."""

from typing import Any

from nmviz.hardware.facts import shipped
from nmviz.service.tradeoffs.axes import COSTS, QUALITIES
from nmviz.service.tradeoffs.baselines import LOSS, Compared, compared, sentence
from nmviz.service.tradeoffs.equal_memory import InMemory, as_shipped, in_memory
from nmviz.service.tradeoffs.figures import without_floor
from nmviz.ui.shell.failures import sentence as failure
from nmviz.ui.shell.freshness import stamp
from nmviz.ui.shell.html import esc, note, table
from nmviz.views.shared.numbers import column
from nmviz.views.tradeoffs.known import marked

LOST = "nats a token"
NONE = "&ndash;"
ABOUT_BLOCKS = (
    "Of each pattern the run that loses least, on the text that most of the runs read. Blocks "
    "are left out by cost (those whose removal alone costs least on calibration text), by "
    "attribution (one after the other, measured anew each time) or from the end before the very "
    "last; nothing is trained afterwards. Metadata and what a method adds "
    "count. Errors are one standard error. Two runs are tied where the 95% interval of their "
    "difference, in pairs on the same text, holds 0, or the difference is below a noise floor."
)
ABOUT_MEMORY = (
    "Memory is that of all weights, embedding and head among them, with index metadata, in % of "
    "the dense model at 16 bits. What is lost is the mean over ARC-Easy, BoolQ, PIQA and "
    "WinoGrande of (dense - own) / dense, each row against the dense model of its own source: "
    "protocols differ between sources. ± is one standard error. Of a model that is not here nobody "
    "quotes these four tasks (Llama 3.1 8B). Pruning activations leaves memory as it is. No pinned "
    "model has a smaller one of its family here, and SmolLM2 and Gemma read other tokens."
)


def equal(model: Any, cost: Any) -> str:
    """N:M beside blocks left out at equal cost, then pruned weights beside what takes less memory:
    a sentence, a row each, and what the numbers are."""
    try:
        found = compared(str(model)[:200], str(cost))
        parts = [_blocks(found, str(cost)), _own_bits(str(model)), _memory(in_memory())]
        of = f"{shipped()[str(model)].title}, equal in {COSTS[str(cost)].title}"
        parts.append(stamp("baselines", of, of))
    except Exception as error:
        return note(failure(error), "error")
    return "".join(parts)


def _blocks(found: tuple[Compared, ...], cost: str) -> str:
    costing = COSTS[cost].title
    heads = ["pattern", costing, LOST, "±", "blocks left out", costing, LOST, "±", "loses less"]
    said = f"{len(found)} patterns beside blocks left out"
    rows = _rows(found)
    table_of = table(said, heads, rows, (1, 2, 3, 5, 6, 7)) if rows else ""
    known = f"{sentence(found, cost)} ({marked('measured')}, costs {marked('counted')})"
    every = [one for pair in found for one in (pair.masked, pair.blocks) if one is not None]
    about = f"{ABOUT_BLOCKS} {without_floor(every, QUALITIES[LOSS])}".rstrip()
    return f'<p class="answer">{esc(known)}</p>{table_of}<p class="words">{esc(about)}</p>'


def _rows(found: tuple[Compared, ...]) -> list[list[str]]:
    """All losses with the same decimals, so that they can be compared down the columns."""
    beside = [one.blocks for one in found]
    every = [*(one.masked for one in found), *(one for one in beside if one is not None)]
    told = iter(column([(one.value, one.error) for one in every]))
    masked = [[esc(one.masked.short), f"{one.masked.cost:.1f}", *next(told)] for one in found]
    blocks = [
        [NONE] * 4 if one is None else [esc(one.short), f"{one.cost:.1f}", *next(told)]
        for one in beside
    ]
    ahead = [[esc(one.ahead)] for one in found]
    return [[*a, *b, *c] for a, b, c in zip(masked, blocks, ahead, strict=True)]


def _own_bits(model: str) -> str:
    """The 4-bit weights as they are, which is what a pinned model is made of; nothing of others."""
    share = as_shipped(model)
    if share is None:
        return ""
    words = (
        f"{shipped()[model].title} ships in 4 bits: its file takes {share:.1f}% of what its "
        f"weights take at 16 bits ({marked('counted')}). That loses nothing here, since these "
        "weights are what is called dense; what rounding them had cost before is not known. The "
        "costs above are of weights at 16 bits."
    )
    return f'<p class="words">{esc(words)}</p>'


def _memory(found: tuple[InMemory, ...]) -> str:
    if not found:
        return ""
    heads = ["model", "made into", "memory (% of dense)", "accuracy lost (%)", "±", "source"]
    told = column([(one.drop, one.error) for one in found], most=1)
    rows = [
        [
            esc(shipped()[one.model].title),
            esc(one.title),
            f"{one.memory:.1f}",
            *number,
            esc(one.source),
        ]
        for one, number in zip(found, told, strict=True)
    ]
    said = f"{len(found)} ways to less memory than dense, as published"
    how = f"{marked('published')}, memory {marked('counted')}"
    known = f"Beside 4-bit weights and smaller dense models ({how}):"
    return (
        f'<p class="answer">{esc(known)}</p>{table(said, heads, rows, (2, 3, 4))}'
        f'<p class="words">{esc(ABOUT_MEMORY)}</p>'
    )
