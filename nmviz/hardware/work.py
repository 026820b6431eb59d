"""What a model is asked to do: read a prompt, or write one more token to each of several texts."""

from dataclasses import dataclass
from typing import Literal, get_args

from nmviz.base.errors import UserError

Phase = Literal["prefill", "decode"]
PHASES: tuple[Phase, ...] = get_args(Phase)
BITS = {"fp32": 32, "bf16": 16, "fp16": 16, "fp8": 8, "int8": 8, "fp4": 4}
"""Bits a number of each data type; scales of blocks of numbers are not counted."""
LARGEST = 10**8


@dataclass(frozen=True)
class Work:
    """Prefill reads `tokens` of each of `batch` texts. Decoding writes one token to each, which
    then is the last of `context`. Weights, activations and the cache have one `dtype`."""

    phase: Phase = "prefill"
    tokens: int = 2048
    context: int = 2048
    batch: int = 1
    dtype: str = "bf16"

    def __post_init__(self) -> None:
        if self.phase not in PHASES:
            raise UserError(f"There is no phase {str(self.phase)[:40]!r}: prefill or decode.")
        if self.dtype not in BITS:
            raise UserError(
                f"There is no data type {str(self.dtype)[:40]!r}: choose one of {', '.join(BITS)}."
            )
        for name in ("tokens", "context", "batch"):
            value = getattr(self, name)
            if not 1 <= value <= LARGEST:
                raise UserError(f"{name} is from 1 to {LARGEST:,}; given: {value:,}.")

    @property
    def new(self) -> int:
        """Tokens that go through the blocks."""
        return self.tokens * self.batch if self.phase == "prefill" else self.batch

    @property
    def bits(self) -> int:
        """Of one number."""
        return BITS[self.dtype]

    @property
    def seen(self) -> int:
        """Tokens of one text that are in the cache at the end."""
        return self.tokens if self.phase == "prefill" else self.context

    @property
    def skips_columns(self) -> bool:
        """Whether a dropped activation saves its weight column: only one token asks for it."""
        return self.phase == "decode" and self.batch == 1
