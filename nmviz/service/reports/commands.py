"""The command lines that measure and draw again what a report shows."""

from collections.abc import Iterator, Sequence
from shlex import quote
from typing import Any

from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.core.rules import BEFORE
from nmviz.core.settings import Settings, option_of
from nmviz.service.figures.asked import Picture
from nmviz.sources.corpora import CORPORA, OWN_TEXT
from nmviz.store import OWN
from nmviz.views.tray.titles import title_of

YOURS = "YOUR_TEXT.txt"


def command_of(experiment: Experiment) -> str:
    """`nmviz run` with the options of an experiment, those that are as usual left out."""
    usual = Experiment()
    words = ["nmviz run"]
    for name, field in Settings.model_fields.items():
        value = getattr(experiment, name)
        if not field.title or value is None or value == getattr(usual, name):
            continue
        if name == "corpus" and value == OWN_TEXT:
            words.append(f"--text {YOURS}")
        elif value is True:
            words.append(option_of(name))
        else:
            words.append(f"{option_of(name)} {quote(_written(experiment, name, value))}")
    return " ".join(words)


def why_none(result: Result) -> str:
    """Why no command measures a result again, in a few words; empty where one does."""
    one = result.experiment
    if result.provenance.source != OWN:
        return f"published or imported, from {result.provenance.source}"
    if one.dropping == BEFORE["dropping"] and one.target == "weight" and not one.mask.is_grouped:
        return "measured under a rule of before: every tie at the cut dropped"
    if one.corpus not in (None, OWN_TEXT, *CORPORA):
        return f"measured on {one.corpus}, which is no text on offer"
    return "" if not one.unknown else f"not known of it: {', '.join(one.unknown)}"


def commands(results: Sequence[Result], pictures: Sequence[Picture]) -> Iterator[str]:
    """A line for each result, each comparison with the first, and each figure."""
    for one in results:
        why = why_none(one)
        yield f"# {title_of(one)}" + (f": {why}" if why else "")
        if not why:
            yield command_of(one.experiment)
    for other in results[1:]:
        yield f"nmviz compare {results[0].key[:12]} {other.key[:12]}"
    for picture in pictures:
        keys = " ".join(one.key[:12] for one in picture.results)
        yield f"nmviz figure {picture.name} {keys} --out {picture.name}.pdf"


def _written(experiment: Experiment, name: str, value: Any) -> str:
    if name == "criterion":
        return experiment.rule
    if name == "projections" and experiment.lists_sites:
        return str(experiment.sites)
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
