"""Where the shown figures come from: when, on what text and machine, with the details folded."""

from collections.abc import Mapping
from datetime import datetime

from nmviz import service
from nmviz.base.wording import listed
from nmviz.core import protocols
from nmviz.core.coverage import OUTSIDE
from nmviz.core.experiment import Experiment
from nmviz.core.provenance import SPECIAL_TOKENS, as_read
from nmviz.core.results import Column, Provenance, Result
from nmviz.sources.tasks import TASKS
from nmviz.ui.shell.html import esc


def origin(results: Mapping[Column, Result], stored: bool) -> str:
    """One line and an expander. Empty when nothing is shown."""
    first = next(iter(results.values()), None)
    if first is None:
        return ""
    how = "Measured so far" if first.partial else "From the store" if stored else "Measured here"
    parts = [how + _when(first.provenance), _machine(first.provenance)]
    line = f"{_on_what(first)}. {', '.join(part for part in parts if part)}"
    line += "".join(f". {said}" for said in as_read(first.provenance))
    line += f". {first.provenance.note}" if first.provenance.note else ""
    line += "".join(f". {said[:1].upper()}{said[1:]}" for said in _covered(first.provenance))
    details = "".join(_details(column, result) for column, result in results.items())
    return f'<details class="origin"><summary>{esc(line)}</summary>{details}</details>'


def _covered(provenance: Provenance) -> list[str]:
    """What share was pruned and what was left dense, where that is more than the scope says."""
    covered = provenance.coverage
    if covered is None or (covered.parameters == 1 and not covered.routers):
        return []
    told = list(covered.lines())
    by_scope = covered.left_dense and all(one.reason == OUTSIDE for one in covered.left_dense)
    return told[:1] if by_scope else told


def _when(provenance: Provenance) -> str:
    if not provenance.started:
        return ""
    try:
        return f" on {datetime.fromisoformat(provenance.started):%d %B %Y, %H:%M} UTC"
    except ValueError:
        return f" on {provenance.started}"


def _on_what(result: Result) -> str:
    experiment = result.experiment
    offered = service.catalogue()
    models = {model.id: model.title for model in offered.models}
    titles = {corpus.name: corpus.title for corpus in offered.corpora}
    model = models.get(experiment.model, experiment.model)
    if experiment.tasks:
        return f"{model} on {_examples(experiment)}"
    reading = experiment.reading
    text = titles.get(reading.corpus, "your own text")
    if special := result.provenance.settings.get(SPECIAL_TOKENS):
        text += f" (special tokens: {special})"
    return f"{model} on {reading.tokens:,} tokens of {text}, {protocols.in_words(experiment)}"


def _examples(experiment: Experiment) -> str:
    counted = f"the first {experiment.limit:,}" if experiment.limit else "all"
    splits = listed(
        f"{TASKS.get(name).title} ({TASKS.get(name).split})" for name in experiment.tasks
    )
    template = ", in the chat template" if experiment.chat else ""
    return f"{counted} examples of {splits}{template}"


def _machine(provenance: Provenance) -> str:
    cores = provenance.machine.get("cores")
    processor = provenance.machine.get("processor")
    if provenance.device and provenance.device != "cpu":
        return f"on {provenance.device}"
    if not processor and not cores:
        return ""
    return f"on {cores} cores of {processor}" if cores and processor else f"on {processor or cores}"


def _details(column: Column, result: Result) -> str:
    provenance = result.provenance
    rows = {
        "source": provenance.source,
        "took": f"{provenance.seconds:.1f} s" if provenance.seconds else None,
        "commit": provenance.commit,
        **{f"version of {name}": text for name, text in provenance.versions.items()},
        **{name: str(value) for name, value in provenance.machine.items()},
        **provenance.settings,
        "coverage": "; ".join(provenance.coverage.lines()) if provenance.coverage else None,
        **{f"SHA-256 of {name}": value for name, value in provenance.artefacts.items()},
        "note": provenance.note,
        "key of the experiment": result.key,
    }
    cells = "".join(
        f"<div><dt>{esc(name)}</dt><dd>{esc(value)}</dd></div>"
        for name, value in rows.items()
        if value
    )
    return f'<section><p class="of">{esc(column)}</p><dl>{cells}</dl></section>'
