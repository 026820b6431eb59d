"""One layer on a prompt."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nmviz import service
from nmviz.core.results import SiteLook
from nmviz.library.experiment import Experiment, settled
from nmviz.library.framed import Framed, frame_of
from nmviz.views.explore.distribution import distribution
from nmviz.views.shared.theme import title_of

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Look(Framed):
    """A layer's entries before and after the mask, and a window of the mask."""

    site: SiteLook

    @property
    def heading(self) -> str:
        """Where it is, and what pruning does there."""
        found = title_of(distribution(self.site))
        return f"Block {self.site.block}, {self.site.projection}: {found}"

    @property
    def rel_error(self) -> float:
        """The relative output error of the layer on the prompt, a share."""
        return self.site.rel_error

    def to_frame(self) -> "DataFrame":
        """A row a bin of the entries: from, to, and how many are kept and dropped."""
        counts = self.site.inputs
        pairs = zip(counts.edges[:-1], counts.edges[1:], counts.kept, counts.dropped, strict=True)
        return frame_of(
            [
                {"from": float(low), "to": float(high), "kept": int(kept), "dropped": int(gone)}
                for low, high, kept, gone in pairs
            ]
        )

    def mask(self) -> "DataFrame":
        """The window of the mask: rows are tokens (of a weight, outputs), columns inputs; True is
        kept."""
        from pandas import DataFrame

        window = self.site.mask
        first = window.first_column
        columns = list(range(first, first + window.kept.shape[1]))
        return DataFrame(window.kept, index=list(window.row_labels), columns=columns)


def look(
    experiment: Experiment | None = None,
    *,
    block: int,
    projection: str,
    prompt: str,
    first_row: int = 0,
    rows: int = 32,
    first_column: int = 0,
    columns: int = 64,
    **settings: Any,
) -> Look:
    """Look at one layer under an experiment, on the dense inputs of a prompt of 256 tokens at most.
    UserError for a layer or a pattern that does not fit."""
    found = service.look(
        settled(experiment, settings),
        prompt,
        block,
        projection,
        first_row=first_row,
        rows=rows,
        first_column=first_column,
        columns=columns,
    )
    return Look(found)
