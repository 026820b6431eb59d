"""Which text the live halves read, and how much of it."""

from typing import NamedTuple

from nmviz.core.experiment import Experiment


class Budget(NamedTuple):
    """A corpus, the tokens that are read of it, and the window."""

    corpus: str
    tokens: int
    window: int


_DEFAULT = Experiment().reading
ASKED = Budget(_DEFAULT.corpus, _DEFAULT.tokens, _DEFAULT.window)
"""What the button on the page runs: a minute or two."""
BUDGETS = (
    Budget("wikitext-2", 8192, 512),
    Budget("wikitext-2-validation", _DEFAULT.tokens, _DEFAULT.window),
    ASKED,
)
"""Those of the runs that ship, and the one that is asked for: the most text first."""
