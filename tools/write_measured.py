"""Write the tables of measured runs, docs/measured.md and those of the README, from the runs that
ship: results/runs, which `nmviz sweep` measures.

.venv/bin/python tools/write_measured.py
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import fill

from measured_tails import beside_the_mean
from measured_words import (
    accuracy_of,
    as_table,
    cost_of,
    dense_of,
    is_plain,
    measured,
    method_of,
    name_of,
    plural,
    title_of,
)
from scipy.special import stdtrit

from nmviz.claims.shared import own_runs
from nmviz.claims.shared.estimate import above
from nmviz.core.budget import ABOUT, Budget, at_equal_budget
from nmviz.core.grids import read_grid
from nmviz.core.pairing import Pairs, cost_difference, count, covariance, smallest_difference
from nmviz.core.results import Result
from nmviz.core.ties import tie_breaks
from nmviz.methods import ACTIVATION, MITIGATIONS, WEIGHT
from nmviz.methods.costs import BYTES
from nmviz.service import budget_of
from nmviz.sources.tasks import TASKS
from nmviz.store.transfer.jsonl import read_jsonl

PROJECT = Path(__file__).parents[1]
RUNS = PROJECT / "results" / "runs"
PATTERNS = ("1:4", "2:4", "4:8", "8:16", "16:32", "50%", "70%")
STEADY = ("2:4", "8:16", "50%")
CORE = ("arc_easy", "boolq", "piqa", "winogrande")
COST = """what pruning costs in nats a token (the paired difference to dense in mean NLL) ± one
standard error"""
EQUAL = "equal-budget"
"""The runs of magnitude alone that spend as much as something else."""
INDEPENDENT = "°"
_ABOUT_INDEPENDENT = f"""
{INDEPENDENT}: one of the two runs kept no costs of single windows, so they are taken as
independent, which makes the error too large."""
Rows = Sequence[Result]


def documents() -> dict[Path, str]:
    """Every file that has measured tables, with what belongs into it."""
    page = PROJECT / "docs" / "measured.md"
    readme = PROJECT / "README.md"
    return {page: _page(), readme: _between_marks(readme.read_text(encoding="utf-8"))}


def _page() -> str:
    parts = [
        "# What pruning does here\n\nWritten by `tools/write_measured.py` from the runs in "
        "`results/runs`;\n`nmviz sweep results/grids/NAME.yaml` measures them. Both models"
        "' weights were\nstored in about 4 bits and are computed in fp32.\n"
    ]
    for name in ("smollm2-135m", "gemma-3-270m"):
        if runs := _runs(name):
            parts.append(_text_grid(name, runs))
    if runs := _task_runs():
        parts.append(_tasks(runs))
    parts.append(_methods(_runs("methods")))
    return "\n".join(parts)


def _between_marks(readme: str) -> str:
    """The README with its tables written anew."""
    tables = {"patterns": _short_patterns, "tasks": _short_tasks, "budget": _short_budget}
    for name, table in tables.items():
        start, end = f"<!-- measured: {name} -->\n", "<!-- end -->"
        before, found, rest = readme.partition(start)
        if found:
            readme = before + start + table() + end + rest.partition(end)[2]
    return readme


def _runs(name: str) -> list[Result]:
    file = RUNS / f"{name}.jsonl"
    return read_jsonl(file) if file.is_file() else []


# A model's costs on a text: patterns by criteria, then mitigations.


def _text_grid(name: str, runs: Rows) -> str:
    first = runs[0]
    dense = measured(first, "dense_perplexity")
    asked, _ = read_grid(PROJECT / "results" / "grids" / f"{name}.yaml").experiments()
    so_far = "" if len(runs) == len(asked) else f", {len(runs)} of its {len(asked)} runs so far"
    head = f"""
## {title_of(first.experiment)} on {first.experiment.corpus}, {first.experiment.tokens:,} tokens

