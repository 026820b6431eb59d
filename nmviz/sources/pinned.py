"""The pinned models: each comes from the package index as one GGUF file. A new one is an entry."""

from dataclasses import dataclass
from typing import Any

from nmviz.base.registry import Registry
from nmviz.methods.scopes import PROJECTIONS
from nmviz.sources import pins
from nmviz.sources.model_info import ModelInfo
from nmviz.sources.wheels import PinnedFile
from nmviz.sources.widths import block_widths


@dataclass(frozen=True)
class PinnedModel:
    """A model that comes from the package index as one GGUF file."""

    info: ModelInfo
    gguf: PinnedFile


MODELS: Registry[PinnedModel] = Registry("model")


def _widths(*sizes: int) -> dict[str, Any]:
    return dict(zip(("d_in", "d_out"), block_widths(*sizes), strict=True))


for _model in (
    PinnedModel(
        ModelInfo(
            id="smollm2-135m",
            title="SmolLM2 135M Instruct",
            licence="Apache-2.0",
            note="The weights were stored in 4 bits and are dequantised.",
            blocks=30,
            projections=PROJECTIONS,
            context=8192,
            chat=True,
            pinned=True,
            **_widths(576, 576, 192, 1536),
        ),
        pins.SMOLLM2_135M,
    ),
    PinnedModel(
        ModelInfo(
            id="gemma-3-270m",
            title="Gemma 3 270M",
            licence="Gemma Terms of Use",
            note="The weights were stored in 4 to 8 bits and are dequantised.",
            blocks=18,
            projections=PROJECTIONS,
            context=32_768,
            pinned=True,
            **_widths(640, 1024, 256, 2048),
            terms="Its use is bound by the Gemma Terms of Use: https://ai.google.dev/gemma/terms",
        ),
        pins.GEMMA_3_270M,
    ),
):
    MODELS.add(_model.info.id, _model)
MODELS.freeze()
