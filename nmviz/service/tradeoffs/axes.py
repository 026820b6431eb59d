"""What quality and what cost a figure of the trade-offs has, and which experiments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nmviz.base.errors import UserError
from nmviz.core.tokenwise.tails import TAILS
from nmviz.hardware import accelerators
from nmviz.hardware.energy import A_MULTIPLY_ADD
from nmviz.hardware.energy import SOURCE as ENERGY_SOURCE
from nmviz.hardware.known import Knowledge
from nmviz.hardware.metadata import SCHEMES
from nmviz.hardware.work import BITS

Origin = Literal["published", "measured"]
LENGTH = 2048
"""Tokens of the prompt, and of the context in decoding, at which costs are counted."""
NO_MITIGATION = "none"
ORIGINS: Mapping[Origin, str] = {
    "published": "published numbers of four large models",
    "measured": "runs of nmviz on small models",
}


@dataclass(frozen=True)
class Quality:
    """What is lost, by where it is from; less is better unless `higher` is. `metric` is what the
    source calls it; of some the dense model has none, `by_definition`."""

    name: str
    title: str
    origin: Origin
    metric: str
    higher: bool = False
    by_definition: bool = False

    @property
    def menu(self) -> str:
        """Without its unit."""
        return self.title.partition(" (")[0]

    @property
    def of_tokens(self) -> bool:
        """Whether it is of single tokens, which older runs did not look at."""
        return self.metric in TAILS


QUALITIES: Mapping[str, Quality] = {
    one.name: one
    for one in (
        Quality("drop", "accuracy lost against dense (%)", "published", "drop", by_definition=True),
        Quality("perplexity", "perplexity", "published", "perplexity"),
        Quality("ifeval", "IFEval, strict", "published", "prompt_strict", higher=True),
        Quality(
            "delta_nll",
            "cost of pruning (nats a token)",
            "measured",
            "delta_nll",
            by_definition=True,
        ),
        Quality("own_perplexity", "perplexity, pruned", "measured", "perplexity"),
        Quality(
            "kl", "KL divergence from dense (nats a token)", "measured", "kl", by_definition=True
        ),
        *(
            Quality(
                name,
                f"KL that {share} of tokens stay below (nats)",
                "measured",
                name,
                by_definition=True,
            )
            for name, share in (("kl_p99", "99%"), ("kl_p999", "99.9%"))
        ),
        Quality(
            "delta_p_rms",
            "delta p, root mean square (change of the right word's probability)",
            "measured",
            "delta_p_rms",
            by_definition=True,
        ),
        Quality(
            "delta_p_p01",
            "delta p that 1% fall below (change of the right word's probability)",
            "measured",
            "delta_p_p01",
            higher=True,
            by_definition=True,
        ),
    )
}


@dataclass(frozen=True)
class Costing:
    """One axis of costs, as a share of dense (%) or as it is; `title` has the unit."""

    name: str
    title: str
    known: Knowledge
    about: str
    needs_machine: bool = False

    @property
    def menu(self) -> str:
        """Without its unit."""
        return self.title.partition(" (")[0]


COSTS: Mapping[str, Costing] = {
    one.name: one
    for one in (
        Costing(
            "bytes",
            "bytes moved to decode a token (% of dense)",
            "counted",
            f"one text at a context of {LENGTH:,}: weights, activations, metadata, keys and values",
        ),
        Costing(
            "multiply_adds",
            f"multiply-adds of a prompt of {LENGTH:,} (% of dense)",
            "counted",
            "blocks, attention and head",
        ),
        Costing(
            "bound",
            "time that the machine allows at least (% of dense)",
            "bounded",
            f"prefill of {LENGTH:,} tokens by the roofline; products are skipped where the machine "
            "has units for the pattern",
            needs_machine=True,
        ),
        Costing(
            "hypothetical",
            "the same with units for every pattern (% of dense)",
            "hypothetical",
            f"prefill of {LENGTH:,} tokens; units as wide as the machine's, which nobody sells",
            needs_machine=True,
        ),
        Costing(
            "measured",
            "time measured near (% of dense)",
            "published",
            f"one over the nearest measured ratio for the prefill of {LENGTH:,} tokens; a point "
            "without a measurement near is left out",
            needs_machine=True,
        ),
        Costing(
            "energy",
            "energy to decode a token (mJ)",
            "bounded",
            f"one text at a context of {LENGTH:,}, at the most that is printed for memory, 2.6 nJ "
            "for 64 bits, with a bar down to the least, 1.3 nJ; of "
            f"{', '.join(A_MULTIPLY_ADD)} ({ENERGY_SOURCE})",
        ),
        Costing("metadata", "metadata (bits an entry)", "counted", "to say which entries are kept"),
    )
}


@dataclass(frozen=True)
class Asked:
    """What to draw. An empty tuple of models, patterns, criteria or mitigations leaves them open;
    of mitigations `none` is a choice. `own` is a machine of the visitor's, in TOML, used instead of
    `machine`."""

    quality: str = "drop"
    cost: str = "bytes"
    models: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ()
    mitigations: tuple[str, ...] = ()
    machine: str = "h100"
    own: str = ""
    dtype: str = "bf16"
    metadata: str = "index"

    def check(self) -> None:
        """UserError for what there is not."""
        for kind, name, known in (
            ("quantity", self.quality, QUALITIES),
            ("cost", self.cost, COSTS),
            ("machine", self.machine, accelerators.shipped()),
            ("data type", self.dtype, BITS),
            ("scheme of metadata", self.metadata, SCHEMES),
        ):
            if name not in known:
                raise UserError(f"There is no {kind} {name[:40]!r}: choose one of the list.")
        if self.cost == "energy" and self.dtype not in A_MULTIPLY_ADD:
            raise UserError(
                f"Nobody printed the energy of {self.dtype}: choose {', '.join(A_MULTIPLY_ADD)}."
            )
        self.accelerator()

    def accelerator(self) -> accelerators.Accelerator:
        """The machine of times. UserError for one that cannot be read."""
        if self.own.strip():
            return accelerators.pasted(self.own)
        return accelerators.accelerator(self.machine)

    def has(self, criterion: str, mitigations: tuple[str, ...]) -> bool:
        """Whether methods are among those that are chosen, whatever their settings."""
        named = [one.partition("(")[0] for one in mitigations] or [NO_MITIGATION]
        return (not self.criteria or criterion.partition("(")[0] in self.criteria) and (
            not self.mitigations or any(one in self.mitigations for one in named)
        )