`nmviz sweep results/grids/{name}.yaml`{so_far}: windows of
{first.experiment.window}, every layer pruned. Dense perplexity {dense_of(first)}.
Cells are {COST}, from {dense.n} {dense.unit_of_n}; an empty cell was not measured. Two cells of a
table read the same text: how they differ stands in the tables that compare.
"""
    tables = [_patterns(runs, "weight", WEIGHT), _compared(runs, "weight")]
    tables += [_patterns(runs, "activation", ACTIVATION), _repaired(runs)]
    tables += [_compared(runs, "activation"), equal_budget(runs)]
    tables.append(beside_the_mean(runs, PATTERNS))
    return head + "".join(tables)


def _patterns(runs: Rows, target: str, criteria: Iterable[str]) -> str:
    plain = [run for run in runs if run.experiment.target == target and is_plain(run)]
    names = [name for name in criteria if any(method_of(r) == name for r in plain)]
    found = {(r.experiment.pattern, method_of(r)): cost_of(r) for r in plain}
    rows = [[p, *(found.get((p, name), "") for name in names)] for p in PATTERNS]
    rows = [row for row in rows if any(row[1:])]
    return (
        f"\n### {plural(target)}, by criterion\n\n" + as_table(["", *names], rows) + _rules(plain)
    )


def _rules(runs: Rows) -> str:
    """Under a table with weights: how ties were broken where they are many, and old rules of P%."""
    said = [*_tie_rules(runs)]
    if old := [run for run in runs if run.experiment.dropping != "exact"]:
        said.append(
            f"{_where(old)}: everything that tied at the cut was dropped, the rule of before "
            "2026-12; not measured anew yet."
        )
    return "".join(f"\n{fill(one, 100)}\n" for one in said)


def _tie_rules(runs: Rows) -> Iterator[str]:
    many = [(run, ties) for run in runs if (ties := tie_breaks(run)) and ties.many]
    drawn = [(run, ties) for run, ties in many if ties.rule == "random"]
    by_index = [run for run, ties in many if ties.rule == "index"]
    if drawn:
        drawn.sort(key=lambda pair: _place(pair[0]))
        spreads = ", ".join(f"{ties.spread:.3f}" for _, ties in drawn if ties.spread is not None)
        yield (
            f"{_where([run for run, _ in drawn])}: ties at random, means over {drawn[0][1].draws} "
            f"draws; standard deviations of the cost over them: {spreads}."
        )
    if by_index:
        yield (
            f"{_where(by_index)}: ties to the lower index, which costs more than random ones on "
            "average; not measured anew yet."
        )


def _place(run: Result) -> tuple[str, int]:
    """By criterion, then in the order of the tables."""
    return run.experiment.criterion, PATTERNS.index(run.experiment.pattern)


def _where(runs: Rows) -> str:
    """`magnitude at 2:4, 8:16; random at 50%`, in the order of the tables."""
    found: dict[str, list[str]] = {}
    for run in sorted(runs, key=_place):
        found.setdefault(run.experiment.criterion, []).append(run.experiment.pattern)
    return "Weights, " + "; ".join(f"{name} at {', '.join(at)}" for name, at in found.items())


def _repaired(runs: Rows) -> str:
    """Rows are mitigations, columns patterns; plain pruning by each criterion stands first."""
    chosen = [run for run in runs if run.experiment.target == "activation"]
    methods = {method_of(run): is_plain(run) for run in chosen}
    repaired = {run.experiment.criterion for run in chosen if not is_plain(run)}
    names = [n for n, plain in methods.items() if not plain or n in repaired]
    found = {(method_of(run), run.experiment.pattern): cost_of(run) for run in chosen}
    patterns = [p for p in STEADY if any((n, p) in found for n in names if not methods[n])]
    rows = [[n, *(found.get((n, p), "") for p in patterns)] for n in sorted(names, key=_order)]
    return "\n### Activations, with mitigations\n\n" + as_table(["", *patterns], rows)


def _compared(runs: Rows, target: str) -> str:
    """Every criterion beside magnitude, every mitigation beside its criterion alone."""
    found = {(method_of(r), r.experiment.pattern): r for r in runs if r.experiment.target == target}
    apart = {
        (name, pattern): (run, found[_beside(name), pattern])
        for (name, pattern), run in found.items()
        if name != "magnitude" and (_beside(name), pattern) in found
    }
    patterns = [p for p in PATTERNS if any(pattern == p for _, pattern in apart)]
    names = sorted({name for name, _ in apart}, key=lambda name: (" + " in name, _order(name)))
    cells = {place: _difference(*pair, len(apart)) for place, pair in apart.items()}
    rows = [[n, _beside(n), *(cells.get((n, p), "") for p in patterns)] for n in names]
    independent = any(covariance(*pair) is None for pair in apart.values())
    return f"""
