"""Results and methods as the command line prints them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core import depth, protocols
from nmviz.core.answers.item_flips import ItemFlips
from nmviz.core.asking import remarks
from nmviz.core.coverage import Coverage
from nmviz.core.experiment import Experiment
from nmviz.core.metrics import METRICS
from nmviz.core.pairing import floor_of, smallest_difference
from nmviz.core.provenance import SPECIAL_TOKENS, as_read
from nmviz.core.results import Measurement, Result, SiteError
from nmviz.core.rules import in_words
from nmviz.core.site_errors import SAMPLED_ERRORS
from nmviz.core.ties import tie_breaks
from nmviz.core.tokenwise.flips import Flips
from nmviz.core.tokenwise.tails import TAILS, TokenCounts
from nmviz.methods.method import Method
from nmviz.service import budget_of
from nmviz.service.flips import answers_changed
from nmviz.sources.saved import ABOUT
from nmviz.sources.tasks import TASKS, Task

WIDTH = 4096
"""Of the layer at which a listing says what a method adds for a token."""


def run_json(result: Result) -> dict[str, Any]:
    """The object that `run --json` prints: a contract."""
    covered = result.provenance.coverage
    return {
        "experiment": result.experiment.model_dump(mode="json"),
        "key": result.key,
        "measurements": [m.model_dump(mode="json", exclude_none=True) for m in result.measurements],
        "ties": asdict(ties) if (ties := tie_breaks(result)) else None,
        "sites": [_site_json(site) for site in result.sites],
        "drift": [d.model_dump() for d in result.drift],
        "unit_costs": list(result.unit_costs),
        "noise_floor": told.model_dump() if (told := floor_of(result)) else None,
        "noise_floors": [one.model_dump() for one in result.noise_floors],
        "by_confidence": [one.model_dump() for one in result.by_confidence],
        "token_counts": [_counts_json(one) for one in result.token_counts],
        "flips": _flips_json(result.flips) if result.flips else None,
        "item_flips": [_item_flips_json(one) for one in answers_changed(result)],
        "budget": spent.to_json() if (spent := budget_of(result.experiment)) else None,
        "coverage": covered.model_dump(mode="json") if covered else None,
        "provenance": result.provenance.model_dump(
            mode="json", exclude_none=True, exclude={"coverage"}
        ),
    }


def _site_json(site: SiteError) -> dict[str, Any]:
    """What is said of a layer; from a sample its standard error and how many tokens were drawn, and
    of an expert how many it was given."""
    told = {"name": site.name, "rel_error": site.rel_error, "kept": site.kept}
    sample = {"stderr": site.stderr, "n": site.n}
    of_expert = {"tokens": site.tokens, "calibration_tokens": site.calibrated}
    more = {name: number for name, number in (sample | of_expert).items() if number is not None}
    return told | more


def _counts_json(counts: TokenCounts) -> dict[str, Any]:
    """Counts beside the lower ends of their bins; what is above the last has no end, or ends at
    1."""
    return {**counts.model_dump(mode="json"), "from": list(counts.edges[:-1])}


def _flips_json(flips: Flips) -> dict[str, Any]:
    """How many words changed, and the largest changes; words are numbers of the vocabulary."""
    rows = [one.model_dump() | {"kind": one.kind} for one in flips.rows]
    return flips.model_dump() | {"kept": len(rows), "rows": rows}


def _item_flips_json(flips: ItemFlips) -> dict[str, Any]:
    """Examples of a task that came out otherwise than with the dense model; answers are numbers,
    from 0, or null where there are none to choose from."""
    told = {"task": flips.task, "metric": flips.metric, "n": flips.n, "flips": flips.share}
    counts = {"right_to_wrong": flips.lost, "wrong_to_right": flips.won}
    items = [
        {"item": one.item, "kind": one.kind, "dense": one.before, "pruned": one.after}
        for one in flips.items
    ]
    return told | counts | {"items": items}


def run_line(result: Result) -> str:
    """That object as one line. UserError for a number that is not finite, which is no JSON."""
    try:
        return json.dumps(run_json(result), allow_nan=False)
    except ValueError:
        raise UserError(
            "The result holds a number that is not finite, which JSON cannot say: leave out --json."
        ) from None


def run_text(result: Result, from_store: bool) -> str:
    """A result in lines to read."""
    from nmviz.views.explore.sentences import tie_note, training_of
    from nmviz.views.explore.tail_lines import flip_lines, floor_lines, tail_lines

    experiment, made = result.experiment, result.provenance
    lines = [f"{experiment.model}: {_done(experiment)}"]
    lines += [f"  {name}: {made.settings[name]}" for name in depth.SAID if name in made.settings]
    if spent := budget_of(experiment):
        lines.append(f"  budget: {spent.in_words()}")
    whole = [m for m in result.measurements if _says_something(m, experiment)]
    lines += [f"  {_measurement_text(m, experiment)}" for m in whole]
    if not experiment.is_dense:
        words = (*floor_lines(result), *tail_lines(result), *flip_lines(result))
        lines += [f"  {said}" for said in words]
    flips = answers_changed(result)
    lines += [line for task in experiment.tasks for line in _task_lines(result, task, flips)]
    if said := made.settings.get(SPECIAL_TOKENS):
        lines.append(f"  special tokens in the text: {said}")
    if covered := result.provenance.coverage:
        lines += [f"  {said}" for said in covered.lines()]
    lines += [f"  {said}" for said in as_read(made)]
    kept = bool(result.sites) and not experiment.is_dense
    lines += [f"  {_kept_text(result.sites)}"] if kept else []
    lines += [f"  {SAMPLED_ERRORS}: {made.settings[SAMPLED_ERRORS]}"] if result.sampled else []
    lines += [f"  {said}" for said in (tie_note(result), training_of(result)) if said]
    where = f"from the store, measured {made.started}" if from_store else "measured now"
    return "\n".join([*lines, f"  {where}, {made.seconds or 0:.1f} s; key {result.key[:12]}"])


def pruned_text(told: Mapping[str, Any], experiment: Experiment) -> str:
    """What `nmviz prune` wrote, in lines to read."""
    numbers = [Measurement(**one) for one in told["measured"]["measurements"]]
    lines = [f"{told['folder']}: {told['kind']}, {told['pruned']}"]
    whole = [one for one in numbers if one.metric not in TAILS]
    lines += [f"  {_measurement_text(one, experiment)}" for one in whole]
    lines += [f"  measured: {told['measured']['of']}, in float32"]
    if covered := told["coverage"]:
        lines += [f"  {said}" for said in Coverage(**covered).lines()]
    stored = f"stored as {told['dtype']}; " if "dtype" in told else ""
    return "\n".join([*lines, f"  {len(told['sites'])} layers; {stored}{ABOUT} says the rest"])


def _says_something(one: Measurement, of: Experiment) -> bool:
    """A model that is compared with itself has a perplexity, and differs in nothing."""
    if one.task or one.metric in TAILS:
        return False
    return not of.is_dense or one.metric == "perplexity"


def _done(experiment: Experiment) -> str:
    """What was done to the model."""
    if experiment.is_dense:
        return "as it is, nothing is pruned"
    if experiment.by is not None:
        return depth.in_words(experiment.drop, experiment.by)
    return (
        f"{experiment.target} {experiment.mask.words}, {experiment.rule}"
        + "".join(f" + {name}" for name in experiment.mitigations)
        + "".join(f", {said}" for said in in_words(experiment.ties, experiment.dropping))
    )


def _kept_text(sites: Sequence[SiteError]) -> str:
    """What a pattern reached: a threshold from other text, or a share of few entries, misses it."""
    shares = [site.kept for site in sites]
    low, high, layers = min(shares), max(shares), f"{len(shares)} layers"
    reach = f"from {low:.4g} to {high:.4g}, {fmean(shares):.4g} on average over {layers}"
    said = f"{low:.4g} in each of {layers}" if low == high else reach
    return f"{METRICS.get('kept').title}: {said}"


def task_json(task: Task) -> dict[str, Any]:
    """What `tasks --json` says of a task."""
    said = ("name", "title", "about", "metrics", "split", "examples", "chance", "caveat")
    return {name: getattr(task, name) for name in said}


def _task_lines(result: Result, task: str, flips: Sequence[ItemFlips]) -> Iterator[str]:
    """The numbers of one task, the rows they are of, and what so many examples could show."""
    yield f"  {TASKS.get(task).title}: {result.provenance.settings.get(f'rows of {task}', '')}"
    numbers = [m for m in result.measurements if m.task == task]
    yield from (f"    {_measurement_text(m, result.experiment)}" for m in numbers)
    yield from (f"    {said}" for said in remarks(result, task))
    for one in flips:
        if (one.task, one.metric) == (task, TASKS.get(task).metrics[0]):
            yield f"    answers that changed: {one.words}"
    count = numbers[0].n if numbers else None
    if count and any(m.metric.endswith("_difference") for m in numbers):
        least = smallest_difference(count)
        told = "any difference" if least is None else f"a difference below {least:.1%}"
        yield f"    {count} examples are too few to show {told}"


def _measurement_text(measurement: Measurement, experiment: Experiment) -> str:
    """A number with its error and count; beside a perplexity the text and how it was read."""
    metric = METRICS.get(measurement.metric)
    of_text = "perplexity" in measurement.metric and not experiment.tasks
    read = f"; {protocols.text_in_words(experiment)}" if of_text else ""
    error = "" if measurement.stderr is None else f" +- {measurement.stderr:.2g}"
    count = "" if measurement.n is None else f" (n = {measurement.n} {measurement.unit_of_n})"
    value = f"{measurement.value:.5g}{error} {metric.unit}".rstrip()
    return f"{metric.title}: {value}{count}{read}"


def method_json(method: Method) -> dict[str, Any]:
    """What `methods --json` says of a method."""
    return {
        "name": method.name,
        "title": method.title,
        "help": method.help,
        "formula": method.formula,
        "source": method.source,
        "as_published": method.as_published,
        "parameters": {p.name: p.default for p in method.parameters},
        "adds": {
            "about": " ".join((method.facts.adds.__doc__ or "").split()),
            "d_out": WIDTH,
            "d_in": WIDTH,
            **asdict(method.added(WIDTH, WIDTH)),
        },
    }
