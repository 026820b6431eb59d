"""Lesson 1: what N:M is, on sixteen numbers of a real layer."""

from collections.abc import Callable
from math import comb

from nmviz.core.lessons.hand import KEPT, PATTERN, SIZE, Hand
from nmviz.hardware.metadata import bits
from nmviz.lessons.shared import hands
from nmviz.lessons.shared.evidence import Evidence
from nmviz.lessons.shared.step import Bars, Cells, Chosen, Lesson, Menu, Row, Said, Setting, Step
from nmviz.methods.patterns import parse_pattern
from nmviz.views.shared.numbers import share, significant

MODEL = "smollm2-135m"
PROMPT = "The capital of France is Paris, and the capital of Italy is Rome. The capital of Japan is"
WORD = Menu(
    "word",
    "Token of the prompt",
    {"11": "Italy", "5": "Paris", "13": "Rome", "18": "Japan", "1": "capital", "3": "France"},
)
"""Places in the prompt, and what stands there."""
SMALL = Menu("word", "Token of the prompt", {"8": "the", "19": "is", "5": "Paris", "11": "Italy"})
HALVES = ("2:4", "4:8", "8:16")
GROUPS = Menu("pattern", "Pattern", {name: name for name in (*HALVES, "1:4")})
LADDER = ("1:4", "2:4", "4:8", "8:16", "16:32")
WAYS = Menu("pattern", "Pattern", {name: name for name in LADDER}, True, "2:4")


def _of_hand(say: Callable[[Chosen, Hand], Said]) -> Callable[[Chosen, Evidence], Said]:
    """A step that is told from the sixteen inputs; where they did not ship it says nothing."""

    def saying(chosen: Chosen, evidence: Evidence) -> Said:
        hand = evidence.hands.get(PROMPT)
        return Said({}, _setting(PATTERN)) if hand is None else say(chosen, hand)

    return saying


def _setting(pattern: str) -> Setting:
    return Setting({"model": MODEL, "pattern": pattern, "prompt": PROMPT}, part="hand")


@_of_hand
def _numbers(chosen: Chosen, hand: Hand) -> Said:
    values = hand.inputs[int(chosen["word"])]
    sizes = sorted(map(abs, values))
    words = {
        "count": f"{SIZE}",
        "block": f"{hand.block}",
        "largest": significant(sizes[-1]),
        "smallest": significant(sizes[0]),
        "times": significant(sizes[-1] / sizes[0]) if sizes[0] else "without end",
    }
    shown = Cells(f"The {SIZE} activations", values, [True] * SIZE, SIZE)
    return Said(words, _setting(PATTERN), shown)


@_of_hand
def _groups(chosen: Chosen, hand: Hand) -> Said:
    word, pattern = int(chosen["word"]), chosen["pattern"]
    mask = parse_pattern(pattern)
    group = int(mask.group or 1)
    kept = hands.kept_by_size(hand.inputs[word], pattern)
    words = {
        "meaning": mask.words,
        "kept": f"{sum(kept)} of {SIZE}",
        "error": share(hand.error(word, kept)),
        "of_64": f"{round(64 * mask.density)}",
        "groups": f"{64 // group}",
        "group": f"{group}",
    }
    caption = f"Dropped numbers are struck out; gaps part the groups of {group}"
    return Said(words, _setting(pattern), Cells(caption, hand.inputs[word], kept, group))


@_of_hand
def _wider(chosen: Chosen, hand: Hand) -> Said:
    word = int(chosen["word"])
    errors = {name: hands.error_by_size(hand, word, name) for name in HALVES}
    means = [hands.mean_error(hand, name) for name in HALVES]
    words = {
        "errors": _in_words(list(errors.values())),
        "one": _falls(list(errors.values()), "Here"),
        "means": _in_words(means),
        "all": _falls(means, "Over the whole prompt"),
        "tokens": f"{len(hand.words)}",
    }
    rows = [Row(name, error, share(error)) for name, error in errors.items()]
    return Said(words, _setting(PATTERN), Bars("Change of the layer's output", rows))


def _in_words(errors: list[float]) -> str:
    told = [f"{share(error)} at {name}" for error, name in zip(errors, HALVES, strict=True)]
    return f"{', '.join(told[:-1])} and {told[-1]}"


def _falls(errors: list[float], where: str) -> str:
    if errors == sorted(errors, reverse=True) and len(set(errors)) == len(errors):
        return f"{where}, the wider the group, the less is lost."
    return f"{where} a wider group is not always better."


