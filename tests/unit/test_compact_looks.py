"""One look as bytes: exact counts, values to 16 bits, and nothing read that is not as it says."""

import zlib
from dataclasses import replace

import numpy as np
import pytest

from nmviz.base.errors import UserError
from nmviz.core.looks.pieces import piece_of, read_piece
from nmviz.core.results import Histogram, MaskWindow, SiteLook


def look(scores: np.ndarray | None = None, scale: float = 1.0) -> SiteLook:
    """A mask 2:4 of three rows and eight columns, of which the first two rows are there."""
    values = scale * np.array([[1, -2, 3, 0.5, 0, 4, -5, 6], [8, 7, -6, 5, 4, -3, 2, 1]], "f4")
    kept = np.array([[0, 1, 1, 0, 0, 0, 1, 1], [1, 1, 0, 0, 1, 1, 0, 0]], bool)
    window = MaskWindow(
        kept=kept,
        values=values,
        scores=np.abs(values) if scores is None else scores,
        row_labels=("a", "b"),
        first_row=0,
        first_column=0,
        rows_in_all=3,
        columns_in_all=8,
        group=4,
        kept_of_column=np.array([1, 3, 1, 1, 1, 1, 2, 2]),
    )
    counts = Histogram(np.array([-6.0, 0.0, 8.0]), np.array([4, 8]), np.array([2, 10]))
    plain = ("weight", "layers.0.q", 0, "q", 8, 3, 2, 0.25, 0.5)
    return SiteLook(*plain, inputs=counts, mask=window)


@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e20, 0.0])
def test_a_look_is_read_back(scale: float) -> None:
    one = look(scale=scale)
    layout, piece = piece_of(one)
    assert layout.scores is None  # they are the sizes of the values
    read = read_piece(layout, piece, 3, 8)
    assert np.array_equal(read.kept, one.mask.kept)
    assert np.array_equal(read.kept_of_column, one.mask.kept_of_column)
    assert np.array_equal(read.histogram.edges, one.inputs.edges)
    assert np.array_equal(read.histogram.dropped, [2, 10])
    assert np.allclose(read.values, one.mask.values, rtol=2**-11, atol=0)
    assert np.array_equal(read.scores, np.abs(read.values))


def test_scores_of_their_own_and_without_bound_are_kept() -> None:
    scores = np.arange(16, dtype="f4").reshape(2, 8) ** 2
    scores[0, 3] = np.inf
    layout, piece = piece_of(look(scores))
    assert np.allclose(read_piece(layout, piece, 3, 8).scores, scores, rtol=2**-11)


def test_what_is_not_as_it_says_is_refused() -> None:
    layout, piece = piece_of(look())
    bomb = zlib.compress(bytes(10**8))
    for wrong, reason in (
        (piece[:-3], "not as long"),
        (piece + b"x", "not as long"),
        (bomb, "not as long"),
        (b"no piece", "damaged"),
    ):
        with pytest.raises(UserError, match=reason):
            read_piece(layout, wrong, 3, 8)
    with pytest.raises(UserError, match="more of its mask"):
        read_piece(layout, piece, 1, 8)
    backwards = replace(look().inputs, edges=np.array([8.0, 0.0, -6.0]))
    turned = piece_of(replace(look(), inputs=backwards))
    with pytest.raises(UserError, match="bins are not in order"):
        read_piece(*turned, 3, 8)
    many = replace(look().mask, kept_of_column=np.array([9] * 8))
    with pytest.raises(UserError, match="more rows than there are"):
        read_piece(*piece_of(replace(look(), mask=many)), 3, 8)
