"""Claim 9: does N:M on activations make inference faster?"""

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median

from nmviz.base.wording import listed
from nmviz.claims.shared import measured_weights
from nmviz.claims.shared.answer import Answer, Claim, Half, Live, Number
from nmviz.claims.shared.digits import plain
from nmviz.claims.shared.estimate import Estimate, Sign, above, verdict_of
from nmviz.claims.shared.evidence import Evidence
from nmviz.claims.shared.phrases import model_title, paragraphs, with_interval
from nmviz.claims.shared.short_texts import timing
from nmviz.core.results import Result
from nmviz.hardware.metadata import FP16, NVIDIA
from nmviz.published.speed import Speed
from nmviz.views.claims.dot_rows import IntervalRow, interval_rows
from nmviz.views.shared.theme import Figure

ON_THE_FLY = "activations N:M"
AUTHORS = "Authors' notebook"
AUTHORS_DO = "authors, two cells"
ALL_SIZES = "1024 to 16384 tokens"
SHARE = 0.5
TOKENS = (1, 4, 1024)
RULE = (
    "The authors' own times of one linear layer pruned 2:4 on the fly decide, a size at a time; "
    "both cells of their notebook count, so a size has a range from least to most (two "
    "measurements give no 95% interval). The whole range above 1: faster; below: slower; over 1: "
    "undecided. Faster at every size and with every library: holds; at some: holds partly. Speeds "
    "that others print are shown and do not decide: they are other methods, most of them the best "
    f"case, or weights that were compressed beforehand ({measured_weights.LIMITS})."
)
LIVE_RULE = (
    "Dense time over pruned time of the same forward pass, in turns: the whole range of repeats "
    "above 1 is faster. Masks are emulated here, every product is still made in full, so this "
    "tells what choosing the mask costs and nothing about hardware for it."
)


def weight_bytes(target: str, tokens: int, kept: float = SHARE, bits: float = NVIDIA) -> float:
    """Share of a layer's fp16 weight bytes that have to be read, with 2:4's metadata.

    Of pruned activations a weight column is needed once any of the tokens keeps its channel;
    masks of tokens are taken as independent, which claim 10 measures.
    """
    if target == "weight":
        return kept + bits / FP16
    return 1 - (1 - kept) ** tokens


def answer(evidence: Evidence) -> Answer:
    """From counting, from what is published, and from this machine."""
    sizes = _by_size([s for s in evidence.speeds if s.source.startswith(AUTHORS)])
    signs = {label: above(estimate, 1) for label, estimate in sizes.items()}
    text = paragraphs(
        _computed(),
        _measured(sizes, signs),
        _others(evidence.speeds),
        measured_weights.sentence(evidence.measured),
    )
    numbers = [
        *_counted(),
        *(_number(speed) for speed in evidence.speeds),
        *measured_weights.numbers(evidence.measured),
    ]
    main = Half(
        verdict_of(signs.values()) if sizes else "not decidable here",
        text,
        RULE,
        tuple(numbers),
        partial(_draw, sizes, evidence.speeds),
    )
    return Answer(main, _live(evidence))


def _by_size(speeds: Sequence[Speed]) -> dict[str, Estimate]:
    """What was measured more than once, with the range of the measurements."""
    found: dict[str, list[Speed]] = {}
    for one in speeds:
        library = "cuSPARSELt" if "cuSPARSELt" in one.what else "CUTLASS"
        found.setdefault(f"{library}, {one.size}", []).append(one)
    ranges = {}
    for label, same in found.items():
        low, high = min(one.low for one in same), max(one.high for one in same)
        ranges[label] = Estimate((low + high) / 2, low, high)
    return ranges


