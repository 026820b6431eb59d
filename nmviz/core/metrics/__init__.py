"""What is measured: every quantity's plain words, term, formula and unit, in one place."""

from math import inf
from typing import Literal

from nmviz.base.registry import Registry
from nmviz.core.attribution import control
from nmviz.core.metrics.metric import Metric
from nmviz.core.tokenwise import tails

HIGHER = frozenset(("top1_agreement", "acc", "acc_norm", "prompt_strict", "prompt_loose"))
LOWER = frozenset(
    (
        *("perplexity", "dense_perplexity", "perplexity_ties_low", "perplexity_ties_high"),
        *("delta_nll", "kl", "average_drop", *tails.DISTANCES),
        *("rel_error", "drift", "heldout_loss_after", "forward_seconds"),
    )
)
"""Of which more, and of which less is better; of the others neither is."""

METRICS: Registry[Metric] = Registry("metric")


def _add(
    name: str,
    title: str,
    unit: str,
    help: str,
    formula: str,
    low: float = -inf,
    high: float = inf,
) -> None:
    metric = Metric(name, title, unit, help, formula, low, high, _better(name))
    METRICS.add(name, metric)


def _better(name: str) -> Literal["lower", "higher", ""]:
    if name in LOWER:
        return "lower"
    return "higher" if name.removesuffix("_difference") in HIGHER else ""


_add(
    "perplexity",
    "surprise at the next word (perplexity)",
    "",
    "How many equally likely words the pruned model is torn between on average. Lower is better.",
    "exp(mean of -ln p(token | tokens before it)) over the window-1 predicted tokens of a window",
    low=1,
)
_add(
    "dense_perplexity",
    "perplexity of the dense model",
    "",
    "The same quantity for the model with nothing dropped, on the same windows.",
    "exp(mean of -ln p_dense(token | tokens before it))",
    low=1,
)
_add(
    "delta_nll",
    "cost of pruning (difference in mean NLL)",
    "nats a token",
    "Pruned minus dense, token by token on the same text. 0.69 doubles the perplexity.",
    "mean of (-ln p_pruned + ln p_dense); standard error from the windows' differences, with fewer "
    "than 8 windows from those of pieces of 64 tokens",
)
_add(
    "cost_difference",
    "how much more one costs than the other (difference of two costs)",
    "nats a token",
    "Two pruned models on the same text: the cost of the one less that of the other.",
    "mean of (-ln p_one + ln p_other); standard error from the windows' differences, where both "
    "runs kept their windows, else as of two independent numbers",
)
_add(
    "kl",
    "how far the predictions moved (KL divergence)",
    "nats a token",
    "Distance from the dense model's prediction to the pruned one's. 0 means the same prediction.",
    "mean over predicted tokens of KL(p_dense || p_pruned)",
    low=0,
)
_add(
    "top1_agreement",
    "same next word as the dense model (top-1 agreement)",
    "share",
    "How often both models hold the same word for the most likely next one.",
    "mean of [argmax p_dense = argmax p_pruned]",
    low=0,
    high=1,
)
_add(
    "tie_share",
    "groups decided by a tie",
    "share",
    "How often the last weight kept and the first one dropped have the same score, so that a rule "
    "and not the criterion chose between them. Weights stored in 4 bits tie often. Tools break "
    "ties in opposite directions, so that masks of other tools differ there.",
    "N:M: share of groups whose N-th and (N+1)-th largest scores are equal; "
    "P%: the same of rows, or share of entries that equal the cut of their matrix, of which some "
    "stay and some do not",
    low=0,
    high=1,
)
_add(
    "perplexity_ties_low",
    "lowest perplexity over random tie-breaks",
    "",
    "The same run with ties broken at random under several seeds: the lowest perplexity seen.",
    "min over seeded random tie-breaks; n is how many were tried",
    low=1,
)
_add(
    "perplexity_ties_high",
    "highest perplexity over random tie-breaks",
    "",
    "The same run with ties broken at random under several seeds: the highest perplexity seen.",
    "max over seeded random tie-breaks; n is how many were tried",
    low=1,
)
_add(
    "rel_error",
    "output error of one layer (relative error)",
    "share",
    "How far the layer's output moves when only its own input or weight is pruned and everything "
    "before it is dense. 0 is exact, 1 is as large as the output itself.",
    "||Y - Y_pruned||_F / ||Y||_F, squares pooled over all windows, on the dense input",
    low=0,
)
_add(
    "kept",
    "share of entries kept",
    "share",
    "How much of the layer's input or weight survives the mask.",
    "ones in the mask / entries, before shifts are undone",
    low=0,
    high=1,
)
_add(
    "drift",
    "drift of the hidden state",
    "share",
    "How far the pruned model has moved from the dense one after a block, errors of all earlier "
    "blocks included.",
    "||H - H_pruned||_F / ||H||_F at the block's output, squares pooled over all windows",
    low=0,
)
_add(
    "heldout_loss_before",
    "block error before training",
    "share",
    "Error of the blocks' outputs on calibration text kept aside, before anything was learned.",
    "mean over trained blocks of ||H_sparse - H||^2 / ||H||^2 on held-out windows, same inputs",
    low=0,
)
_add(
    "heldout_loss_after",
    "block error after training",
    "share",
    "The same after training. When it is not lower, training did not help.",
    "mean over trained blocks of ||H_sparse - H||^2 / ||H||^2 on held-out windows, same inputs",
    low=0,
)
_add(
    "acc",
    "right answers (accuracy)",
    "share",
    "Share of the examples of a task whose most likely answer is the right one.",
    "mean of [argmax over answers of ln p(answer | question) = the right one]",
    low=0,
    high=1,
)
_add(
    "acc_norm",
    "right answers, length counted (normalised accuracy)",
    "share",
    "The same with every answer's likelihood taken per character, so that long ones do not lose.",
    "mean of [argmax over answers of ln p(answer | question) / characters(answer) = the right one]",
    low=0,
    high=1,
)
_add(
    "average_drop",
    "accuracy lost on average (average drop)",
    "%",
    "How much of the dense model's accuracy is lost, averaged over tasks. Below 0 is a gain.",
    "100 * mean over tasks of (acc_dense - acc) / acc_dense",
    high=100,
)
_add(
    "prompt_strict",
    "instructions followed, to the letter (IFEval, prompt-level strict)",
    "share",
    "Share of the prompts whose every instruction is followed in the text as it was written.",
    "mean over prompts of [every instruction is followed]",
    low=0,
    high=1,
)
_add(
    "prompt_loose",
    "instructions followed, forms of address aside (IFEval, prompt-level loose)",
    "share",
    "The same after taking away markdown and a first or last line, where that helps.",
    "mean over prompts of [every instruction is followed in some version of the text]",
    low=0,
    high=1,
)
_add(
    "mask_overlap",
    "kept by another token too (overlap of masks)",
    "share",
    "How much of what a token keeps another token keeps too. Weights have one mask: 1.",
    "mean over layers and pairs of tokens of |kept by both| / |kept|",
    low=0,
    high=1,
)
_add(
    "columns_together",
    "columns that several tokens need together",
    "share",
    "Weight columns that at least one of several tokens keeps: they have to be read once for all.",
    "mean over layers and groups of tokens of |kept by any| / d_in",
    low=0,
    high=1,
)
_add(
    "forward_seconds",
    "time of a forward pass",
    "s",
    "One repeat on this machine, in turns with the others. Masks are emulated.",
    "wall-clock seconds of one pass",
    low=0,
)

