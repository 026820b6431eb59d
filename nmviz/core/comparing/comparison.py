"""Two results side by side, metric by metric and layer by layer."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from nmviz.base.wording import listed
from nmviz.core import pairing
from nmviz.core.metrics import PAIRED
from nmviz.core.reading import TEXT
from nmviz.core.results import Measurement, Result
from nmviz.core.tokenwise.tails import TAILS

Verdict = Literal["real", "not told apart", "below the noise floor", "not comparable"]
FIRST = ("perplexity", "delta_nll", "kl", "top1_agreement", *TAILS)
"""Metrics of a run on a text, in the order in which they are told."""
OF_MANY = "average_drop"
"""What a source prints of several tasks at once."""
BY_COST = "The cost decides: perplexity is its exponential, times that of the dense model."


@dataclass(frozen=True)
class Row:
    """One metric of both, and how much larger it is in the first.

    `paired` says that the same pieces of text, or the same examples, stand behind the error of the
    difference; else the two were taken as independent. `why` says in a sentence what keeps two
    numbers from being compared, or what else decides.
    """

    a: Measurement
    b: Measurement
    difference: Measurement | None
    paired: bool
    verdict: Verdict
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data; null where nothing is known."""
        apart = self.difference
        told = {
            "metric": self.a.metric,
            "task": self.a.task,
            "a": self.a.value,
            "b": self.b.value,
            "difference": None if apart is None else apart.value,
            "stderr": None if apart is None else apart.stderr,
            "n": None if apart is None else apart.n,
            "paired": self.paired,
            "verdict": self.verdict,
        }
        return told | ({"why": self.why} if self.why else {})


@dataclass(frozen=True)
class SitePair:
    """The error of one layer in both; None in one that has none there."""

    name: str
    a: float | None
    b: float | None

    @property
    def difference(self) -> float | None:
        """The first minus the second, where both are known."""
        return None if self.a is None or self.b is None else self.a - self.b

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"site": self.name, "a": self.a, "b": self.b, "difference": self.difference}


@dataclass(frozen=True)
class Compared:
    """Two results, the first minus the second in every row; one of `count` comparisons that are
    judged at once."""

    a: Result
    b: Result
    count: int = 1

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """What both measured, metrics of text first, then tasks."""
        return (*self._of_text(), *self._of_tasks())

    @cached_property
    def sites(self) -> tuple[SitePair, ...]:
        """Every layer that one of them pruned, where both are of one model; experts pooled."""
        if self.a.experiment.model != self.b.experiment.model:
            return ()
        first, second = _errors(self.a), _errors(self.b)
        names = dict.fromkeys((*first, *second))
        return tuple(SitePair(name, first.get(name), second.get(name)) for name in names)

    @cached_property
    def apart(self) -> str:
        """Why metrics of text cannot be compared, in a sentence; empty where they can."""
        one, other = self.a.experiment, self.b.experiment
        if self.a.provenance.source != self.b.provenance.source:
            return "They are of different sources, whose protocols differ."
        if one.model != other.model or one.artefacts.model != other.artefacts.model:
            return "They are of different models, which read the text in tokens of their own."
        differing = [name for name in TEXT if getattr(one, name) != getattr(other, name)]
        if not differing and one.artefacts.corpus != other.artefacts.corpus:
            return "They were measured on different text of one name."
        if differing:
            return f"They were measured on different text: {listed(differing)} differ."
        return ""

    def to_json(self) -> dict[str, Any]:
        """What `nmviz compare --json` and the endpoint give: a contract."""
        return {
            "a": _named(self.a),
            "b": _named(self.b),
            "rows": [row.to_json() for row in self.rows],
            "sites": [site.to_json() for site in self.sites],
        }

    def _of_text(self) -> Iterator[Row]:
        for metric in FIRST:
            a, b = self.a.get(metric), self.b.get(metric)
            if a is None or b is None:
                continue
            if self.apart:
                yield Row(a, b, None, False, "not comparable", self.apart)
            elif metric == "perplexity" and self.a.get("delta_nll") and self.b.get("delta_nll"):
                yield self._perplexity(a, b)
            else:
                yield self._row(a, b)

    def _row(self, a: Measurement, b: Measurement) -> Row:
        metric = a.metric
        apart = pairing.difference(self.a, self.b, metric)
        shared = metric == "delta_nll" and pairing.covariance(self.a, self.b) is not None
        return Row(a, b, apart, shared, self._verdict(metric))

    def _perplexity(self, a: Measurement, b: Measurement) -> Row:
        """Its difference has the cost's verdict, which is known in pairs."""
        shared = pairing.covariance(self.a, self.b) is not None
        apart = Measurement(
            metric="perplexity_difference", value=a.value - b.value, no_stderr=BY_COST
        )
        return Row(a, b, apart, shared, self._verdict("delta_nll"), BY_COST)

    def _verdict(self, metric: str) -> Verdict:
        return _known(pairing.told_apart(self.a, self.b, metric, self.count))

    def _of_tasks(self) -> Iterator[Row]:
        """Accuracies: in pairs where both kept which examples were right, of the same ones."""
        kept = {(one.task, one.metric): one for one in self.a.examples}
        others = {(one.task, one.metric): one for one in self.b.examples}
        for a in self.a.measurements:
            b = self.b.get(a.metric, a.task)
            if a.metric not in (*PAIRED, OF_MANY) or b is None:
                continue
            place = (str(a.task), a.metric)
            if place in kept and place in others:
                yield self._of_pairs(a, b, kept[place].digest == others[place].digest)
            else:
                yield self._of_levels(a, b)

    def _of_pairs(self, a: Measurement, b: Measurement, same: bool) -> Row:
        if not same:
            why = f"They ran other examples of {a.task}, or asked them otherwise."
            return Row(a, b, None, False, "not comparable", why)
        told = {(one.task, one.metric): one for one in pairing.paired(self.a, self.b)}
        apart = told[a.task, f"{a.metric}_difference"]
        real = pairing.stands_out(told[a.task, f"{a.metric}_p"].value, self.count)
        return Row(a, b, apart, True, "real" if real else "not told apart")

    def _of_levels(self, a: Measurement, b: Measurement) -> Row:
        """Without examples only results of one source and one protocol have a difference."""
        if self.a.provenance.source != self.b.provenance.source:
            return Row(a, b, None, False, "not comparable", self.apart)
        apart = pairing.unpaired(a, b)
        verdict = pairing.beyond_zero(apart, self.count)
        why = "How many examples stand behind them, or their spread, is not known."
        return Row(a, b, apart, False, _known(verdict), why if verdict == "no interval" else "")


def _known(verdict: pairing.Verdict) -> Verdict:
    """What has no interval cannot be told apart."""
    return "not told apart" if verdict == "no interval" else verdict


def _errors(result: Result) -> dict[str, float]:
    return {site.name: site.rel_error for site in result.layers}


def _named(result: Result) -> dict[str, Any]:
    return {
        "experiment": result.experiment.to_json(),
        "key": result.key,
        "source": result.provenance.source,
    }
