"""Cutting windows, by hand."""

from typing import Any

import pytest
import torch

from nmviz.base.errors import UserError
from nmviz.engine.load.windows import Windows, cut_windows

IDS = torch.arange(10, 20)


def cut_whole(window: int, tokens: int, bos: int | None = None, **how: Any) -> Windows:
    return cut_windows(IDS, window=window, tokens=tokens, bos=bos, **{"where": "window", **how})


def cut(window: int, tokens: int, bos: int | None = None, **how: Any) -> list[list[int]]:
    return cut_whole(window, tokens, bos, **how).ids.tolist()


def counted(windows: Windows) -> list[list[int]]:
    """The tokens of each window that count in a perplexity."""
    pairs = zip(windows.ids.tolist(), windows.uncounted, strict=True)
    return [ids[1:][first:] for ids, first in pairs]


def test_windows_do_not_overlap_and_a_short_last_one_is_dropped() -> None:
    assert cut(4, 100) == [[10, 11, 12, 13], [14, 15, 16, 17]]
    assert counted(cut_whole(4, 100)) == [[11, 12, 13], [15, 16, 17]]


def test_the_budget_ends_it_and_is_spent_in_whole_windows() -> None:
    assert cut(4, 7) == [[10, 11, 12, 13]]


def test_bos_begins_every_window_inside_its_length() -> None:
    assert cut(4, 100, bos=1) == [[1, 10, 11, 12], [1, 13, 14, 15], [1, 16, 17, 18]]


def test_bos_once_begins_the_text_only() -> None:
    assert cut(4, 100, bos=1, where="once") == [[1, 10, 11, 12], [13, 14, 15, 16]]


def test_a_text_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(UserError, match="10 tokens, fewer than one window of 11"):
        cut(11, 100)
    assert cut(11, 100, bos=1) == [[1, *range(10, 20)]]


def test_with_a_stride_every_token_but_the_first_counts_once() -> None:
    strided = cut_whole(4, 100, protocol="stride", stride=2)
    assert strided.ids.tolist() == [
        [10, 11, 12, 13],
        [12, 13, 14, 15],
        [14, 15, 16, 17],
        [16, 17, 18, 19],
    ]
    assert counted(strided) == [[11, 12, 13], [14, 15], [16, 17], [18, 19]]
    assert [strided.spent(count) for count in (1, 2, 4)] == [4, 6, 10]


def test_a_stride_that_does_not_divide_the_window() -> None:
    assert counted(cut_whole(4, 100, protocol="stride", stride=3)) == [
        [11, 12, 13],
        [14, 15, 16],
        [17, 18, 19],
    ]
    assert counted(cut_whole(5, 9, protocol="stride", stride=3)) == [[11, 12, 13, 14], [15, 16, 17]]


def test_with_a_stride_and_bos_every_token_counts_once() -> None:
    strided = cut_whole(4, 100, bos=1, protocol="stride", stride=2)
    assert strided.ids.tolist()[:2] == [[1, 10, 11, 12], [1, 12, 13, 14]]
    assert counted(strided) == [[10, 11, 12], [13, 14], [15, 16], [17, 18]]
    once = cut_whole(4, 100, bos=1, where="once", protocol="stride", stride=2)
    assert counted(once) == [[10, 11, 12], [13, 14], [15, 16], [17, 18]]


def test_of_every_window_the_second_half_counts_without_its_first_token() -> None:
    halves = cut_whole(4, 100, protocol="second-half")
    assert halves.ids.tolist() == cut(4, 100)
    assert counted(halves) == [[13], [17]]
    assert counted(cut_whole(5, 100, protocol="second-half")) == [[13, 14], [18, 19]]


def test_in_second_halves_bos_takes_the_place_of_each_first_token() -> None:
    halves = cut_whole(4, 100, bos=1, protocol="second-half")
    assert halves.ids.tolist() == [[1, 10, 11, 12], [1, 14, 15, 16]]
    once = cut_whole(4, 100, bos=1, where="once", protocol="second-half")
    assert once.ids.tolist() == [[1, 10, 11, 12], [13, 14, 15, 16]]
