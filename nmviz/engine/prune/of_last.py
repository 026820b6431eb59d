"""What was worked out of the input that was met last, so that it is not worked out again."""

import weakref
from collections.abc import Callable

from torch import Tensor

Known = tuple[weakref.ref[Tensor], dict[str, Tensor]]


class OfLast:
    """Tensors by name, made of one input; another input, or the end of this one, and they go.
    Whoever asks on another thread meanwhile makes his own."""

    def __init__(self) -> None:
        self._known: Known | None = None

    def get(self, x: Tensor, name: str, make: Callable[[], Tensor]) -> Tensor:
        """What is known of x under that name; made now where it is not. Nobody writes to it."""
        known = self._known
        if known is None or known[0]() is not x:
            known = self._known = weakref.ref(x, self._ended), {}
        made = known[1].get(name)
        if made is None:
            made = known[1][name] = make()
        return made

    def _ended(self, input_: weakref.ref[Tensor]) -> None:
        if self._known is not None and self._known[0] is input_:
            self._known = None


SEEN = OfLast()
"""Of the input of a site, for all experiments that are compared on it, and in calibration for all
sites that are given the same."""
