"""What the tabs show when they are opened is asked for once before the first visitor opens one."""

from pathlib import Path

from nmviz.ui.page import build_page
from nmviz.ui.shell.opening import when_opened


def test_every_tab_that_fills_itself_is_asked_and_answers(own_store: Path) -> None:
    asked = list(when_opened(build_page(private=True)))

    answers = [str(fill()) for fill in asked]

    said = " ".join(answers)
    for part in ("times the dense speed", "Nothing that costs no more", "At equal", "claim-head"):
        assert part in said
    assert 'class="error"' not in said
