"""What methods add to the work of a pruned layer, as functions of its shape: each is declared
beside the code of its method.

Counted for one token at one layer, as if what is dropped were skipped: with W [d_out, d_in] a dense
layer takes d_out * d_in multiply-adds. What is the same for every token is folded into the weights
where that is possible (a factor of the outputs, the second rotation of La-RoSA). Comparisons, which
choose the mask and the median, are not counted, nor are random numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass

BYTES = {"fp32": 4, "bf16": 2}
"""Bytes a number; runs of our own are computed in fp32."""


@dataclass(frozen=True)
class Added:
    """For every token at one layer, on top of its pruned product.

    `multiply_adds` are those of products with matrices. `elementwise` are additions,
    multiplications and divisions of single entries. `numbers` are kept beside the weight and read
    again for a token.
    """

    multiply_adds: int = 0
    elementwise: int = 0
    numbers: int = 0

    def __add__(self, other: "Added") -> "Added":
        return Added(
            self.multiply_adds + other.multiply_adds,
            self.elementwise + other.elementwise,
            self.numbers + other.numbers,
        )

    def __mul__(self, uses: float) -> "Added":
        """At a layer that a token uses so often."""
        each = (self.multiply_adds, self.elementwise, self.numbers)
        return Added(*(round(count * uses) for count in each))

    def weight_bytes(self, kind: str = "fp32") -> int:
        """Bytes of the numbers that are read beside the weight, a token written alone."""
        return self.numbers * BYTES[kind]

    def in_words(self) -> str:
        """`0 multiply-adds, 8,192 elementwise, 4,096 numbers kept (16,384 bytes in fp32)`."""
        read = ", ".join(f"{self.weight_bytes(kind):,} bytes in {kind}" for kind in BYTES)
        kept = f"{self.numbers:,} numbers kept" + (f" ({read})" if self.numbers else "")
        return f"{self.multiply_adds:,} multiply-adds, {self.elementwise:,} elementwise, {kept}"


Adds = Callable[..., Added]
"""(d_out, d_in, **settings) -> Added."""


def nothing(d_out: int, d_in: int, **settings: object) -> Added:
    """Nothing: scores that are there already, or a mask that is made once."""
    return Added()


def channel_weight(d_out: int, d_in: int, **settings: object) -> Added:
    """|x_j| * c_j with c kept."""
    return Added(elementwise=d_in, numbers=d_in)


def norms(d_out: int, d_in: int, **settings: object) -> Added:
    """Squares added up along the column and the row, their quotient, and |x_j| times that."""
    return Added(elementwise=4 * d_in)


def threshold(d_out: int, d_in: int, **settings: object) -> Added:
    """One number to compare with."""
    return Added(numbers=1)


def token_shift(d_out: int, d_in: int, *, centre: str = "median") -> Added:
    """x - eta, and eta times the sums of the rows of W; a mean takes d_in additions too."""
    mean = d_in if centre == "mean" else 0
    return Added(elementwise=d_in + d_out + mean, numbers=d_out)


def site_shift(d_out: int, d_in: int, *, per: str = "site") -> Added:
    """x - eta, and eta W^T as a bias that is kept."""
    return Added(elementwise=d_in + d_out, numbers=d_out + (d_in if per == "channel" else 1))


def learned_shift(
    d_out: int, d_in: int, *, where: str = "input", rate: float = 0, epochs: int = 1
) -> Added:
    """As a shift of every channel, or a bias alone; nothing of the training is left in a run."""
    if where == "output":
        return Added(elementwise=d_out, numbers=d_out)
    return site_shift(d_out, d_in, per="channel")


def variance(d_out: int, d_in: int, **settings: object) -> Added:
    """A sum, differences and squares of the token and of what is left, and the factor."""
    return Added(elementwise=7 * d_in)


def low_rank(d_out: int, d_in: int, *, rank: int = 64) -> Added:
    """V_r [rank, d_in] and U_r S_r [d_out, rank], in full, as R-Sparse counts its own budget; a
    rank above that of W is cut down to it."""
    factors = min(rank, d_out, d_in) * (d_in + d_out)
    return Added(multiply_adds=factors, elementwise=d_in + d_out, numbers=factors)


def channel_scale(d_out: int, d_in: int, **settings: object) -> Added:
    """x / s and back; s is made once a window from the largest weights of the columns, kept."""
    return Added(elementwise=2 * d_in, numbers=d_in)


def rotation(d_out: int, d_in: int, **settings: object) -> Added:
    """X Q, at every layer by itself, as it is run here: W Q is made once."""
    return Added(multiply_adds=d_in * d_in, numbers=d_in * d_in)
