"""Criteria for activations: which inputs of a token are kept. A new one is one function here.

A criterion sees x, shape [..., tokens, d_in], the input of the site in one window after the
mitigations' `before` steps; the site's weight, [d_out, d_in]; and its calibrated state. What it
returns is said by `gives`:

    channel    c, broadcastable to x (None for 1): entry j of a token is ranked by |x_j| * c_j
    scores     scores in the shape of x
    threshold  a number: what lies at or below it in size is dropped
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nmviz.base.registry import Registry
from nmviz.methods import costs
from nmviz.methods.method import Method, declare
from nmviz.methods.norms import column_norm

if TYPE_CHECKING:
    from torch import Tensor

    from nmviz.methods.patterns import Pattern

    State = Mapping[str, Tensor]

ACTIVATION: Registry[Method] = Registry("activation criterion")

REST = {"rest": ("kept", "dropped")}
"""What becomes of the entry that P% cuts in two, where d P / 100 is not whole: kept, so that
d - floor(d P / 100) of d are, or dropped, which keeps one fewer."""
OVER = {"over": ("token", "window"), **REST}
"""What P% is dropped of: of every token, or of all tokens of a window at once."""


def criterion(name: str, **facts: Any) -> Callable[..., Any]:
    """Register the decorated function as an activation criterion."""

    def register(code: Callable[..., Any]) -> Callable[..., Any]:
        ACTIVATION.add(name, declare(name, code, **facts))
        return code

    return register


@criterion(
    "magnitude",
    formula="S = |x_j|",
    source="ACT in arXiv 2509.22166, eq. 2",
    choices=OVER,
    adds=costs.nothing,
)
def magnitude(
    x: Tensor, weight: Tensor, state: State, *, over: str = "token", rest: str = "kept"
) -> None:
    """Magnitude: keep the largest inputs of every token.

    The inputs of a layer are uneven: a few are large and most are near zero, so dropping the small
    ones loses little of the product. The choice is made anew for every token.

    `over` matters for P% only: the paper's text speaks of one global threshold (`window`), the
    authors' code drops the share of every token (`token`, the default).

    Where d P / 100 is not whole, the entry that it cuts in two is kept, by every criterion here: of
    576 inputs 70% leaves 173. The authors' code, TEAL's and WINA's keep one fewer, 172:
    `rest=dropped`.
    """
    return None


@criterion(
    "clact",
    formula="S = |x_j| / ||X_t||_2 * ||X_:,j||_2; at N:M the row norm cancels",
    source="CLACT in arXiv 2509.22166, eq. 4; the row is the token, as in the authors' code",
    sees_input=True,
    batch_invariant=False,
    choices=OVER,
    adds=costs.norms,
)
def clact(
    x: Tensor, weight: Tensor, state: State, *, over: str = "token", rest: str = "kept"
) -> Tensor:
    """CLACT: an input counts for more where its channel is large over the whole text.

    The column norm runs over the tokens of one window, so the mask of a token depends on the
    others, and for a single token (text written word by word) it is the magnitude itself: the same
    order. With P% the authors' code drops the share of a whole window at once (`window`), where
    the row norm matters; `token`, the default, keeps the same number for every token.
    """
    column = column_norm(x)  # [..., 1, d_in]
    row = x.norm(dim=-1, keepdim=True) + 1e-8  # [..., tokens, 1]
    return column / row


def _amber_norms(
    weight: Tensor, x: None, pattern: Pattern, **settings: object
) -> dict[str, Tensor]:
    """Norm of every column of the standardised weight, [d_in]."""
    flat = weight.flatten()
    low, high = (_percentile(flat, share) for share in (0.005, 0.995))
    flat = flat.double()
    inside = flat[(flat >= low) & (flat <= high)]
    spread = inside.std(unbiased=False).clamp_min(1e-30)
    standardised = (weight.double() - inside.mean()) / spread
    return {"channel": standardised.norm(dim=0).to(weight.dtype)}


@criterion(
    "amber",
    formula="S = |x_j| * ||(W - mean) / std||_2 over column j; mean and std without outliers",
    source="Amber-Pruner (arXiv 2508.02128) as in arXiv 2509.22166, section 3.2",
    needs="weight",
    calibrate=_amber_norms,
    choices=OVER,
    adds=costs.channel_weight,
)
def amber(
    x: Tensor, weight: Tensor, state: State, *, over: str = "token", rest: str = "kept"
) -> Tensor:
    """Amber-Pruner: an input counts for more where the weights it meets are large.

    Mean and standard deviation come from the weights between the percentiles 0.5 and 99.5 of the
    whole matrix, and the norm runs over all entries. The authors' code draws the percentiles from a
    random sample anew at every pass; here they are exact. No layers are skipped. With P% that code
    drops the share of a whole window at once (`window`); `token`, the default, keeps the same
    number for every token.
    """
    return state["channel"]


@criterion(
    "wina",
    formula="S = |x_j| * ||W_:,j||_2",
    source="WINA (arXiv 2505.19427); the same score as R-Sparse (arXiv 2504.19449)",
    left_dense="the first 1%",
    needs="weight",
    calibrate=lambda weight, x, pattern, **settings: {"channel": weight.norm(dim=0)},
    adds=costs.channel_weight,
    choices=REST,
)
def wina(x: Tensor, weight: Tensor, state: State, *, rest: str = "kept") -> Tensor:
    """WINA: weigh every input by the norm of the column of weights it meets.

    That is the size of what the input adds to the output. The released code uses it for k and gate
    only; here it is used at every site.
    """
    return state["channel"]


@criterion(
    "var-weight",
    formula="S = |x_j| * Var(W_:,j)",
    source="the released code of arXiv 2509.22166; not in the paper",
    needs="weight",
    calibrate=lambda weight, x, pattern, **settings: {
        "channel": weight.var(dim=0, correction=min(1, len(weight) - 1))
    },
    adds=costs.channel_weight,
    choices=REST,
)
def var_weight(x: Tensor, weight: Tensor, state: State, *, rest: str = "kept") -> Tensor:
    """Weight variance: weigh every input by the variance of the column of weights it meets.

    The variance is unbiased, over the outputs; of a layer with one output it is 0.
    """
    return state["channel"]


@criterion(
    "gradient",
    formula="S = |x_j| * sqrt(mean over calibration tokens of (dL/dX_:,j)^2)",
    source="grad-accumulation in the released code of arXiv 2509.22166; the channel form is ours",
    needs="gradients",
    adds=costs.channel_weight,
    choices=REST,
)
def gradient(x: Tensor, weight: Tensor, state: State, *, rest: str = "kept") -> Tensor:
    """Gradient: weigh every input by how much the loss hangs on its channel.

    The root mean square of the loss's gradient is taken once over calibration text. The released
    code keeps a gradient for every position and so works for texts of one length only; that form
    is not built.
    """
    return state["rms"]


@criterion(
    "random",
    formula="S ~ uniform(0, 1), seeded",
    source="the floor every criterion must beat",
    gives="scores",
    batch_invariant=False,
    least={"seed": 0},
    adds=costs.nothing,
    choices=REST,
)
def random(x: Tensor, weight: Tensor, state: State, *, seed: int = 0, rest: str = "kept") -> Tensor:
    """Random: keep inputs drawn at random, under a seed.

    The floor: a criterion that does no better has learned nothing about the input. The same place
    in a window gets the same score at every site of one width.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    return torch.rand(x.shape[-2:], generator=generator).to(x.device).expand(x.shape)


