"""What each panel was made for, and what the settings ask of it now: one mechanism for all panels.

A panel carries a stamp, and a hidden element says what is wanted. The script of the page compares
the two: a panel of other settings is dimmed and says of which it is, whatever became of its
request.
"""

import hashlib
import json
from collections.abc import Mapping
from itertools import count

from nmviz.ui.shell.html import esc

_answers = count(1)


def stamp(panel: str, identity: str, words: str) -> str:
    """An invisible element of a panel: what it was made for, and that in words."""
    return (
        f'<i class="made" hidden data-panel="{esc(panel)}" data-of="{_short(identity)}" '
        f'data-words="{esc(words)}"></i>'
    )


def wanted(panels: Mapping[str, str | None], wrong: Mapping[str, str] | None = None) -> str:
    """What the settings ask of each panel, by its identity; None where a wrong setting keeps it
    from being worked out. `wrong` maps settings to what is wrong with them.

    Every answer differs from the one before, so that the page sees that there is one.
    """
    asked = {panel: one and _short(one) for panel, one in panels.items()}
    told = json.dumps({"panels": asked, "wrong": dict(wrong or {}), "answer": next(_answers)})
    return f'<i class="wanted" hidden data-wanted="{esc(told)}"></i>'


def _short(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()[:16]
