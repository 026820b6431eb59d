"""The texts on the page: what they need first is said and asked for; a model may end at once."""

from pathlib import Path
from typing import Any

import pytest
from forms import form

from nmviz.base import cache
from nmviz.core.results import Continuation, GenerationProgress, Progress
from nmviz.ui.explore import handlers, writing
from nmviz.ui.explore.panels.render import Shown
from nmviz.ui.explore.panels.texts import ENDED, texts
from nmviz.ui.shell.progress import bar
from nmviz.ui.shell.sessions import SESSIONS
from nmviz.ui.shell.view import View

SMALL = {"corpus": "wikitext-2", "tokens": 256, "window": 64, "new_tokens": 3}
CALIBRATED = {**SMALL, "weight_criterion": "sparsegpt", "calibration_windows": 2, "seed": 77}


def write(values: list[Any], ran: Shown | None = None) -> list[dict[str, Any]]:
    SESSIONS.start("writer")
    return list(writing.write(values, "writer", after_run=ran))


@pytest.fixture
def nothing_calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache as it is, but for what was calibrated."""
    for entry in cache.cache_dir().glob("*"):
        if entry.name != "calibrated":
            (tmp_path / entry.name).symlink_to(entry)
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.real  # the calibration text is fetched on first use
def test_calibration_for_the_texts_is_asked_for_and_tells_how_far_it_is(
    tiny: str, nothing_calibrated: Path
) -> None:
    values = form(model=tiny, **CALIBRATED)
    after_run = write(values, Shown(stored=True))
    assert "must first be calibrated on 2 windows" in after_run[-1]["texts"]
    assert not (nothing_calibrated / "calibrated").exists()
    asked = write(values)
    said = [update["progress"] for update in asked if "progress" in update]
    assert any("Weights for the texts: calibrating, block 1 of 3, 0%" in one for one in said)
    assert any("Writing: " in one and " of 9 tokens" in one for one in said)
    assert "must first" not in asked[-1]["texts"]
    assert "must first" not in write(values, Shown(stored=True))[-1]["texts"]  # it is kept


def test_the_texts_of_stored_numbers_come_into_view(tiny: str) -> None:
    values = form(model=tiny, **SMALL)
    assert "into-view" in write(values, Shown(stored=True))[0]["texts"]
    assert "into-view" not in write(values, Shown(stored=False))[0]["texts"]
    assert not any("into-view" in one.get("texts", "") for one in write(values))


def test_numbers_from_the_store_are_said_to_be(tiny: str) -> None:
    values = form(model=tiny, **SMALL, seed=78)
    live, stored = (list(handlers.run(values, None, "local", "runner", False)) for _ in range(2))
    assert not any("nothing had to be measured" in one.get("status", "") for one in live)
    assert "nothing had to be measured" in [one for one in stored if "status" in one][-1]["status"]


def test_a_model_that_ends_at_once_is_said_to() -> None:
    silent = Continuation("weight", finished=True)
    shown = texts(GenerationProgress((Continuation("dense"), silent), done=True), View())
    assert shown.count(ENDED) == 1


def test_tokens_done_are_tokens_and_the_rest_is_a_share() -> None:
    measuring = Progress("measuring", 64, 256, 8.0, share=0.1)
    assert "64 of 256 tokens, about 8 s left" in bar(measuring) and 'value="0.100"' in bar(
        measuring
    )
    assert "Calibrating, 40%" in bar(Progress("calibrating", total=256, share=0.4))
    ties = bar(Progress("breaking ties at random", 256, 256, 3.0, share=0.8))
    assert "Breaking ties at random, 80%, about 3 s left" in ties and 'value="0.800"' in ties
    assert "value" not in bar(Progress("loading the model"))
