"""Tails: what pruning does to the tokens that it hurts most, and to which a mean is blind.

Over the predicted tokens of a text, of KL(dense || pruned) and of delta p, the probability that the
pruned model gives the right token less what the dense one gives it: quantiles, counts in fixed
bins, and means by how sure the dense model was. llama.cpp's KL tables and exllamav3's comparison
scripts show the same of quantised models; the names are theirs.
"""

from collections.abc import Iterator
from math import inf

from pydantic import ConfigDict, Field

from nmviz.core.record import Record

SHARES = {
    "p001": 0.001,
    "p01": 0.01,
    "p05": 0.05,
    "p10": 0.1,
    "median": 0.5,
    "p90": 0.9,
    "p95": 0.95,
    "p99": 0.99,
    "p999": 0.999,
}
"""Quantiles by the end of their name: the share of tokens that lie at or below."""
ENDS = {"min": 0.0, "max": 1.0}
OF_KL = ("median", "p90", "p95", "p99", "p999", "max")
OF_DELTA_P = ("mean", "rms", "min", *SHARES, "max")
DISTANCES = (*(f"kl_{end}" for end in OF_KL), "delta_p_rms")
"""Those of which less is better; the others say in which direction a probability went."""
TAILS = (*(f"kl_{end}" for end in OF_KL), *(f"delta_p_{end}" for end in OF_DELTA_P))

FEWEST_BEYOND = 10
"""A quantile with fewer tokens beyond it hangs on single ones, and so would its standard error."""

SURE = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)
"""Ends of the ranges of the dense model's confidence, the probability of its likeliest token."""

EDGES = {
    "kl": (0.0, *(10 ** (eighth / 8) for eighth in range(-48, 17)), inf),
    "delta_p": tuple(twentieth / 20 for twentieth in range(-20, 21)),
}
"""Ends of the bins that tokens are counted in, the lower one being in its bin: KL in eight a decade
from 1e-6 to 100 nats and one bin on either side, delta p in steps of 0.05."""

Entry = tuple[str, str, str, str, str, float, float]


class Sureness(Record):
    """The tokens of which the dense model was that sure, the upper end being in the last range
    alone. Without a token there is no mean, and with fewer than ten no standard error."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    low: float = Field(alias="from", ge=0, le=1)
    high: float = Field(alias="to", ge=0, le=1)
    n: int = Field(ge=0)  # tokens
    kl: float | None = None
    delta_p_rms: float | None = Field(None, ge=0, le=1)
    top1_agreement: float | None = Field(None, ge=0, le=1)
    kl_stderr: float | None = Field(None, ge=0)
    delta_p_rms_stderr: float | None = Field(None, ge=0)
    top1_agreement_stderr: float | None = Field(None, ge=0)


class TokenCounts(Record):
    """How many tokens lie in each bin of `EDGES`; of random tie-breaks those of every draw."""

    metric: str  # kl or delta_p
    counts: tuple[int, ...]

    @property
    def edges(self) -> tuple[float, ...]:
        """Ends of the bins, one more than counts."""
        return EDGES[self.metric]

    @property
    def fault(self) -> str | None:
        """Why these cannot be counts, or None."""
        if self.metric not in EDGES:
            return "it counts tokens of a quantity that is not known here"
        if len(self.counts) != len(self.edges) - 1:
            return f"it counts tokens by {self.metric} in other bins than there are"
        return f"a count of tokens by {self.metric} is below 0" if min(self.counts) < 0 else None


def entries() -> Iterator[Entry]:
    """Each tail as what `core.metrics` says of a metric: its name, title, unit, help and formula,
    and between which its values lie."""
    kl = ("kl", "KL divergence", "nats a token", "KL(p_dense || p_pruned)", 0.0, inf)
    change = ("delta_p", "change of the right word's probability (delta p)", "")
    yield from (_entry(end, *kl) for end in OF_KL)
    for end in OF_DELTA_P:
        low = 0.0 if end == "rms" else -1.0
        yield _entry(end, *change, "p_pruned(token) - p_dense(token)", low, 1.0)


def _entry(end: str, of: str, what: str, unit: str, formula: str, low: float, high: float) -> Entry:
    words, help, over = _said(end)
    return f"{of}_{end}", f"{what}, {words}", unit, help, f"{over} of {formula}", low, high


def _said(end: str) -> tuple[str, str, str]:
    """In a few words, in a sentence, and as the formula has it."""
    over = "over predicted tokens"
    if end == "mean":
        return "mean", "Its mean over the tokens of the text. Below 0: less likely.", f"mean {over}"
    if end == "rms":
        said = "How large it mostly is, whichever way: large changes count most."
        return "root mean square", said, f"root of the mean {over} of the square"
    if end in ENDS:
        word = "least" if end == "min" else "largest"
        return (
            word,
            f"The {word} of any token of the text: of a longer one it lies further out.",
            (f"{end} {over}"),
        )
    share = f"{100 * SHARES[end]:g}%"
    words = "median" if end == "median" else f"{share} of tokens below"
    return (
        words,
        f"What {share} of the tokens of the text lie below.",
        (f"quantile {SHARES[end]:g} {over}, linear between two of them,"),
    )
