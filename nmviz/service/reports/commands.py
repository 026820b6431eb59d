"""The command lines that measure and draw again what is shown."""

import shlex
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qsl

from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.core.rules import BEFORE
from nmviz.core.settings import option_of
from nmviz.service.figures.asked import Picture
from nmviz.sources.corpora import CORPORA, OWN_TEXT
from nmviz.store import OWN
from nmviz.views.tray.titles import title_of

FLAGS = frozenset(("chat",))
"""Fields that an option without a value switches on."""
OWN_FILE = "--text YOUR_TEXT.txt"
"""In place of a text that nobody else has."""


def run_command(experiment: Experiment) -> str:
    """`nmviz run --model ... --pattern 2:4 ...`: what differs from usual, quoted for a shell.
    A text of one's own is only brought along by its file."""
    words = ["nmviz run"]
    for field, value in _told(experiment).items():
        if field == "corpus" and value == OWN_TEXT:
            words.append(OWN_FILE)
        elif field in FLAGS:
            words.append(option_of(field))
        else:
            words.append(f"{option_of(field)} {shlex.quote(value)}")
    return " ".join(words)


def _told(experiment: Experiment) -> dict[str, str]:
    """What is not as usual, and always model and pattern: a reader does not know what is usual."""
    told = dict(parse_qsl(experiment.to_query(), keep_blank_values=True))
    always = {"model": experiment.model}
    if experiment.by is None:
        always["pattern"] = str(experiment.pattern)
    return {**always, **told}


def run_in_python(experiment: Experiment) -> str:
    """The same as `run_command` in a script: `nmviz.run(pattern='2:4')`. A text of one's own is
    read from its file there."""
    told = _told(experiment)
    own = told.get("corpus") == OWN_TEXT and told.pop("corpus")
    words = [f"{field}={value!r}" for field, value in told.items()]
    words += ['text=Path("YOUR_TEXT.txt").read_text()'] if own else []
    return f"nmviz.run({', '.join(words)})"


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
            yield run_command(one.experiment)
    for other in results[1:]:
        yield f"nmviz compare {results[0].key[:12]} {other.key[:12]}"
    for number, picture in enumerate(pictures, 1):
        keys = " ".join(one.key[:12] for one in picture.results)
        yield f"nmviz figure {picture.name} {keys} --out {number:02}-{picture.name}.pdf"
