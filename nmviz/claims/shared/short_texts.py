"""The eight short texts that masks are compared and passes are timed on, and what is measured."""

import hashlib

from nmviz.claims.shared.budgets import ASKED, Budget
from nmviz.core.experiment import Experiment

NAME = "eight-texts"
"""Their name as a corpus. None is offered for perplexity: they are too short for it."""
WINDOW = 64
"""Tokens of each text, at most, whose masks are compared."""
TIMED = 256
"""Tokens of the pass that is timed."""
TEXTS = (
    "The ferry leaves at seven. Whoever wants to reach the island before the shops open has to be "
    "on the quay by half past six, with a ticket from the machine and a coat against the wind.",
    "To sort a list by insertion, take the elements one after another and move each to the left "
    "until the one before it is not larger. The work grows with the square of the length.",
    "Dear Ms. Okafor, thank you for your letter of 3 May. We have looked at the meter again and "
    "found that it was read twice. The second bill is void and you will be paid back 41 euros.",
    "Copper conducts electricity about as well as silver and costs a hundredth of it. That is why "
    "wires are made of copper, and why roofs, pipes and statues made of it are sometimes stolen.",
    "def mean(values):\n    total = 0.0\n    for value in values:\n        total += value\n    "
    "return total / len(values)\n\nprint(mean([2, 4, 9]))  # prints 5.0 because the sum is fifteen",
    "Once there was a miller who had three daughters and one mule. In the dry years the wheel "
    "stood still, and the mule was the only one in the house who did not complain about it.",
    "Question: which planet has the shortest day? Answer: Jupiter turns once in less than ten "
    "hours, faster than any other. Question: which has the longest? Answer: Venus, 243 of ours.",
    "Heat the oil, add the onions and let them turn golden on a low flame. Stir in the rice, pour "
    "in the stock a ladle at a time, and take the pan off while the grains still have some bite.",
)
"""Of different kinds, written for this."""
SHA256 = hashlib.sha256("\n\n".join(TEXTS).encode()).hexdigest()


def overlap(model: str, _: Budget = ASKED) -> tuple[Experiment, ...]:
    """The masks of every text's first tokens."""
    return (Experiment.build(model=model, corpus=NAME, tokens=len(TEXTS) * WINDOW, window=WINDOW),)


def timing(model: str, _: Budget = ASKED) -> tuple[Experiment, ...]:
    """One forward pass over the texts in a row."""
    return (Experiment.build(model=model, corpus=NAME, tokens=TIMED, window=TIMED),)