def _computed() -> str:
    dense = {n: plain(100 * weight_bytes("activation", n), 0) for n in TOKENS}
    return (
        f"Counted: dropping half of either operand leaves {plain(100 * SHARE, 0)}% of the "
        "multiplications, where hardware can skip them. Pruned weights leave "
        f"{plain(100 * weight_bytes('weight', 1))}% of the weight bytes for any number of "
        f"tokens; pruned activations {dense[1]}% for one token, {dense[4]}% for {TOKENS[1]} and "
        f"{dense[1024]}% for {TOKENS[2]:,}, since each token drops other channels."
    )


def _measured(sizes: dict[str, Estimate], signs: Mapping[str, Sign]) -> str:
    if not sizes:
        return "No published time is in the store."
    said = listed(f"{_range(estimate)} ({label})" for label, estimate in sizes.items())
    words = {"yes": "faster", "no": "slower", "open": "not to be told"}
    ends = [
        f"{word} in {sum(one == sign for one in signs.values())}"
        for sign, word in words.items()
        if sign in signs.values()
    ]
    return (
        f"Measured by the authors, dense over sparse time: {said}; {listed(ends)} of {len(sizes)}."
    )


def _others(speeds: Sequence[Speed]) -> str:
    other = [one for one in speeds if not one.source.startswith(AUTHORS)]
    blocks = [one for one in other if one.kind == ON_THE_FLY]
    free = [one for one in other if one.kind == "activations, any share"]
    return " ".join(
        f"{what} others print {_reach(some)}."
        for what, some in (
            ("For 2:4 on activations with other kernels and models", blocks),
            ("For decoding one text with activations pruned without blocks", free),
        )
        if some
    )


def _reach(speeds: Sequence[Speed]) -> str:
    """`1.30 to 2.00 times (3 of 5 as their best case)`."""
    ends = min(one.low for one in speeds), max(one.high for one in speeds)
    reach = f"{plain(ends[0])} to {plain(ends[1])} times"
    best = sum(one.way == "up to" for one in speeds)
    return f"{reach} ({best} of {len(speeds)} as their best case)" if best else reach


def _range(estimate: Estimate) -> str:
    return f"{plain(estimate.low or 0)} to {plain(estimate.high or 0)}"


def _counted() -> list[Number]:
    numbers = []
    for target, name in (("weight", "pruned weights"), ("activation", "pruned activations")):
        for tokens in TOKENS:
            share = 100 * weight_bytes(target, tokens)
            numbers.append(
                Number(
                    label=f"{name} 2:4, {tokens:,} tokens: weight bytes read",
                    written=plain(share),
                    estimate=Estimate(share),
                    unit="% of dense fp16",
                    source="computed",
                    place="",
                    how="exact for weights; for activations masks of tokens are independent",
                )
            )
    return numbers


def _number(speed: Speed) -> Number:
    ends = [plain(speed.low)] + [plain(speed.high)] * (speed.low != speed.high)
    prefix = "up to " if speed.way == "up to" else ""
    detail = ", ".join(filter(None, (speed.size, speed.device, speed.repeat, speed.derived)))
    same = speed.low == speed.high
    return Number(
        label=f"{speed.pattern}, {speed.what}",
        written=prefix + " to ".join(ends),
        estimate=Estimate((speed.low + speed.high) / 2, *(() if same else (speed.low, speed.high))),
        unit="times the dense speed",
        source=speed.citation,
        place=detail,
        how="none: the source prints no spread" if same else "range over sizes, as printed",
    )


def _draw(sizes: dict[str, Estimate], speeds: Sequence[Speed]) -> Figure:
    rows = [
        IntervalRow(label.replace(ALL_SIZES, "all sizes"), one.value, one.low, one.high, AUTHORS_DO)
        for label, one in sizes.items()
    ]
    rows += [_other(one) for one in speeds if not one.source.startswith(AUTHORS)]
    return interval_rows(
        rows,
        axis="times the dense speed",
        title=_title(sizes),
        lines={"as fast": 1.0},
    )


