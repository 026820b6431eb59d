"""How often each channel of a layer's input is kept: equal to the masks of the engine."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nmviz import service
from nmviz.core.experiment import Experiment
from nmviz.core.results import SiteLook
from nmviz.core.settings import TARGETS
from nmviz.engine.calibrate.calibration import bind_site
from nmviz.engine.load.loading import load
from nmviz.engine.load.sites import find_site
from nmviz.engine.look.capture import Captures
from nmviz.ui.explore.panels.layer import CHANNELS, layer_panels
from nmviz.ui.shell.limits import settle
from nmviz.ui.shell.view import View
from nmviz.views.explore.channels import by_chance, most_kept_first, sentence, shares_kept, spread
from nmviz.views.paper.figure_files import write_figure

PROMPT = "The river runs downhill and takes up other streams."
WHERE = (1, "down")


def looked(tiny: str, **settings: Any) -> dict[Any, SiteLook]:
    """Both targets at the layer, through a window that shows little of the masks."""
    found = {}
    for target in TARGETS:
        asked = Experiment.build(model=tiny, target=target, **settings)
        found[target] = service.look(asked, PROMPT, *WHERE, first_row=3, rows=2, columns=4)
    return found


@pytest.mark.parametrize("pattern", ["2:4", "8:16", "50%", "70%"])
def test_the_shares_are_those_of_the_engines_masks(tiny: str, pattern: str) -> None:
    looks = looked(tiny, pattern=pattern)
    site = find_site(load(tiny).model, *WHERE)
    x = Captures().get(load(tiny), PROMPT).of(site)
    for target, look in looks.items():
        asked = Experiment.build(model=tiny, target=target, pattern=pattern)
        mask = bind_site(load(tiny), asked, site).masked(site, x).mask
        rows = len(x) if target == "activation" else site.d_out
        assert mask.shape == (rows, site.d_in) == (look.mask.rows_in_all, look.d_in)
        assert torch.equal(torch.from_numpy(look.mask.kept_of_column), mask.sum(0))
        assert shares_kept(look) == pytest.approx(mask.double().mean(0).numpy())
        always, never = int(mask.all(0).sum()), int((~mask.any(0)).sum())
        row = "tokens" if target == "activation" else "rows"
        assert f"{always:,} " in sentence(
            looks
        ) and f"all {rows:,} {row} and {never:,}" in sentence(looks)
        line = next(one for one in most_kept_first(looks).data if " of all" in one.name)
        assert line.y == pytest.approx([mask.double().mean().item()] * 2, abs=0.005)
    if ":" in pattern:
        kept, of = map(int, pattern.split(":"))
        assert {look.kept for look in looks.values()} == {kept / of}
        assert np.concatenate([shares_kept(look) for look in looks.values()]).mean() == kept / of


def test_what_chance_gives_is_the_binomial_distribution() -> None:
    # P(at most k of 4) at one half is 1/16, 5/16, 11/16, 15/16, 1
    assert by_chance(4, 0.5) == (0.0, 1.0)
    # of 2 rows at one in ten: 81% have none, 99% at most one
    assert by_chance(2, 0.1) == (0.0, 0.5)
    assert by_chance(7, 1.0) == (1.0, 1.0) and by_chance(0, 0.5) == (0.5, 0.5)
    low, high = by_chance(100_000, 0.5)  # normal: 1.645 standard deviations of 0.5 / sqrt(n)
    assert (low, high) == pytest.approx((0.5 - 0.0026, 0.5 + 0.0026), abs=1e-4)


def test_the_page_shows_both_orders_and_says_what_is_counted(tiny: str, tmp_path: Path) -> None:
    view = settle(View.build({"model": tiny, "pattern": "2:4", "prompt": PROMPT}))
    panels = layer_panels(view)
    assert set(CHANNELS) <= set(panels)
    looks = looked(tiny, pattern="2:4")
    said = panels["channels_head"]
    assert sentence(looks).replace("'", "&#x27;") in said and f"{spread(looks)}." in said
    assert ".." not in said
    write_figure(most_kept_first(looks), tmp_path / "channels.html")
    assert "the most kept first" in (tmp_path / "channels.html").read_text(encoding="utf-8")


def test_one_row_alone_says_what_chance_would_do(tiny: str) -> None:
    asked = Experiment.build(model=tiny, pattern="2:4")
    with torch.inference_mode():
        look = service.look(asked, "The", *WHERE)
    assert look.mask.rows_in_all == 1
    half = look.d_in // 2
    assert f"(by chance {half} and {half})" in sentence({"activation": look})
