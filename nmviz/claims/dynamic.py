"""Claim 10: does the mask of the activations change from token to token and from text to text?"""

from collections.abc import Callable, Iterator
from functools import partial

from nmviz.claims.shared.answer import Answer, Claim, Half, Live, Number
from nmviz.claims.shared.digits import plain
from nmviz.claims.shared.estimate import Estimate, Sign, above, opposite, student, verdict_of
from nmviz.claims.shared.evidence import Evidence
from nmviz.claims.shared.phrases import model_title, with_interval
from nmviz.claims.shared.short_texts import overlap
from nmviz.core.results import Measurement, Result
from nmviz.views.claims.dot_rows import IntervalRow, interval_rows
from nmviz.views.shared.theme import Figure

DYNAMIC, STATIC = 0.5, 0.9
RULE = (
    "The share of a token's kept entries that another token keeps too, averaged over layers; on a "
    "scale where 0 is what masks drawn at random would share (N/M) and 1 is the same mask, as "
    f"weights have by construction. The 95% interval below {DYNAMIC:g} between tokens of a text "
    f"and between texts: holds; one of them: holds partly; above {STATIC:g}: does not hold. The "
    "limits are ours. Student's t over texts, and over pairs of texts that share none."
)
KINDS = {"within": "tokens of one text", "across": "tokens of two texts"}


def answer(evidence: Evidence) -> Answer:
    """From the small model's run: nobody has printed it, and it is quickly measured."""
    run = evidence.run(*overlap(evidence.model))
    if run is None:
        text = (
            "No published number tells; the small model does, in a minute or two: press the "
            "button.\n"
            "The mask of pruned weights is one for every token: it shares everything with itself."
        )
        return Answer(Half("not decidable here", text, RULE))
    pattern, chance = run.experiment.pattern, run.experiment.mask.density
    told = {one.task or "": one for one in run.measurements if one.metric == "mask_overlap"}
    shares = {name: _share(told[name]) for name in KINDS}
    scaled = {name: _scaled(share, chance) for name, share in shares.items()}
    verdict = verdict_of(_sign(one) for one in scaled.values())
    title = model_title(evidence.model)
    text = (
        f"On {title} at {pattern} two tokens of one text share "
        f"{_percent(shares['within'])} of what they keep (Jaccard {_jaccard(shares['within'])}), "
        f"tokens of two texts {_percent(shares['across'])}; masks at random would share "
        f"{plain(100 * chance, 0)}%.\nThat is {with_interval(scaled['within'])} and "
        f"{with_interval(scaled['across'])} of the way from random to one fixed mask.\nThe mask of "
        "pruned weights is one for every token: it shares 100% with itself, by construction."
    )
    half = Half(
        verdict,
        text,
        RULE,
        tuple(_numbers(run, shares, scaled)),
        partial(_draw, run, title),
        (f"Of one small model and {told['within'].n} texts; the paper's models may differ.",),
    )
    return Answer(half)


def _share(one: Measurement) -> Estimate:
    """With its t interval; none for a single text."""
    if one.stderr is None or one.n is None:
        return Estimate(one.value)
    return student(one.value, one.stderr, one.n)


def _scaled(share: Estimate, chance: float) -> Estimate:
    """0 at what chance shares, 1 at one fixed mask."""
    return _each(share, lambda end: (end - chance) / (1 - chance))


def _sign(scaled: Estimate) -> Sign:
    low = opposite(above(scaled, DYNAMIC))
    if low == "yes":
        return "yes"
    return "no" if above(scaled, STATIC) == "yes" else "open"


def _percent(share: Estimate) -> str:
    return with_interval(_each(share, lambda end: 100 * end), 1, "%")


def _each(estimate: Estimate, change: Callable[[float], float]) -> Estimate:
    """The estimate on another scale."""
    low, high = (None if end is None else change(end) for end in (estimate.low, estimate.high))
    return Estimate(change(estimate.value), low, high)


def _jaccard(share: Estimate) -> str:
    """Of two masks that keep equally many: common / (2 * kept - common)."""
    return plain(_union(share.value))


def _union(share: float) -> float:
    return share / (2 - share)


def _numbers(
    run: Result, shares: dict[str, Estimate], scaled: dict[str, Estimate]
) -> Iterator[Number]:
    made, about = run.experiment, run.provenance.settings
    for name, kind in KINDS.items():
        measured = run.get("mask_overlap", name)
        for label, estimate, unit in (
            ("kept in common", shares[name], "share of the kept entries"),
            ("kept by both of kept by either (Jaccard)", _each(shares[name], _union), "share"),
            ("from random (0) to one fixed mask (1)", scaled[name], "share of the way"),
        ):
            yield Number(
                label=f"{model_title(made.model)}, {made.pattern}, {kind}: {label}",
                written=plain(estimate.value, 3),
                estimate=estimate,
                unit=unit,
                source="nmviz",
                place=f"run {run.key[:12]}, {about.get('layers', '?')} layers, "
                f"{about.get('tokens', '?')} tokens in all",
                how="Student's t over texts" if name == "within" else "over pairs of texts",
                n=measured.n if measured else None,
                unit_of_n=measured.unit_of_n if measured else None,
            )


def _draw(run: Result, title: str) -> Figure:
    rows = []
    for one in (each for each in run.measurements if each.metric == "mask_overlap"):
        share, kind = _share(one), one.task or ""
        label = f"all layers, {KINDS[kind]}" if kind in KINDS else f"{kind}, one text"
        rows.append(IntervalRow(label, share.value, share.low, share.high))
    rows.append(IntervalRow("weights, any two tokens", 1.0, series="weights"))
    return interval_rows(
        rows,
        axis="share of kept entries in common",
        title=f"Live, {title}: two tokens of a text share {_of_all(run, 'within')}% of what they "
        f"keep, tokens of two texts {_of_all(run, 'across')}%",
        lines={"random": run.experiment.mask.density, "one mask": 1.0},
        most=1.12,
    )


def _of_all(run: Result, kind: str) -> str:
    measured = run.get("mask_overlap", kind)
    return plain(100 * measured.value, 1) if measured else "?"


CLAIM = Claim(
    "dynamic",
    "Masks",
    "Does the mask of the activations change with every token and text?",
    answer,
    Live(
        "Overlap of 8:16 masks between the tokens of 8 texts, at every layer",
        overlap,
        special="overlap",
    ),
    only_live=True,
)
