"""Figures of the tray: errors by layer, masks over one another, where texts part."""

import numpy as np
import pytest

from nmviz.core.experiment import Experiment
from nmviz.core.results import (
    Continuation,
    Histogram,
    MaskWindow,
    Provenance,
    Result,
    SiteError,
    SiteLook,
    Token,
)
from nmviz.views.shared.theme import COLOURS, title_of
from nmviz.views.tray.inputs import both_distributions
from nmviz.views.tray.layer_errors import layer_errors
from nmviz.views.tray.masks import KINDS, overlaid
from nmviz.views.tray.parting import Word, parting


def result(errors: dict[tuple[int, str], float], **settings: object) -> Result:
    sites = tuple(
        SiteError(name=f"{block}.{name}", block=block, projection=name, rel_error=value, kept=0.5)
        for (block, name), value in errors.items()
    )
    experiment = Experiment.build(**settings)
    told = Provenance(source="nmviz")
    return Result(experiment=experiment, measurements=(), sites=sites, provenance=told)


A = {(0, "q"): 0.2, (0, "down"): 0.4, (1, "q"): 0.3, (1, "down"): 0.1}
B = {(0, "q"): 0.1, (0, "down"): 0.1, (1, "q"): 0.4}


def test_errors_of_both_and_their_difference_layer_by_layer() -> None:
    figure = layer_errors(result(A), result(B, criterion="clact"), (0, "down"))
    dots = [one for one in figure.data if one.mode == "markers" and one.customdata is not None]
    drawn = [
        {(int(block), name): y for (block, name), y in zip(one.customdata, one.y, strict=True)}
        for one in dots
    ]
    assert drawn[0] == A and drawn[1] == B
    assert drawn[2] == pytest.approx({(0, "q"): 0.1, (0, "down"): 0.3, (1, "q"): -0.1})
    assert dots[2].yaxis == "y2"
    lines = [one for one in figure.data if one.mode == "lines"]
    assert list(lines[0].y) == pytest.approx([0.3, 0.2])  # medians of blocks
    assert list(lines[2].y) == pytest.approx([0.2, -0.1])
    assert title_of(figure) == (
        "A errs more in 2 of 3 layers; they are furthest apart in block 0, down: 40% and 10% of "
        "the output"
    )
    rings = [one for one in figure.data if one.marker.symbol == "circle-open"]
    assert [list(one.y) for one in rings] == [[0.4], [0.1], [pytest.approx(0.3)]]


def test_two_that_prune_alike_are_told_apart_and_others_keep_their_colours() -> None:
    alike = layer_errors(result(A), result(B))
    first, second = (one for one in alike.data if one.mode == "lines" and one.yaxis != "y2")
    assert first.line.color == COLOURS["activation"] != second.line.color
    assert first.line.dash != second.line.dash
    other = layer_errors(result(A), result(B, target="weight"))
    assert [one.line.color for one in other.data if one.mode == "lines"][:2] == [
        COLOURS["activation"],
        COLOURS["weight"],
    ]


def test_layers_of_two_models_have_no_difference() -> None:
    figure = layer_errors(result(A), result(B, model="gemma-3-270m"))
    assert all(one.yaxis != "y2" for one in figure.data) and "different models" in title_of(figure)
    assert title_of(layer_errors(result({}), result({}))) == ""


def look(kept: list[list[int]], target: str = "activation", d_in: int = 4) -> SiteLook:
    mask = np.array(kept, dtype=bool)
    rows = len(mask)
    window = MaskWindow(
        kept=mask,
        values=np.ones(mask.shape, np.float32),
        scores=np.ones(mask.shape, np.float32),
        row_labels=("a",) * rows,
        first_row=3,
        first_column=8,
        rows_in_all=40,
        columns_in_all=d_in,
        group=2,
        kept_of_column=np.zeros(d_in, np.int64),
    )
    counts = Histogram(np.linspace(-1, 1, 3), np.array([2, 1]), np.array([1, 2]))
    return SiteLook(target, "s", 0, "down", d_in, 8, rows, 0.2, 0.5, counts, window)


def test_masks_say_of_every_entry_who_keeps_it() -> None:
    a, b = look([[1, 1, 0, 0], [1, 0, 1, 0]]), look([[1, 0, 1, 0], [1, 0, 1, 0]])
    figure = overlaid(a, b)
    (cells,) = (one for one in figure.data if one.type == "heatmap")
    assert cells.z.tolist() == [[3, 1, 2, 0], [3, 0, 3, 0]]
    assert [one.name for one in figure.data if one.name] == list(KINDS)
    assert cells.text[0].tolist() == ["kept by both", "only by A", "only by B", "kept by neither"]
    assert (cells.x0, cells.y0) == (8, 3)
    assert title_of(figure) == "Of what A keeps in this window B keeps 75% too; by chance 50%"
    assert title_of(overlaid(a, a)) == "Both keep the same entries of this window"


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (look([[1, 0, 1, 0], [1, 0, 1, 0]], "weight"), "one of activations"),
        (look([[1, 0, 1, 0], [1, 0, 1, 0]], d_in=16), "different sizes"),
        (look([[1, 0, 1, 0]]), "different sizes"),
    ],
)
def test_masks_without_an_entry_in_common_are_not_laid_over(other: SiteLook, why: str) -> None:
    figure = overlaid(look([[1, 1, 0, 0], [1, 0, 1, 0]]), other)
    assert not figure.data and why in figure.layout.annotations[0].text.replace("<br>", " ")


def test_distributions_stand_one_above_the_other_with_their_counts() -> None:
    a = look([[1, 0, 1, 0]])
    figure = both_distributions(a, look([[1, 0, 1, 0]], "weight"))
    upper = [one for one in figure.data if one.yaxis in (None, "y")]
    lower = [one for one in figure.data if one.yaxis == "y2"]
    assert [one.name for one in upper] == [one.name for one in lower]
    kept = next(one for one in lower if one.name == "kept")
    assert [count for count, _ in kept.customdata][:2] == [2, 1]
    assert kept.line.color == COLOURS["weight"] and figure.layout.xaxis2.matches is None
    assert both_distributions(a, a).layout.xaxis2.matches == "x"


def text(words: str, chances: tuple[float, ...] = (), target: str = "activation") -> Continuation:
    tokens = tuple(Token(ord(one), one, 0.5 + place / 100) for place, one in enumerate(words))
    return Continuation(target, tokens, True, chances)


def test_where_texts_part_and_how_likely_the_words_are_there() -> None:
    dense = text("abcd", (0.9, 0.8, 0.7, 0.6), "dense")
    a, b = text("abcx", (0.5, 0.4, 0.3, 0.2)), text("aby", (0.25, 0.15, 0.05, 0.01))
    found = parting(dense, a, b)
    assert found is not None and (found.place, found.before, found.ended) == (2, "ab", ())
    assert found.words == (
        Word("c", 0.52, 0.3, 0.05),  # the dense model's, which A writes too
        Word("y", None, None, 0.52),
    )
    assert parting(dense, a, a) is None
    ends = parting(dense, text("zz"), text("z"))
    assert (
        ends is not None and ends.ended == ("B",) and ends.words == (Word("z", None, 0.51, None),)
    )
