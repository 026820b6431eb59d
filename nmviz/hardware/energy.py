"""Energy from what is printed for one operation and one byte, as a range, which is the memory's.
It leaves out everything between them: caches, wires, control; newer processes need less."""

from dataclasses import dataclass
from typing import NamedTuple

SOURCE = (
    "Horowitz, ISSCC 2014: 45 nm, 0.9 V, DRAM at 1.3 to 2.6 nJ for 64 bits; as read in public code "
    "that quotes its table"
)


class Range(NamedTuple):
    """From the least to the most that is printed, in picojoules."""

    least: float
    most: float


A_BYTE = Range(1300 / 8, 2600 / 8)
A_MULTIPLY_ADD = {
    "fp32": Range(3.7 + 0.9, 3.7 + 0.9),
    "fp16": Range(1.1 + 0.4, 1.1 + 0.4),
    "int8": Range(0.2 + 0.03, 0.2 + 0.03),
}
"""A multiplication and an addition of the same type. Types that the source does not print,
bf16, fp8 and fp4, are left out."""


@dataclass(frozen=True)
class Energy:
    """Joules of the products and of the bytes, from least to most."""

    products: Range
    bytes: Range

    @property
    def total(self) -> Range:
        """Both together."""
        return Range(*(a + b for a, b in zip(self.products, self.bytes, strict=True)))


def energy(multiply_adds: int, moved: int, dtype: str) -> Energy | None:
    """Joules; None for a data type whose products have no printed energy."""
    each = A_MULTIPLY_ADD.get(dtype)
    if each is None:
        return None
    products = Range(*(one * multiply_adds * 1e-12 for one in each))
    return Energy(products, Range(*(one * moved * 1e-12 for one in A_BYTE)))
