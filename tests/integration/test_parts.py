"""Models of several parts, as they are published: their text part is loaded, and said."""

from pathlib import Path
from typing import Any

import pytest
import torch
from kinds import GROUPED, KINDS
from safetensors.torch import load_file, save_file
from tiny import PARAGRAPHS, make_tokenizer
from torch import Tensor
from transformers import (
    AutoModelForImageTextToText,
    Gemma3Config,
    Idefics3Config,
    LlamaConfig,
    LlavaConfig,
    PreTrainedConfig,
    Qwen2VLConfig,
)

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.provenance import as_read
from nmviz.engine.load import layout, loading
from nmviz.engine.load.sites import find_sites
from nmviz.engine.measure.runner import Run
from nmviz.sources import models

ENDS = {"bos_token_id": None, "eos_token_id": 0, "pad_token_id": 0}
TEXT = {"vocab_size": len(make_tokenizer()), "initializer_range": 0.2, **ENDS}
VISION = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 4,  # more than the text has
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
CONFIGS = {
    "gemma3_text": lambda: Gemma3Config(
        text_config={**TEXT, **KINDS["gemma3"].settings},
        vision_config=VISION,
        mm_tokens_per_image=4,
    ),
    "llama": lambda: LlavaConfig(
        text_config=LlamaConfig(**TEXT, **GROUPED),
        vision_config={**VISION, "model_type": "clip_vision_model"},
    ),
    "llama ": lambda: Idefics3Config(
        text_config=LlamaConfig(**TEXT, **GROUPED), vision_config=VISION, scale_factor=2
    ),
}


def save(folder: Path, config: PreTrainedConfig, as_published: bool) -> Any:
    """A random model of that config with the tests' tokenizer, its tensors named as published
    or as transformers names them now."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForImageTextToText.from_config(config).eval()
    model.save_pretrained(folder, save_original_format=as_published)
    make_tokenizer().save_pretrained(folder)
    return model


pytestmark = pytest.mark.usefixtures("fresh_cache")


def add(folder: Path, **tensors: Tensor) -> None:
    file = folder / "model.safetensors"
    save_file(load_file(file) | tensors, file, metadata={"format": "pt"})


@pytest.mark.parametrize("as_published", [True, False], ids=["published", "own names"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_the_text_part_is_the_whole_models(tmp_path: Path, kind: str, as_published: bool) -> None:
    whole = save(tmp_path / "m", CONFIGS[kind](), as_published)
    loaded = loading.load(str(tmp_path / "m"))
    ids = torch.arange(1, 33)[None]
    with torch.no_grad():
        assert torch.equal(loaded.model(input_ids=ids).logits, whole(input_ids=ids).logits)
    others = len(load_file(tmp_path / "m" / "model.safetensors")) - sum(
        name.rpartition(".")[2] in ("weight", "bias") for name, _ in loaded.model.named_parameters()
    )
    said = f"text ({kind.strip()}); {others} tensors of other parts are not read"
    assert loaded.said == {"part of the model": said}


def test_gemma_3_as_published_from_4b_up_prunes_its_text(tmp_path: Path) -> None:
    save(tmp_path / "m", CONFIGS["gemma3_text"](), as_published=True)
    loaded = loading.load(str(tmp_path / "m"))
    sites = find_sites(loaded.model)
    assert {site.block for site in sites} == {0, 1, 2}
    assert len(sites) == 21 and all("vision" not in site.name for site in sites)
    info = layout.with_layers(models.describe(str(tmp_path / "m")))
    assert (info.blocks, info.d_in["down"], info.context) == (3, 128, 128)
    one = Experiment(pattern="2:4", window=32, tokens=64)
    *_, last = Run(loaded, [one], PARAGRAPHS[0] * 5)
    assert all(site.rel_error > 0 for site in last.results[0].sites)
    assert as_read(last.results[0].provenance)[0].startswith(
        "part of the model: text (gemma3_text)"
    )


@pytest.mark.parametrize("as_published", [True, False], ids=["published", "own names"])
def test_scales_in_the_text_part_are_refused_and_in_another_are_not(
    tmp_path: Path, as_published: bool
) -> None:
    save(tmp_path / "m", CONFIGS["gemma3_text"](), as_published)
    names = load_file(tmp_path / "m" / "model.safetensors")
    vision, text = (
        next(name for name in names if part in name and name.endswith("_proj.weight"))
        for part in ("vision_tower", "language_model")
    )
    add(
        tmp_path / "m",
        **{f"{vision}_scale": torch.ones(1), "vision_tower.steps": torch.ones(1).long()},
    )
    loading.load(str(tmp_path / "m"))
    add(tmp_path / "m", **{f"{text}_scale": torch.ones(1)})
    with pytest.raises(UserError, match=r"is stored quantised \(.*weight_scale belongs to"):
        loading.load(str(tmp_path / "m"))


def test_a_text_part_that_is_no_causal_model_is_refused(tmp_path: Path) -> None:
    text = {
        **TEXT,
        **GROUPED,
        "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3]},
    }
    sizes = {"depth": 1, "embed_dim": 16, "hidden_size": 64, "num_heads": 2}
    save(tmp_path / "m", Qwen2VLConfig(text_config=text, vision_config=sizes), as_published=True)
    with pytest.raises(UserError) as refusal:
        loading.load(str(tmp_path / "m"))
    said = "is not a language model that transformers can load, nor is its text part"
    assert f"'qwen2_vl' of {tmp_path / 'm'} {said} 'qwen2_vl_text': " in str(refusal.value)