def _title(sizes: dict[str, Estimate]) -> str:
    """The least and the most that the authors measured."""
    ends = [end for one in sizes.values() for end in (one.low, one.high) if end is not None]
    if not ends:
        return "Published: speeds of sparse layers against dense ones"
    reach = f"{plain(min(ends))} to {plain(max(ends))}"
    return f"Published: 2:4 activations run at {reach} times the dense speed in the authors' cells"


def _other(speed: Speed) -> IntervalRow:
    """What somebody else printed, by the name in brackets."""
    name = speed.what.partition("(")[2].rstrip(")") or speed.what
    series = "weights" if speed.kind.startswith("weights") else "others"
    if speed.way == "up to":
        series += ", up to"
    middle = (speed.low + speed.high) / 2
    ends = (speed.low, speed.high) if speed.low != speed.high else (None, None)
    return IntervalRow(f"{name}, {speed.pattern}", middle, ends[0], ends[1], series)


def _live(evidence: Evidence) -> Half | None:
    run = evidence.run(*timing(evidence.model))
    if run is None:
        return None
    seconds = _seconds(run)
    ratios = {name: _ratio(seconds, name) for name in seconds if name != "dense"}
    made, title, repeats = run.experiment, model_title(run.experiment.model), len(seconds["dense"])
    middle = {name: plain(1000 * median(taken), 0) for name, taken in seconds.items()}
    said = [with_interval(ratios[name]) for name in ("activations", "weights")]
    text = (
        f"On {_machine(run)} a forward pass of {title} over {made.tokens} tokens takes "
        f"{middle['dense']} ms dense, {middle['activations']} ms with activations masked at "
        f"{made.pattern} and {middle['weights']} ms with pruned weights: {said[0]} and {said[1]} "
        f"times the dense speed (median, least and most of {repeats})."
    )
    numbers = [
        Number(
            label=f"{title}, {made.pattern}, {name}: speed",
            written=plain(ratio.value),
            estimate=ratio,
            unit="times the dense speed",
            source="nmviz",
            place=f"run {run.key[:12]}, measured on {_machine(run)}",
            how="least and most of the repeats; not a 95% interval",
            n=repeats,
            unit_of_n="forward passes each",
        )
        for name, ratio in ratios.items()
    ]
    figure = partial(
        interval_rows,
        [IntervalRow(name, r.value, r.low, r.high, name) for name, r in ratios.items()],
        axis="times the dense speed (emulated)",
        title=f"Live, {title}: {plain(ratios['activations'].value)} times the dense speed with "
        f"emulated masks, {plain(ratios['weights'].value)} with pruned weights",
        lines={"as fast": 1.0},
    )
    verdict = verdict_of([above(ratios["activations"], 1)])
    remark = "Emulated on this machine; the published times are of other hardware and one layer."
    return Half(verdict, text, LIVE_RULE, tuple(numbers), figure, (remark,))


def _seconds(run: Result) -> dict[str, list[float]]:
    """The repeats of every kind of pass, in turns."""
    found: dict[str, list[float]] = {}
    for one in run.measurements:
        found.setdefault((one.task or "").partition(",")[0], []).append(one.value)
    return found


def _ratio(seconds: Mapping[str, Sequence[float]], name: str) -> Estimate:
    """Dense over pruned time, turn by turn: the median, with the least and the most."""
    turns = zip(seconds["dense"], seconds[name], strict=True)
    ratios = [dense / pruned for dense, pruned in turns]
    return Estimate(median(ratios), min(ratios), max(ratios))


def _machine(run: Result) -> str:
    """The device; of a processor its cores and name."""
    made = run.provenance
    if made.device != "cpu":
        return made.device or "an unknown device"
    about = made.machine
    return (
        f"{about.get('threads', '?')} of {about.get('cores', '?')} cores of "
        f"{about.get('processor', 'an unknown processor')}"
    )


CLAIM = Claim(
    "speed",
    "Speed",
    "Does N:M on activations make inference faster?",
    answer,
    Live(
        "Time of a forward pass, dense, with masked activations and with pruned weights",
        timing,
        special="timing",
    ),
)
