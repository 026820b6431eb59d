"""A report put into sections: results, figures, methods, protocol, definitions, provenance."""

from collections.abc import Iterator

import nmviz
from nmviz.base.wording import listed
from nmviz.core.metrics import METRICS
from nmviz.core.pairing import CORRECTION
from nmviz.core.protocols import in_words
from nmviz.core.provenance import as_read
from nmviz.core.results import Result
from nmviz.core.rules import in_words as rules_in_words
from nmviz.service.figures.captions import LETTERS, read_by
from nmviz.service.reports.collecting import Collected
from nmviz.service.reports.commands import commands
from nmviz.store import OWN
from nmviz.views.report.document import (
    Block,
    Code,
    Document,
    Listed,
    Section,
    Shown,
    Terms,
    Words,
)
from nmviz.views.shared.citing import ARXIV, bibtex
from nmviz.views.tray.titles import common_of, title_of, titles_of

WRITTEN = (
    f"Written by nmviz {nmviz.__version__}, which explores what N:M sparsity does to a language "
    f"model, after arXiv {ARXIV}. The figures can be moved in; nothing is loaded from anywhere."
)
READING = (
    "Perplexity is exp of the mean negative log-likelihood of the tokens that count. Dense and "
    "pruned models read the same windows, so the standard error of a difference is from the "
    "differences of the windows, or with fewer than 8 of pieces of 64 tokens. ± is one standard "
    "error."
)
REAL = (
    "A difference is real where its 95% interval leaves out 0, of several comparisons at once by "
    f"{CORRECTION}, and it is larger than what rounding alone does, where that is known."
)


def compose(collected: Collected) -> Document:
    """The document of a report."""
    shared, names = common_of(collected.results), listed(titles_of(collected.results))
    return Document(shared or "Results", f"Of {names}. {WRITTEN}", tuple(_sections(collected)))


def _sections(found: Collected) -> Iterator[Section]:
    first, *others = found.tables
    yield Section("results", "Results", (Listed(first), Words(REAL)))
    compared = tuple(Listed(one) for one in others if one.name == "compare")
    if compared:
        yield Section("comparisons", "Beside the first", compared)
    if found.pictures:
        shown = tuple(Shown(one.name, one.figure, one.caption) for one in found.pictures)
        yield Section("figures", "Figures", shown)
    if found.methods:
        yield Section("methods", "Methods", tuple(_methods(found)))
    yield Section("protocol", "How it was measured", tuple(_protocol(found)))
    yield Section("definitions", "Definitions", (_definitions(found),))
    by_layer = tuple(Listed(one, folded=True) for one in others if one.name == "layers")
    if by_layer:
        yield Section("layers", "Layers", by_layer)
    yield Section("provenance", "Where it comes from", tuple(map(provenance_of, found.results)))
    lines = "\n".join(commands(found.results, found.pictures))
    yield Section("commands", "To measure and draw it again", (Code(lines),))
    cited = Code(bibtex(*(one.key for one in found.results)))
    yield Section("citing", "To cite it", (cited,))


def _methods(found: Collected) -> Iterator[Block]:
    for one in found.methods:
        said = " ".join(one.help.split())
        pairs = (("formula", one.formula), ("source", one.source), ("what it is", said))
        yield Terms(one.title.rstrip("."), tuple(pair for pair in pairs if pair[1]))


def _protocol(found: Collected) -> Iterator[Block]:
    yield Words(READING)
    for letter, one in zip(LETTERS, found.results, strict=False):
        experiment = one.experiment
        pairs = [("read", read_by(one)), ("rules", listed(_rules(one)))]
        if not experiment.tasks and one.provenance.source == OWN:
            pairs.append(("windows", in_words(experiment)))
            cost = one.get("delta_nll")
            if cost is not None and cost.n:
                pairs.append(("standard errors from", f"{cost.n:,} {cost.unit_of_n}"))
        told = tuple((name, said) for name, said in pairs if said)
        yield Terms(f"{letter}: {title_of(one)}", told)


def _rules(result: Result) -> list[str]:
    one = result.experiment
    said = rules_in_words(one.ties, one.dropping)
    if one.calibration_windows:
        said.append(f"{one.calibration_windows} calibration windows, seed {one.seed}")
    return said


def _definitions(found: Collected) -> Terms:
    pairs = []
    for name in found.metrics:
        metric = METRICS.get(name)
        unit = f" In {metric.unit}." if metric.unit else ""
        pairs.append((name.replace("_", " "), f"{metric.help}{unit} Formula: {metric.formula}."))
    return Terms("Quantities of this report", tuple(pairs))


def provenance_of(result: Result) -> Terms:
    """Source, versions, machine and hashes of one result."""
    made = result.provenance
    pairs = {
        "key": result.key,
        "source": made.source,
        "measured": made.started,
        "took": f"{made.seconds:.1f} s" if made.seconds else None,
        "commit": made.commit,
        "versions": ", ".join(f"{name} {text}" for name, text in made.versions.items()),
        "machine": ", ".join(f"{name} {value}" for name, value in made.machine.items()),
        **made.settings,
        **dict(line.split(": ", 1) for line in as_read(made)),
        **{f"SHA-256 of {name}": value for name, value in made.artefacts.items()},
        "covered": "; ".join(made.coverage.lines()) if made.coverage else None,
        "note": made.note,
    }
    told = tuple((name, value) for name, value in pairs.items() if value)
    return Terms(title_of(result), told)
