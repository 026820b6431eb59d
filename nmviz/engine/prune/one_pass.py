"""Where one compiled pass over an input is equal to the steps of pruned activations, and that pass.

`activations` has the definition: shift, mask, repair, shift back. Here is the one place that says
for which methods and inputs something faster may stand for it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from nmviz.engine.prune import kernels
from nmviz.engine.prune.masking import graded, prune, repair
from nmviz.methods.method import Call
from nmviz.methods.mitigation import At, Mitigation
from nmviz.methods.patterns import Pattern


@dataclass(frozen=True)
class OnePass:
    """The steps at once, for methods that `one_pass` has found to fit."""

    pattern: Pattern
    sees_input: bool  # the criterion looks at the shifted input
    rescales: bool

    def serves(self, x: Tensor, learned: Iterable[Tensor]) -> bool:
        """Whether compiled code handles the input [..., d_in]; `learned` is the state of the
        methods: while x or it is trained, gradients have to flow through the steps."""
        return kernels.fits(x) and not any(map(graded, (x, *learned)))

    def __call__(
        self,
        x: Tensor,
        places: Sequence[tuple[Mitigation, At]],
        channel_of: Callable[[Tensor], Tensor | None],
    ) -> Tensor:
        """What the steps make of x [..., d_in]; `channel_of` is the criterion's weight of an
        input."""
        shifts = (step.shift(x, at) for step, at in places)
        eta = next((shift for shift in shifts if shift is not None), None)
        channel = channel_of(x - eta if self.sees_input and eta is not None else x)
        if eta is None and not self.rescales:
            return prune(x, channel, self.pattern)
        return repair(x, channel, self.pattern, eta, self.rescales)


def one_pass(
    pattern: Pattern, criterion: Call, mitigations: Sequence[Mitigation]
) -> OnePass | None:
    """The pass that is equal to these methods' steps; None where there is none.

    There is one where they are a channel weight, at most one shift and at most one scaling to the
    variance, and the pattern chooses within a token.
    """
    plain = all(
        type(step).before is Mitigation.before
        and (step.rescales or type(step).kept is Mitigation.kept)
        for step in mitigations
    )
    shifts = sum(type(step).shift is not Mitigation.shift for step in mitigations)
    scalings = sum(step.rescales for step in mitigations)
    per_token = criterion.settings.get("over", "token") == "token"
    is_channel = criterion.method.facts.gives == "channel"
    if not (plain and is_channel and per_token and shifts <= 1 and scalings <= 1):
        return None
    if pattern.is_dense:
        return None
    return OnePass(pattern, criterion.method.facts.sees_input, bool(scalings))
