"""The columns that several tokens need together: where dropped activations stop saving reads."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor

from nmviz.engine.load.sites import Site

IN_A_ROW = (2, 4, 8, 16, 32)
"""Tokens of one text, as when a prompt is read or a guess of several tokens is checked."""
TEXTS = (2, 4, 8)
"""Texts that are written at once, each with one token."""


def in_a_row(mask: Tensor, size: int) -> float | None:
    """Share of the columns of one site that so many tokens in a row keep together, mean over the
    groups that fit in `mask` [tokens, d_in], none overlapping; None where none fits."""
    groups = len(mask) // size
    if not groups:
        return None
    together = mask[: groups * size].reshape(groups, size, -1).any(1)
    return together.float().mean().item()


class Together:
    """Grows text by text; `shares` has a sample a text, or a group of texts, each the mean over
    sites."""

    def __init__(self) -> None:
        self.shares: dict[str, list[float]] = defaultdict(list)
        self._so_far: dict[int, Mapping[Site, Tensor]] = {}
        self._count: dict[int, int] = {}

    def add(self, masks: Mapping[Site, Tensor]) -> None:
        """The masks of the next text, [tokens, d_in] by site."""
        for size in IN_A_ROW:
            found = [in_a_row(mask, size) for mask in masks.values()]
            self._note(f"{size} tokens of one text", [one for one in found if one is not None])
        for size in TEXTS:
            self._join(size, masks)

    def _join(self, size: int, masks: Mapping[Site, Tensor]) -> None:
        """A token of each text at the same place; of texts of unequal length the places of all."""
        before = self._so_far.get(size)
        joined = masks if before is None else {s: _either(before[s], m) for s, m in masks.items()}
        self._count[size] = self._count.get(size, 0) + 1
        if self._count[size] < size:
            self._so_far[size] = joined
            return
        self._count[size] = 0
        self._so_far.pop(size, None)
        self._note(f"{size} texts", [one.float().mean().item() for one in joined.values()])

    def _note(self, name: str, found: Sequence[float]) -> None:
        if found:
            self.shares[name].append(_mean(found))


def _either(one: Tensor, other: Tensor) -> Tensor:
    places = min(len(one), len(other))
    return one[:places] | other[:places]


def _mean(values: Iterable[float]) -> float:
    each = list(values)
    return sum(each) / len(each)
