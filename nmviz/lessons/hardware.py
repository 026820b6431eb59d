"""Lesson 4: what a pattern asks of hardware, and what hardware does with it."""

from nmviz.base.wording import listed
from nmviz.core.results import Result
from nmviz.hardware import accelerators, facts
from nmviz.hardware.accelerators import Accelerator
from nmviz.hardware.counts import count
from nmviz.hardware.metadata import bits
from nmviz.hardware.pruning import Pruning
from nmviz.hardware.roofline import bound, dense_bound, fits
from nmviz.hardware.work import Work
from nmviz.lessons.shared import runs
from nmviz.lessons.shared.evidence import Evidence
from nmviz.lessons.shared.runs import TARGET
from nmviz.lessons.shared.step import Bars, Chosen, Kind, Lesson, Menu, Row, Said, Setting, Step
from nmviz.methods.patterns import parse_pattern
from nmviz.published.speeds.nearest import Asked, sentence
from nmviz.views.shared.numbers import share, significant

GROUPS = {name: name for name in ("1:4", "2:4", "4:8", "8:16", "16:32")}
PATTERN = Menu("pattern", "Pattern", {name: name for name in ("2:4", "8:16", "1:4", "4:8")})
SLIDER = Menu("pattern", "Pattern", GROUPS, True, "2:4")
MODELS = {
    "llama3.1-8b": "Llama 3.1 8B",
    "qwen2.5-7b": "Qwen 2.5 7B",
    "smollm2-135m": "SmolLM2 135M",
}
MODEL = Menu("model", "Model", MODELS)
MACHINES = ("h100", "a100", "b200", "rtx4090", "mi300x", "ascend-910b", "apple-m2")
TIMED = ("h100", "a100", "b200", "rtx4090")
SIZES = {
    "qwen2.5-7b": "Qwen 2.5 7B",
    "llama3.2-1b": "Llama 3.2 1B",
    "llama3.2-3b": "Llama 3.2 3B",
}
PHASES = {"prefill": "reading a prompt", "decode": "writing"}
TOKENS = {"prefill": 2048, "decode": 128}
"""Of a prompt, and texts that are written at once."""
READ = "llama3.1-8b"
"""Reads the prompt whose time is bounded."""
DTYPES = ("bf16", "fp16", "fp8", "int8")


def _named(names: tuple[str, ...]) -> dict[str, str]:
    return {name: accelerators.shipped()[name].title for name in names}


def _bits(chosen: Chosen, evidence: Evidence) -> Said:
    needed = bits(chosen["pattern"])
    words = {
        "places": f"{needed.index:g}",
        "code": f"{needed.whole:.4g}",
        "stored": share(needed.stored(needed.whole)),
        "kept": share(needed.keep / needed.group),
    }
    every = [bits(name) for name in GROUPS]
    rows = [
        Row(one.name, 100 * one.stored(one.whole), share(one.stored(one.whole)), kind="weight")
        for one in every
    ]
    caption = "Size of weights in 16 bits with their mask, of dense"
    return Said(words, _tradeoffs("tradeoffs-pattern-of", choose=needed.name), Bars(caption, rows))


def _tradeoffs(part: str, **settings: str) -> Setting:
    return Setting(settings, "trade-offs", part)


def _asks(*faster: str) -> Setting:
    """The first part of Trade-offs: machine, data type, model, phase, target, pattern, tokens."""
    return _tradeoffs("tradeoffs-faster", faster=",".join(faster))


def _products(chosen: Chosen, evidence: Evidence) -> Said:
    model, target, pattern = (chosen[name] for name in ("model", "target", "pattern"))
    mask = parse_pattern(pattern)
    counts = count(facts.shipped()[model], Work("prefill", 2048), Pruning.of(target, mask))
    dense, left = counts.multiply_adds(dense=True), counts.multiply_adds()
    layers = sum(one.times * one.multiply_adds_dense for one in counts.costs if one.pruned)
    words = {
        "kept": share(mask.density),
        "pruned": share(layers / dense),
        "left": share(left / dense),
        "times": significant(dense / left, 3),
    }
    kind: Kind = "weight" if target == "weight" else "activation"
    rows = [
        Row("dense", 100.0, "100%", kind="dense"),
        Row(pattern, 100 * left / dense, share(left / dense), kind=kind),
    ]
    return Said(words, _tradeoffs("tradeoffs-frontier"), Bars("Multiply-adds, of dense", rows))