def _ways(chosen: Chosen, evidence: Evidence) -> Said:
    needed = bits(chosen["pattern"])
    small, wide = bits(HALVES[0]), bits(HALVES[-1])
    words = {
        "group": f"{needed.group}",
        "ways": f"{needed.patterns:,}",
        "entropy": significant(needed.entropy),
        "small": f"{small.patterns ** (SIZE // small.group):,}",
        "wide": f"{wide.patterns:,}",
        "sum": f"{small.patterns} for each group, and {SIZE // small.group} groups: "
        + " × ".join([str(small.patterns)] * (SIZE // small.group)),
    }
    every = [bits(name) for name in WAYS.options]
    rows = [Row(one.name, one.entropy, f"{significant(one.entropy)} bits") for one in every]
    return Said(
        words,
        Setting({"choose": chosen["pattern"]}, "trade-offs", "tradeoffs-pattern-of"),
        Bars("Bits a number that it takes to say which of all masks it is", rows),
    )


@_of_hand
def _best(chosen: Chosen, hand: Hand) -> Said:
    word = int(chosen["word"])
    values = hand.inputs[word]
    by_size = hands.kept_by_size(values, PATTERN)
    best, least = hands.best_choice(hand, word)
    other = sum(a and not b for a, b in zip(best, by_size, strict=True))
    same = f"It keeps {other} that the rule drops." if other else "It is the choice by size."
    words = {
        "ways": f"{comb(SIZE, KEPT):,}",
        "kept": f"{KEPT}",
        "error": share(hand.error(word, by_size)),
        "least": share(least),
        "same": same,
    }
    return Said(words, _setting(PATTERN), Cells("The best choice of all", values, best, SIZE))


LESSON = Lesson(
    title="N:M by hand",
    about="Sixteen real numbers of a language model, and what is lost when half of them go.",
    steps=(
        Step(
            title="A row of numbers",
            text="A language model reads and writes tokens: words, or pieces of words. Every "
            "token goes through a stack of layers as a row of numbers. These numbers are its "
            "activations. Each layer multiplies them by a table of its own, which stands for "
            "every token: its weights.\n\n"
            "Below are {count} neighbouring activations at one layer, the projection called down "
            "in block {block}, for the token [word] of the prompt “The capital of France is "
            "Paris …”. The largest has the size {largest}, the smallest {smallest}: {times} "
            "times less.",
            menus=(WORD,),
            say=_numbers,
            look="Under “One block in your hand” stand the same sixteen numbers: choose another "
            "word above them and see them change.",
            question="Which of the numbers could be left out with the least harm?",
            answer="Those near zero, such as {smallest} here: whatever it is multiplied by, it "
            "adds next to nothing.",
        ),
        Step(
            title="Keep N of every M",
            text="N:M sparsity cuts the row into groups of M neighbours and keeps N numbers of "
            "each group. The others become zero: that is pruning. Which ones stay is the mask, "
            "and the rule that chooses them is the criterion. Magnitude is the simplest: the "
            "largest stay.\n\n"
            "At [pattern] the rule is: {meaning}. For the token [word], {kept} numbers stay, and "
            "the output of the whole layer changes by {error}.",
            menus=(GROUPS, WORD),
            say=_groups,
            look="The form is set to this pattern. The pictures of the layer further down show "
            "the same groups for many tokens.",
            question="Take 64 neighbouring numbers at [pattern]. How many groups are there, and "
            "how many numbers stay?",
            answer="{groups} groups of {group}, and {of_64} numbers stay.",
        ),
        Step(
            title="The same half, chosen more freely",
            text="2:4, 4:8 and 8:16 all keep half. But two large neighbours may stand in one "
            "small group with a third, and one of them has to go, while the next group keeps two "
            "that hardly matter. A wider group has more to choose from.\n\n"
            "For the token [word] the output changes by {errors}. {one} As a mean over all "
            "{tokens} tokens of the prompt it is {means}. {all}",
            menus=(WORD,),
            say=_wider,
            look="Choose 2:4 and 8:16 in turn in the form, and compare the cost of pruning on "
            "the cards.",
            question="Why is a mean over many tokens asked for, and not one token?",
            answer="One token may fall well or badly into its groups. For [word] it is {errors}; "
            "over the prompt {means}. Only many tokens tell a rule from luck.",
        ),
        Step(
            title="How many masks there are",
            text="A group at [pattern] has {group} numbers and can be kept in {ways} ways. "
            "Somebody has to write down which one it is, and that takes at least {entropy} bits "
            "for every number of the row.\n\n"
            "Sixteen numbers in groups of 2:4 have {small} masks. As one group of 8:16 they have "
            "{wide}. The freedom of the step before is this number.",
            menus=(WAYS,),
            say=_ways,
            look="Under “Choose a pattern” any N and M may be typed: the table says how many "
            "masks it has and what they take.",
            question="Sixteen numbers at 2:4 have {small} masks. Where does that number come from?",
            answer="From {sum}.",
        ),
        Step(
            title="Can you beat the rule?",
            text="Size is a simple rule. Is it the best one? A middling number may matter more "
            "where the weights it meets are large. Keeping {kept} of the sixteen by magnitude "
            "changes the output for the token [word] by {error}. Of all {ways} ways to keep "
            "{kept}, the best changes it by {least}. {same}\n\n"
            "Trying all ways for every token of every layer takes far too long. A criterion is a "
            "guess at the best choice that costs almost nothing.",
            menus=(SMALL,),
            say=_best,
            look="Press the numbers under “One block in your hand” to keep or drop them, and try "
            "to get below what the rule does.",
            question="Why does nobody try all {ways} ways in a real model?",
            answer="It would have to be done again for every group of every token at every "
            "layer. Here it would turn {error} into {least}. The criterion looks at each number "
            "once.",
        ),
    ),
)
