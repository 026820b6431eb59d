"""The tiny models that nmviz is tried on: built, causal, and read back as they were written."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).parents[2] / "tools/tiny_types.py"


@pytest.fixture(scope="module")
def tiny_types() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tiny_types", TOOL)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["tiny_types"] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["gpt2", "mixtral", "jamba", "gemma3", "emu3", "bert"])
def test_a_tiny_model_runs_is_causal_and_is_read_back(tiny_types: ModuleType, kind: str) -> None:
    trial = tiny_types.attempt(kind)
    assert not trial.error and trial.finite
    assert trial.moved < 1e-4
    assert not trial.remarks


def test_an_encoder_in_its_default_form_sees_later_tokens(tiny_types: ModuleType) -> None:
    trial = tiny_types.attempt("bert", decoder=False)
    assert not trial.error and trial.moved > 0.1


def test_later_tokens_of_the_first_half_are_seen_too(tiny_types: ModuleType) -> None:
    assert tiny_types.attempt("prophetnet").moved > 0.1  # reads positions before the middle alone


def test_a_pass_that_changes_weights_is_named(tiny_types: ModuleType) -> None:
    assert "a pass changes 2 tensors" in str(tiny_types.attempt("rwkv"))


def test_all_kinds_of_layers_of_a_hybrid_occur(tiny_types: ModuleType) -> None:
    layers = tiny_types.tiny_model("jamba").model.layers
    mixers = {hasattr(layer, "mamba") for layer in layers}
    mixtures = {hasattr(layer.feed_forward, "experts") for layer in layers}
    assert mixers == mixtures == {True, False}


def test_a_large_config_is_refused_before_it_is_built(tiny_types: ModuleType) -> None:
    config = tiny_types.tiny_config("llama")
    config.hidden_size = 10_000_000
    with pytest.raises(ValueError, match="llama has"):
        tiny_types.build(config)


def test_the_table_names_types_that_exist(tiny_types: ModuleType) -> None:
    known = set(tiny_types.types())
    for part in ("encoders", "defaults", "types"):
        assert set(tiny_types.TABLE[part]) <= known


def test_every_setting_of_a_type_has_a_reason(tiny_types: ModuleType) -> None:
    for settings in tiny_types.TABLE["types"].values():
        inside = [one for one in settings.values() if isinstance(one, dict)]
        assert any("reason" in one for one in [settings, *inside])
