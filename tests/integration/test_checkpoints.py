"""Checkpoints as people have them, and those whose tensors are not what the model asks for."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from damaging import change_config, refusal_of
from safetensors.torch import load_file, save_file
from tiny import PARAGRAPHS
from torch import Tensor
from transformers import AutoModelForCausalLM

from nmviz.cli.printing import run_text
from nmviz.core.experiment import Experiment
from nmviz.core.provenance import as_read
from nmviz.engine.load import loading
from nmviz.engine.measure.runner import Run

UP = "model.layers.1.mlp.up_proj.weight"
Tensors = dict[str, Tensor]


pytestmark = pytest.mark.usefixtures("fresh_cache")


def change_tensors(folder: Path, **changes: Tensor) -> Tensors:
    """Tensors added or exchanged; all there are then."""

    tensors = load_file(folder / "model.safetensors") | changes
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return tensors


def test_a_config_of_ten_million_units_is_refused_before_anything_is_allocated(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_config(copy, hidden_size=10_000_000, intermediate_size=10_000_000)
    read = AutoModelForCausalLM.from_pretrained
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", lambda *_, **__: pytest.fail())
    assert "asks for model.embed_tokens.weight as 512 x 10000000, but" in refusal_of(copy)
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", read)


def test_more_blocks_than_the_file_has_are_missing_before_anything_is_allocated(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_config(copy, num_hidden_layers=4)
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", lambda *_, **__: pytest.fail())
    assert "lacks weights (model.layers.3.input_layernorm.weight ...)" in refusal_of(copy)


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.float8_e5m2, torch.int8, torch.uint8])
def test_weights_that_need_scales_are_refused(copy: Path, kind: torch.dtype) -> None:
    """Scales may lie in another file, which nobody asked for."""
    change_tensors(copy, **{UP: torch.ones(128, 64).to(kind)})
    assert f"is stored quantised ({UP} is " in refusal_of(copy)


@pytest.mark.parametrize("name", ["weight_scale", "weight_scale_inv", "g_idx", "bitmask"])
def test_scales_beside_plain_weights_are_refused(copy: Path, name: str) -> None:
    change_tensors(copy, **{f"{UP.removesuffix('weight')}{name}": torch.ones(2, 2)})
    assert f"{name} belongs to packed weights" in refusal_of(copy)


def test_tensors_that_are_not_read_are_named(copy: Path, tiny_model: Path) -> None:
    extra = {f"mtp.{number}.weight": torch.ones(2) for number in range(5)}
    change_tensors(copy, **extra)
    said = loading.load(str(copy)).said
    assert said == {"unread tensors": "mtp.0.weight, mtp.1.weight, mtp.2.weight and 2 more"}
    assert loading.load(str(tiny_model)).said == {}


def test_a_run_says_what_was_not_read(copy: Path) -> None:
    change_tensors(copy, **{"mtp.0.weight": torch.ones(2)})
    one = Experiment(window=64, tokens=128)
    *_, last = Run(loading.load(str(copy)), [one], PARAGRAPHS[0] * 5)
    made = last.results[0].provenance
    assert as_read(made) == ["unread tensors: mtp.0.weight"]
    assert "  unread tensors: mtp.0.weight\n" in run_text(last.results[0], from_store=False)


def test_masks_and_frequencies_of_old_versions_are_not(copy: Path) -> None:
    where = "model.layers.0.self_attn"
    mask = torch.ones(1, 1, 8, 8, dtype=torch.bool).tril()
    change_tensors(copy, **{f"{where}.rotary_emb.inv_freq": torch.ones(8), f"{where}.bias": mask})
    assert loading.load(str(copy)).said == {}


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_floats_of_any_width_become_fp32(copy: Path, kind: torch.dtype) -> None:
    whole = load_file(copy / "model.safetensors")
    stored = {name: tensor.to(kind) for name, tensor in whole.items()}
    save_file(stored, copy / "model.safetensors", metadata={"format": "pt"})
    change_config(copy, dtype=str(kind).removeprefix("torch."))
    state = loading.load(str(copy)).model.state_dict()
    assert all(torch.equal(state[name], tensor.float()) for name, tensor in stored.items())
    assert state["lm_head.weight"].data_ptr() == state["model.embed_tokens.weight"].data_ptr()


@pytest.fixture
def sharded(copy: Path) -> Path:
    """The same weights in several files and their index."""
    model = AutoModelForCausalLM.from_pretrained(copy)
    (copy / "model.safetensors").unlink()
    model.save_pretrained(copy, max_shard_size="100KB")
    assert len(list(copy.glob("model-*-of-*.safetensors"))) > 2
    return copy


def test_a_model_in_several_files_is_the_same(sharded: Path, tiny_model: Path) -> None:
    state = loading.load(str(sharded)).model.state_dict()
    whole = load_file(tiny_model / "model.safetensors")
    assert all(torch.equal(state[name], tensor) for name, tensor in whole.items())


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("damage", "words"),
    [(Path.unlink, "lacks its file model-00002"), (cut, r"are broken (model-00002")],
)
def test_a_file_of_several_that_is_missing_or_cut_short_is_named(
    sharded: Path, damage: Callable[[Path], None], words: str
) -> None:
    damage(next(sharded.glob("model-00002-*")))
    assert words in refusal_of(sharded)


@pytest.mark.parametrize("index", ["[]", "{", '{"weight_map": 3}', '{"weight_map": {"a": null}}'])
def test_an_index_that_says_nothing_is_refused(sharded: Path, index: str) -> None:
    (sharded / "model.safetensors.index.json").write_text(index)
    refusal_of(sharded)