def _teal_threshold(
    weight: Tensor, x: Tensor, pattern: Pattern, **settings: object
) -> dict[str, Tensor]:
    """The size below which the asked share of calibration inputs lies, one number a site."""
    cut = _percentile(x.abs().flatten(), 1 - pattern.density)
    return {"threshold": cut.to(x.dtype)[None]}


@criterion(
    "teal",
    formula="keep where |x_j| > tau, tau = the P-th percentile of |x| on calibration text",
    source="TEAL (arXiv 2408.14690); its layer-wise shares are not searched for",
    gives="threshold",
    needs="inputs",
    calibrate=_teal_threshold,
    left_dense="the first half",
    patterns="P%",
    uses_pattern=True,
    adds=costs.threshold,
)
def teal(x: Tensor, weight: Tensor, state: State) -> Tensor:
    """TEAL: one threshold for every layer, set once on calibration text.

    Tokens keep as many inputs as they have large ones, so the share kept varies from token to token
    and only its mean is near what was asked; the share kept is measured. The percentile is exact
    where TEAL reads it from a histogram taken to be symmetric about zero.
    """
    return state["threshold"]


def _percentile(values: Tensor, share: float) -> Tensor:
    """Percentile of values [n], linear between the two nearest ones, a 0-d tensor in float64. Only
    the end that it is nearer to is put in order."""
    place = share * (len(values) - 1)
    low, at_top = int(place), share > 0.5
    many = len(values) - low if at_top else min(low + 2, len(values))
    end = values.topk(many, largest=at_top).values.double()  # the outermost first
    near = (-1, max(-2, -many)) if at_top else (low, many - 1)
    first, second = (end[place] for place in near)
    return first + (place - low) * (second - first)
