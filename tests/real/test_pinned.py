"""The pinned model and text themselves. The first run fetches them into the real cache."""

import hashlib
import json
import subprocess
import sys

import pytest
import torch
from gguf_file import GgufFile
from safetensors import safe_open

from nmviz.base.cache import cache_dir, file_sha256
from nmviz.engine.load import loading, tokens
from nmviz.sources import corpora, models
from nmviz.sources.wheels import PinnedFile, fetch

pytestmark = pytest.mark.real
MODEL = "smollm2-135m"


@pytest.fixture(scope="module")
def loaded() -> loading.LoadedModel:
    return loading.load(MODEL)


@pytest.mark.parametrize("pinned", [models.MODELS.get(MODEL).gguf, corpora.WIKI_LEADS])
def test_the_file_is_the_pinned_one(pinned: PinnedFile) -> None:
    assert file_sha256(fetch(pinned)) == pinned.sha256


def test_the_model_holds_the_weights_of_the_gguf_file(loaded: loading.LoadedModel) -> None:
    held = GgufFile(fetch(models.MODELS.get(MODEL).gguf))
    state = loaded.model.state_dict()
    assert {held.name(name) for name in state} == set(held.tensors)
    for name, tensor in state.items():
        assert torch.equal(tensor, held.weight(name)), name
    copy = cache_dir() / "converted" / loaded.sha256
    with safe_open(copy / "model.safetensors", "pt") as file:
        assert set(state) - set(file.keys()) == {"lm_head.weight"}, "tied: stored once"


def test_the_model_is_what_is_said_of_it(loaded: loading.LoadedModel) -> None:
    config = loaded.model.config
    assert loaded.sha256 == models.identify(MODEL)
    assert (config.num_hidden_layers, config.max_position_embeddings) == (30, 8192)
    for name, width in loaded.info.d_in.items():
        block = loaded.model.model.layers[0]
        home = block.self_attn if name in "qkvo" else block.mlp
        assert getattr(home, f"{name}_proj").in_features == width


def test_the_tokenizer_is_that_of_the_gguf_file(loaded: loading.LoadedModel) -> None:
    files = models.locate(MODEL)
    with loading.quiet():
        original = loading.AutoTokenizer.from_pretrained(files.folder, gguf_file=files.gguf)
    text = corpora.read("wiki-leads")[:20_000] + " \r\n\t 12,345 déjà-vu 漢字 😀 <|im_end|>"
    assert tokens.encode(loaded, text, public=True).tolist() == original(text).input_ids
    own = original(text, split_special_tokens=True).input_ids
    assert tokens.encode(loaded, text).tolist() == own != original(text).input_ids
    assert loaded.tokenizer.chat_template == original.chat_template
    chat = [{"role": "user", "content": "Hello"}]
    assert loaded.tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, tokenize=False
    ).endswith("<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n")
    assert tokens.bos_token(loaded) is None
    assert loaded.model.generation_config.eos_token_id == loaded.tokenizer.eos_token_id == 2


def test_wiki_leads_is_the_text_of_the_definition() -> None:
    entries = json.loads(fetch(corpora.WIKI_LEADS).read_bytes())
    assert len(entries) == 10_033
    evaluation, calibration = corpora.read("wiki-leads"), corpora.read("wiki-leads", "calibration")
    assert evaluation.startswith(entries[next(t for t in entries if not chosen(t))]["extract"])
    assert {len(evaluation), len(calibration)} == {3_895_853, 998_329}
    for title in corpora.IN_WIKITEXT2:
        assert entries[title]["extract"] not in calibration
        assert (entries[title]["extract"] in evaluation) is not chosen(title)


def chosen(title: str) -> bool:
    return int(hashlib.sha256(title.encode()).hexdigest(), 16) % 10 < 2


def test_the_next_process_loads_quietly(loaded: loading.LoadedModel) -> None:
    code = f"from nmviz.engine.load import loading; loading.load({MODEL!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
