"""Every failure becomes one sentence for the visitor; the details go to the server's log."""

import logging

from nmviz.base.errors import UserError, without_places
from nmviz.ui.serving.noted import note_failure

LOG = logging.getLogger("nmviz")

UNEXPECTED = (
    "Something failed on the server, which is not your doing: try again, or choose another setting."
)


def sentence(error: Exception) -> str:
    """What to tell the visitor. The unexpected is logged with its traceback."""
    note_failure()
    if isinstance(error, UserError):
        return without_places(error)
    LOG.error("unexpected failure on the page", exc_info=error)
    return UNEXPECTED
