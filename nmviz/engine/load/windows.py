"""Cutting a text into windows of tokens, as the project defines perplexity."""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.protocols import count_of
from nmviz.core.settings import USUAL_PROTOCOL, Protocol
from nmviz.engine.load.tokens import Tokenized, bos_token, encode
from nmviz.sources.corpora import CORPORA


@dataclass(frozen=True)
class Windows:
    """Windows of a text, and what of them counts."""

    ids: Tensor  # int64 [count, window]
    step: int  # tokens of the budget from the beginning of one to that of the next
    uncounted: tuple[int, ...]  # of each window's window-1 predictions, so many first ones

    def spent(self, count: int) -> int:
        """Tokens of the budget that the first `count` windows take, at least one of them."""
        return self.ids.shape[1] + (count - 1) * self.step

    def first(self, count: int) -> "Windows":
        """The first `count` of them."""
        return replace(self, ids=self.ids[:count], uncounted=self.uncounted[:count])

    def __len__(self) -> int:
        return len(self.ids)


def windows_read(read_by: Tokenized, experiment: Experiment, text: str) -> Windows:
    """The windows of a text that an experiment reads. UserError where it does not fill one."""
    reading = experiment.reading
    return cut_windows(
        encode(read_by, text, public=reading.corpus in CORPORA),
        window=reading.window,
        tokens=reading.tokens,
        bos=bos_token(read_by),
        where=reading.bos,
        protocol=reading.protocol,
        stride=experiment.stride,
    )


def cut_windows(
    ids: Tensor,
    *,
    window: int,
    tokens: int,
    bos: int | None,
    where: Literal["window", "once"],
    protocol: Protocol = USUAL_PROTOCOL,
    stride: int | None = None,
) -> Windows:
    """Token ids of a whole text, int64 [length], cut into windows under a protocol.

    The windows spend the budget `tokens` from the start; a last short one is dropped. With a BOS id
    it begins every window, inside its length, or only the text. Under `second-half` it begins the
    text and takes the place of the first token of every window, as in llama.cpp. UserError when the
    text does not fill one window.
    """
    every = bos is not None and where == "window"
    inside = every and protocol != "second-half"  # BOS takes room of its own
    if bos is not None and not inside:
        ids = torch.cat([ids.new_tensor([bos]), ids])
    own = window - 1 if inside else window  # tokens of the text each
    count = min(count_of(tokens, window, stride or window), count_of(len(ids), own, stride or own))
    if count == 0:
        raise UserError(
            f"The text has {len(ids)} tokens, fewer than one window of {window}: "
            "give a longer text or shorten the window."
        )
    windows = ids.unfold(0, own, stride or own)[:count].contiguous()
    if inside:
        windows = torch.cat([windows.new_full((count, 1), int(bos or 0)), windows], dim=1)
    elif every:
        windows[:, 0] = int(bos or 0)
    return Windows(windows, stride or window, _uncounted(protocol, window, stride, count))


def _uncounted(protocol: Protocol, window: int, stride: int | None, count: int) -> tuple[int, ...]:
    """Prediction i of a window is of its token i + 1."""
    if protocol == "second-half":
        return (window // 2,) * count
    if stride is not None:
        return (0, *[window - 1 - stride] * (count - 1))
    return (0,) * count
