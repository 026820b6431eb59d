"""The formats of few bits that a CPU can open, by the name that a config has for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

EXTRA = "nmviz[quantized]"


@dataclass(frozen=True)
class Format:
    """A way to store weights: what a result says of it, and the package that opens it."""

    words: str
    package: str = ""

    @property
    def is_here(self) -> bool:
        """Whether its package is installed; some need none."""
        return not self.package or find_spec(self.package) is not None


FORMATS = {
    "fp8": Format("FP8 in blocks, dequantised"),
    "mxfp4": Format("MXFP4, dequantised"),
    "bitnet": Format("BitNet, dequantised; its layers do not round their inputs here"),
    "compressed-tensors": Format("compressed-tensors, dequantised", "compressed_tensors"),
    "bitsandbytes": Format("bitsandbytes, dequantised", "bitsandbytes"),
}
"""By the `quant_method` of a config."""


def format_of(about: Mapping[str, Any]) -> Format | None:
    """The format that a `quantization_config` names; None for one that no library opens here."""
    method = about.get("quant_method")
    if about.get("load_in_4bit") or about.get("load_in_8bit"):  # of before there was a method
        method = "bitsandbytes"
    return FORMATS.get(str(method))
