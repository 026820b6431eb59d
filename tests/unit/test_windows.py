"""Cutting windows, by hand."""

import pytest
import torch

from nmviz.base.errors import UserError
from nmviz.engine.load.windows import cut_windows

IDS = torch.arange(10, 20)


def cut(window: int, tokens: int, bos: int | None = None, where: str = "window") -> list[list[int]]:
    return cut_windows(IDS, window=window, tokens=tokens, bos=bos, where=where).tolist()  # type: ignore[arg-type]


def test_windows_do_not_overlap_and_a_short_last_one_is_dropped() -> None:
    assert cut(4, 100) == [[10, 11, 12, 13], [14, 15, 16, 17]]


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
