"""What llama.cpp's `llama-perplexity` prints: the perplexity of a model or, with --kl-divergence,
its distance from a base model, whose scores it read from a file.

Windows do not overlap and the tokens behind the middle of each count, which is our protocol
`second-half`. Its ± takes the tokens as independent, ours the windows: it is kept as it was printed
and the result says so. Delta p is printed in percent. Lines may begin with a time stamp or a mark.

A log says which file was loaded; one that is cut down to its tables does not, and then whoever
imports it has to.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Printed, Provenance, Result
from nmviz.core.settings import LARGEST_BUDGET
from nmviz.store.records import pack
from nmviz.store.transfer.files import shown
from nmviz.store.transfer.incoming import Batch, admit, name_fits
from nmviz.store.transfer.lm_eval_json import UNKNOWN, digest, source_columns

MARKS = ("Final estimate", "Mean PPL(Q)", "KL divergence statistics", "Token probability stat")
"""A text with one of these is such a log."""
NOTE = "As printed by llama.cpp: its standard errors take the tokens as independent."
NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|nan|inf)"
PLUS_MINUS = rf"(?:\s*(?:±|\+/-)\s*(?P<stderr>{NUMBER}))?"


@dataclass(frozen=True)
class Line:
    """A line that is taken: our metric, what stands before its number, and what one unit of it is.
    Without a metric it is known and left out."""

    metric: str | None
    label: str
    unit: float = 1.0

    @property
    def pattern(self) -> re.Pattern[str]:
        """The whole line from its label on: spaces as they come."""
        label = r"\s*".join(re.escape(part) for part in self.label.split())
        sign = "%" if self.unit != 1 else ""
        return re.compile(
            rf"(?:^|\s){label}\s*[:=]\s*(?P<value>{NUMBER})\s*%?{PLUS_MINUS}\s*{sign}?\s*$"
        )


PERCENT = 0.01
ENDS = {
    "max": "Maximum",
    "p999": "99.9%",
    "p99": "99.0%",
    "p95": "95.0%",
    "p90": "90.0%",
    "median": "Median",
}
LOW_ENDS = {"p10": "10.0%", "p05": "5.0%", "p01": "1.0%", "p001": "0.1%", "min": "Minimum"}
LINES = (
    Line("perplexity", "Final estimate: PPL"),
    Line("perplexity", "Mean PPL(Q)"),
    Line("dense_perplexity", "Mean PPL(base)"),
    Line("delta_nll", "Mean ln(PPL(Q)/PPL(base))"),
    Line(None, "Mean PPL(Q)/PPL(base)"),
    Line(None, "Mean PPL(Q)-PPL(base)"),
    Line("kl", "Mean KLD"),
    *(Line(f"kl_{end}", f"{label} KLD") for end, label in ENDS.items()),
    *(Line(None, f"{label} KLD") for label in LOW_ENDS.values()),
    Line("delta_p_mean", "Mean Δp", PERCENT),
    Line("delta_p_rms", "RMS Δp", PERCENT),
    *(Line(f"delta_p_{end}", f"{label} Δp", PERCENT) for end, label in (ENDS | LOW_ENDS).items()),
    *(Line(None, f"{label} Δp", PERCENT) for label in ("75.0%", "25.0%")),
    Line("top1_agreement", "Same top p", PERCENT),
)
"""Everything that is printed of all tokens together."""
LOADED = re.compile(r"loaded meta data .* from (?P<path>\S.*?) \(version GGUF")
READ = re.compile(r"over (?P<chunks>\d+) chunks, n_ctx\s*=\s*(?P<window>\d+)")


def is_log(text: str) -> bool:
    """Whether a text is what `llama-perplexity` prints, which is no JSON."""
    return not text.lstrip().startswith("{") and any(mark in text for mark in MARKS)


def read(text: str, name: str, model: str = "") -> Batch:
    """The one result of a log, of the model that it says it loaded, else of `model`.

    UserError, with the line, for a number that is none, one that stands there twice with different
    values, and where no number or no model is named.
    """
    numbers, left_out = _numbers(text, name)
    reading, count = _reading(text, name)
    experiment = Experiment.build(
        model=_model(text, name, model), pattern="dense", **{**UNKNOWN, **reading}
    )
    identity = f"llama.cpp:{digest({'log': text, 'model': experiment.model})}"
    printed = Printed(place=identity, model=experiment.model, pattern="dense", method="dense")
    unit = {"n": count, "unit_of_n": None if count is None else "tokens"}
    result = Result(
        experiment=experiment,
        measurements=tuple(one.model_copy(update=unit) for one in numbers.values()),
        provenance=Provenance(source=identity, printed=printed, note=NOTE),
    )
    columns = source_columns(identity, "llama.cpp log", name)
    return Batch([admit(pack(result), name)], columns, left_out)


def _numbers(text: str, name: str) -> tuple[dict[str, Measurement], Counter[str]]:
    found: dict[str, Measurement] = {}
    left_out: Counter[str] = Counter()
    for where, line, match in _matches(text, name):
        if line.metric is None:
            left_out[line.label] += 1
            continue
        stderr = match["stderr"]
        one = Measurement(
            metric=line.metric,
            value=_number(match["value"], where) * line.unit,
            stderr=None if stderr is None else _number(stderr, where) * line.unit,
        )
        if found.setdefault(line.metric, one) != one:  # older versions print a line twice
            raise UserError(f"{where}: {line.label} stands there twice, with different values.")
    if not found:
        raise UserError(f"{name} holds no number of llama-perplexity.")
    return found, left_out


def _matches(text: str, name: str) -> Iterator[tuple[str, Line, re.Match[str]]]:
    patterns = [(line, line.pattern) for line in LINES]
    for number, written in enumerate(text.splitlines(), start=1):
        for line, pattern in patterns:
            match = pattern.search(written)
            if match is not None:
                yield f"{name}, line {number}", line, match
                break


def _number(told: str, where: str) -> float:
    value = float(told)
    if not abs(value) < float("inf"):
        raise UserError(f"{where}: {told} is no number that can be kept.")
    return value


def _reading(text: str, name: str) -> tuple[Mapping[str, object], int | None]:
    """The window and the protocol, and how many tokens were counted, where the log says so."""
    found = {(int(match["chunks"]), int(match["window"])) for match in READ.finditer(text)}
    if not found:
        return {"protocol": "second-half"}, None
    if len(found) > 1:
        raise UserError(f"{name} is of several runs: split it into one file each.")
    ((chunks, window),) = found
    if not 4 <= window <= LARGEST_BUDGET or not 1 <= chunks <= LARGEST_BUDGET:
        raise UserError(f"{name}: {chunks} chunks of {window} tokens are no text.")
    return {"protocol": "second-half", "window": window}, chunks * (window - window // 2 - 1)


def _model(text: str, name: str, given: str) -> str:
    paths = {match["path"] for match in LOADED.finditer(text)}
    if len(paths) > 1:
        raise UserError(f"{name} loads several models: split it into one file each.")
    told = next((PurePosixPath(path.replace("\\", "/")).stem for path in paths), given.strip())
    if not name_fits(told, 300):
        raise UserError(f"{shown(name)} does not say which model it is of: name it with --model.")
    return told
