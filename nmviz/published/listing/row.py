"""One row of what is shown: a number, where it stands, how sure it is and what the audit says."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from nmviz.core.experiment import Experiment
from nmviz.core.metrics import METRICS
from nmviz.core.protocols import text_in_words
from nmviz.core.settings import Target
from nmviz.published.audit import Finding
from nmviz.published.cells import Cell
from nmviz.published.listing.asking import NOTHING, Asked
from nmviz.published.listing.selection import model_title
from nmviz.published.names import DENSE
from nmviz.published.protocol import printed_protocol

How = Literal["printed", "recomputed", "measured"]
MINUS = "\N{MINUS SIGN}"
BEYOND = "OUT (above a cut-off)"
DAGGER = "†"
"""Behind every number that the audit has a finding on."""
OWN_SOURCE = "measured by nmviz"
IMPORTED_SOURCE = "imported"


@dataclass(frozen=True)
class Row:
    """One number. `value` is None for a censored one; `printed` is the source's own text.

    `metric` is a name in METRICS; `average_drop` and its `stderr` are in percent, accuracies are
    shares. `stderr_from` says where the standard error is from, or why there is none. `cells` are
    the printed values that went in, `marks` what the audit found in any of them. `live` rows are
    the store's own runs, `imported` ones a user's files; `asked` says how tasks were asked, `pin`
    under which name its result is pinned.
    """

    experiment: Experiment
    model: str
    method: str
    metric: str
    task: str
    value: float | None
    stderr: float | None
    stderr_from: str
    how: How
    source: str
    place: str
    printed: str = ""
    printed_model: str = ""
    printed_method: str = ""
    printed_scope: str = ""
    note: str = ""
    live: bool = False
    imported: bool = False
    asked: Asked = NOTHING
    cells: tuple[Cell, ...] = field(default=(), repr=False)
    marks: tuple[Finding, ...] = ()
    pin: str = field(default="", compare=False)

    @property
    def pattern(self) -> str:
        """The pattern, as it is written here."""
        return self.experiment.pattern

    @property
    def target(self) -> Target:
        """What is pruned."""
        return self.experiment.target

    @property
    def layers(self) -> str:
        """Which projections are pruned: `all`, `o, gate, up, down`, or a list with blocks."""
        if self.experiment.lists_sites:
            return str(self.experiment.sites)
        return ", ".join(self.experiment.projections or ()) or "all"

    @property
    def protocol(self) -> str:
        """The text of a perplexity and how it was read; empty for other numbers and for tasks."""
        if self.metric != "perplexity" or self.task:
            return ""
        if self.live:
            return text_in_words(self.experiment)
        return printed_protocol(self.experiment.window)

    @property
    def in_template(self) -> bool:
        """Whether it is of a task whose answers were scored behind a chat template's header."""
        asked = self.experiment.chat or self.asked.chat == "yes"
        return asked and self.metric not in ("prompt_strict", "prompt_loose")

    @property
    def key(self) -> str:
        """The experiment's key in the store."""
        return self.experiment.key

    @property
    def where(self) -> str:
        """`Table 10`, `log 76880aa9`, what a live run was measured on, or an imported file."""
        is_log = not self.laid_over and not self.place.startswith("Table")
        return f"log {self.place[:8]}" if is_log else self.place

    @property
    def laid_over(self) -> bool:
        """Whether it is no published result: of another model, text or protocol."""
        return self.live or self.imported

    @property
    def is_dense(self) -> bool:
        """Whether nothing is pruned: a row to compare with."""
        return self.experiment.pattern == DENSE

    @property
    def text(self) -> str:
        """The number as it is shown: `14.35%`, `0.783`, `16.61`, `OUT (above a cut-off)`."""
        if self.value is None:
            return BEYOND
        if self.how == "printed" and self.printed:
            unit = METRICS.get(self.metric).unit
            return self.printed.replace("-", MINUS) + (unit if unit == "%" else "")
        return write(self.metric, self.value)

    @property
    def told(self) -> str:
        """The number as it is shown in a sentence, with a dagger where it has a finding."""
        return self.text + (DAGGER if self.marks else "")

    @property
    def error_text(self) -> str:
        """The standard error as it is shown, empty where it is not known."""
        return "" if self.stderr is None else write(self.metric, self.stderr, error=True)

    @property
    def marked(self) -> str:
        """The titles of the findings, joined."""
        return "; ".join(finding.title for finding in self.marks)

    def to_json(self) -> dict[str, Any]:
        """Every field as plain values, in the order of the exports."""
        return {
            "model": self.model,
            "pattern": self.pattern,
            "method": self.method,
            "target": self.target,
            "layers": self.layers,
            "task": self.task,
            "metric": self.metric,
            "unit": METRICS.get(self.metric).unit,
            "value": None if self.value is None else float(f"{self.value:.8g}"),
            "shown": self.text,
            "printed": self.printed,
            "how": self.how,
            "stderr": None if self.stderr is None else float(f"{self.stderr:.4g}"),
            "stderr_from": self.stderr_from,
            "source": self.source,
            "place": self.place,
            "printed_model": self.printed_model,
            "printed_method": self.printed_method,
            "printed_scope": self.printed_scope,
            "note": self.note,
            "live": self.live,
            "findings": [finding.id for finding in self.marks],
            "finding_titles": [finding.title for finding in self.marks],
            "key": self.key,
            "imported": self.imported,
            "shots": self.asked.shots,
            "limit": self.asked.limit,
            "chat_template": self.asked.chat,
        }


def write(metric: str, value: float, error: bool = False) -> str:
    """A value of the metric with the digits it deserves."""
    if metric == "average_drop":
        digits, unit = 2, "%"
    elif metric in ("perplexity", "delta_nll"):
        digits, unit = 2, ""
    else:
        digits, unit = 4 if error else 3, ""
    text = f"{abs(value):,.{digits}f}"
    return (MINUS if value < 0 and text.strip("0.,") else "") + text + unit


def titled(experiment: Experiment) -> str:
    """The experiment's model in words."""
    return model_title(experiment.model)


def findings_of(rows: Iterable[Row]) -> tuple[Finding, ...]:
    """Every finding of the rows once, in the order in which they appear."""
    return tuple({one.id: one for row in rows for one in row.marks}.values())