def _units(chosen: Chosen, evidence: Evidence) -> Said:
    machine = accelerators.shipped()[chosen["machine"]]
    mask = parse_pattern(chosen["pattern"])
    takes = fits(mask, machine.units)
    units = "no units that skip what is dropped"
    if machine.sparse:
        units = f"units that skip what is dropped at {machine.sparse}"
    words = {
        "units": f"{units}, by its data sheet" if machine.sparse or machine.peak else units,
        "takes": "They take" if takes else "Nothing there takes",
        "bound": _bound(machine, chosen["pattern"]),
        "count": f"{len(_skipping(chosen['pattern']))} of the {len(accelerators.shipped())}",
        "who": _who(chosen["pattern"]),
    }
    dtype = _dtype(machine) or DTYPES[0]
    pattern = chosen["pattern"]
    return Said(words, _asks(machine.id, dtype, READ, "prefill", "weight", pattern, "2048"))


def _dtype(machine: Accelerator) -> str | None:
    """The first data type whose peak its sheet says."""
    return next((one for one in DTYPES if one in machine.peak), None)


def _bound(machine: Accelerator, pattern: str) -> str:
    """How many times faster a prompt is read at most, by the data sheet."""
    dtype = _dtype(machine)
    if dtype is None:
        return "Its sheet does not say enough to bound a speed."
    work, pruning = Work("prefill", 2048, dtype=dtype), Pruning.of("weight", parse_pattern(pattern))
    counts = count(facts.shipped()[READ], work, pruning)
    dense = dense_bound(counts, work, machine).seconds
    least = bound(counts, pruning, work, machine).seconds
    ideal = bound(counts, pruning, work, machine, any_units=True).seconds
    if not dense or not least or not ideal:
        return "Its sheet does not say enough to bound a speed."
    said = f"Llama 3.1 8B in {dtype} reads a prompt at most {dense / least:.2f} times as fast as"
    if ideal < least:
        return f"{said} dense there; with units for {pattern}, which it lacks, {dense / ideal:.2f}."
    return f"{said} dense there."


def _skipping(pattern: str) -> list[str]:
    """Machines of the table with units for a pattern."""
    mask = parse_pattern(pattern)
    every = accelerators.shipped().values()
    return [one.title for one in every if fits(mask, one.units)]


def _who(pattern: str) -> str:
    found = _skipping(pattern)
    return f"such as {found[0]}" if found else "none"


def _measured(chosen: Chosen, evidence: Evidence) -> Said:
    machine, model, phase = (chosen[name] for name in ("machine", "model", "phase"))
    widths = facts.shipped()[model].widths
    asked = Asked(machine, "int8", phase, "weight", "2:4", TOKENS[phase], *widths)  # type: ignore[arg-type]
    near = evidence.near(asked)
    words = {
        "answer": sentence(near, asked),
        "most": significant(1 / parse_pattern("2:4").density),
        "source": f"Source: {near.measured.source.partition(',')[0]}." if near else "",
    }
    rows = [Row("dense", 1.0, "1", kind="dense")]
    if near:
        rows.append(Row("2:4", near.measured.ratio, near.measured.printed, kind="weight"))
    figure = Bars("Speed, times that of dense", rows)
    setting = _asks(machine, "int8", model, phase, "weight", "2:4", f"{TOKENS[phase]}")
    return Said(words, setting, figure)


def _both(chosen: Chosen, evidence: Evidence) -> Said:
    pattern = chosen["pattern"]
    model = "smollm2-135m"

    def run(name: str, target: str, rule: str) -> Result | None:
        return evidence.run(runs.experiment(model, target, name, rule))

    skipping = _skipping(pattern)
    words = {
        "activations": runs.cost_in_words(run(pattern, "activation", "magnitude")),
        "weights": runs.cost_in_words(run(pattern, "weight", "sparsegpt")),
        "code": f"{bits(pattern).whole:.4g}",
        "machines": f"{len(skipping)}" if skipping else "none",
        "all": f"{len(accelerators.shipped())}",
        "others": listed(name for name in GROUPS if not _skipping(name)) or "no pattern",
    }
    rows = [
        row
        for name in GROUPS
        for row in runs.row(name, runs.cost(run(name, "activation", "magnitude")), "activation")
    ]
    figure = Bars("Cost of pruning activations by magnitude, nats a token", rows)
    return Said(words, runs.explore(model, pattern, weights="sparsegpt"), figure)