### {plural(target)}, compared

What a method costs more than the one named second (less where there is a minus), nats a token ± one
standard error, compared window by window.{_ABOUT_INDEPENDENT if independent else ""}
Bold: 0 lies outside the 95% interval for all {len(apart)} cells at once (Student's t, Bonferroni).

{as_table(["", "than", *patterns], rows)}"""


def _beside(name: str) -> str:
    criterion, _, mitigations = name.partition(" + ")
    return criterion if mitigations else "magnitude"


def _difference(run: Result, other: Result, count: int) -> str:
    apart = cost_difference(run, other)
    assert apart is not None and apart.stderr is not None
    value = f"{apart.value:+.3f}".replace("-", "−")
    told = f"{'0.000' if value[1:] == '0.000' else value} ± {apart.stderr:.3f}"
    mark = INDEPENDENT if covariance(run, other) is None else ""
    is_open = above(own_runs.dearer(run, other, count)) == "open"
    return (told if is_open else f"**{told}**") + mark


def _order(name: str) -> tuple[str, int, str]:
    criterion, _, rest = name.partition(" + ")
    return criterion, len(rest), rest


def _short_patterns() -> str:
    """Three methods at every pattern, for the README."""
    runs = _runs("smollm2-135m")
    shown = {"weights, magnitude": "weight magnitude", "weights, SparseGPT": "weight sparsegpt"}
    shown |= {"activations, magnitude": "activation magnitude"}
    found = {
        (f"{r.experiment.target} {r.experiment.criterion}", r.experiment.pattern): cost_of(r)
        for r in runs
        if is_plain(r)
    }
    rows = [[p, *(found.get((key, p), "") for key in shown.values())] for p in PATTERNS]
    weights = [run for run in runs if run.experiment.target == "weight"]
    told = [run for run in weights if run.experiment.criterion in ("magnitude", "sparsegpt")]
    return as_table(["pattern", *shown], rows) + _rules(told)


# Zero-shot tasks: accuracies, and the difference to dense over all examples.


def _tasks(runs: Rows) -> str:
    first = next(run.experiment for run in runs)
    head = f"""
## Zero-shot tasks, {title_of(first)}

`nmviz sweep results/grids/tasks.yaml`: the first {first.limit} examples of each task, ± one
standard error. The last columns compare with the dense model example by example over all
{_examples(runs)} examples: the difference in points, the exact McNemar p value, and the smallest
difference that as many examples as part the two models here could show at 5%. `r-sparse` spends
68.4% of the multiply-adds of dense and the other rows at 2:4 and 8:16 50%: beside it stands
magnitude alone at 31.6%, which spends as much.
"""
    return head + "\n" + as_table(_task_head(), [_task_row(run, runs) for run in _in_order(runs)])


def _task_head() -> list[str]:
    names = [TASKS.get(name).title for name in CORE]
    return ["", *names, "all", "against dense, points", "p", "could show, points"]


def _task_row(run: Result, runs: Rows) -> list[str]:
    levels = [accuracy_of(measured(run, "acc", task)) for task in CORE]
    right = [mark for task in CORE for mark in _right(run, task)]
    whole = f"{100 * right.count('1') / len(right):.1f}%"
    if run.experiment.mask.is_dense:
        return ["dense", *levels, whole, "", "", ""]
    pairs = _against_dense(run, runs)
    told = f"{100 * pairs.difference:+.1f} ± {100 * (pairs.stderr or 0):.1f}".replace("-", "−")
    least = smallest_difference(pairs.n, pairs.discordant)
    shows = f"{100 * least:.1f}" if least is not None else "nothing"
    return [name_of(run), *levels, whole, told, f"{pairs.p_value:.2g}", shows]


def _against_dense(run: Result, runs: Rows) -> Pairs:
    dense = next(one for one in runs if one.experiment.mask.is_dense)
    return count(*("".join(_right(one, task) for task in CORE) for one in (run, dense)))


def _short_budget() -> str:
    """What is gained at equal budget, for the README."""
    return budget_table(_runs("smollm2-135m"))


def _task_runs() -> list[Result]:
    """Those of the grid, and the one at equal budget."""
    equal = [run for run in _runs(EQUAL) if run.experiment.tasks]
    return [*_runs("tasks"), *(run for run in equal if not run.experiment.mask.is_dense)]


def _short_tasks() -> str:
    """A few methods, without the columns of single tasks, for the README."""
    runs = _task_runs()
    shown = ("magnitude", "wanda", "magnitude + var")
    rows = [_task_row(run, runs) for run in _in_order(runs) if method_of(run) in shown]
    return as_table(["", *_task_head()[5:]], [[row[0], *row[5:]] for row in rows])


def _right(run: Result, task: str) -> str:
    return next(one.right for one in run.examples if (one.task, one.metric) == (task, "acc"))


def _examples(runs: Rows) -> int:
    return sum(len(_right(runs[0], task)) for task in CORE)


def _in_order(runs: Rows) -> list[Result]:
    """Dense, then by pattern, weights first, plain methods before repaired ones."""
    others = {run.experiment.pattern for run in runs} - {*PATTERNS}
    patterns = list(dict.fromkeys(("dense", *PATTERNS, *sorted(others))))
    return sorted(
        runs,
        key=lambda run: (
            patterns.index(run.experiment.pattern),
            run.experiment.target == "activation",
            len(run.experiment.mitigations),
            method_of(run),
        ),
    )


# Every method on WikiText-2 validation, best to worst.


def _methods(runs: Rows) -> str:
    first = runs[0]
    dense = measured(first, "dense_perplexity")
    head = f"""
## Every method, {title_of(first.experiment)} on {first.experiment.corpus}

`nmviz sweep results/grids/methods.yaml`: {first.experiment.tokens:,} tokens in windows of
{first.experiment.window}, every layer pruned. Dense perplexity {dense.value:.2f}. Best to worst;
the cost is {COST}, from {dense.n} {dense.unit_of_n}. Calibration and training: 16 windows of 512
tokens of wiki-leads, one epoch. Rounding alone moves a row by up to 0.02. Multiply-adds for a token
are those of the pruned layers, kept and added, over those of dense: rows that spend alike are
compared at equal budget. Where a method adds some, magnitude alone that drops less and spends as
much stands among the rows, with its pattern.
"""
    return head + "".join(_best_to_worst(runs, pattern) for pattern in STEADY)


def _best_to_worst(runs: Rows, pattern: str) -> str:
    found = [run for run in runs if run.experiment.pattern == pattern]
    found += equal_runs(found, runs)
    ordered = sorted(found, key=lambda run: measured(run, "delta_nll").value)
    weights = [run for run in found if run.experiment.target == "weight"]
    plain = next(run for run in found if name_of(run) == f"activations {pattern}, magnitude")
    head = ["method", "multiply-adds", "perplexity", "cost", "same next word"]
    head += ["held-out error before, after"]
    dense = ["dense", "100%", f"{measured(plain, 'dense_perplexity').value:,.1f}", "", "", ""]
    return f"""
### {pattern}

The smallest difference that could be seen at all between two rows that err like activations by
magnitude, taken as unpaired, is about {_smallest(plain):.2f} nats a token (95%).

{as_table(head, [dense, *map(_ranked, ordered)])}{_rules(weights)}"""


def _ranked(run: Result) -> list[str]:
    before, after = (run.get(f"heldout_loss_{when}") for when in ("before", "after"))
    trained = f"{before.value:.4f}, {after.value:.4f}" if before and after else ""
    perplexity = f"{measured(run, 'perplexity').value:,.1f}"
    same = f"{measured(run, 'top1_agreement').value:.1%}"
    at = f" at {run.experiment.pattern}" if run.experiment.pattern not in PATTERNS else ""
    name = f"{plural(run.experiment.target).lower()}, {method_of(run)}{at}"
    return [name, f"{spent(run).share:.1%}", perplexity, cost_of(run), same, trained]


def _smallest(run: Result) -> float:
    """Smallest difference of two unpaired rows that a 95% interval would not put at zero."""
    delta = measured(run, "delta_nll")
    return float(stdtrit((delta.n or 2) - 1, 0.975) * 2**0.5 * (delta.stderr or 0.0))


# At equal budget: what a method that adds multiply-adds gains, beside dropping less.


def equal_budget(runs: Rows) -> str:
    """What every method adds, and those that add multiply-adds beside magnitude alone."""
    return f"""
### Activations, what is spent and at equal budget

{fill(ABOUT, 100)} So of the methods above only those in the second
table are compared at unlike budgets there, and all others at equal ones. In it magnitude
alone drops a P% that leaves room for as many multiply-adds, to a tenth: the difference is what the
method costs more than that (less where there is a minus), nats a token ± one standard error. Bold
as above, for all cells of the table at once.

{_added_table(runs)}
{budget_table(runs)}{_by_groups(runs)}"""


def _by_groups(runs: Rows) -> str:
    """Magnitude alone at an N:M that spends no more, where one was run: patterns apart, P% keeps
    more than N:M."""
    first = runs[0].experiment
    read = (first.model, first.corpus, first.tokens)
    other = [
        run
        for run in _runs(EQUAL)
        for one in [run.experiment]
        if one.mask.is_grouped and (one.model, one.corpus, one.tokens) == read
    ]
    return "".join(
        "\nP% chooses more freely than N:M. Within groups magnitude alone at "
        f"{r.experiment.pattern} spends {spent(r).share:.1%}\nand costs {cost_of(r)}.\n"
        for r in other
    )


def _added_table(runs: Rows) -> str:
    """Every method at the settings that were run: each counted on top of magnitude at 8:16."""
    plain = next(run.experiment for run in runs if run.experiment.target == "activation")
    plain = plain.but(pattern="8:16", criterion="magnitude", mitigations=())
    usual = {"calibration_windows": 16}
    asked = [
        plain.but(criterion=name, pattern="50%" if name == "teal" else "8:16", **usual)
        for name in ACTIVATION
        if name != "magnitude"
    ]
    asked += [plain.but(mitigations=(name,), **usual) for name in MITIGATIONS]
    rows = []
    for one in [plain, *asked]:
        told = budget_of(one)
        assert told is not None
        name = one.mitigations[0] if one.mitigations else one.criterion
        read = [f"{told.added.weight_bytes(kind) / 1e6:.2f}" for kind in BYTES]
        share = f"{told.added_share:.1%}" if told.added.multiply_adds else "0"
        beside = f"{told.elementwise_share:.2%}" if told.added.elementwise else "0"
        rows.append([name, share, beside, *read])
    head = ["adds, for a token", "multiply-adds, of dense", "elementwise, of dense"]
    return as_table([*head, *(f"MB of weights, {kind}" for kind in BYTES)], rows)


def budget_table(runs: Rows) -> str:
    """A row for every run that adds multiply-adds: its share of dense, and magnitude alone."""
    dear = [run for run in runs if spent(run).added.multiply_adds]
    rows = [_equal_row(run, runs, len(dear)) for run in sorted(dear, key=method_of)]
    head = ["", "multiply-adds, of dense", "cost", "magnitude alone may drop", "and costs then"]
    return as_table([*head, "difference"], rows)


def _equal_row(run: Result, runs: Rows, count: int) -> list[str]:
    told, equal = spent(run), equal_runs([run], runs)
    name = f"{run.experiment.pattern}, {method_of(run)}"
    row = [name, f"{told.share:.1%}", cost_of(run)]
    if told.equal_drop is None:
        return [*row, "nothing: it is dense", "0", f"+{cost_of(run)}"]
    may = f"{told.equal_drop:g}%"
    if not equal:
        return [*row, may, "", ""]
    return [*row, may, cost_of(equal[0]), _difference(run, equal[0], count)]


def equal_runs(found: Rows, runs: Rows) -> list[Result]:
    """Of runs that add multiply-adds, magnitude alone that spends as much, where it was run."""
    keys = []
    for run in found:
        told = spent(run)
        equal = at_equal_budget(run.experiment, told) if told.added.multiply_adds else None
        keys += [equal.key] if equal else []
    return [run for run in (*runs, *_runs(EQUAL)) if run.key in keys]


def spent(run: Result) -> Budget:
    """Multiply-adds of a run, kept and added."""
    told = budget_of(run.experiment)
    assert told is not None, "a pinned model's widths are known"
    return told


def main(write: Callable[[Path, str], object] = Path.write_text) -> None:
    """Write every document."""
    for path, text in documents().items():
        write(path, text)
        print(f"written: {path.name}")


if __name__ == "__main__":
    main()