SPREAD = ("delta_nll", "kl", "top1_agreement")
"""Figures that have a spread of their own where ties are broken at random."""

for _name in SPREAD:
    _add(
        f"{_name}_spread",
        f"spread over random tie-breaks: {METRICS.get(_name).title}",
        METRICS.get(_name).unit,
        "How far the figure differs from one random tie-break to another. It is no part of the "
        "standard error, which is of the text.",
        "standard deviation over seeded random tie-breaks (n - 1); the figure itself is their mean",
    )

PAIRED = ("acc", "acc_norm", "prompt_strict", "prompt_loose")
"""Shares of examples, of which a pruned and the dense model's are compared example by example."""

for _name in PAIRED:
    _add(
        f"{_name}_difference",
        f"cost of pruning: {METRICS.get(_name).title}, pruned minus dense",
        "share",
        "Pruned minus dense on the same examples. Below 0 the pruned model is worse.",
        "mean of (right when pruned - right when dense); standard error from the differences",
        low=-1,
        high=1,
    )
    _add(
        f"{_name}_p",
        f"could the difference be chance? {METRICS.get(_name).title} (exact McNemar test)",
        "p value",
        "How often a fair coin would part the examples that only one of the two models gets right "
        "as unevenly as this. Small means that the difference is not chance.",
        "two-sided binomial test of b among b + c at 1/2; b, c: right in one model only; n = b + c",
        low=0,
        high=1,
    )
for _control in control.entries():
    _add(*_control)
for _tail in tails.entries():
    _add(*_tail)
METRICS.freeze()