LESSON = Lesson(
    title="Pattern against hardware",
    about="Bits, multiply-adds, units that skip, and what was really measured.",
    steps=(
        Step(
            title="Saying which ones stayed",
            text="Whoever leaves numbers out has to say which ones stayed: that is the metadata. "
            "At [pattern], writing down the place of each kept number takes {places} bits for "
            "every number of the row; as one code a group it takes {code}.\n\n"
            "Weights of 16 bits shrink to {kept} by themselves, and to {stored} with that code. "
            "Freer patterns need more of it.",
            menus=(SLIDER,),
            say=_bits,
            look="“Choose a pattern” has all ways to write a mask down, for any N and M.",
            question="At [pattern], why are weights not {kept} of their size?",
            answer="The mask has to be stored beside them: {code} bits a number, so {stored} in "
            "all.",
        ),
        Step(
            title="What there is to skip",
            text="The work of a model is multiply-adds: one number times another, added to a "
            "sum. A zero on either side makes one that could be skipped.\n\n"
            "While [model] reads a prompt of 2,048 tokens, {pruned} of its multiply-adds lie in "
            "layers that can be pruned. With [target] at [pattern], {kept} of those stay, and "
            "{left} of all: at the very most {times} times as fast, if skipping were free.",
            menus=(MODEL, TARGET, PATTERN),
            say=_products,
            look="“Quality against cost” has every stored experiment by what it spends. Choose "
            "multiply-adds as the cost.",
            question="At [pattern] {kept} of the pruned layers' multiply-adds stay. Why {left} "
            "of all?",
            answer="Attention and the last layer are not pruned: only {pruned} of the work lies "
            "in layers that are.",
        ),
        Step(
            title="Who can skip it",
            text="A processor multiplies many numbers at once and cannot leave out single "
            "products, unless it has units made for one pattern. [machine] has {units}. {takes} "
            "[pattern].\n\n"
            "{bound} Of the machines in the table of this page, {count} skip [pattern]: {who}.",
            menus=(
                Menu("machine", "Machine", _named(MACHINES)),
                PATTERN,
            ),
            say=_units,
            look="“Will it be faster?” answers for a machine, a data type and a model, with the "
            "bound beside it.",
            question="Why can a unit for 2:4 take a mask of 1:4?",
            answer="A group that keeps one of four never keeps more than two of four. The unit "
            "then does a product with zero, and gains nothing beyond 2:4.",
        ),
        Step(
            title="What was measured",
            text="Half the products skipped would be {most} times the speed. Published "
            "measurements of weights at 2:4 in int8, on [machine], of [model], when [phase]:\n\n"
            "{answer} {source}",
            menus=(
                Menu("machine", "Machine", _named(TIMED)),
                Menu("model", "Model", SIZES),
                Menu("phase", "Phase", PHASES),
            ),
            say=_measured,
            look="The figure under “Will it be faster?” has every published measurement of its "
            "kind: look at which side of 1 they lie.",
            question="On [machine], [model], [phase]: how far is 2:4 from {most} times?",
            answer="{answer}",
        ),
        Step(
            title="Both sides at once",
            text="At [pattern], activations of SmolLM2 by magnitude cost {activations} nats a "
            "token, and weights by SparseGPT {weights}. The mask takes {code} bits a number, and "
            "{machines} of the {all} machines can skip it.\n\n"
            "Wider groups keep more of the model and need more bits. Nobody sells units for "
            "{others}: there the numbers of this page are about models, not about speed.",
            menus=(SLIDER,),
            say=_both,
            look="Explore shows what [pattern] costs; the opening sentence sets weights by "
            "SparseGPT beside activations.",
            question="What speaks for 8:16, and what against it?",
            answer="For it: what pruning costs falls with wider groups. Against it: more bits "
            "for the mask, and no machine in the table skips it.",
        ),
    ),
)
