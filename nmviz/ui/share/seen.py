"""What an address shows, as far as it can be shared: its view, its tray, and the stored results."""

from dataclasses import dataclass
from functools import cached_property

from nmviz import service
from nmviz.core.results import Result
from nmviz.service.comparing.pinned import whole
from nmviz.sources.corpora import OWN_TEXT
from nmviz.ui.explore.address import Address, read_address
from nmviz.ui.explore.restore import first_view
from nmviz.ui.tray.place import Place, place_of, tray_of


@dataclass(frozen=True)
class Seen:
    """An address and its tray, read."""

    asked: Address
    tray: Place

    @property
    def is_private(self) -> bool:
        """Whether the text is the visitor's own, which is in no link."""
        return self.asked.tab == "explore" and self.asked.view.experiment.corpus == OWN_TEXT

    @cached_property
    def explored(self) -> list[Result]:
        """The stored results that Explore shows."""
        if self.asked.tab != "explore" or self.is_private:
            return []
        found = map(service.lookup, self.asked.view.experiments())
        return [one for one in found if one is not None]

    @property
    def keys(self) -> list[str]:
        """Of all stored results that are shown, pinned ones too."""
        shown = [*self.explored, *(one.result for one in self.tray.pinned)]
        return list(dict.fromkeys(one.key for one in shown))

    @property
    def reported(self) -> list[str]:
        """The keys of what a report is of: what is pinned, else what Explore shows."""
        pinned = dict.fromkeys(one.result.key for one in self.tray.pinned)
        return [*pinned] or [one.key for one in self.explored]

    def results(self) -> list[Result]:
        """All that is stored of these."""
        pinned = {one.result.key: whole(one) for one in self.tray.pinned}
        return [*pinned.values()] or self.explored


def seen(query: str) -> Seen:
    """What the query of an address shows."""
    return Seen(read_address(query, first_view()), place_of(tray_of(query)))
