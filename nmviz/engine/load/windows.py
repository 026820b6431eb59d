"""Cutting a text into windows of tokens, as the project defines perplexity."""

from typing import Literal

import torch
from torch import Tensor

from nmviz.base.errors import UserError


def cut_windows(
    ids: Tensor, *, window: int, tokens: int, bos: int | None, where: Literal["window", "once"]
) -> Tensor:
    """Token ids of a whole text, int64 [length], to non-overlapping windows, int64 [count, window].

    The windows spend the budget `tokens` from the start; a last short one is dropped. With a BOS id
    it begins every window, inside its length, or only the text. UserError when the text does not
    fill one window.
    """
    if bos is not None and where == "once":
        ids = torch.cat([ids.new_tensor([bos]), ids])
    own = window - 1 if bos is not None and where == "window" else window  # tokens of the text each
    count = min(tokens // window, len(ids) // own)
    if count == 0:
        raise UserError(
            f"The text has {len(ids)} tokens, fewer than one window of {window}: "
            "give a longer text or shorten the window."
        )
    windows = ids[: count * own].view(count, own)
    if own < window:
        windows = torch.cat([windows.new_full((count, 1), int(bos or 0)), windows], dim=1)
    return windows
