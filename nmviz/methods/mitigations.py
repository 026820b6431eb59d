"""Mitigations: what is done to repair the damage of a mask. A new one is one class here, with the
steps of `mitigation.Mitigation` that it has.

Keyword-only fields are the settings a user may change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from nmviz.methods import costs
from nmviz.methods.mitigation import MITIGATIONS, At, Mitigation, Undo, mitigation

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MITIGATIONS", "At", "Mitigation", "Undo"]

WEIGHING = ("amber", "wina", "var-weight", "gradient")
"""Criteria that weigh the channels of the input by something of the layer as it is."""


@mitigation(
    "d-pts",
    formula="Y = ((X - eta) * M + eta) W^T, eta_t = median of token t",
    source="D-PTS in arXiv 2509.22166, section 3.3; the median as in the authors' code",
    excludes=("s-pts",),
    because="both shift the input before the mask",
    choices={"centre": ("median", "mean")},
    adds=costs.token_shift,
)
@dataclass(frozen=True, kw_only=True)
class DynamicShift(Mitigation):
    """Dynamic shift (D-PTS): centre every token before the mask, and put the centre back.

    Entries near the middle of a token become the small ones, so dropping them replaces them by the
    centre instead of by zero. The centre is the median, the lower of the middle two, as in the
    authors' code; the paper's formula lost its symbol and may mean the `mean`.
    """

    centre: str = "median"

    def shift(self, x: Tensor, at: At) -> Tensor:
        return at.median(x) if self.centre == "median" else x.mean(-1, keepdim=True)


@mitigation(
    "var",
    formula="kept * sqrt(Var(x') / Var(kept)), per token, unbiased, zeros included",
    source="VAR in arXiv 2509.22166, eq. 5",
    adds=costs.variance,
)
@dataclass(frozen=True, kw_only=True)
class VarianceCorrection(Mitigation):
    """Variance correction (VAR): scale what was kept up to the variance of the whole token.

    Dropping entries shrinks the spread of a token; the factor gives it back. It scales the kept
    entries of the shifted input, never the shift or the bias.
    """

    rescales: ClassVar[bool] = True

    def kept(self, x: Tensor, kept: Tensor, at: At) -> Tensor:
        whole, left = ((one - one[..., :1]).var(-1, keepdim=True) for one in (x, kept))
        return kept * (whole / left.clamp_min(1e-9)).sqrt()  # equal entries: 0, unrounded


@mitigation(
    "s-pts",
    formula="Y = ((X - eta) * M + eta) W^T, eta fixed from calibration text",
    source="S-PTS in arXiv 2509.22166, section 3.3, after Chua et al. (arXiv 2412.07174)",
    needs="inputs",
    excludes=("d-pts",),
    because="both shift the input before the mask",
    choices={"per": ("site", "channel")},
    adds=costs.site_shift,
)
@dataclass(frozen=True, kw_only=True)
class StaticShift(Mitigation):
    """Static shift (S-PTS): the same shift for every token, set once on calibration text.

    `site`, the default, is one number a layer, the mean of the tokens' medians, as in the authors'
    code; theirs is collected during the evaluation itself, here it comes from calibration text.
    `channel` is one number an input channel, the mean over tokens, as the paper's text also says.
    """

    per: str = "site"

    def calibrate(self, weight: Tensor, x: Any) -> dict[str, Tensor]:
        if self.per == "channel":
            return {"eta": x.double().mean(0).to(x.dtype)}
        return {"eta": x.median(-1).values.double().mean().to(x.dtype)[None]}

    def shift(self, x: Tensor, at: At) -> Tensor:
        return at.state["eta"]


@mitigation(
    "l-pts",
    formula="input: Y = ((X - eta) * M + eta) W^T; output: Y = (X * M) W^T + beta; trained",
    source="L-PTS in arXiv 2509.22166, section 3.3; both readings are in the authors' code",
    needs="inputs",
    learned=True,
    excludes=("d-pts", "s-pts"),
    unless=("where", "output"),
    because="both shift the input before the mask",
    choices={"where": ("input", "output")},
    least={"rate": 0, "epochs": 1},
    adds=costs.learned_shift,
)
@dataclass(frozen=True, kw_only=True)
class LearnedShift(Mitigation):
    """Learned shift (L-PTS): a vector a layer, trained so that each block's output is kept.

    `input`, the default, shifts the inputs before the mask and back, as the paper's text has it;
    `output` adds a bias. Only the vectors are trained, block by block on calibration text, at a
    higher `rate` than the paper's 1e-4 because there are 16 steps an epoch instead of 256.
    """

    where: str = "input"
    rate: float = 0.001
    epochs: int = 1

    def calibrate(self, weight: Tensor, x: Any) -> dict[str, Tensor]:
        width = weight.shape[1] if self.where == "input" else weight.shape[0]
        return {"shift": weight.new_zeros(width)}

    def shift(self, x: Tensor, at: At) -> Tensor | None:
        return None if self.where == "output" else at.state["shift"]

    def after(self, y: Tensor, x: Tensor, kept: Tensor, at: At) -> Tensor:
        return y + at.state["shift"] if self.where == "output" else y


@mitigation(
    "ls",
    formula="Y = (X * M) W^T * (1 + gamma), gamma a trained vector over the outputs",
    source="LS in arXiv 2509.22166, section 3.3; zero start as in the authors' code",
    needs="inputs",
    learned=True,
    least={"rate": 0, "epochs": 1},
    adds=costs.nothing,
)
@dataclass(frozen=True, kw_only=True)
class LearnedScale(Mitigation):
    """Learned scale (LS): a factor for every output, trained so that each block's output is kept.

    It scales the product before the bias. Trained block by block on calibration text, at a higher
    `rate` than the paper's 1e-4 because there are 16 steps an epoch instead of 256.
    """

    rate: float = 0.001
    epochs: int = 1

    def calibrate(self, weight: Tensor, x: Any) -> dict[str, Tensor]:
        return {"gamma": weight.new_zeros(weight.shape[0])}

    def after(self, y: Tensor, x: Tensor, kept: Tensor, at: At) -> Tensor:
        return y * (1 + at.state["gamma"])


@mitigation(
    "r-sparse",
    formula="Y = X_kept W^T + (X - X_kept) (U_r S_r V_r^T)^T, W = U S V^T",
    source="R-Sparse in arXiv 2509.22166, appendix A; the method is arXiv 2504.19449",
    left_dense="the first 90% (those of arXiv 2504.19449)",
    needs="weight",
    least={"rank": 1},
    adds=costs.low_rank,
)
@dataclass(frozen=True, kw_only=True)
class LowRank(Mitigation):
    """R-Sparse: send what was dropped through a low-rank copy of the weight.

    The copy is the truncated singular value decomposition of the weight at `rank`, as the paper
    says; the released code trains two random factors instead. At full rank nothing is lost.

    It adds rank * (d_in + d_out) multiply-adds and weights: a mask that drops less could be had for
    them, so compare it at equal budget, which a run says, and not with the same pattern alone.
    """

    rank: int = 64

    def calibrate(self, weight: Tensor, x: Any) -> dict[str, Tensor]:
        import torch

        # The truncation is W projected on its first singular vectors, which are the eigenvectors
        # of the smaller Gram matrix: several times quicker than the whole decomposition.
        exact, tall = weight.double(), weight.shape[0] >= weight.shape[1]
        gram = exact.T @ exact if tall else exact @ exact.T
        first = torch.linalg.eigh(gram).eigenvectors.flip(-1)[:, : self.rank]
        narrow, wide = (exact @ first, first.T) if tall else (first, first.T @ exact)
        return {"narrow": narrow.to(weight.dtype), "wide": wide.to(weight.dtype)}

    def after(self, y: Tensor, x: Tensor, kept: Tensor, at: At) -> Tensor:
        return y + (x - kept) @ at.state["wide"].T @ at.state["narrow"].T


@mitigation(
    "smooth",
    formula="X' = X / s, Y = (X' * M) (diag(s) W^T), s_j = sqrt(max|X_:,j| / max|W_:,j|)",
    source="PCS in arXiv 2509.22166, section 3.3, after SmoothQuant (arXiv 2211.10438)",
    sees_weight=True,
    excludes=WEIGHING,
    because="the weights are scaled, and those that would rank the inputs are not",
    batch_invariant=False,
    adds=costs.channel_scale,
)
@dataclass(frozen=True, kw_only=True)
class Smoothing(Mitigation):
    """Smoothing (PCS): even out the channels before the mask, and back after it.

    A channel with large inputs and small weights is scaled down, so the mask sees both. Maxima run
    over one window's tokens, as in the authors' code. The paper defines it and reports no result.

    It adds no product with a matrix, but 2 d_in elementwise operations a token.
    """

    def before(self, x: Tensor, at: At) -> tuple[Tensor, Undo]:
        inputs = x.abs().amax(-2, keepdim=True).clamp_min(1e-8)  # [..., 1, d_in]
        scale = (inputs / at.weight.abs().amax(0).clamp_min(1e-8)).sqrt()
        return x / scale, lambda kept: kept * scale


@mitigation(
    "la-rosa",
    formula="Y = ((X Q) * M) (W Q)^T, Q = eigenvectors of the inputs' covariance",
    source="La-RoSA (arXiv 2507.01299); a branch of the released code of arXiv 2509.22166",
    needs="inputs",
    excludes=WEIGHING,
    because="the inputs are turned, and the weights that would rank them are not",
    adds=costs.rotation,
)
@dataclass(frozen=True, kw_only=True)
class Rotation(Mitigation):
    """Rotation (La-RoSA): turn the inputs onto their main directions before the mask, and back.

    In the turned space few entries carry most of the input. Directions come from calibration text,
    largest variance first. La-RoSA keeps the top entries of the whole token: with N:M the largest
    directions share a block and drop one another, which costs far more than the rotation gains.

    X Q adds d_in^2 multiply-adds and weights at every layer, as it is run here; W Q is made once.
    """

    turns: ClassVar[bool] = True

    def calibrate(self, weight: Tensor, x: Any) -> dict[str, Tensor]:
        import torch

        centred = x.double() - x.double().mean(0)
        covariance = centred.T @ centred / max(1, len(x) - 1)
        directions = torch.linalg.eigh(covariance).eigenvectors.flip(-1)
        return {"rotation": directions.to(weight.dtype)}

    def before(self, x: Tensor, at: At) -> tuple[Tensor, Undo]:
        rotation = at.state["rotation"]
        return x @ rotation, lambda kept: kept @ rotation.T
