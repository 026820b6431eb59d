"""The census on a dozen kinds: each opened, compared with an independent pruning, and restored."""

from pathlib import Path

import pytest
import tiny_types
from census import Entry, census
from tiny import PARAGRAPHS

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.engine.calibrate.calibration import bind
from nmviz.engine.load import loading
from nmviz.engine.load.sites import find_sites
from nmviz.engine.measure.runner import Run

WHOLE = {
    "gpt2": "Conv1D",
    "phi3": "fused projections",
    "bloom": "no sdpa attention",
    "mixtral": "experts of [d_out, d_in]",
    "gpt_oss": "experts of [d_in, d_out], with biases",
    "llama4_text": "experts that are given zeros",
    "deepseek_v4": "grouped products, inputs of four dimensions",
    "mamba": "a state space whose dt_proj is multiplied by itself",
    "jamba": "attention, state space and experts",
    "recurrent_gemma": "block-diagonal products",
    "zamba2": "a block whose weights several layers share",
    "bart": "a decoder whose cross-attention is never called",
}


def found(kind: str) -> Entry:
    entry = census(kind, methods=False)
    assert not entry.faults
    return entry


@pytest.mark.parametrize("kind", WHOLE, ids=str)
def test_all_of_it_is_pruned_as_independently(kind: str) -> None:
    entry = found(kind)
    assert entry.verdict == "whole" and entry.coverage is not None
    assert entry.coverage["parameters"] == entry.coverage["multiply_adds"] == 1


def test_weights_that_no_pass_reads_are_named() -> None:
    assert "not read by a pass: encoder_attn.k_proj" in found("bart").reason


def test_what_is_no_plain_product_is_left_dense_and_named() -> None:
    entry = found("xlnet")
    assert entry.verdict == "part"
    assert "einsum reads it" in entry.reason


def test_an_encoder_is_refused_and_its_decoder_form_runs() -> None:
    """`census` itself holds that the default form is refused as not causal."""
    assert found("bert").verdict == "whole"


def test_a_model_that_looks_ahead_is_refused() -> None:
    entry = found("cpmant")
    assert entry.verdict == "refused" and "is not causal" in entry.reason


@pytest.mark.parametrize("kind", ["jamba", "zamba2", "whisper", "phi3"])
def test_a_second_run_says_the_same(kind: str, tmp_path: Path) -> None:
    """Layers that no pass calls, and those that one calls several times, whatever ran before."""
    tiny_types.save_tiny(kind, tmp_path)
    loaded = loading.load(str(tmp_path))
    one = Experiment(pattern="2:4", window=32, tokens=64)
    runs = [list(Run(loaded, [one], PARAGRAPHS[0] * 4))[-1].results[0] for _ in range(2)]
    assert runs[0].sites == runs[1].sites and len(runs[0].sites) > 4
    assert runs[0].measurements == runs[1].measurements
    assert all(0 < site.rel_error < 1 for site in runs[0].sites)


def test_a_gate_of_one_output_has_variance_zero(tmp_path: Path) -> None:
    tiny_types.save_tiny("qwen2_moe", tmp_path)
    loaded = loading.load(str(tmp_path))
    gates = [site for site in find_sites(loaded.model) if site.d_out == 1]
    assert gates and all(site.is_router for site in gates)
    one = Experiment(pattern="2:4", criterion="var-weight", projections=("router",))
    pruned = bind(loaded, one, lambda: None).pruned
    assert all(not pruned.states[site]["var-weight"]["channel"].any() for site in gates)


def calibrated(kind: str, folder: Path) -> None:
    """A weight criterion and a shift whose settings are worked out block by block."""
    tiny_types.save_tiny(kind, folder)
    loaded = loading.load(str(folder))
    for fields in ({"criterion": "wanda", "target": "weight"}, {"mitigations": "s-pts"}):
        one = Experiment.build(pattern="2:4", window=32, calibration_windows=2, **fields)
        bound = bind(loaded, one, lambda: None)
        assert bound.pruned.sites
        assert bound.coverage.parameters == 1


@pytest.mark.usefixtures("paragraphs_calibrate")
@pytest.mark.parametrize("kind", ["openai-gpt", "mllama", "nemotron_h"])
def test_blocks_are_walked_whatever_they_give_and_whoever_is_called(
    kind: str, tmp_path: Path
) -> None:
    """GPT's blocks give lists, a block of Mllama is never called, Nemotron's differ."""
    calibrated(kind, tmp_path / "model")


@pytest.mark.usefixtures("paragraphs_calibrate")
@pytest.mark.parametrize("kind", ["rwkv", "xlm"])
def test_blocks_that_do_not_follow_one_another_are_not_calibrated(
    kind: str, tmp_path: Path
) -> None:
    """RWKV halves the hidden state between some, XLM keeps attention and MLP in lists apart."""
    with pytest.raises(UserError, match="do not simply follow one another"):
        calibrated(kind, tmp_path / "model")
