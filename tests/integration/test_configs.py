"""What a config.json may say: what transformers writes there, and values that no model has."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_types
import torch
from kinds import save_model
from safetensors.torch import load_file, save_file
from tiny import PARAGRAPHS

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.load import layout, loading
from nmviz.engine.measure.runner import Run
from nmviz.sources import models

KINDS = ("llama", "gpt2", "gemma3")
SIZE_NAMES = {
    "heads": {"gpt2": "n_head", "": "num_attention_heads"},
    "units": {"gpt2": "n_embd", "": "hidden_size"},
    "blocks": {"gpt2": "n_layer", "": "num_hidden_layers"},
}
WRONG: dict[str, Any] = {
    "string": "64",
    "null": None,
    "nothing": 0,
    "negative": -1,
    "fraction": 1.5,
    "list": [64],
    "object": {},
    "too many": 10**12,
}


@pytest.fixture(scope="module", params=KINDS)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(request.param, tmp_path_factory.mktemp("kinds") / request.param)


@pytest.fixture
def folder(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "cache"))
    loading.forget()
    yield Path(shutil.copytree(saved, tmp_path / saved.name))
    loading.forget()


def change(folder: Path, name: str, value: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, name: value}))


def refusals_of(folder: Path) -> tuple[str, str]:
    """What loading says, and what listing its layers says."""
    with pytest.raises(UserError) as loaded:
        loading.load(str(folder))
    with pytest.raises(UserError) as listed:
        layout.with_layers(models.describe(str(folder)))
    assert "\n" not in f"{loaded.value}{listed.value}"
    return str(loaded.value), str(listed.value)


@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("size", SIZE_NAMES)
def test_a_size_that_no_model_has_is_one_sentence(folder: Path, size: str, value: Any) -> None:
    names = SIZE_NAMES[size]
    change(folder, names.get(folder.name, names[""]), value)
    with pytest.raises(UserError) as refusal:
        loading.load(str(folder))
    assert "\n" not in str(refusal.value)
    assert "vocabulary" not in str(refusal.value), "the config is wrong, not the tokenizer"


@pytest.mark.parametrize("value", ["64", 3, [], ["x"], 1.5, True])
@pytest.mark.parametrize("name", ["model_type", "text_config", "quantization_config"])
def test_a_section_of_a_wrong_type_is_one_sentence(folder: Path, name: str, value: Any) -> None:
    change(folder, name, value)
    for said in refusals_of(folder):
        assert f"its {name} is no object" in said or "is not a language model" in said


@pytest.mark.parametrize("value", [["nosuch"] * 3, ["full_attention"], "x", 3])
def test_layers_of_an_unknown_kind_are_one_sentence(folder: Path, value: Any) -> None:
    change(folder, "layer_types", value)
    for said in refusals_of(folder):
        assert said.startswith(f"The config of {folder} cannot be used (")
        assert said.endswith("): mend its config.json, or choose another model.")


@pytest.mark.parametrize("name", ["num_hidden_layers", "num_local_experts", "decoder_layers"])
def test_ten_thousand_million_layers_are_not_begun(folder: Path, name: str) -> None:
    change(folder, name, 10**10)
    for said in refusals_of(folder):
        assert f"cannot be used ({name} is 10,000,000,000)" in said


def test_what_is_wrong_is_said_in_transformers_words(folder: Path) -> None:
    change(folder, "vocab_size", "512")
    for said in refusals_of(folder):
        assert "(Field 'vocab_size' expected int, got str (value: '512'))" in said


def test_infinity_as_transformers_writes_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "bamba"
    tiny_types.save_tiny("bamba", folder)
    assert '{"__float__":"Infinity"}' in "".join((folder / "config.json").read_text().split())
    assert models.read_config(str(folder))["time_step_limit"] == [0.0, float("inf")]
    assert layout.with_layers(models.describe(str(folder))).blocks == 2
    assert loading.load(str(folder)).model.config.time_step_limit[1] == float("inf")


def test_a_folder_without_a_config_and_a_file_cut_short(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"are broken \(model\.safetensors\)"):
        loading.load(str(folder))
    (folder / "config.json").unlink()
    for said in refusals_of(folder):
        assert said == f"{folder} holds weights but no config.json: put it beside them."


def test_weights_that_are_not_numbers_are_said_by_the_run_that_uses_them(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if ".0." in name and tensors[name].ndim == 2)
    tensors[name][0, 0] = torch.nan
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    run = Run(loading.load(str(folder)), [Experiment(window=32, tokens=64)], PARAGRAPHS[0] * 5)
    with pytest.raises(UserError, match="numbers are not finite here"):
        list(run)
