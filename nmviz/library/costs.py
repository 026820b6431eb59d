"""What a model costs in hardware."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nmviz.library.framed import Framed, frame_of
from nmviz.service.tradeoffs.asked_cost import in_words
from nmviz.service.tradeoffs.cost import Cost as Priced
from nmviz.service.tradeoffs.cost_json import cost_json

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Cost(Framed):
    """Multiply-adds, bytes, time at least and energy of a model at one piece of work on a machine,
    dense and pruned."""

    priced: Priced

    @property
    def heading(self) -> str:
        """Which model on which machine."""
        return f"{self.priced.decoder.title} on {self.priced.machine.title}"

    def to_json(self) -> dict[str, Any]:
        """What `nmviz cost --json` prints."""
        return cost_json(self.priced)

    def to_frame(self) -> "DataFrame":
        """A row a value: its unit, how it is known (measured, published, counted, bounded or
        hypothetical) and where from."""
        return frame_of(list(_values(self.to_json())))


def cost(model: str, **settings: Any) -> Cost:
    """Count and bound what a model costs, from its config alone.

    Settings are those of `nmviz cost`: pattern, target, weight_pattern, drop, by, sites, criterion,
    mitigations, machine, phase, tokens, context, batch, dtype, metadata. UserError for what there
    is not.
    """
    return Cost(in_words(model, **settings))


def _values(told: Mapping[str, Any], within: str = "") -> Iterator[dict[str, Any]]:
    """Everything with a value and a unit, layers left out."""
    for name, one in told.items():
        if not isinstance(one, Mapping):
            continue
        called = f"{within}{name}"
        if "value" in one and "unit" in one:
            parts = ("value", "unit", "known", "source")
            yield {"quantity": called, **{part: one.get(part) for part in parts}}
        yield from _values(one, f"{called}.")
