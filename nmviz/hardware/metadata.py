"""What it takes to say which entries were kept: exact, for any pattern, by three schemes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, comb, lgamma, log, log2

from nmviz.base.errors import UserError
from nmviz.base.registry import Registry
from nmviz.methods.patterns import PLAIN, Pattern, parse_pattern

NVIDIA = 1.0
"""Bits an element of the 2:4 format that GPUs read: two for each of two kept entries of four."""
NVIDIA_SOURCE = "PyTorch, torch/sparse/_semi_structured_conversions.py at commit 08cac22"
FP16 = 16


@dataclass(frozen=True)
class Scheme:
    """One way to write down a mask: bits for a run of `size` entries of which `kept` are kept."""

    name: str
    title: str
    bits: Callable[[int, int], int]


def _index(size: int, kept: int) -> int:
    """The place of every kept entry."""
    return kept * (size - 1).bit_length()


def _bitmap(size: int, kept: int) -> int:
    """One bit an entry."""
    return size


@lru_cache(maxsize=4096)
def _code(size: int, kept: int) -> int:
    """The number of the mask among all C(size, kept), in whole bits."""
    if size <= 4096:
        return (comb(size, kept) - 1).bit_length()
    return ceil((lgamma(size + 1) - lgamma(kept + 1) - lgamma(size - kept + 1)) / log(2))


SCHEMES: Registry[Scheme] = Registry("scheme of metadata")
for _scheme in (
    Scheme("index", "the place of every kept entry", _index),
    Scheme("bitmap", "one bit an entry", _bitmap),
    Scheme("code", "the number of the mask among all that are possible", _code),
):
    SCHEMES.add(_scheme.name, _scheme)
SCHEMES.freeze()


def row_bits(pattern: Pattern, scheme: str, size: int, kept: int) -> int:
    """Bits for one run of `size` entries along d_in, `kept` of them kept: a token, or a row of W.
    Blocks of N:M are written one by one; dense needs none."""
    bits = SCHEMES.get(scheme).bits
    if pattern.is_dense or kept == size:
        return 0
    if pattern.group is not None:
        return size // pattern.group * bits(pattern.group, int(pattern.keep or 0))
    return bits(size, kept)


@dataclass(frozen=True)
class Bits:
    """What one N:M pattern needs to say which entries were kept, in bits an element."""

    keep: int
    group: int
    patterns: int  # C(M, N)
    entropy: float  # log2 C(M, N) / M: no code can do with less on random masks
    whole: float  # a code of whole bits a group: ceil(log2 C(M, N)) / M
    index: float  # the place of every kept entry: N * ceil(log2 M) / M; 2:4 on GPUs is this
    bitmap: float  # one bit an entry

    @property
    def name(self) -> str:
        return f"{self.keep}:{self.group}"

    def stored(self, bits: float) -> float:
        """Bytes of values in fp16 with so many bits an element, against dense fp16."""
        return self.keep / self.group + bits / FP16

    @property
    def four_blocks(self) -> int | None:
        """Patterns of as many entries in blocks of 2:4, where half is kept of a multiple of 4."""
        if 2 * self.keep != self.group or self.group % 4:
            return None
        return 6 ** (self.group // 4)


def bits(pattern: str) -> Bits:
    """The metadata of any N:M. UserError for what is not one."""
    said = f"{pattern.strip()[:40]!r} has no blocks: write N:M, such as 8:16."
    if ":" not in pattern.translate(PLAIN):
        raise UserError(said)
    parsed = parse_pattern(pattern)
    if parsed.group is None or parsed.keep is None:
        raise UserError(said)
    keep, group = parsed.keep, parsed.group
    count = comb(group, keep)
    return Bits(
        keep=keep,
        group=group,
        patterns=count,
        entropy=log2(count) / group,
        whole=_code(group, keep) / group,
        index=_index(group, keep) / group,
        bitmap=1.0,
    )


GATHER_SOURCE = (
    "our count: an M-to-1 multiplexer at each of N multipliers, as designs for bounded blocks have "
    "(S2TA, arXiv:2107.07983, of which only the abstract was read)"
)


def multiplexer_inputs(keep: int, group: int) -> int:
    """Inputs of the multiplexers that gather the kept entries of one block: N of M inputs each,
    since any of the M may be wanted at any of the N multipliers."""
    return keep * group
