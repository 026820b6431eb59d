"""Weights of few bits as plain fp32 layers, by the library that made them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from nmviz.base.errors import UserError
from nmviz.engine.load.configs import empty
from nmviz.engine.load.refusals import quantised
from nmviz.engine.load.tensors import Head

TERNARY = ("BitLinear", "AutoBitLinear")


def prepare(config: Any, stored: Mapping[str, Head], model_id: str) -> dict[str, Any]:
    """Ask transformers to dequantise while it reads, where it can. UserError where the config has
    far more weights than the files hold bits, told without memory."""
    bits = sum(head.bits for head in stored.values())
    weights = sum(parameter.numel() for parameter in empty(config, model_id).parameters())
    if weights > bits:
        raise UserError(
            f"The config of {model_id} asks for {weights:,} weights, but its files hold {bits:,} "
            "bits, so they do not belong together: choose another model."
        )
    config.quantization_config = {**config.quantization_config, "dequantize": True}
    return {}


def plain(model: Any, model_id: str) -> Any:
    """The model with ordinary linear layers in fp32. UserError where something stays packed."""
    if getattr(model, "quantization_method", None) == "bitsandbytes":
        model = model.dequantize()
    for name, module in list(model.named_modules()):
        if type(module).__name__ in TERNARY:
            model.set_submodule(name, _linear(module, model_id))
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.element_size() == 1 and tensor.dtype != torch.bool:
            raise quantised(model_id, f"({name} stays {tensor.dtype})")
        if tensor.is_floating_point():
            tensor.data = tensor.data.float()
    vars(model.config).pop("quantization_config", None)
    return model


def _linear(module: Any, model_id: str) -> nn.Linear:
    """A ternary layer without the rounding of its inputs: its weight times or over its scale."""
    if module.rms_norm is not None:
        raise quantised(model_id, "(BitNet with a norm inside its layers)")
    from transformers.integrations.bitnet import unpack_weights  # imports a compiler

    if type(module).__name__ == "BitLinear":
        weight = unpack_weights(module.weight, dtype=torch.float32) / module.weight_scale.float()
    elif module.online_quant:
        scale = module.weight.float().abs().mean().clamp(min=1e-5)
        weight = (module.weight.float() / scale).round().clamp(-1, 1) * scale
    else:
        weight = module.weight.float() * module.weight_scale.float()
    linear = nn.Linear(module.in_features, module.out_features, module.bias is not None)
    linear.weight = nn.Parameter(weight, requires_grad=False)
    if module.bias is not None:
        linear.bias = nn.Parameter(module.bias.float(), requires_grad=False)
    return linear
