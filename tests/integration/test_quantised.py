"""Checkpoints of few bits: the weights they stand for, worked out by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from kinds import GROUPED, make_model
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    BitNetConfig,
    BitsAndBytesConfig,
    GptOssConfig,
    LlamaConfig,
)

from nmviz.base.errors import UserError
from nmviz.engine.load import formats, loading
from nmviz.engine.load.configs import read_config
from nmviz.engine.load.quantized import plain, prepare
from nmviz.engine.load.refusals import refuse_config
from nmviz.engine.load.tensors import heads

ENDS = {"vocab_size": 64, "bos_token_id": None, "eos_token_id": 0, "pad_token_id": 0}
E2M1 = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6])  # then the same with a minus
Tensors = dict[str, Tensor]


def rewrite(folder: Path, model: Any, packed: Tensors, replaced: list[str], **about: Any) -> None:
    """Save the model with some tensors in place of others, and what its config says of that."""
    model.save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    plain = {name: tensor for name, tensor in tensors.items() if name not in replaced}
    save_file({**plain, **packed}, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": about}))


def matrices(model: Any) -> Tensors:
    return {name: w for name, w in model.state_dict().items() if "_proj.weight" in name}


def check(folder: Path, wanted: Tensors, words: str) -> Any:
    model, said = loading.load_model(folder, str(folder))
    assert said == {"stored weights": words}
    found = model.state_dict()
    assert wanted and all(torch.equal(found[name], weight) for name, weight in wanted.items())
    assert all(tensor.dtype == torch.float32 for tensor in model.parameters())
    assert not hasattr(model.config, "quantization_config")
    model.to("cpu")
    return model


@pytest.fixture
def fp8(tmp_path: Path) -> tuple[Path, Tensors]:
    """Blocks of 16 by 16, each with a scale of its own."""
    model = make_model("llama", 64, end=None)
    packed, wanted = {}, {}
    for name, weight in matrices(model).items():
        blocks = weight.reshape(weight.shape[0] // 16, 16, weight.shape[1] // 16, 16)
        scale = blocks.abs().amax((1, 3)) / 448
        packed[name] = (blocks / scale[:, None, :, None]).reshape(weight.shape)
        packed[name] = packed[name].to(torch.float8_e4m3fn)
        packed[f"{name}_scale_inv"] = scale
        whole = scale.repeat_interleave(16, 0).repeat_interleave(16, 1)
        wanted[name] = packed[name].float() * whole
    about = {"activation_scheme": "dynamic", "weight_block_size": [16, 16]}
    rewrite(tmp_path, model, packed, list(packed), quant_method="fp8", **about)
    return tmp_path, wanted


def test_fp8_is_its_numbers_times_the_scale_of_their_block(fp8: tuple[Path, Tensors]) -> None:
    check(*fp8, "FP8 in blocks, dequantised")


def test_a_scale_that_is_missing_is_refused(fp8: tuple[Path, Tensors]) -> None:
    folder, wanted = fp8
    tensors = load_file(folder / "model.safetensors")
    name = next(iter(wanted))
    del tensors[name], tensors[f"{name}_scale_inv"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lacks weights \(model\.layers\.0"):
        loading.load_model(folder, str(folder))


def test_more_weights_than_the_files_have_bits_are_not_allocated(
    fp8: tuple[Path, Tensors],
) -> None:
    folder, _ = fp8
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 10**9}))
    with pytest.raises(UserError, match=r"weights, but its files hold [\d,]+ bits"):
        loading.load_model(folder, str(folder))


def test_mxfp4_is_its_table_times_a_power_of_two(tmp_path: Path) -> None:
    config = GptOssConfig(
        **GROUPED,
        **ENDS,
        head_dim=16,
        num_local_experts=2,
        num_experts_per_tok=1,
        layer_types=["full_attention"] * 3,
    )
    model = AutoModelForCausalLM.from_config(config)
    experts = {n: w for n, w in model.state_dict().items() if w.ndim == 3}
    packed, wanted = {}, {}
    draw = torch.Generator().manual_seed(0)
    for name, weight in experts.items():  # [experts, d_in, d_out], stored as [.., d_out, d_in]
        count, d_in, d_out = weight.shape
        codes = torch.randint(0, 16, (count, d_out, d_in), generator=draw)
        powers = torch.randint(120, 130, (count, d_out, d_in // 32), generator=draw)
        pairs = codes.reshape(count, d_out, d_in // 32, 16, 2)
        packed[f"{name}_blocks"] = (pairs[..., 0] + 16 * pairs[..., 1]).to(torch.uint8)
        packed[f"{name}_scales"] = powers.to(torch.uint8)
        values = torch.cat([E2M1, -E2M1])[codes] * 2.0 ** (powers - 127).repeat_interleave(32, -1)
        wanted[name] = values.transpose(1, 2)
    rewrite(tmp_path, model, packed, list(experts), quant_method="mxfp4")
    config = read_config(tmp_path, "m")
    prepare(config, heads(tmp_path, "m"), "m")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, config=config, dtype=torch.float32)
    found = plain(loaded, "m").state_dict()
    assert all(torch.equal(found[name], weight) for name, weight in wanted.items())


@pytest.mark.parametrize("linear_class", ["autobitlinear", "bitlinear"])
def test_bitnet_is_its_signs_with_the_scale_of_the_layer(tmp_path: Path, linear_class: str) -> None:
    model = AutoModelForCausalLM.from_config(BitNetConfig(**GROUPED, **ENDS))
    packed, wanted = {}, {}
    draw = torch.Generator().manual_seed(0)
    for name, weight in matrices(model).items():
        signs = torch.randint(-1, 2, weight.shape, generator=draw)
        quarters = (signs + 1).reshape(4, -1, weight.shape[1])
        packed[name] = sum(part << 2 * i for i, part in enumerate(quarters)).to(torch.uint8)
        packed[f"{name}_scale"] = torch.tensor([4.0])
        wanted[name] = signs * 4.0 if linear_class == "autobitlinear" else signs / 4.0
    about = {"linear_class": linear_class, "quantization_mode": "offline"}
    rewrite(tmp_path, model, packed, list(packed), quant_method="bitnet", **about)
    words = "BitNet, dequantised; its layers do not round their inputs here"
    loaded = check(tmp_path, wanted, words)
    assert type(loaded.model.layers[0].mlp.down_proj) is nn.Linear


@pytest.mark.parametrize("bits", ["load_in_4bit", "load_in_8bit"])
def test_bitsandbytes_is_what_its_library_makes_of_it(tmp_path: Path, bits: str) -> None:
    pytest.importorskip("bitsandbytes")
    source = tmp_path / "source"
    make_model("llama", 64, end=None).save_pretrained(source)
    packed = AutoModelForCausalLM.from_pretrained(
        source, quantization_config=BitsAndBytesConfig(**{bits: True}), device_map="cpu"
    )
    packed.save_pretrained(tmp_path / "m")
    model, said = loading.load_model(tmp_path / "m", "m")
    assert said == {"stored weights": "bitsandbytes, dequantised"}
    assert all(type(m) is not type(packed.model.layers[0].mlp.up_proj) for m in model.modules())
    whole = load_file(source / "model.safetensors")
    for name, weight in matrices(model).items():
        error = (weight - whole[name]).norm() / whole[name].norm()
        assert 0 < error < {"load_in_4bit": 0.15, "load_in_8bit": 0.02}[bits]


@pytest.mark.parametrize("preset", ["W8A16", "W4A16", "FP8_DYNAMIC"])
def test_compressed_tensors_is_its_steps_times_their_scale(tmp_path: Path, preset: str) -> None:
    pytest.importorskip("compressed_tensors")
    from compressed_tensors.compressors import ModelCompressor
    from compressed_tensors.quantization import (
        QuantizationConfig,
        apply_quantization_config,
        preset_name_to_scheme,
    )

    config = LlamaConfig(**{**GROUPED, "hidden_size": 128}, **ENDS)  # in groups of 128
    model = AutoModelForCausalLM.from_config(config)
    scheme = preset_name_to_scheme(preset, ["Linear"])
    apply_quantization_config(
        model, QuantizationConfig(config_groups={"all": scheme}, ignore=["lm_head"])
    )
    top = {"W8A16": 127, "W4A16": 7, "FP8_DYNAMIC": 448}[preset]
    wanted = {}
    for name, module in model.named_modules():
        if hasattr(module, "weight_scale"):
            groups = module.weight.detach().unflatten(1, (module.weight_scale.shape[1], -1))
            scale = groups.abs().amax(-1, keepdim=True) / top
            steps = groups / scale
            eight = steps.to(torch.float8_e4m3fn).float()
            rounded = eight if preset == "FP8_DYNAMIC" else steps.round()
            module.weight_scale.data = scale.squeeze(-1)
            wanted[f"{name}.weight"] = (rounded * scale).flatten(1)
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    model.save_pretrained(tmp_path)
    compressor.update_config(tmp_path)
    loaded, said = loading.load_model(tmp_path, "m")
    assert said == {"stored weights": "compressed-tensors, dequantised"}
    found = matrices(loaded)
    assert found.keys() == wanted.keys()
    assert all(torch.allclose(found[name], wanted[name], atol=1e-6) for name in wanted)
    assert type(loaded.model.layers[0].mlp.down_proj) is nn.Linear


@pytest.mark.parametrize("method", ["compressed-tensors", "bitsandbytes"])
def test_a_package_that_is_missing_is_named(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda _: None)
    about = {"quant_method": method, "format": "int-quantized"}
    with pytest.raises(UserError) as refusal:
        refuse_config({"model_type": "llama", "quantization_config": about}, "m")
    assert str(refusal.value) == (
        f"m is stored quantised by {method}, which needs a package that is not here: install "
        "nmviz[quantized], or choose the model it was made from."
    )


@pytest.mark.parametrize("method", ["gptq", "awq", "hqq", "quanto", None])
def test_what_no_library_opens_on_a_cpu_names_what_to_choose(method: str | None) -> None:
    about = {"quant_method": method, "bits": 4}
    with pytest.raises(UserError, match=r"quantised by .*: choose the model it was made"):
        refuse_config({"model_type": "llama", "quantization_config": about}, "m")
